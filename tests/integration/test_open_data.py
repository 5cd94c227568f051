"""Open data, workbooks and uses of an edition: the lake's rows, no formulas, equal bytes."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import frictionless
import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import rdflib
import yaml
from rdflib import Namespace
from rdflib.namespace import DCTERMS, RDF

from orchestration import bulletin, lakehouse, stages
from orchestration.bulletin.open_data import formula_safe, public_tables
from orchestration.bulletin.open_data.series import series_table
from orchestration.bulletin.render import render_html, render_workbook
from orchestration.bulletin.render.xlsx import HEADER_ROW
from orchestration.bulletin.sheets import POINTS, SYNTHETIC
from orchestration.bulletin.site import site_pages
from orchestration.bulletin.site.reference import ExampleQuery, example_queries
from orchestration.bulletin.tables import national_tables
from orchestration.bulletin.uses import use_pages, use_workbooks
from orchestration.core.catalogue import load_catalogue
from orchestration.core.seeds import PublishedColumn
from orchestration.core.settings import PROJECT_ROOT
from orchestration.figures.dictionary import mart_descriptions
from orchestration.figures.numbers import PRINTED_PLACES, half_up
from orchestration.figures.wording import code_names
from orchestration.lakehouse import CONTACTS, RAW_TABLES
from orchestration.query.statements import PERSONAL_COLUMNS
from orchestration.trace.pages import trace_pages
from tests.fixtures.homes import PreparedYear, Shared

YEAR = 2024
TABLES = public_tables()
#: Tables that are empty as long as nobody filled in their seed.
_OPTIONAL = {"agg_province_rate"}


@dataclass
class Made:
    """A year in the lake and the files made from it."""

    con: duckdb.DuckDBPyConnection
    marts: bulletin.Marts
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def made(
    prepared: PreparedYear, shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    settings = shared.copy(prepared.transformed, tmp_path_factory.mktemp("open") / "home")
    with stages.open_workspace(settings) as ws, lakehouse.reader(settings, ws.store) as con:
        marts = bulletin.read_marts(con, YEAR, bulletin.GateNotes(0, {}))
        files = bulletin.open_data(con, YEAR, 1)
        yield Made(con, marts, files)


def uses(marts: bulletin.Marts) -> dict[str, bytes]:
    """Return the pages and workbooks of the uses, and the site."""
    pages = {f"{page.path}.html": render_html(page) for page in use_pages(marts)}
    books = {path: render_workbook(book) for path, book in use_workbooks(marts).items()}
    return site_pages(marts) | pages | books


def tables(marts: bulletin.Marts) -> bytes:
    """Return the national workbook."""
    return render_workbook(national_tables(marts))


def _table(sheet: Any) -> list[tuple[Any, ...]]:
    """Return the header and the rows of a sheet, without its title."""
    return list(sheet.iter_rows(min_row=HEADER_ROW, values_only=True))


def _csv_rows(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def _lake_rows(made: Made, table: str) -> list[dict[str, Any]]:
    cursor = made.con.execute(f"select * from lake.marts.{table}")
    names = [column[0] for column in cursor.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [row for row in rows if row.get("year", YEAR) == YEAR]


def _key(row: dict[str, Any]) -> str:
    """A row for comparison; the lake's times are UTC without a zone."""
    return repr(
        sorted(
            (name, value.replace(tzinfo=UTC) if isinstance(value, datetime) else value)
            for name, value in row.items()
        )
    )


@pytest.mark.parametrize("table", TABLES)
def test_parquet_holds_the_lakes_rows(made: Made, table: str) -> None:
    found = pq.read_table(io.BytesIO(made.files[f"data/{table}.parquet"]))
    assert found.schema.metadata[b"synthetic"] == b"true"
    expected = _lake_rows(made, table)
    assert bool(expected) == (table not in _OPTIONAL)
    assert "is_synthetic" in found.column_names
    public = [
        column
        for column in mart_descriptions()[table].columns
        if load_catalogue().is_public(table, column)
    ]
    shown = found.select(public).to_pylist()
    expected = [{column: row[column] for column in public} for row in expected]
    assert sorted(map(_key, shown)) == sorted(map(_key, expected))


@pytest.mark.parametrize("table", TABLES)
def test_csv_holds_the_same_values_as_parquet(made: Made, table: str) -> None:
    body = made.files[f"data/{table}.csv"]
    assert body.startswith(codecs.BOM_UTF8)
    read = _csv_rows(body)
    exact = pq.read_table(io.BytesIO(made.files[f"data/{table}.parquet"])).to_pylist()
    assert len(read) == len(exact)
    for line, row in zip(read, exact, strict=True):
        for column, value in row.items():
            text = line[column]
            if value is None:
                assert text == ""
            elif isinstance(value, bool):
                assert text == str(value).lower()
            elif isinstance(value, Decimal):
                assert "e" not in text.lower()
                assert (Decimal(text), text.count(".")) == (value, 1)
            elif isinstance(value, int):
                assert int(text) == value
            elif isinstance(value, datetime):
                assert text == f"{value:%Y-%m-%dT%H:%M:%S.%f}Z"
            elif isinstance(value, date):
                assert text == value.isoformat()
            else:
                assert text in {value, f"'{value}"}


@pytest.mark.slow
def test_the_same_lake_gives_the_same_bytes(made: Made) -> None:
    assert bulletin.open_data(made.con, YEAR, 1) == made.files
    assert tables(made.marts) == tables(made.marts)
    assert uses(made.marts) == uses(made.marts)


def test_the_package_describes_every_file(made: Made) -> None:
    package = json.loads(made.files["data/datapackage.json"])
    assert (package["year"], package["synthetic"]) == (YEAR, True)
    assert "合成数据" in package["title"]
    assert (package["version"], package["edition"]) == ("2024.1.0", 1)
    # Before 15 December in Beijing, in UTC.
    assert package["created"] == "2024-12-14T16:00:00+00:00"
    assert package["temporal"] == {"start": "2024-01-01", "end": "2024-12-31"}
    for key in ("contributors", "licenses", "sources", "spatial"):
        assert package[key]
    described = {f"data/{each['path']}": each for each in package["resources"]}
    data = {path for path in made.files if path.startswith("data/")}
    assert set(described) == data - {"data/datapackage.json"}
    for path, each in described.items():
        assert each["bytes"] == len(made.files[path])
        assert each["hash"] == "sha256:" + hashlib.sha256(made.files[path]).hexdigest()
    for each in package["resources"]:
        for field in each.get("schema", {}).get("fields", []):
            assert any("一" <= character <= "鿿" for character in field["description"])
            assert field["description_en"].isascii() or "万元" in field["description_en"]
    words = _csv_rows(made.files["data/dictionary.csv"])
    columns = {(line["table"], line["column"]) for line in words}
    assert len(columns) == len(words)
    assert columns == {
        (each["name"], field["name"])
        for each in package["resources"]
        if each["name"] in (*TABLES, "series")
        for field in each["schema"]["fields"]
    }


def test_frictionless_finds_nothing_wrong(made: Made, tmp_path: Path) -> None:
    """The standard's own tool checks types, primary and foreign keys, sizes and hashes."""
    for path, body in made.files.items():
        (tmp_path / Path(path).name).write_bytes(body)
    package = frictionless.Package(str(tmp_path / "datapackage.json"))
    report = package.validate()
    assert report.flatten(["name", "type", "note"]) == []
    assert len(report.tasks) == 2 * len((*TABLES, "series")) + 1


def test_a_damaged_file_is_not_valid(made: Made, tmp_path: Path) -> None:
    """The tool reads both formats: a file of the same length with another byte is found."""
    for path in ("data/dim_level.csv", "data/dim_level.parquet"):
        (tmp_path / Path(path).name).write_bytes(made.files[path][:-2] + b"?\n")
    package = json.loads(made.files["data/datapackage.json"])
    package["resources"] = [e for e in package["resources"] if e["path"].startswith("dim_level.")]
    (tmp_path / "datapackage.json").write_text(json.dumps(package), encoding="utf-8")
    report = frictionless.Package(str(tmp_path / "datapackage.json")).validate()
    wrong = {(task.name, error.type) for task in report.tasks for error in task.errors}
    assert {("dim_level", "hash-count"), ("dim_level_parquet", "hash-count")} <= wrong


_ARROW_TYPES = {
    "string": pa.types.is_string,
    "integer": pa.types.is_integer,
    "number": pa.types.is_decimal,
    "boolean": pa.types.is_boolean,
    "date": pa.types.is_date,
    "datetime": lambda type_: pa.types.is_timestamp(type_) and type_.tz == "UTC",
}


def test_the_schemas_of_both_formats_are_those_of_the_files(made: Made) -> None:
    package = json.loads(made.files["data/datapackage.json"])
    for each in package["resources"]:
        described = [(field["name"], field["type"]) for field in each["schema"]["fields"]]
        body = io.BytesIO(made.files[f"data/{each['path']}"])
        if each["format"] == "parquet":
            found = pq.read_schema(body)
            assert found.names == [name for name, _ in described]
            assert all(_ARROW_TYPES[kind](found.field(name).type) for name, kind in described)
        else:
            header = next(csv.reader(io.TextIOWrapper(body, "utf-8-sig", newline="")))
            assert header == [name for name, _ in described]


def test_the_policy_decides_what_is_published(made: Made) -> None:
    """Every column of a public mart has a row, and only the public ones are in the files."""
    policy = load_catalogue().policy
    columns = {(table, each) for table in TABLES for each in mart_descriptions()[table].columns}
    assert columns <= set(policy)
    withheld = {key for key, row in policy.items() if row.access == "withheld"}
    personal = {(table, each) for table, found in PERSONAL_COLUMNS.items() for each in found}
    contacts = {
        (CONTACTS, each) for each in RAW_TABLES[CONTACTS].names if each.startswith("contact_")
    }
    assert withheld == personal | contacts
    assert set(policy) == columns | withheld
    words = _csv_rows(made.files["data/dictionary.csv"])
    published = {(line["table"], line["column"]) for line in words}
    assert {key for key in columns if policy[key].access == "public"} == columns & published
    assert ("fct_unit_indicator", "submitted_value") not in published


def _policy() -> dict[tuple[str, str], PublishedColumn]:
    """The policy of this process, for changes that last for a test."""
    policy = load_catalogue().policy
    assert isinstance(policy, dict)
    return policy


#: Column that the test withholds → where it is: file, header of a table or of a sheet.
_PLACES = {
    ("fct_unit_year", "assessment_grade"): (
        ("units/440000.html", "考核等次"),
        ("trace/T05/440000.html", "考核"),
        ("national/tables.xlsx", "单位/考核等次"),
    ),
    ("fct_unit_indicator", "value"): (("trace/T05/T05_01.html", "值"),),
    ("fct_unit_indicator", "submitted_value"): (("national/tables.xlsx", "剔除值/填报值"),),
    ("unit_watchlist", "evidence"): (
        ("uses/watchlist/440000.html", "依据"),
        ("uses/watchlist.xlsx", "动态管理关注名单/依据"),
        ("national/tables.xlsx", "动态管理关注名单/依据"),
    ),
    ("province_scorecard", "on_time_rate"): (
        ("provinces/index.html", "按时报送率"),
        ("trace/scorecard.html", "按时报送率"),
        ("national/tables.xlsx", "考核激励参考指标/按时报送率"),
    ),
    ("agg_province_indicator", "matched_value"): (
        ("trace/T05/T05_01.html", "同口径值"),
        ("national/tables.xlsx", "省份指标/同口径本年"),
    ),
}


def _everything(made: Made, open_data: dict[str, bytes], unchanged: set[str]) -> dict[str, bytes]:
    """What an edition shows of the lake, without its bulletins."""
    figure = f"{YEAR}/agg_province_indicator/440000/T05/T05_01/matched_value"
    return (
        open_data
        | bulletin.api_files(made.con, YEAR, {figure: "1"}, [])
        | uses(made.marts)
        | {"national/tables.xlsx": tables(made.marts)}
        | trace_pages(made.con, YEAR, unchanged)
    )


def _headers(path: str, body: bytes) -> Counter[str]:
    """How often each header is in a page or a workbook, whose headers begin with their sheet."""
    if path.endswith(".xlsx"):
        book = openpyxl.load_workbook(io.BytesIO(body), read_only=True)
        return Counter(
            f"{sheet.title}/{value}"
            for sheet in book.worksheets[1:]
            for row in sheet.iter_rows(min_row=HEADER_ROW, max_row=HEADER_ROW, values_only=True)
            for value in row
        )
    return Counter(re.findall(r'<th scope="col"[^>]*>([^<]*)', body.decode()))


def test_a_withheld_column_is_nowhere(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of the seed takes a column out of open data, API, pages and workbooks."""
    before = _everything(made, made.files, set())
    traced = {path for path in before if path.startswith("trace/")}
    watched = {path for places in _PLACES.values() for path, _ in places}
    for key in _PLACES:
        withheld = _policy()[key].model_copy(update={"access": "withheld"})
        monkeypatch.setitem(_policy(), key, withheld)
    after = _everything(made, bulletin.open_data(made.con, YEAR, 1), traced - watched)
    figures = {path for path in before if path.startswith("api/figures/")}
    assert figures
    assert set(after) == set(before) - figures - (traced - watched)
    words = _csv_rows(after["data/dictionary.csv"])
    assert not {(line["table"], line["column"]) for line in words} & set(_PLACES)
    for table, column in _PLACES:
        assert column not in _csv_rows(after[f"data/{table}.csv"])[0]
        assert column not in pq.read_schema(io.BytesIO(after[f"data/{table}.parquet"])).names
        api = after.get(f"api/tables/{table}.json")
        assert api is None or column not in json.loads(api)["rows"][0]
    heads = {path: (_headers(path, before[path]), _headers(path, after[path])) for path in watched}
    for path, head in (place for places in _PLACES.values() for place in places):
        with_column, without = heads[path]
        assert without[head] < with_column[head], (path, head)
    book = openpyxl.load_workbook(io.BytesIO(after["national/tables.xlsx"]), read_only=True)
    described = {(row[0], row[1]) for row in _table(book["数据字典"])}
    assert not described & set(_PLACES)
    grades = re.compile("|".join(code_names("assessment_grade").values()))
    for path in ("units/440000.html", "trace/T05/440000.html"):
        page = before[path].decode().partition("<main")[2]
        assert grades.search(page)
        assert not grades.search(after[path].decode().partition("<main")[2])
    listed = json.loads(
        after["units/data.js"].decode().removeprefix("var unitData = ").rstrip(";\n")
    )
    assert {unit[-1] for tasks in listed["units"].values() for units in tasks.values()
            for unit in units} == {None}  # fmt: skip


def test_a_column_without_a_row_is_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(_policy(), ("dim_unit", "city_name"))
    files = bulletin.open_data(_hostile(), 2024, 1)
    assert "city_name" not in _csv_rows(files["data/dim_unit.csv"])[0]
    assert "city_name" not in pq.read_schema(io.BytesIO(files["data/dim_unit.parquet"])).names


def test_the_series_has_a_published_year_as_it_was_published(
    made: Made, prepared: PreparedYear, shared: Shared, tmp_path: Path
) -> None:
    """Of a former year the rows of its newest edition count, whatever the lake says since."""
    before = YEAR - 1
    settings = shared.copy(prepared.transformed, tmp_path / "home")
    key = "task_code = 'T05' and indicator_code = 'T05_01'"
    query = f"select value from lake.marts.agg_national_indicator where year = {before} and {key}"
    with stages.open_workspace(settings) as ws:
        with lakehouse.writer(settings, ws.store) as con:
            [(snapshot,)] = con.execute("select id from lake.current_snapshot()").fetchall()
            [(value,)] = con.execute(query).fetchall()
            con.execute(
                "insert into lake.publication.editions (year, edition, snapshot_id) "
                "values (?, 2, ?)",
                [before, snapshot],
            )
            con.execute(
                f"update lake.marts.agg_national_indicator set value = value + 1 where {key}"
            )
        with lakehouse.reader(settings, ws.store) as con:
            assert con.execute(query).fetchall() == [(value + 1,)]
            rows = series_table(con, YEAR, 1).rows
            alone = series_table(con, before, 1).rows
    national = rows.filter(
        (pc.field("province_code") == "000000")
        & (pc.field("task_code") == "T05")
        & (pc.field("indicator_code") == "T05_01")
    ).to_pylist()
    assert [(row["year"], row["edition"]) for row in national] == [(before, 2), (YEAR, 1)]
    assert national[0]["value"] == value
    assert {row["province_name"] for row in national} == {"全国"}
    assert set(alone["year"].to_pylist()) == {before}
    of_year = [row for row in _csv_rows(made.files["data/series.csv"]) if row["year"] == str(YEAR)]
    marts = ("agg_national_indicator", "agg_province_indicator")
    assert len(of_year) == sum(len(_lake_rows(made, mart)) for mart in marts)


def test_codes_have_names_beside_them(made: Made) -> None:
    rows = _csv_rows(made.files["data/fct_unit_indicator.csv"])
    catalogue = load_catalogue()
    for row in rows:
        assert row["province_name"] == catalogue.regions[row["province_code"]].name
        assert row["task_name"] == catalogue.tasks[row["task_code"]].name
        assert row["indicator_name"] == catalogue.indicators[row["indicator_code"]].name_zh
        assert row["unit_name"]
        assert bool(row["exclusion_name"]) == bool(row["exclusion_code"])
        assert row["is_synthetic"] == "true"
    assert any(row["exclusion_code"] for row in rows)
    names = {row["task_name"] for row in _csv_rows(made.files["data/agg_national_indicator.csv"])}
    assert names == {"全部任务", *(task.name for task in catalogue.tasks.values())}
    for table in TABLES:
        header = pq.read_schema(io.BytesIO(made.files[f"data/{table}.parquet"])).names
        codes = {"province_code", "task_code", "indicator_code", "level", "category"} & set(header)
        own = {"dim_level": {"level"}, "dim_category": {"category"}}
        own["dim_indicator"] = own["dim_indicator_year"] = {"indicator_code"}
        for code in codes - own.get(table, set()):
            assert f"{code.removesuffix('_code')}_name" in header, (table, code)


def test_catalogues_read_the_descriptions(made: Made) -> None:
    """A JSON-LD processor finds every file with its address, size and digest."""
    graph = rdflib.Graph().parse(
        data=made.files["metadata/dcat.jsonld"], format="json-ld", publicID="https://p/e/metadata/d"
    )
    dcat, schema = Namespace("http://www.w3.org/ns/dcat#"), Namespace("https://schema.org/")
    [dataset] = graph.subjects(RDF.type, dcat.Dataset)
    assert (dataset, RDF.type, schema.Dataset) in graph
    assert str(dataset) == "https://p/e/"
    titles = {title.language for title in graph.objects(dataset, DCTERMS.title)}
    assert titles == {"zh", "en"}
    for wanted in (DCTERMS.license, DCTERMS.publisher, DCTERMS.temporal, DCTERMS.spatial):
        assert graph.value(dataset, wanted) is not None
    files = {}
    for each in graph.objects(dataset, dcat.distribution):
        path = str(graph.value(each, dcat.downloadURL)).removeprefix("https://p/e/")
        files[path] = (
            int(graph.value(each, dcat.byteSize)),
            str(graph.value(each, schema.sha256)),
        )
    data = {path: body for path, body in made.files.items() if path.startswith("data/")}
    del data["data/datapackage.json"]
    assert files == {
        path: (len(body), hashlib.sha256(body).hexdigest()) for path, body in data.items()
    }


@pytest.mark.parametrize("query", example_queries(), ids=lambda query: query.name)
def test_an_example_query_has_an_answer(made: Made, query: ExampleQuery) -> None:
    with made.con.cursor() as con:
        con.execute("use lake")
        rows = con.execute(query.sql, {"year": YEAR}).fetchall()
        assert rows
        # The order is total: the page of an edition has the same bytes each time.
        con.execute("set threads = 1")
        assert con.execute(query.sql, {"year": YEAR}).fetchall() == rows


def test_the_manual_has_every_table_and_query(made: Made) -> None:
    [(path, body)] = bulletin.reference_page(made.con, YEAR).items()
    page = body.decode()
    assert path == "docs/index.html"
    assert bulletin.reference_page(made.con, YEAR)[path] == body
    assert len(example_queries()) == 15
    for query in example_queries():
        assert query.question in page
        assert query.name[:2].isdigit()
    for name, table in mart_descriptions().items():
        assert f'<h3 id="{name}">{name}</h3>' in page
        for column in table.columns.values():
            assert column.name in page
    assert "主键：year、unit_code。关联：year→dim_reporting_year" in page
    assert "合成数据" in page
    assert not re.search("(?:src|href)=.?https?:", page)


def test_the_example_notebook_runs(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, body in made.files.items():
        if path.endswith(".parquet"):
            (tmp_path / Path(path).name).write_bytes(body)
    monkeypatch.setenv("TONGBAO_DATA", str(tmp_path))
    notebook = json.loads((PROJECT_ROOT / "examples/analysis.ipynb").read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "analysis.ipynb", "exec"), names)  # noqa: S102
    assert {name for (name,) in names["tables"]} == {*TABLES, "series"}
    assert len(names["by_task"]) == len(load_catalogue().tasks)
    assert names["funding"]
    assert names["growth"]


def test_an_edition_can_be_cited(made: Made) -> None:
    citation = yaml.safe_load(made.files["CITATION.cff"])
    # What Citation File Format 1.2.0 requires.
    assert {"authors", "cff-version", "message", "title"} <= set(citation)
    assert (citation["version"], citation["date-released"]) == ("2024.1.0", "2024-12-15")
    assert "合成数据" in citation["title"]
    corrected = yaml.safe_load(bulletin.open_data(_hostile(), 2024, 2)["CITATION.cff"])
    assert corrected["version"] == "2024.2.0"
    assert "date-released" not in corrected


def _hostile() -> duckdb.DuckDBPyConnection:
    """Return a database with small marts that have hostile texts."""
    con = duckdb.connect()
    con.execute("attach ':memory:' as lake")
    con.execute("create schema lake.marts")
    con.execute("create schema lake.publication")
    con.execute(
        "create table lake.publication.editions (year int, edition int, snapshot_id bigint)"
    )
    for name in TABLES:
        columns = mart_descriptions()[name].columns.values()
        listed = ", ".join(f"{column.name} {column.data_type}" for column in columns)
        con.execute(f"create table lake.marts.{name} ({listed})")
    con.executemany(
        "insert into lake.marts.dim_unit (year, unit_code, unit_name, city_name) "
        "values (2024, ?, ?, ?)",
        [
            ("T05-440000-0001", "=cmd|' /C calc'!A0", "+86"),
            ("T05-440000-0002", "@SUM(1)", "-3.5"),
            ("T05-440000-0003", '-1+1, "ok"\n=2', "\tx"),
            ("T05-440000-0004", "＝1", None),
        ],
    )
    con.execute(
        "insert into lake.marts.dim_reporting_year (year, counts_until, is_synthetic) "
        "values (2024, timestamp '2024-12-14 16:00:00', false)"
    )
    con.execute(
        "insert into lake.marts.fct_unit_year (year, unit_code, assessment_score, highlight) "
        "values (2024, 'T05-440000-0001', 0.1, "
        "'联系 zhang@school.edu.cn 或 138-1234-5678、020-12345678；培训20241215人次')"
    )
    con.execute(
        "insert into lake.marts.fct_unit_indicator (year, unit_code, indicator_code, value, "
        "document_id) values (2024, 'T05-440000-0001', 'T05_01', "
        "123456789012345678.000001, '-5'), (2024, 'T05-440000-0001', 'T05_02', -0.000001, '=5')"
    )
    return con


def test_formulas_are_escaped_and_numbers_are_unchanged() -> None:
    files = bulletin.open_data(_hostile(), 2024, 2)
    units = _csv_rows(files["data/dim_unit.csv"])
    assert [(row["unit_name"], row["city_name"]) for row in units] == [
        ("'=cmd|' /C calc'!A0", "+86"),
        ("'@SUM(1)", "-3.5"),
        ('\'-1+1, "ok"\n=2', "'\tx"),
        ("'＝1", ""),
    ]
    facts = _csv_rows(files["data/fct_unit_indicator.csv"])
    assert [(row["value"], row["document_id"]) for row in facts] == [
        ("123456789012345678.000001", "-5"),
        ("-0.000001", "'=5"),
    ]
    exact = pq.read_table(io.BytesIO(files["data/dim_unit.parquet"]))
    assert exact["unit_name"][0].as_py() == "=cmd|' /C calc'!A0"
    assert json.loads(files["data/datapackage.json"])["synthetic"] is False


def test_contact_data_in_a_highlight_is_struck_out() -> None:
    files = bulletin.open_data(_hostile(), 2024, 2)
    [row] = _csv_rows(files["data/fct_unit_year.csv"])
    struck = "联系 〔联系方式略〕 或 〔联系方式略〕、〔联系方式略〕；培训20241215人次"
    assert row["highlight"] == struck
    assert b"zhang@school" not in b"".join(files.values())


def test_no_contact_data_leaves_raw(made: Made) -> None:
    contacts = made.con.execute(
        "select distinct contact_name, contact_phone, contact_email "
        "from lake.raw.registration_contacts"
    ).fetchall()
    known = {part for contact in contacts for part in contact if part}
    assert len(known) > 100
    files = {**made.files, **uses(made.marts), "tables.xlsx": tables(made.marts)}
    cells = set()
    for path, body in files.items():
        if path.endswith(".csv"):
            cells |= {text for row in _csv_rows(body) for text in row.values()}
        elif path.endswith(".xlsx"):
            book = openpyxl.load_workbook(io.BytesIO(body), read_only=True)
            for sheet in book.worksheets:
                cells |= {str(value) for row in sheet.iter_rows(values_only=True) for value in row}
        elif path.endswith(".html"):
            assert b"example.invalid" not in body
    assert not known & cells


def test_the_workbooks_have_the_marts_figures_and_no_formula(made: Made) -> None:
    books = {"national/tables.xlsx": tables(made.marts)}
    books |= {path: body for path, body in uses(made.marts).items() if path.endswith("xlsx")}
    assert len(books) == 7
    for body in books.values():
        book = openpyxl.load_workbook(io.BytesIO(body))
        assert any("合成数据" in str(row[0].value) for row in book["说明"].iter_rows())
        for sheet in book.worksheets[1:]:
            assert sheet.freeze_panes
            assert (sheet["A1"].value, sheet["A2"].value) == (sheet.title, SYNTHETIC)
            assert sheet.page_setup.orientation == "landscape"
            assert sheet.page_setup.fitToHeight == 0
            assert sheet.print_title_rows == f"${HEADER_ROW}:${HEADER_ROW}"
            for row in sheet.iter_rows(min_row=HEADER_ROW):
                assert all(cell.data_type in "snb" and cell.value is not None for cell in row)
    book = openpyxl.load_workbook(io.BytesIO(books["national/tables.xlsx"]))
    head, *rows = _table(book["考核激励参考指标"])
    at = head.index("按时报送率")
    shown = {row[0]: (row[at], row[at + 1]) for row in rows[:-1]}
    for row in made.marts.rows("province_scorecard"):
        value, rank = row["on_time_rate"], row["on_time_rate_rank"]
        expected = ("—" if value is None else float(value), "—" if rank is None else rank)
        assert shown[row["province_code"]] == expected
    indicators = _table(book["全国指标"])[1:]
    marts = {
        (r["task_code"], r["indicator_code"]): r for r in made.marts.rows("agg_national_indicator")
    }
    assert len(indicators) > 100
    for line in indicators:
        value = marts[line[0], line[2]]["value"]
        assert line[5] == ("—" if value is None else pytest.approx(float(value), rel=1e-15))
    sheet = book["全国指标"]
    at = [cell.value for cell in sheet[HEADER_ROW]].index("同口径增减（百分点）")
    formats = {row[at].number_format for row in sheet.iter_rows(min_row=HEADER_ROW + 1)}
    assert formats == {POINTS}
    provinces = _table(book["省份指标"])[1:]
    marts = {row.key[1:]: row for row in made.marts.rows("agg_province_indicator")}
    assert len(provinces) > 1000
    for line in provinces:
        row = marts[line[0], line[2], line[4]]
        assert (line[9], line[10]) == (row["units_expected"], row["units_counted"])
    expected = [unit for unit in made.marts.units if unit["has_reported"] is not None]
    assert len(_table(book["单位"])) == len(expected) + 1
    assert len(_table(book["剔除值"])) == len(made.marts.excluded) + 1


def test_a_hostile_name_is_text_in_the_watchlist(made: Made) -> None:
    unit = {**made.marts.watched[0], "unit_name": '=HYPERLINK("x")<script>alert(1)</script>'}
    before, made.marts.watched[0] = made.marts.watched[0], unit
    try:
        files = uses(made.marts)
    finally:
        made.marts.watched[0] = before
    page = files[f"uses/watchlist/{unit['province_code']}.html"]
    assert b"HYPERLINK" in page
    assert b"<script>alert" not in page
    sheet = openpyxl.load_workbook(io.BytesIO(files["uses/watchlist.xlsx"]))["动态管理关注名单"]
    names = [row[4] for row in sheet.iter_rows(min_row=HEADER_ROW + 1)]
    [cell] = [cell for cell in names if "HYPERLINK" in str(cell.value)]
    assert (cell.data_type, cell.quotePrefix) == ("s", True)


def test_ranks_follow_the_seeds_directions(made: Made) -> None:
    """Ranks are of what is printed, in the seed's direction; small provinces have no rank."""
    rows = [row for row in made.marts.rows("province_scorecard") if row["is_ranked"]]
    assert 0 < len(rows) < 32
    for measure in load_catalogue().measures.values():
        sign = -1 if measure.best == "highest" else 1
        printed = [
            None
            if row[measure.column] is None
            else sign * half_up(Decimal(row[measure.column]), PRINTED_PLACES[measure.kind])
            for row in rows
        ]
        for row, value in zip(rows, printed, strict=True):
            better = [each for each in printed if None not in (each, value) and each < value]
            rank = None if value is None else 1 + len(better)
            assert row[measure.rank_column] == rank, measure.column
    for row in made.marts.rows("province_scorecard"):
        assert row["is_ranked"] == (row["units_expected"] >= 3)
        if not row["is_ranked"]:
            assert all(row[m.rank_column] is None for m in load_catalogue().measures.values())


def test_each_use_shows_its_measures_with_their_reasons(made: Made) -> None:
    files = uses(made.marts)
    assert [use.code for use in made.marts.catalogue.uses] == [
        "marked_results",
        "shuanggao",
        "shuangyou",
        "quality_fund",
        "reform_pilots",
    ]
    for use in made.marts.catalogue.uses:
        page = files[f"uses/{use.code}.html"].decode()
        assert use.measures
        for each in use.measures:
            assert each.clause in page
            assert each.reason in page
            assert f"2024/province_scorecard/440000/{each.measure.column}_rank" in page
        assert "不设权重" in page
        assert "应报单位不足3家" in page
        assert "bulletin.pdf" not in page


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x", "@a", "\tb", "\r\nc", "＝d", "－1e3"])
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert formula_safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1.50", "+3", "12", "", "学校=a", "1,234"])
def test_numbers_and_other_texts_are_unchanged(text: str) -> None:
    assert formula_safe(text) == text

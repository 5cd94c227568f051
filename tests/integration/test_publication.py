"""From a demo year to an edition: figures, bytes, immutability, and killed runs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from orchestration import lakehouse, stages
from orchestration.cli import main
from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import GateBlocked, PublicationRefused, TongbaoError
from orchestration.core.settings import Settings
from orchestration.definitions import defs
from orchestration.demo import generate
from tests.conftest import Environment, clean_environment
from tests.fixtures.gbt import lint_docx, lint_pdf, lint_text
from tests.fixtures.homes import NOW, PreparedYear, Shared, snapshot_copy
from tests.fixtures.progress import no_progress

YEAR = 2024
SCALE = 0.03


def _settings(home: Path) -> Settings:
    return Settings(home=home, catalog=str(home / "catalog.sqlite"))


def _demo(settings: Settings, faults: str = "default") -> None:
    with stages.open_workspace(settings) as ws:
        generate(
            ws.store, settings, year=YEAR, scale=SCALE, seed=5, faults=faults, progress=no_progress
        )


def _until_gate(ws: stages.Workspace) -> stages.GateSummary:
    stages.intake(ws, YEAR, run_id="r", progress=no_progress)
    stages.transform(ws, YEAR, run_id="r", progress=no_progress)
    return stages.gate(ws, YEAR, run_id="r", progress=no_progress)


@dataclass
class Published:
    """A home with a published year."""

    settings: Settings
    ws: stages.Workspace
    done: stages.PublishSummary

    @property
    def folder(self) -> Path:
        return Path(self.done.folder)


@pytest.fixture(scope="module")
def published(
    prepared: PreparedYear, shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    settings = shared.copy(prepared.published, tmp_path_factory.mktemp("published") / "home")
    with stages.open_workspace(settings) as ws:
        # The edition stands: publishing again does nothing and says where it is.
        yield Published(settings, ws, stages.publish(ws, YEAR, run_id="r", progress=no_progress))


def test_a_run_writes_few_files_per_table(published: Published) -> None:
    """Many small files would make all later reads of a table slow."""
    stages.receipts(published.ws, YEAR, run_id="r", progress=no_progress)
    query = (
        "select t.table_name, f.begin_snapshot, count(*) from ducklake_data_file f "
        "join ducklake_table t using (table_id) group by 1, 2"
    )
    with contextlib.closing(sqlite3.connect(published.settings.catalog)) as catalogue:
        files = {(row[0], row[1]): row[2] for row in catalogue.execute(query)}
    small = {"gate_results", "daily_digests"}
    assert {(table, n) for (table, _), n in files.items() if table in small} == {
        (table, 1) for table in small
    }
    # A large insertion may write one file per thread.
    assert max(files.values()) <= max(2, os.cpu_count() or 1), files


def test_every_table_and_column_of_the_lake_carries_its_description(published: Published) -> None:
    descriptions = lakehouse.lake_descriptions(published.settings)
    with lakehouse.reader(published.settings, published.ws.store) as con:
        comments = con.execute(
            "select schema_name || '.' || table_name, '', comment from duckdb_tables() "
            "where database_name = 'lake' union all "
            "select schema_name || '.' || table_name, column_name, comment from duckdb_columns() "
            "where database_name = 'lake'"
        ).fetchall()
    assert len(comments) > 500
    assert {(table, column): comment for table, column, comment in comments} == {
        key: text
        for key, text in descriptions.items()
        if not key[0].startswith(("control.", "prior."))
    }


def test_the_edition_has_the_files_of_the_contract(published: Published) -> None:
    found = {
        path.relative_to(published.folder).as_posix()
        for path in published.folder.rglob("*")
        if path.is_file()
    }
    expected = {"manifest.json", "quality/index.html"}
    places = ["national", *(f"tasks/T{n:02d}" for n in range(1, 12))]
    regions = published.ws.store.prefixes("publication", "editions/2024/edition-1/provinces/")
    assert len(regions) == 32
    places += [prefix.removeprefix("editions/2024/edition-1/").rstrip("/") for prefix in regions]
    expected |= {f"{place}/bulletin.{kind}" for place in places for kind in ("pdf", "html")}
    provinces = [place for place in places if place.startswith("provinces/")]
    expected |= {f"{place}/bulletin.docx" for place in ["national", *provinces]}
    expected |= {f"{place}/summaries/T{n:02d}.docx" for place in provinces for n in range(1, 12)}
    pages = [*(use.code for use in load_catalogue().uses), "watchlist"]
    expected |= {f"uses/{page}.{kind}" for page in pages for kind in ("html", "xlsx")}
    expected |= {"national/tables.xlsx", "data/datapackage.json", "metadata/dcat.jsonld"}
    expected |= {"metadata/structure.xml", "metadata/data.csv", "api/tables/index.json"}
    assert expected <= found


def test_the_manifest_has_the_sha256_of_every_file_in_the_store(published: Published) -> None:
    store = published.ws.store
    prefix = "editions/2024/edition-1/"
    manifest = json.loads(store.get("publication", prefix + "manifest.json"))
    stored = {
        f.info.key.removeprefix(prefix): hashlib.sha256(f.body).hexdigest()
        for f in store.get_many("publication", store.list("publication", prefix))
    }
    stored.pop("manifest.json")
    assert {entry["path"]: entry["sha256"] for entry in manifest["files"]} == stored
    assert manifest["snapshot_id"] == published.done.snapshot_id
    assert manifest["synthetic"] is True
    assert manifest["engine"] == "duckdb"
    assert manifest["gate"]["blocked"] is False
    latest = json.loads(store.get("publication", "editions/2024/latest.json"))
    assert latest["edition"] == 1
    with lakehouse.reader(published.settings, store) as con:
        [row] = lakehouse.edition_rows(con, YEAR)
    assert row["manifest_sha256"] == latest["manifest_sha256"]
    assert row["snapshot_id"] == manifest["snapshot_id"]


class _Figures(HTMLParser):
    """Collects figure id → printed text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._open: str | None = None

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = dict(attrs).get("data-figure")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found.append((self._open, data))
            self._open = None


def _number(text: str) -> Decimal | None:
    """The number in the text of a figure; None for —."""
    for word, sign in (("增长", "+"), ("多增", "+"), ("下降", "−"), ("少增", "−")):
        text = text.replace(word, sign)
    match = re.match(r"[+−-]?[\d,]+(\.\d+)?", text)
    return Decimal(match.group().replace(",", "").replace("−", "-")) if match else None


_GRAINS = {
    "agg_national_indicator": ("task_code", "indicator_code"),
    "agg_national_target": ("task_code", "level", "category"),
    "agg_national_task": ("task_code",),
    "agg_province_indicator": ("province_code", "task_code", "indicator_code"),
    "agg_province_task": ("province_code", "task_code"),
    "national_scorecard": (),
    "province_scorecard": ("province_code",),
}


@pytest.fixture(scope="module")
def marts(published: Published) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake's tables in memory."""
    with (
        lakehouse.reader(published.settings, published.ws.store) as con,
        snapshot_copy(con) as copy,
    ):
        yield copy


#: Indicators in 万元 that the national bulletin has in prose.
_MONEY = ("C_0", "T01_11", "T02_12", "T03_14", "T09_10", "T09_11")


def _lake_value(con: duckdb.DuckDBPyConnection, figure: str) -> Any:
    year, table, *key, column = figure.split("/")
    conditions = " and ".join(
        f"{name} is null" if part == "-" else f"{name} = '{part}'"
        for name, part in zip(_GRAINS[table], key, strict=True)
    )
    where = f"year = {year}" + (f" and {conditions}" if conditions else "")
    query = f"select {column.replace('-', ' - ')} from lake.marts.{table} where {where}"
    [row] = con.execute(query).fetchall()
    return row[0]


@pytest.mark.parametrize(
    "page",
    [
        "national/bulletin",
        "tasks/T05/bulletin",
        "tasks/T10/bulletin",
        "provinces/440000/bulletin",
        "provinces/660000/bulletin",
        "uses/marked_results",
        "uses/quality_fund",
    ],
)
def test_every_printed_figure_equals_the_marts(
    published: Published, marts: duckdb.DuckDBPyConnection, page: str
) -> None:
    parser = _Figures()
    parser.feed((published.folder / f"{page}.html").read_text(encoding="utf-8"))
    assert len(parser.found) > 50
    wrong = []
    values: dict[str, Any] = {}
    for figure, text in parser.found:
        if figure not in values:
            values[figure] = _lake_value(marts, figure)
        value, printed = values[figure], _number(text)
        if value is None:
            if printed is not None:
                wrong.append((figure, text, value))
            continue
        # Contract §2: columns that end in _rate and attainment are fractions.
        is_fraction = figure.endswith(("_rate", "/attainment"))
        exact = Decimal(value) * (100 if is_fraction else 1)
        if text.endswith(("万", "亿")):  # in prose; amounts of the marts are in 万元
            is_money = figure.split("/")[-2].startswith(_MONEY)
            exact *= Decimal(10_000 if is_money else 1) / (10**4 if text[-1] == "万" else 10**8)
        assert printed is not None, (figure, text)
        places = max(0, -int(printed.as_tuple().exponent))
        if exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) != printed:
            wrong.append((figure, text, value))
    assert wrong == []


def test_every_page_is_marked_as_synthetic(published: Published) -> None:
    pages = list(published.folder.rglob("*.html"))
    assert [p for p in pages if "合成数据" not in p.read_text(encoding="utf-8")] == []
    from pypdf import PdfReader

    for path in (published.folder / "national", published.folder / "provinces" / "110000"):
        reader = PdfReader(path / "bulletin.pdf")
        assert all("合成数据" in page.extract_text() for page in reader.pages)


def test_finished_documents_follow_the_standards(published: Published) -> None:
    with lakehouse.reader(published.settings, published.ws.store) as con:
        said = con.execute(
            "select unit_name from lake.marts.dim_unit union select highlight "
            "from lake.marts.fct_unit_year union "
            "select submitted_value from lake.marts.fct_unit_indicator where is_excluded"
        ).fetchall()
    # Texts that units wrote are not checked.
    unit_texts = [text for (text,) in said if text and lint_text([text])]
    faults: dict[str, list[str]] = {}
    words = sorted(published.folder.rglob("*.docx"))
    assert len(words) == 33 + 32 * 11
    for path in words[::3]:
        faults[str(path)] = lint_docx(path.read_bytes(), unit_texts)
    for path in sorted(published.folder.rglob("bulletin.pdf"))[::9]:
        faults[str(path)] = lint_pdf(path.read_bytes(), unit_texts)
    assert {path: found for path, found in faults.items() if found} == {}


def test_every_link_has_a_target_in_the_edition(published: Published) -> None:
    dead = []
    for path in published.folder.rglob("*.html"):
        if "quality" in path.parts:
            continue  # Great Expectations' own pages
        for target in re.findall(r'href="([^"#]+)"', path.read_text(encoding="utf-8")):
            if not (path.parent / target).resolve().is_file():
                dead.append((path.name, target))
    assert dead == []


def test_no_contact_leaves_raw(published: Published) -> None:
    for path in published.folder.rglob("*.html"):
        assert "example.invalid" not in path.read_text(encoding="utf-8")
    for path in published.folder.rglob("*.docx"):
        with zipfile.ZipFile(path) as given:
            assert b"example.invalid" not in given.read("word/document.xml")


def test_a_published_edition_is_never_changed(published: Published) -> None:
    before = {i.key: i.last_modified for i in published.ws.store.list("publication", "editions/")}
    again = stages.publish(published.ws, YEAR, run_id="again", progress=no_progress)
    assert again.files == 0
    after = {i.key: i.last_modified for i in published.ws.store.list("publication", "editions/")}
    assert after == before


@pytest.mark.slow
def test_the_same_snapshot_gives_the_same_bytes_in_another_process(published: Published) -> None:
    done = _tongbao(published.settings.home, "verify", "--year", str(YEAR), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["files"] > 100
    assert [said[name] for name in ("differing", "missing", "added", "damaged")] == [[]] * 4


def _register_again(ws: stages.Workspace, document_id: str) -> None:
    """Land a registration that gives a unit another name."""
    former = "registration/year=2023/province=110000/registrations-110000.jsonl"
    document = json.loads(ws.store.get("landing", former).splitlines()[0])
    changed = {"document_id": document_id, "unit_name": "改名单位", "year": YEAR}
    key = f"registration/year={YEAR}/province=110000/{document_id}.json"
    ws.store.put("landing", key, json.dumps(document | changed).encode())


@pytest.mark.slow
def test_newer_marts_do_not_change_a_published_edition(
    prepared: PreparedYear,
    shared: Shared,
    tmp_path: Path,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with stages.open_workspace(shared.copy(prepared.landed, tmp_path / "landed", NOW)) as ws:
        with pytest.raises(TongbaoError, match="no lakehouse yet"):
            stages.publish(ws, YEAR, run_id="r", progress=no_progress)
        stages.intake(ws, YEAR, run_id="r", progress=no_progress)
        with pytest.raises(TongbaoError, match="no marts"):
            stages.publish(ws, YEAR, run_id="r", progress=no_progress)
    transformed = shared.copy(prepared.transformed, tmp_path / "transformed", NOW)
    with (
        stages.open_workspace(transformed) as ws,
        pytest.raises(TongbaoError, match="has not judged"),
    ):
        stages.publish(ws, YEAR, run_id="r", progress=no_progress)
    with stages.open_workspace(shared.copy(prepared.judged, tmp_path / "judged", NOW)) as ws:
        # An object lands between gate and publication, so the verdict's snapshot is outdated.
        _register_again(ws, "more")
        stages.intake(ws, YEAR, run_id="r", progress=no_progress)
        with pytest.raises(GateBlocked):
            stages.publish(ws, YEAR, run_id="r", progress=no_progress)
    published = shared.copy(prepared.published, tmp_path / "published", NOW)
    with stages.open_workspace(published) as ws:
        first = stages.publish(ws, YEAR, run_id="r", progress=no_progress)
        manifest = (Path(first.folder) / "manifest.json").read_bytes()
        _register_again(ws, "later")
        _until_gate(ws)
        with pytest.raises(PublicationRefused, match="tongbao correct --year 2024"):
            stages.publish(ws, YEAR, run_id="r", progress=no_progress)

        # Both commands print the same, and the Dagster run fails.
        environment(ws)
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
        said = [_last_line(capsys, command, "--year", str(YEAR)) for command in ("run", "publish")]
        assert said[0] == said[1]
        assert said[0].startswith("tongbao: publication refused: edition 1 of 2024 is published")
        with dg.DagsterInstance.ephemeral() as instance:
            result = defs.resolve_job_def("publish_year").execute_in_process(
                instance=instance, partition_key=str(YEAR), raise_on_error=False
            )
        assert not result.success
        assert result.get_asset_materialization_events() == []
        assert (Path(first.folder) / "manifest.json").read_bytes() == manifest


def _last_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command in this process, expect exit code 1 and return its last line."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 1
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_a_year_with_heavy_faults_is_blocked(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    _demo(settings, "heavy")
    with stages.open_workspace(settings) as ws:
        assert _until_gate(ws).blocked
        with pytest.raises(GateBlocked):
            stages.publish(ws, YEAR, run_id="r", progress=no_progress)
        assert ws.store.list("publication", "editions/") == []


# -- killed and started again -------------------------------------------------------------


def _tongbao(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command after the cut-off."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "tongbao"), *arguments],
        env=clean_environment(home, {"TONGBAO_NOW": "2025-01-10T08:00:00+08:00"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def _run(
    home: Path,
    kill_at: str | None = None,
    command: str = "run",
    now: str = "2024-12-15T08:00:00+08:00",
) -> subprocess.CompletedProcess[str] | None:
    """Run a command; kill it as soon as a line with ``kill_at`` is printed."""
    words = [str(Path(sys.executable).parent / "tongbao"), command, "--year", str(YEAR)]
    environment = clean_environment(home, {"TONGBAO_NOW": now})
    if kill_at is None:
        return subprocess.run(
            words, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
    process = subprocess.Popen(
        words,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if kill_at in line:
            # Shortly after that line, together with its S3 server.
            time.sleep(0.3)
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.wait(timeout=60)
    return None


_TABLES = {
    # Without the ids of run and snapshot and the time of the run.
    "raw.objects": "object_key, etag, sha256, status, documents_total, documents_rejected",
    "raw.documents": "document_id, document_type, content_sha256",
    "raw.performance_values": "document_id, indicator_code, value_text, value_number",
    "raw.document_errors": "object_key, document_id, code, location",
}


def _state(settings: Settings) -> dict[str, str]:
    """A digest of every table, every receipt and every file of the edition."""
    found: dict[str, str] = {}
    with stages.open_workspace(settings) as ws:
        with lakehouse.reader(settings, ws.store) as con:
            names = [
                row[0]
                for row in con.execute(
                    "select schema_name || '.' || table_name from duckdb_tables() "
                    "where database_name = 'lake' and schema_name in ('marts', 'quality')"
                ).fetchall()
            ]
            wanted = dict.fromkeys(names, "*") | _TABLES
            wanted["quality.gate_results"] = "year, suite, expectation, success, observed, detail"
            wanted["quality.transform_runs"] = "year, inputs_digest"
            for name, columns in wanted.items():
                rows = con.execute(f"select {columns} from lake.{name} order by all").fetchall()
                found[name] = hashlib.sha256(repr(rows).encode()).hexdigest()
        for prefix in ("receipts/", "editions/"):
            for item in ws.store.get_many("publication", ws.store.list("publication", prefix)):
                if not item.info.key.endswith(("manifest.json", "latest.json")):
                    found[item.info.key] = hashlib.sha256(item.body).hexdigest()
    return found


def _edition_in(home: Path) -> dict[str, str]:
    """Every object of the year's editions with its digest."""
    folder = home / "s3" / "publication" / "editions" / str(YEAR)
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_publication_that_is_killed_is_resumed_to_the_same_bytes(
    prepared: PreparedYear, shared: Shared, tmp_path: Path
) -> None:
    settings = shared.copy(prepared.judged, tmp_path / "home", NOW)
    _run(settings.home, "publish 2024: 11 bulletins", "publish", NOW.isoformat())
    assert "latest.json" not in _edition_in(settings.home)
    with stages.open_workspace(settings) as ws:
        done = stages.publish(ws, YEAR, run_id="again", progress=no_progress)
    assert done.edition == 1
    assert _edition_in(settings.home) == _edition_in(prepared.published)


@pytest.mark.slow
def test_a_run_killed_at_each_stage_gives_the_same_tables_and_bytes(
    prepared: PreparedYear, shared: Shared, tmp_path: Path
) -> None:
    settings = shared.copy(prepared.landed, tmp_path / "killed", NOW)
    for moment in (
        "objects listed",
        "dbt:",  # of 2023, before it is committed
        "transform 2023:",
        "gate 2024:",
        "publish 2024: 44 bulletins",  # 11: the test above
    ):
        _run(settings.home, kill_at=moment, now=NOW.isoformat())
    done = _run(settings.home, now=NOW.isoformat())
    assert done is not None
    assert done.returncode == 0, done.stderr
    uninterrupted = shared.copy(prepared.published, tmp_path / "whole", NOW)
    with stages.open_workspace(uninterrupted) as ws:
        stages.receipts(ws, YEAR, run_id="r", progress=no_progress)
    assert _state(settings) == _state(uninterrupted)

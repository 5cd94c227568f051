"""Traces: recomputed figures, named units and documents, and objects of the landing bucket."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import lakehouse, stages, trace
from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import UsageError
from orchestration.core.settings import Settings
from orchestration.figures.dictionary import figure_grains
from orchestration.figures.ids import figure_id, row_key
from orchestration.figures.recompute import MATCHED
from orchestration.trace import trace_lines
from orchestration.trace.digests import page_digests
from orchestration.trace.pages import trace_pages
from tests.conftest import clean_environment
from tests.fixtures.homes import PreparedYear, Shared, snapshot_copy
from tests.fixtures.progress import no_progress

YEAR = 2024


@dataclass
class Published:
    """A home with a published year, and its snapshot in a database on this machine.

    Hundreds of figures are traced there: from the bucket each would take a second.
    """

    ws: stages.Workspace
    done: stages.PublishSummary
    con: duckdb.DuckDBPyConnection

    def rows(self, query: str) -> list[dict[str, Any]]:
        cursor = self.con.execute(query)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture(scope="module")
def published(
    prepared: PreparedYear, shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    settings = shared.copy(prepared.published, tmp_path_factory.mktemp("traced") / "home")
    with stages.open_workspace(settings) as ws:
        done = stages.publish(ws, YEAR, run_id="r", progress=no_progress)
        with (
            lakehouse.reader(settings, ws.store, done.snapshot_id) as con,
            snapshot_copy(con) as local,
        ):
            yield Published(ws, done, local)


@pytest.fixture(scope="module")
def pages(published: Published) -> dict[str, bytes]:
    return trace_pages(published.con, YEAR)


@pytest.fixture
def copied(published: Published) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of the published snapshot that a test may change."""
    with snapshot_copy(published.con) as con:
        yield con


def _id(table: str, row: dict[str, Any], column: str) -> str:
    return figure_id(YEAR, table, row_key(row, figure_grains()[table]), column)


def _sample(published: Published) -> Iterator[str]:
    """Figures of every mart: all columns, spread over its rows, every aggregation and ``ALL``."""
    indicators = load_catalogue().indicators
    for table, grain in figure_grains().items():
        rows = published.rows(f"select * from lake.marts.{table} where year = {YEAR} order by all")
        columns = [
            name
            for name in rows[0]
            if name not in grain
            and name
            not in {
                "year",
                "edition",
                "cutoff_at",
                "counts_until",
                "is_ranked",
                "is_synthetic",
                "is_total",
                "target_year",
                "growth_withheld_by",
                "observation_status",
            }
        ]
        if "indicator_code" in grain:
            chosen: dict[tuple[str, bool], dict[str, Any]] = {}
            for row in rows:
                aggregation = indicators[row["indicator_code"]].aggregation
                kind = (aggregation, row["task_code"] == "ALL")
                # Of each kind the row with most data: exclusions, a target, last year's value.
                best = chosen.get(kind)
                if best is None or _amount_of_data(row) > _amount_of_data(best):
                    chosen[kind] = row
            assert {kind for kind, _ in chosen} >= {
                "sum", "ratio", "mean", "max", "count_true", "count_distinct",
            }  # fmt: skip
            for row in chosen.values():
                for column in ("value", "value_with_target", "attainment", *MATCHED):
                    if column == "value" or row[column] is not None:
                        yield _id(table, row, column)
            row = next(iter(chosen.values()))
            yield from (_id(table, row, column) for column in columns)
            yield _id(table, row, "value-previous_value")
        else:
            for number, column in enumerate(columns):
                yield _id(table, rows[number * 7 % len(rows)], column)


def _amount_of_data(row: dict[str, Any]) -> tuple[bool, bool, int, int]:
    return (
        row["attainment"] is not None,
        row["change_rate"] is not None,
        row["units_excluded"],
        row["units_counted"],
    )


def test_a_recomputed_figure_equals_the_mart(published: Published) -> None:
    traced = [trace.trace(published.con, figure) for figure in _sample(published)]
    assert len(traced) > 100
    assert [(t.figure, t.recomputations) for t in traced if not t.equal] == []
    # The sample is not empty: most figures have a number, and units or documents behind it. In a
    # nation this small most provinces have too few units for a rank.
    nonempty = [t for t in traced if t.value is not None and (t.units or t.places or t.documents)]
    ranks = [t for t in traced if t.figure.endswith("_rank")]
    assert len(set(map(id, nonempty)) | set(map(id, ranks))) > 0.8 * len(traced)
    assert any(t.value is not None for t in ranks)
    assert {r.year for t in traced for r in t.recomputations} == {YEAR, YEAR - 1}
    # The lake itself gives the same.
    first = nonempty[0]
    from_lake = stages.trace(published.ws, first.figure)
    assert (from_lake.value, from_lake.units, from_lake.equal) == (first.value, first.units, True)


def test_a_figure_that_differs_from_its_units_is_reported(
    copied: duckdb.DuckDBPyConnection,
) -> None:
    figure = f"{YEAR}/agg_national_task/T05/units_on_time"
    assert trace.trace(copied, figure).equal
    copied.execute(
        "update lake.marts.agg_national_task set units_on_time = units_on_time + 1 "
        f"where year = {YEAR} and task_code = 'T05'"
    )
    copied.execute(
        "update lake.marts.agg_national_indicator set value = value + 0.000001 "
        f"where year = {YEAR} and task_code = 'T05' and indicator_code = 'T05_01'"
    )
    wrong = trace.trace(copied, figure)
    assert not wrong.equal
    assert any("NOT EQUAL" in line for line in trace_lines(wrong))
    pages = trace_pages(copied, YEAR)
    differences = {path: body.decode().count("不一致：") for path, body in pages.items()}
    assert {path: number for path, number in differences.items() if number} == {
        "trace/T05/T05_01.html": 1,
        "trace/T05/reporting.html": 1,
    }


def test_the_objects_are_in_the_landing_bucket(published: Published) -> None:
    row = published.rows(
        f"select * from lake.marts.agg_province_indicator where year = {YEAR} "
        "and task_code <> 'ALL' and change_rate is not null and attainment is not null limit 1"
    )[0]
    for figure in (
        _id("agg_province_indicator", row, "attainment"),
        _id("agg_province_indicator", row, "change_rate"),
        f"{YEAR}/agg_national_task/T05/mean_assessment_score",
        f"{YEAR}/agg_national_task/T05/provincial_summaries",
        f"{YEAR}/agg_national_target/T05/national/-/achieved_count",
        f"{YEAR}/national_scorecard/units_reported",
    ):
        objects = trace.trace(published.con, figure).objects
        assert objects, figure
        for each in objects:
            body = published.ws.store.get("landing", each["object_key"])
            assert hashlib.sha256(body).hexdigest() == each["sha256"]


def test_the_value_behind_a_figure_is_in_the_named_object(published: Published) -> None:
    [row] = published.rows(
        "select f.* from lake.marts.fct_unit_indicator as f "
        "join lake.raw.performances as p using (document_id) "
        f"where f.year = {YEAR} and f.indicator_code = 'T05_01' and f.value is not null "
        "and p.object_key like '%.json' order by f.unit_code limit 1"
    )
    found = trace.trace(
        published.con, f"{YEAR}/agg_province_indicator/{row['province_code']}/T05/T05_01/value"
    )
    [unit] = [u for u in found.units if u.unit_code == row["unit_code"]]
    [paper] = [d for d in unit.documents if d.kind == "performance"]
    sent = json.loads(published.ws.store.get("landing", paper.object_key))
    document = sent if isinstance(sent, dict) else sent[0]
    assert document["document_id"] == paper.document_id == row["document_id"]
    assert str(document["values"]["T05_01"]) == unit.submitted_value
    assert unit.counts
    assert unit.parts["value"] == row["value"]


def test_excluded_values_are_named_with_their_reason(
    published: Published, pages: dict[str, bytes]
) -> None:
    excluded = published.rows(
        f"select * from lake.marts.fct_unit_indicator where year = {YEAR} and is_excluded "
        "and submitted_value is not null order by unit_code, indicator_code"
    )
    assert excluded
    for row in excluded[:6]:
        task, code = row["task_code"], row["indicator_code"]
        figure = f"{YEAR}/agg_province_indicator/{row['province_code']}/{task}/{code}/value"
        found = trace.trace(published.con, figure)
        [unit] = [u for u in found.units if u.unit_code == row["unit_code"]]
        assert (unit.counts, unit.code) == (False, row["exclusion_code"])
        assert unit.reason_zh
        assert unit.submitted_value == row["submitted_value"]
        assert row["exclusion_code"] in {remark.code for remark in unit.remarks}
        assert any(
            row["unit_code"] in line and row["exclusion_code"] in line
            for line in trace_lines(found)
        )
        page = pages[f"trace/{task}/{code}.html"].decode()
        assert f"剔除：{unit.reason_zh}（{unit.code}）" in page
        assert row["unit_code"] in page


def test_a_late_unit_is_named_with_its_late_document(published: Published) -> None:
    late = published.rows(f"select * from lake.marts.fct_unit_year where year = {YEAR} and is_late")
    assert late
    found = trace.trace(published.con, f"{YEAR}/national_scorecard/on_time_rate")
    by_code = {unit.unit_code: unit for unit in found.units}
    for row in late:
        unit = by_code[row["unit_code"]]
        assert not unit.counts
        assert [d.is_late for d in unit.documents] == [True]
        assert "W301" in {remark.code for remark in unit.remarks}


def test_gate_findings_about_a_figure_are_listed(published: Published) -> None:
    found = stages.trace(published.ws, f"{YEAR}/national_scorecard/on_time_rate")
    assert found.edition == 1
    assert found.snapshot_id == published.done.snapshot_id
    assert found.gate_checks is not None
    with lakehouse.reader(published.ws.settings, published.ws.store) as con:
        failed = con.execute(
            "select distinct suite || '.' || expectation from lake.quality.gate_results "
            "where snapshot_id = ? and not success",
            [published.done.snapshot_id],
        ).fetchall()
    assert {f"{each.suite}.{each.expectation}" for each in found.gate} <= {row[0] for row in failed}
    assert "national.on_time_rate_nation_notice" in {
        f"{each.suite}.{each.expectation}" for each in found.gate
    }


# -- the command line ---------------------------------------------------------------------


def _tongbao(published: Published, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "tongbao"), *arguments],
        env=clean_environment(published.ws.settings.home),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ("", "is not a figure id"),
        ("on_time_rate", "is not a figure id"),
        ("2024/agg_province_tasks/440000/T05/on_time_rate", "did you mean agg_province_task"),
        ("2024/agg_province_task/440000/on_time_rate", "<province_code>/<task_code>/<column>"),
        ("2024/agg_province_task/440000/T05/a-b-c", "neither a column nor a difference"),
        ("1999/agg_national_task/T05/on_time_rate", "no year 1999"),
        ("2024/agg_province_task/440001/T05/on_time_rate", "did you mean 440000/T05"),
        ("2024/agg_province_task/440000/T05/on_time_rat", "did you mean on_time_rate"),
        ("2024/agg_province_task/44'; drop table x--/T05/on_time_rate", "has no row"),
        ("2025/agg_national_task/T05/on_time_rate", "no marts of 2025"),
    ],
)
def test_a_wrong_figure_id_is_reported_in_one_line(
    published: Published, figure: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        trace.trace(published.con, figure)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ("2024/agg_province_task/440000/T05/on_time_rat",),
        ("nonsense",),
        ("2024/agg_national_task/T05/on_time_rate", "--edition", "7"),
    ],
)
def test_a_wrong_figure_id_exits_2(published: Published, arguments: tuple[str, ...]) -> None:
    done = _tongbao(published, "trace", *arguments)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_the_command_prints_text_and_json(published: Published) -> None:
    figure = f"{YEAR}/national_scorecard/reporting_rate"
    done = _tongbao(published, "trace", figure, "--limit", "2")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("全国 · 报送率 = ")
    assert f"edition 1 of {YEAR}" in done.stdout
    assert ": equal" in done.stdout
    assert "more, --limit 0 shows all" in done.stdout
    whole = json.loads(_tongbao(published, "trace", figure, "--json").stdout)
    assert whole["equal"] is True
    expected = whole["row"]["units_expected"]
    assert len(whole["units"]) == expected
    assert all(len(each["sha256"]) == 64 for each in whole["objects"])


def test_without_an_edition_the_current_marts_are_traced(published: Published) -> None:
    found = stages.trace(published.ws, f"{YEAR - 1}/agg_national_task/T05/on_time_rate")
    assert (found.edition, found.gate_checks, found.equal) == (None, None, True)
    assert "nothing is published yet" in "\n".join(trace_lines(found))


@pytest.mark.slow
def test_an_edition_is_traced_at_its_snapshot(published: Published, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(published.ws.settings.home, home)
    settings = Settings(home=home, catalog=str(home / "catalog.sqlite"))
    with stages.open_workspace(settings) as ws:
        figure = f"{YEAR}/agg_national_indicator/T05/T05_01/value"
        before = stages.trace(ws, figure, 1)
        unit = next(u for u in before.units if u.counts)
        [paper] = [d for d in unit.documents if d.kind == "performance"]
        sent = json.loads(ws.store.get("landing", paper.object_key))
        document = sent if isinstance(sent, dict) else sent[0]
        value = int(document["values"]["T05_01"])
        document |= {"document_id": "again", "submitted_at": "2024-12-14T23:59:59+08:00"}
        document["values"]["T05_01"] = value + 1
        key = f"performance/year={YEAR}/province={unit.province_code}/again.json"
        ws.store.put("landing", key, json.dumps(document).encode())
        for stage in (stages.intake, stages.transform):
            stage(ws, YEAR, run_id="r", progress=no_progress)
        assert stages.trace(ws, figure, 1) == before
        assert stages.trace(ws, figure) == before
        with lakehouse.reader(settings, ws.store) as con:
            now = trace.trace(con, figure)
        assert now.value == before.value + 1
        assert now.equal
        assert key in {each["object_key"] for each in now.objects}
        assert key not in {each["object_key"] for each in before.objects}


# -- pages --------------------------------------------------------------------------------


class _Page(HTMLParser):
    """The links and anchors of a page."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.figures: list[tuple[str, str | None]] = []
        self._link: str | None = None
        self.feed(body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a" and found.get("href"):
            self._link = str(found["href"])
            self.links.append(self._link)
        if found.get("id"):
            assert found["id"] not in self.ids, found["id"]
            self.ids.add(str(found["id"]))
        if found.get("data-figure"):
            self.figures.append((str(found["data-figure"]), self._link))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = None


def test_every_link_has_a_page_and_an_anchor(published: Published, pages: dict[str, bytes]) -> None:
    folder = Path(published.done.folder)
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    } | pages
    parsed = {path: _Page(body) for path, body in files.items() if path.endswith(".html")}
    broken = []
    for path, page in parsed.items():
        for link in page.links:
            target, _, anchor = link.partition("#")
            there = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            there = path if not target else there
            if path == "editions/index.html" and there.startswith("../"):
                # The list of editions links to the other editions.
                continue
            missing = there not in files or (anchor and anchor not in parsed[there].ids)
            if missing:
                broken.append((path, link))
    assert broken == []
    figures = [found for page in parsed.values() for found in page.figures]
    assert len(figures) > 5000
    elsewhere = [link for _, link in figures if link is None or "trace/" not in link]
    # The map of the entry page: a tile is one link, to the province.
    tiles = {f"provinces/{code}/bulletin.html" for code in load_catalogue().regions}
    assert len(elsewhere) == len(tiles)
    assert set(elsewhere) == tiles


def test_the_row_at_an_anchor_equals_the_mart(
    published: Published, pages: dict[str, bytes]
) -> None:
    row = published.rows(
        f"select * from lake.marts.agg_province_indicator where year = {YEAR} "
        "and task_code = 'ALL' and indicator_code = 'C_05' and value is not null limit 1"
    )[0]
    [line] = [
        line
        for line in pages["trace/ALL/C_05.html"].decode().splitlines()
        if line.startswith(f'<tr id="{row["province_code"]}">')
    ]
    value = f"{row['value']:,f}".rstrip("0").rstrip(".")
    assert f"<td>{value}<td>" in line
    assert line.endswith("<td>一致")


def test_page_and_terminal_give_both_years_with_their_units(
    published: Published, pages: dict[str, bytes]
) -> None:
    row = published.rows(
        f"select * from lake.marts.agg_national_indicator where year = {YEAR} "
        "and task_code <> 'ALL' and matched_value is not null order by matched_units desc limit 1"
    )[0]
    page = pages[f"trace/{row['task_code']}/{row['indicator_code']}.html"].decode()
    assert f"两年均计入{row['matched_units']}个：" in page
    figure = _id("agg_national_indicator", row, "matched_value")
    lines = trace_lines(trace.trace(published.con, figure))
    [same] = [line for line in lines if line.startswith("  same units")]
    assert same.count(f"({row['matched_units']} units)") == 2


def test_pages_repeat_their_bytes_and_mark_synthetic_data(
    published: Published, pages: dict[str, bytes]
) -> None:
    assert trace_pages(published.con, YEAR) == pages
    assert [p for p, body in pages.items() if "合成数据" not in body.decode()] == []
    assert [p for p, body in pages.items() if "example.invalid" in body.decode()] == []


#: Data that a page may depend on → SQL that changes it.
_CHANGES = {
    "value": "marts.fct_unit_indicator set value = value + 1 where indicator_code = 'C_04'",
    "target": "marts.fct_unit_indicator set target = 1 where indicator_code = 'T05_01'",
    "excluded": "marts.fct_unit_indicator set exclusion_code = 'E101' "
    "where indicator_code = 'C_05'",
    "submitted": "marts.fct_unit_indicator set submitted_value = '<' where is_excluded",
    "province": "marts.agg_province_indicator set value = 1 where indicator_code = 'T05_02'",
    "all tasks": "marts.agg_national_indicator set value = 1 where task_code = 'ALL'",
    "name": "marts.dim_unit set unit_name = '新名' where task_code = 'T05'",
    "on time": "marts.fct_unit_year set is_on_time = not is_on_time where task_code = 'T05'",
    "score": "marts.fct_unit_year set assessment_score = 1 where task_code = 'T05'",
    "task": "marts.agg_province_task set units_reported = 0 where task_code = 'T06'",
    "goal": "marts.agg_national_target set target_count = 1 where task_code = 'T05'",
    "object": "raw.performances set object_key = 'elsewhere' where unit_code like 'T05-%'",
    "review": "raw.reviews set sha256 = repeat('0', 64) where unit_code like 'T06-%'",
    "calendar": "marts.dim_reporting_year set cutoff_at = cutoff_at + interval 1 hour",
}


@pytest.mark.parametrize("touched", _CHANGES)
def test_a_page_that_changes_has_another_digest(
    copied: duckdb.DuckDBPyConnection, pages: dict[str, bytes], touched: str
) -> None:
    before = page_digests(copied, YEAR)
    assert {*before} == {*pages} - {"trace/scorecard.html"}
    [(rows,)] = copied.execute(f"update lake.{_CHANGES[touched]}").fetchall()
    assert rows
    after, made = page_digests(copied, YEAR), trace_pages(copied, YEAR)
    changed = {path for path in before if made[path] != pages[path]}
    assert changed
    assert changed <= {path for path in before if after[path] != before[path]}


def test_two_units_that_exchange_their_values_change_the_digest(
    copied: duckdb.DuckDBPyConnection,
) -> None:
    units = copied.execute(
        "select unit_code from lake.marts.fct_unit_indicator "
        f"where year = {YEAR} and indicator_code = 'T05_01' order by 1 limit 2"
    ).fetchall()

    def digest(*texts: str) -> str:
        for (unit,), text in zip(units, texts, strict=True):
            copied.execute(
                "update lake.marts.fct_unit_indicator set submitted_value = ? "
                f"where year = {YEAR} and indicator_code = 'T05_01' and unit_code = ?",
                [text, unit],
            )
        return page_digests(copied, YEAR)["trace/T05/T05_01.html"]

    assert digest("1", "2") != digest("2", "1")


def test_a_new_document_with_equal_values_changes_no_indicator_page(
    copied: duckdb.DuckDBPyConnection, pages: dict[str, bytes]
) -> None:
    before = page_digests(copied, YEAR)
    copied.execute(
        "update lake.raw.performances set sha256 = repeat('0', 64) where unit_code like 'T05-%'"
    )
    copied.execute(
        "update lake.marts.fct_unit_indicator set document_id = 'new' where task_code = 'T05'"
    )
    after, made = page_digests(copied, YEAR), trace_pages(copied, YEAR)
    units = {path for path in pages if re.fullmatch(r"trace/T05/\d{6}\.html", path)}
    assert {path for path in before if after[path] != before[path]} == units
    assert {path for path in pages if made[path] != pages[path]} == units


def test_only_changed_pages_are_made_and_equal_the_full_run(
    published: Published, pages: dict[str, bytes]
) -> None:
    wanted = {
        "trace/ALL/C_04.html", "trace/ALL/C_10.html", "trace/T05/C_04.html",
        "trace/T05/T05_01.html", "trace/T06/reporting.html", "trace/T05/440000.html",
    }  # fmt: skip
    for these in (wanted, *({path} for path in wanted), set()):
        made = trace_pages(published.con, YEAR, {*pages} - these)
        assert made == {path: pages[path] for path in (*these, "trace/scorecard.html")}


def test_a_name_cannot_become_markup(copied: duckdb.DuckDBPyConnection) -> None:
    hostile = "<script>alert(1)</script>\u202e\"'>"
    copied.execute("update lake.marts.dim_unit set unit_name = ?", [hostile])
    copied.execute(
        "update lake.marts.fct_unit_indicator set submitted_value = ? where is_excluded", [hostile]
    )
    pages = trace_pages(copied, YEAR)
    assert [path for path, body in pages.items() if "<script" in body.decode()] == []
    assert any("&lt;script&gt;" in body.decode() for body in pages.values())
    found = trace.trace(copied, f"{YEAR}/national_scorecard/on_time_rate")
    assert not any("\u202e" in line for line in trace_lines(found, 0))

"""Editions: correction, verification, killed publication, and comparison with the marts."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestration import bulletin, lakehouse, publication, stages
from orchestration.bulletin import content
from orchestration.bulletin.content import Claim, Figure, runs
from orchestration.bulletin.documents import documents
from orchestration.bulletin.marts import Row
from orchestration.cli import main
from orchestration.core.errors import TongbaoError, UsageError
from orchestration.core.settings import Settings
from orchestration.figures.ids import figure_id
from orchestration.figures.numbers import change, half_up, signed
from orchestration.publication.changes import _CAUSES, Change, Changes
from orchestration.publication.checking import MartFacts, check_documents, read_facts, text_of
from orchestration.query.session import open_session
from orchestration.storage import Store
from tests.fixtures.homes import PreparedYear, Shared
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

YEAR = 2024
EDITION_1 = f"editions/{YEAR}/edition-1/"
_REAL_NOW = datetime.now(UTC)
EDITION_2 = f"editions/{YEAR}/edition-2/"


def _settings(home: Path) -> Settings:
    return Settings(home=home, catalog=str(home / "catalog.sqlite"))


@pytest.fixture(scope="module")
def home(prepared: PreparedYear, shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with edition 1 of a small year."""
    folder = tmp_path_factory.mktemp("editions") / "home"
    return shared.copy(prepared.published, folder).home


@dataclass
class Corrected:
    """A home with a second edition, and the two units whose late documents caused it."""

    ws: stages.Workspace
    done: Any
    units: list[str]


@pytest.fixture(scope="module")
def corrected(
    home: Path, shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Corrected]:
    settings = shared.copy(home, tmp_path_factory.mktemp("corrected") / "home")
    with stages.open_workspace(settings) as ws:
        units = []
        for info in ws.store.list("landing", f"performance/year={YEAR}/province=110000/"):
            if len(units) < 2 and (unit := _late(ws, info.key)):
                units.append(unit)
        done = stages.correct(
            ws, YEAR, "两家单位经费填报有误", run_id="correct", progress=no_progress
        )
        yield Corrected(ws, done, units)


def _late(ws: stages.Workspace, key: str) -> str | None:
    """Send a unit's document again after the cut-off; None if it has no funding to correct."""
    document = json.loads(ws.store.get("landing", key))
    if "C_04" not in document["values"]:
        return None
    document["document_id"] += "-late"
    document["submitted_at"] = "2024-12-16T09:00:00+08:00"
    document["values"]["C_04"] = "1234.50"
    ws.store.put("landing", key.replace(".json", "-late.json"), _json(document))
    return str(document["unit_code"])


def _names(done: Any, start: str) -> list[str]:
    """The findings of a step of the maintenance."""
    [finding] = [each for each in done.findings if each.what.startswith(start)]
    return list(finding.names)


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def _sums(store: Store, prefix: str) -> dict[str, str]:
    return {
        item.info.key.removeprefix(prefix): hashlib.sha256(item.body).hexdigest()
        for item in store.get_many("publication", store.list("publication", prefix))
    }


def _manifest(store: Store, prefix: str) -> dict[str, Any]:
    return dict(json.loads(store.get("publication", prefix + "manifest.json")))


# -- corrections --------------------------------------------------------------------------------


def test_a_correction_is_a_new_edition_and_the_former_is_unchanged(corrected: Corrected) -> None:
    store = corrected.ws.store
    assert corrected.done.edition == 2
    for prefix in (EDITION_1, EDITION_2):
        listed = {e["path"]: e["sha256"] for e in _manifest(store, prefix)["files"]}
        found = _sums(store, prefix)
        found.pop("manifest.json")
        assert found == listed
    latest = json.loads(store.get("publication", f"editions/{YEAR}/latest.json"))
    assert latest["edition"] == 2
    with lakehouse.reader(corrected.ws.settings, store) as con:
        first, second = lakehouse.edition_rows(con, YEAR)
    assert (second["supersedes"], second["reason"]) == (1, "两家单位经费填报有误")
    assert first["snapshot_id"] < second["snapshot_id"]
    assert "第1版" in store.get("publication", f"editions/{YEAR}/index.html").decode()


def test_late_documents_count_and_are_still_late(corrected: Corrected) -> None:
    ws = corrected.ws
    with lakehouse.reader(ws.settings, ws.store) as con:
        editions = lakehouse.edition_rows(con, YEAR)
    units: list[dict[str, Any]] = []
    for row in editions:
        with lakehouse.reader(ws.settings, ws.store, row["snapshot_id"]) as con:
            cursor = con.execute(
                "select unit_code, is_on_time, document_id from lake.marts.fct_unit_year "
                "where year = ?",
                [YEAR],
            )
            units.append(
                {unit: (on_time, document) for unit, on_time, document in cursor.fetchall()}
            )
            [value] = con.execute(
                "select value from lake.marts.fct_unit_indicator where year = ? "
                "and unit_code = ? and indicator_code = 'C_04'",
                [YEAR, corrected.units[0]],
            ).fetchall()
            codes = con.execute(
                "select code from lake.quality.submission_errors where document_id like '%-late'"
            ).fetchall()
    before, after = units
    assert {unit: on_time for unit, (on_time, _) in before.items()} == {
        unit: on_time for unit, (on_time, _) in after.items()
    }
    assert all(after[unit][1].endswith("-late") for unit in corrected.units)
    assert value == (Decimal("1234.500000"),)
    assert ("W304",) in codes
    assert ("W301",) not in codes


def test_a_rank_changed_by_other_provinces_has_that_cause(corrected: Corrected) -> None:
    """Only documents changed here, so no change may have the cause "method"."""
    body = corrected.ws.store.get("publication", EDITION_2 + "changes.csv").decode("utf-8-sig")
    rows = {row["figure"]: row for row in csv.DictReader(io.StringIO(body))}
    assert not [figure for figure, row in rows.items() if "计算方法" in row["reason"]]
    ranks = {figure: row for figure, row in rows.items() if figure.endswith("_rank")}
    passed = {
        figure: r for figure, r in ranks.items() if r["reason"] == "其他省份数据变化，名次顺移"
    }
    assert 0 < len(passed) < len(ranks)
    for figure, row in passed.items():
        assert figure.removesuffix("_rank") not in rows
        assert row["documents"]
    for figure in ranks.keys() - passed.keys():
        assert figure.removesuffix("_rank") in rows


_REVISIONS = (
    "select figure_id, edition, value, previous_value, reason_code, document_ids "
    "from lake.publication.figure_revisions where year = 2024 order by figure_id"
)


def test_what_a_correction_changed_is_in_the_lake(corrected: Corrected) -> None:
    ws = corrected.ws
    body = ws.store.get("publication", EDITION_2 + "changes.csv").decode("utf-8-sig")
    table = {row["figure"]: row for row in csv.DictReader(io.StringIO(body))}
    with lakehouse.reader(ws.settings, ws.store) as con:
        rows = con.execute(_REVISIONS).fetchall()
        ids = dict(
            con.execute("select table_name, table_id from ducklake_table_info('lake')").fetchall()
        )
        written = [
            into
            for (into,) in con.execute(
                "select changes['tables_inserted_into'] from ducklake_snapshots('lake')"
            ).fetchall()
            if into and str(ids["figure_revisions"]) in into
        ]
    assert len({figure for figure, *_ in rows}) == len(rows) > 100
    assert {figure for figure, *_ in rows} == set(table)
    for figure, edition, value, previous_value, reason_code, document_ids in rows:
        row = table[figure]
        for found, text in ((value, row["new"]), (previous_value, row["old"])):
            assert found == (Decimal(text) if text else None)
        assert edition == 2
        assert "; ".join(document_ids) == row["documents"]
        assert row["reason"].startswith(_CAUSES[reason_code])
    # In the same transaction as the edition.
    assert [set(into) for into in written] == [{str(ids["editions"]), str(ids["figure_revisions"])}]


def test_the_api_says_what_a_correction_changed(corrected: Corrected) -> None:
    store = corrected.ws.store
    listed = {entry["path"]: entry for entry in _manifest(store, EDITION_2)["files"]}
    former = {entry["path"]: entry for entry in _manifest(store, EDITION_1)["files"]}
    figures = [path for path in listed if path.startswith("api/figures/")]
    same = [path for path in figures if listed[path] == former.get(path)]
    # Many tasks have no late document: their figures keep their files.
    assert len(same) > 100
    assert len(same) < len(figures)
    path = f"api/figures/{YEAR}/agg_national_indicator/ALL/C_04/value.json"
    before, after = (
        json.loads(store.get("publication", prefix + path)) for prefix in (EDITION_1, EDITION_2)
    )
    assert before["revisions"] == []
    [revision] = after["revisions"]
    assert (revision["edition"], revision["reason_code"]) == (2, "late")
    assert (revision["previous_value"], revision["value"]) == (before["value"], after["value"])


def test_a_finished_publication_records_what_it_changed(
    corrected: Corrected, shared: Shared, tmp_path: Path
) -> None:
    """The run was killed after ``latest.json`` and before the record."""
    settings = shared.copy(corrected.ws.settings.home, tmp_path / "home")
    with stages.open_workspace(settings) as ws:
        with lakehouse.writer(settings, ws.store) as con:
            before = con.execute(_REVISIONS).fetchall()
            con.execute("delete from lake.publication.figure_revisions")
            con.execute("delete from lake.publication.editions where edition = 2")
        assert len(publication.published_editions(ws, YEAR)) == 2
        with lakehouse.reader(settings, ws.store) as con:
            assert con.execute(_REVISIONS).fetchall() == before


def test_an_edition_in_sql_has_its_own_records(corrected: Corrected) -> None:
    ws = corrected.ws
    with lakehouse.reader(ws.settings, ws.store) as con:
        first, second = lakehouse.edition_rows(con, YEAR)
    for editions, edition in (([1], first), ([1, 2], second)):
        with open_session(ws.settings, ws.store, edition["snapshot_id"]) as session:
            recorded = session.answer(
                "from publication.editions select edition, manifest_sha256 order by edition"
            ).rows()
            assert [number for number, _ in recorded] == editions
            assert recorded[-1][1] == edition["manifest_sha256"]
            [(judged, failed)] = session.answer(
                "select max(snapshot_id), count(*) filter (not success and severity = 'critical') "
                "from quality.gate_results"
            ).rows()
            assert (judged, failed) == (edition["snapshot_id"], 0)
            [(revisions,)] = session.answer(
                "select count(*) from publication.figure_revisions"
            ).rows()
            assert (revisions > 0) == (editions == [1, 2])


def test_the_change_table_equals_the_difference_of_the_marts(corrected: Corrected) -> None:
    ws = corrected.ws
    body = ws.store.get("publication", EDITION_2 + "changes.csv").decode("utf-8-sig")
    rows = {row["figure"]: row for row in csv.DictReader(io.StringIO(body))}
    with lakehouse.reader(ws.settings, ws.store) as con:
        old, new = (row["snapshot_id"] for row in lakehouse.edition_rows(con, YEAR))
        expected = con.execute(
            f"select o.task_code, o.indicator_code, o.value, n.value "
            f"from (from lake.marts.agg_national_indicator at (version => {old})) o "
            f"join (from lake.marts.agg_national_indicator at (version => {new})) n "
            "using (year, task_code, indicator_code) "
            "where year = ? and o.value is distinct from n.value",
            [YEAR],
        ).fetchall()
    assert len(expected) > 5
    for task, indicator, before, after in expected:
        row = rows.pop(f"{YEAR}/agg_national_indicator/{task}/{indicator}/value")
        assert (row["old"], row["new"]) == (f"{before:f}", f"{after:f}")
        assert Decimal(row["difference"]) == after - before
        assert row["reason"]
    national = f"{YEAR}/agg_national_indicator"
    assert not [f for f in rows if f.startswith(national) and f.endswith("/value")]
    changed = f"{YEAR}/agg_province_indicator/110000/ALL/C_04/value"
    assert "逾期文档由更正版采用" in rows[changed]["reason"]
    assert {f"{u}" for u in corrected.units} <= {
        part.rpartition("-")[0].rpartition("-")[0].split("-", 2)[-1]
        for part in rows[changed]["documents"].split("; ")
    }
    assert "-late.json" in rows[changed]["objects"]


def test_a_corrected_figure_is_traced_to_the_late_documents(corrected: Corrected) -> None:
    figure = f"{YEAR}/agg_province_indicator/110000/ALL/C_04/value"
    found = {n: stages.trace(corrected.ws, figure, n) for n in (1, 2)}
    assert all(each.equal for each in found.values())
    late = {n: [o for o in t.objects if "-late" in o["object_key"]] for n, t in found.items()}
    assert (len(late[1]), len(late[2])) == (0, 2)


def test_a_query_as_of_an_edition(corrected: Corrected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGBAO_HOME", str(corrected.ws.settings.home))
    query = (
        "select value from marts.agg_province_indicator where year = 2024 "
        "and province_code = '110000' and task_code = 'ALL' and indicator_code = 'C_04'"
    )
    said = []
    for arguments in (["--edition", "1"], ["--edition", "2", "--year", "2024"], []):
        done = CliRunner().invoke(main, ["sql", query, *arguments])
        assert done.exit_code == 0, done.output
        said.append(done.output.split()[1])
    assert said[0] != said[1]
    assert said[1] == said[2]
    done = CliRunner().invoke(main, ["sql", query, "--edition", "7"])
    assert done.exit_code == 2


def test_the_notice_has_every_format(corrected: Corrected) -> None:
    store = corrected.ws.store
    for extension in ("pdf", "docx", "html"):
        text = text_of(
            extension, store.get("publication", f"{EDITION_2}national/correction.{extension}")
        )
        assert "两家单位经费填报有误" in text
        assert "第1版同时停止使用" in text
    page = store.get("publication", EDITION_2 + "changes.html").decode()
    assert "变动的名次" in page


def test_without_changes_of_a_kind_there_is_a_sentence(corrected: Corrected) -> None:
    """A correction of texts only has no empty tables."""
    with lakehouse.reader(corrected.ws.settings, corrected.ws.store) as con:
        marts = bulletin.read_marts(con, YEAR, bulletin.GateNotes(1, {}))
    for document in Changes(YEAR, "表述有误").documents(marts, 2):
        said = [block for section in document.sections for block in section.blocks]
        assert not [block for block in said if isinstance(block, content.Table)]
        assert content.paragraph("本次更正不涉及名次变动。") in said
        assert content.paragraph("本次更正不由文档引起。") in said


def test_only_what_changed_is_rendered(corrected: Corrected) -> None:
    before = {e["path"]: e["sha256"] for e in _manifest(corrected.ws.store, EDITION_1)["files"]}
    after = {e["path"]: e["sha256"] for e in _manifest(corrected.ws.store, EDITION_2)["files"]}
    same = {path for path, digest in after.items() if before.get(path) == digest}
    assert 200 < corrected.done.taken_over <= len(same)
    # No unit of T07 is late: its traces are carried over; those of tasks with late units, and the
    # national ones, are not.
    assert {"trace/T07/reporting.html", "trace/T07/C_04.html"} <= same
    assert not {"trace/T02/reporting.html", "trace/T04/C_04.html", "trace/ALL/C_04.html"} & same
    # The uses of results rank by rates of funding; the watchlist is unchanged.
    assert "uses/watchlist.xlsx" in same
    assert "national/tables.xlsx" not in same


def test_a_damaged_file_is_rendered_again() -> None:
    files = {"a.html": b"one", "b.html": b"two"}
    made = bulletin.make_edition(
        YEAR, 1, files, contents={"a.html": "d1", "b.html": "d2"}, facts={}
    )
    damaged = bulletin.Edition(YEAR, 1, {"a.html": b"One", "b.html": b"two"}, made.manifest)
    carry_over = bulletin.CarryOver(damaged)
    assert carry_over.find_or_make("a.html", "d1", lambda: b"anew") == b"anew"
    assert carry_over.find("b.html", "d3") is None
    assert carry_over.find("c.html", "d2") is None
    assert carry_over.find_or_make("b.html", "d2", lambda: b"anew") == b"two"
    assert carry_over.sources == {"b.html": EDITION_1 + "b.html"}


@pytest.mark.slow
def test_a_document_that_arrives_meanwhile_is_in_the_correction(
    home: Path, shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sensor takes in late documents while a correction builds its marts."""
    settings = shared.copy(home, tmp_path / "home")
    transform = stages.transform
    late: list[str] = []
    with stages.open_workspace(settings) as ws:
        listed = ws.store.list("landing", f"performance/year={YEAR}/province=110000/")
        keys = iter([info.key for info in listed])

        def land() -> None:
            late.append(next(unit for key in keys if (unit := _late(ws, key))))

        def slow(*args: Any, **more: Any) -> Any:
            done = transform(*args, **more)
            if len(late) == 1:
                land()
                stages.intake(ws, YEAR, run_id="sensor", progress=no_progress)
            return done

        monkeypatch.setattr(stages, "transform", slow)
        land()
        done = stages.correct(ws, YEAR, "两家单位经费填报有误", run_id="c", progress=no_progress)
        assert done.edition == 2
        changed = ws.store.get("publication", EDITION_2 + "changes.csv").decode()
    assert len(late) == 2
    assert all(f"{unit}-" in changed for unit in late)


@pytest.mark.slow
def test_without_changes_there_is_no_correction(corrected: Corrected) -> None:
    again = stages.correct(corrected.ws, YEAR, "再次更正", run_id="again", progress=no_progress)
    assert (again.edition, again.files) == (2, 0)
    with pytest.raises(UsageError, match="sentence"):
        stages.correct(corrected.ws, YEAR, "  ", run_id="again", progress=no_progress)


@pytest.mark.slow
def test_each_edition_can_be_rebuilt_after_maintenance(corrected: Corrected) -> None:
    """All unpinned snapshots are expired, small files are merged, and old files are deleted."""
    ws = corrected.ws
    done = stages.maintain(ws, keep=timedelta(0), dry_run=False, progress=no_progress)
    expired, merged = _names(done, "expire"), _names(done, "merge")
    assert len(expired) > 5
    assert "marts.fct_unit_indicator" in merged
    assert done.notes == []
    # Their files are deleted when no kept dump of the catalogue refers to them any more.
    later = replace(ws, settings=replace(ws.settings, fixed_now=_REAL_NOW + timedelta(days=4)))
    done = stages.maintain(later, dry_run=False, progress=no_progress)
    gone = [name.rpartition("/")[0] for name in _names(done, "delete files scheduled")]
    assert gone.count("marts/fct_unit_indicator") >= 2
    assert _names(done, "delete orphaned") == []
    figure = f"{YEAR}/agg_national_task/T05/units_reported"
    # An engine builds marts; the files come from those that the snapshot has.
    on_spark = replace(corrected.ws, settings=replace(corrected.ws.settings, engine="spark"))
    for number, verifier in ((1, corrected.ws), (2, on_spark)):
        assert stages.trace(ws, figure, number).equal
        done = stages.verify(verifier, YEAR, number, run_id="v", progress=no_progress)
        assert done.same, done.lines
    with pytest.raises(UsageError, match="no edition 3"):
        stages.verify(corrected.ws, YEAR, 3, run_id="v", progress=no_progress)
    key = EDITION_2 + "tasks/T05/bulletin.html"
    body = corrected.ws.store.get("publication", key)
    corrected.ws.store.put("publication", key, body.replace("。".encode(), b".", 1))
    try:
        done = stages.verify(corrected.ws, YEAR, 2, run_id="v", progress=no_progress)
        assert done.damaged == ["tasks/T05/bulletin.html"]
        assert not done.same
    finally:
        corrected.ws.store.put("publication", key, body)


def test_without_an_edition_there_is_no_correction(ws: stages.Workspace, landing: Landing) -> None:
    landing.unit("T05-440000-0001")
    stages.intake(ws, YEAR, run_id="r", progress=no_progress)
    with pytest.raises(TongbaoError, match="nothing is published"):
        stages.correct(ws, YEAR, "更正", run_id="r", progress=no_progress)


# -- killed between any two writes --------------------------------------------------------------


class _Killed(BaseException):
    """Stands for the end of the process."""


class _Dying(Store):
    """A store that raises :class:`_Killed` after a number of writes."""

    left = 0

    def _spend(self) -> None:
        if self.left == 0:
            raise _Killed
        self.left -= 1

    def put(self, bucket: str, key: str, body: bytes, content_type: str | None = None) -> None:
        self._spend()
        super().put(bucket, key, body, content_type)

    def put_new(self, bucket: str, key: str, body: bytes) -> bool:
        self._spend()
        return super().put_new(bucket, key, body)

    def put_many(self, bucket: str, items: Any) -> int:
        done = 0
        for item in items:
            self._spend()
            done += super().put_many(bucket, [item])
        return done

    def copy_many(self, bucket: str, keys: Any) -> int:
        done = 0
        for pair in keys:
            self._spend()
            done += super().copy_many(bucket, [pair])
        return done

    def delete(self, bucket: str, keys: Any) -> None:
        for key in keys:
            self._spend()
            super().delete(bucket, [key])


def _edition(number: int) -> bulletin.Edition:
    files = {f"{name}/a.txt": f"{name} {number}".encode() for name in ("x", "y", "z")}
    contents = {"x/a.txt": "what x says", "y/a.txt": "what y says"}
    return bulletin.make_edition(
        YEAR, number, files, contents=contents, facts={"snapshot_id": number}
    )


def test_after_a_kill_at_any_write_an_edition_is_complete_or_invisible(
    ws: stages.Workspace,
) -> None:
    """Each run is killed after one write, so that it ends only if the next run keeps that write."""
    bulletin.publish_edition(ws.store, "publication", _edition(1))
    second = _edition(2)
    # Of an edition 2 that was made from something else; a run deletes it first.
    ws.store.put("publication", EDITION_2 + "x/a.txt", b"other")
    dying = _Dying(ws.store.config)
    runs = 0
    while not ws.store.exists("publication", EDITION_2 + "manifest.json"):
        dying.left = 1
        runs += 1
        with pytest.raises(_Killed):
            bulletin.publish_edition(dying, "publication", second)
        latest = bulletin.read_latest(ws.store, "publication", YEAR)
        assert latest is not None
        assert latest["edition"] == 1
        found = _sums(ws.store, latest["prefix"])
        listed = _manifest(ws.store, latest["prefix"])
        assert {e["path"]: e["sha256"] for e in listed["files"]}.items() <= found.items()
    # The other file is deleted; the files are written; the manifest is written.
    assert runs == 1 + len(second.files) + 1
    assert bulletin.finish_edition(ws.store, "publication", YEAR, 2) is not None
    assert _sums(ws.store, EDITION_2) == {
        **{p: hashlib.sha256(b).hexdigest() for p, b in second.files.items()},
        "manifest.json": second.manifest_sha256,
    }
    with pytest.raises(bulletin.EditionExists):
        bulletin.publish_edition(ws.store, "publication", _edition(2))


class _Reading(Store):
    """A store that records the keys of bulk reads."""

    keys: tuple[str, ...] = ()

    def get_many(self, bucket: str, infos: Any) -> Any:
        infos = list(infos)
        self.keys = tuple(info.key for info in infos)
        return super().get_many(bucket, infos)


def test_files_with_an_identical_local_copy_are_not_read(
    ws: stages.Workspace, tmp_path: Path
) -> None:
    edition = bulletin.publish_edition(ws.store, "publication", _edition(1))
    out = tmp_path / "out"
    store = _Reading(ws.store.config)

    def read() -> dict[str, bytes]:
        found = bulletin.read_edition(store, "publication", YEAR, 1, carry_over_copies=out)
        return {path: found.files[path] for path in found.files}

    reusable = {path: edition.files[path] for path in ("x/a.txt", "y/a.txt")}
    assert read() == reusable
    assert len(store.keys) == 2  # There is no copy yet.
    folder = bulletin.write_out(edition, out)
    assert read() == reusable
    assert not store.keys
    (folder / "x" / "a.txt").write_bytes(b"x 2")
    assert read() == reusable
    assert EDITION_1 + "x/a.txt" in store.keys
    # A damaged object in the store is detected all the same.
    ws.store.put("publication", EDITION_1 + "y/a.txt", b"y 2")
    assert read() == reusable | {"y/a.txt": b"y 2"}


def test_an_edition_killed_after_its_manifest_is_finished(ws: stages.Workspace) -> None:
    """Killed before ``latest.json`` is written."""
    bulletin.publish_edition(ws.store, "publication", _edition(1))
    second = _edition(2)
    dying = _Dying(ws.store.config)
    dying.left = len(second.files) + 1
    with pytest.raises(_Killed):
        bulletin.publish_edition(dying, "publication", second)
    latest = bulletin.read_latest(ws.store, "publication", YEAR)
    assert latest is not None
    assert latest["edition"] == 1
    assert bulletin.finish_edition(ws.store, "publication", YEAR, 2) is not None
    assert bulletin.read_latest(ws.store, "publication", YEAR)["edition"] == 2  # type: ignore[index]
    assert bulletin.unfinished_objects(ws.store, "publication") == []


@pytest.mark.parametrize(
    "damaged",
    [None, b"", b"[]", b"{}", b'{"edition": 3}', b'{"edition": 9, "year": 2024}', "stale"],
)
def test_a_damaged_pointer_is_rebuilt_from_the_manifests(
    ws: stages.Workspace, damaged: bytes | str | None
) -> None:
    key = f"editions/{YEAR}/latest.json"
    for number in (1, 2):
        bulletin.publish_edition(ws.store, "publication", _edition(number))
    stale = ws.store.get("publication", key)
    bulletin.publish_edition(ws.store, "publication", _edition(3))
    sound = ws.store.get("publication", key)
    if damaged is None:
        ws.store.delete("publication", [key])
    else:
        ws.store.put("publication", key, stale if isinstance(damaged, str) else damaged)
    number, edition = bulletin.finish_newest_edition(ws.store, "publication", YEAR)
    assert (number, edition is not None) == (3, True)
    assert ws.store.get("publication", key) == sound
    assert bulletin.finish_newest_edition(ws.store, "publication", YEAR) == (3, None)


def test_a_pointer_is_not_rebuilt_to_a_damaged_edition(ws: stages.Workspace) -> None:
    edition = _edition(1)
    bulletin.publish_edition(ws.store, "publication", edition)
    key = f"editions/{YEAR}/latest.json"
    ws.store.put("publication", key, b"?")
    ws.store.put("publication", edition.prefix + min(edition.files), b"other")
    with pytest.raises(TongbaoError, match="differs from the manifest"):
        bulletin.finish_newest_edition(ws.store, "publication", YEAR)
    assert ws.store.get("publication", key) == b"?"


def test_a_lake_of_an_earlier_release_has_no_revisions(ws: stages.Workspace) -> None:
    """It has not been written to since, so that verifying its third edition reads no table."""
    with lakehouse.writer(ws.settings, ws.store) as con:
        lakehouse.ensure_tables(con)
        assert lakehouse.revision_rows(con, YEAR, before=3) == []
        con.execute("drop table lake.publication.figure_revisions")
        assert lakehouse.revision_rows(con, YEAR, before=3) == []


# -- claims -------------------------------------------------------------------------------------


@dataclass
class Rendered:
    """The documents of edition 1, a reader of its snapshot and what the check reads from it."""

    con: Any
    made: bulletin.Rendered
    facts: MartFacts

    def check(
        self,
        documents: Iterable[bulletin.Document],
        files: Mapping[str, bytes],
        fresh: Iterable[str],
        **further: Any,
    ) -> int:
        """Check documents as a publication does."""
        return check_documents(self.con, YEAR, documents, files, fresh, facts=self.facts, **further)


#: One passed check, as in ``GateNotes(1, {})``.
_JUDGED = ({"success": True, "severity": "critical", "waived_by": None},)


@pytest.fixture(scope="module")
def rendered(home: Path) -> Iterator[Rendered]:
    with stages.open_workspace(_settings(home)) as ws:
        with lakehouse.reader(ws.settings, ws.store) as con:
            [row] = lakehouse.edition_rows(con, YEAR)
        edition = bulletin.read_edition(ws.store, "publication", YEAR, 1)
        with lakehouse.reader(ws.settings, ws.store, row["snapshot_id"]) as con:
            marts = bulletin.read_marts(con, YEAR, bulletin.GateNotes(1, {}))
            # What doesn't print the gate's result is as published; typesetting takes half a minute.
            carried = bulletin.CarryOver(edition)
            made = bulletin.render_all(marts, None, no_progress, carry_over=carried)
            assert {Path(path).suffix for path in carried.carried} >= {".pdf", ".docx"}
            yield Rendered(con, made, read_facts(con, YEAR))


def test_documents_agree_with_the_marts(rendered: Rendered) -> None:
    made = rendered.made
    texts = [path for path in made.files if path.endswith((".pdf", ".docx"))]
    compared = rendered.check(made.documents, made.files, {*made.fresh, *texts}, gate=_JUDGED)
    assert compared > 20_000
    claims = {
        run.claim.split("/")[0]
        for document in made.documents
        for block in content.blocks(document)
        for run in runs(block)
        if isinstance(run, Claim)
    }
    assert len(claims) > 8


def _with(document: bulletin.Document, figure: Figure, text: str) -> bulletin.Document:
    """The document with another text of a figure in its prose."""
    other = dataclasses.replace(figure, text=text)

    def changed(block: content.Block) -> content.Block:
        if isinstance(block, content.Paragraph):
            runs_ = tuple(other if run == figure else run for run in block.runs)
            return dataclasses.replace(block, runs=runs_)
        return block

    sections = tuple(
        dataclasses.replace(section, blocks=tuple(map(changed, section.blocks)))
        for section in document.sections
    )
    return dataclasses.replace(document, sections=sections)


def _first_figure(document: bulletin.Document) -> Figure:
    return next(
        run
        for block in content.blocks(document)
        if isinstance(block, content.Paragraph)
        for run in block.runs
        if isinstance(run, Figure)
    )


def test_a_wrong_figure_stops_publication(rendered: Rendered) -> None:
    sound = rendered.made.documents[0]
    wrong = _with(sound, _first_figure(sound), "1,234,567")
    with pytest.raises(TongbaoError, match="1,234,567"):
        rendered.check([wrong], rendered.made.files, [])


def test_a_wrong_claim_of_each_kind_stops_publication(rendered: Rendered) -> None:
    """In headings, prose and tables; also the empty list behind "all have sent theirs"."""
    seen: dict[str, tuple[bulletin.Document, Claim]] = {}
    for document in rendered.made.documents:
        for block in content.blocks(document):
            for run in runs(block):
                if isinstance(run, Claim):
                    seen.setdefault(run.claim.split("/")[0], (document, run))
    wanted = {"units", "excluded", "excluded_by", "remarks", "silent", "progress", "gate"}
    wanted |= {"lowest_on_time", "highest_excluded", "highest_target_met", "lowest_target_met"}
    assert seen.keys() >= wanted
    for document, claim in seen.values():
        _refuses(rendered, document, claim)


def _refuses(rendered: Rendered, document: bulletin.Document, claim: Claim, **further: Any) -> None:
    """Change the text of a claim and expect that the document is refused."""
    said = content.paragraph(dataclasses.replace(claim, text="火星"))
    wrong = dataclasses.replace(document, opening=said, sections=(), attachments=())
    with pytest.raises(TongbaoError, match=f"{claim.claim} is printed as 火星"):
        rendered.check([wrong], rendered.made.files, [], **further)


@pytest.mark.parametrize(
    "unknown", ["absent_units", "gate/failed", "finding/national.none", "changed/units"]
)
@pytest.mark.parametrize("text", ["", "0"])
def test_a_claim_that_nothing_recomputes_stops_publication(
    rendered: Rendered, unknown: str, text: str
) -> None:
    document = dataclasses.replace(
        rendered.made.documents[0],
        opening=content.paragraph(Claim(unknown, text)),
        sections=(),
        attachments=(),
    )
    with pytest.raises(TongbaoError, match=f"claim {unknown}: nothing recomputes it"):
        rendered.check([document], {}, [])


def test_claims_about_the_gate_are_counted_from_its_results(rendered: Rendered) -> None:
    rows = [
        {"success": success, "severity": severity, "waived_by": by}
        for success, severity, by, times in (
            (True, "critical", None, 5),
            (False, "critical", "张三", 2),
            (False, "warning", None, 3),
            (False, "warning", "李四", 1),
        )
        for _ in range(times)
    ]
    warned = {f"national.{name}": f"{name}：1项。" for name in "abc"}
    waived = {f"national.{name}": f"{name}：2项。" for name in "def"}
    notes = bulletin.GateNotes(11, warned, waived, 2)
    document = next(documents(bulletin.read_marts(rendered.con, YEAR, notes)))

    def check(rows: list[dict[str, Any]], findings: dict[str, str]) -> None:
        rendered.check([document], {}, [], gate=rows, findings=findings)

    check(rows, waived)
    for lacking in (rows[:-1], [*rows[1:], rows[0] | {"success": False}]):
        with pytest.raises(TongbaoError, match="gate/"):
            check(lacking, waived)
    for other in ({**waived, "national.e": "e：3项。"}, {}):
        with pytest.raises(TongbaoError, match="finding/national"):
            check(rows, other)


def test_claims_of_a_notice_are_counted_from_the_changes(rendered: Rendered) -> None:
    """Figures, ranks, provinces, documents and causes; more than the notice lists."""
    marts = bulletin.read_marts(rendered.con, YEAR, bulletin.GateNotes(1, {}))

    def of(table: str, column: str, row: Row, *causes: str) -> Change:
        figure = row.figure(column)
        return Change(figure.id, table, row.key[1:], column, 1, row[column], causes, ("d-1", "d-2"))

    changed = [
        *(
            of("agg_national_task", column, row, "late")
            for row in marts.tables["agg_national_task"]
            for column in ("units_expected", "units_national", "units_reported", "units_on_time")
        ),
        of(
            "agg_province_task",
            "units_national",
            marts.tables["agg_province_task"][0],
            "new",
            "late",
        ),
        of(
            "province_scorecard",
            "on_time_rate_rank",
            marts.tables["province_scorecard"][0],
            "others",
        ),
    ]
    about = {"object_key": "k", "sha256": "0" * 64, "unit_code": None}
    about["submitted_at"] = "2024-12-16T09:00:00+08:00"
    changes = Changes(YEAR, "核对", changed, {"d-1": about, "d-2": about})
    notice = changes.documents(marts, 2)[1]
    rendered.check([notice], {}, [], gate=_JUDGED, changes=changed)
    claims = {
        run.claim: run
        for block in content.blocks(notice)
        for run in runs(block)
        if isinstance(run, Claim)
    }
    assert {claim: run.text for claim, run in claims.items()} == {
        "changed/figures": "45",
        "changed/ranks": "1",
        "changed/documents": "2",
        "changed/provinces": "北京",
        "changed/national": "44",
        "changed_by/late": "45",
        "changed_by/new": "1",
    }
    for claim in claims.values():
        _refuses(rendered, notice, claim, changes=changed)


#: Numbers in prose that are no statements about the data: dates, numbers of documents and lists,
#: limits and thresholds (rows of ``bulletin/texts`` and of the seed ``contradiction_rules``).
_NO_STATEMENT = re.compile(
    r"\d{4}年(度|\d+月\d+日(\d+:\d\d)?|(?=建设目标|目标|分三批|$))|〔\d{4}〕\d+号|^\d+\.|不足3家"
    r"|大于100%|减1|置信水平95%|[低高]于\d+%的|，[低高]于\d+%"
    r"|(不足|达到)\d+%的|有\d+%以上"
)


def test_every_number_in_prose_is_a_figure_or_a_claim(rendered: Rendered) -> None:
    """Except in texts of units (highlights) and notes about fonts."""
    loose = {
        run
        for document in rendered.made.documents
        for section in (*document.sections, *document.attachments)
        if "典型经验" not in section.title
        for block in section.blocks
        if isinstance(block, content.Heading | content.Paragraph)
        for run in block.runs
        if isinstance(run, str) and re.search(r"\d", _NO_STATEMENT.sub("", run))
    }
    assert {run for run in loose if not run.startswith("字库没有的字")} == set()


def test_the_national_bulletin_reports_results_problems_and_requirements(
    rendered: Rendered,
) -> None:
    nation = rendered.made.documents[0]
    assert [section.title for section in nation.sections] == [
        "一、总体情况", "二、主要成效", "三、存在的主要问题", "四、下一步工作要求",
    ]  # fmt: skip
    results, problems, asked = nation.sections[1:]
    texts = [
        "".join(run if isinstance(run, str) else run.text for run in block.runs)
        for block in results.blocks
        if isinstance(block, content.Paragraph)
    ]
    assert len(texts) == len({re.sub(r"[\d,.]+", "", text) for text in texts}) == 11
    assert not any("—" in text or "+" in text for text in texts)
    grown = [
        run.id.split("/")[2:4]
        for block in results.blocks
        for run in runs(block)
        if isinstance(run, Figure) and run.id.endswith(("/matched_change_rate", "points"))
    ]
    withheld = rendered.con.execute(
        "select count(*) from marts.agg_national_indicator where year = ? "
        "and growth_withheld_by is not null and task_code || indicator_code in "
        "(select unnest(?))",
        [YEAR, ["".join(each) for each in grown]],
    ).fetchone()
    assert grown
    assert withheld == (0,)
    assert len(problems.blocks) > 2
    assert any("2025年2月1日" in str(block) for block in asked.blocks)


@pytest.mark.parametrize("extension", ["pdf", "docx", "html"])
def test_a_file_that_differs_from_its_document_stops_publication(
    rendered: Rendered, extension: str
) -> None:
    """A document is rendered with one changed figure, so that its file has another text."""
    from orchestration.bulletin.render import PdfRenderer, load_fonts, render_docx, render_html

    sound = rendered.made.documents[0]
    changed = _with(sound, _first_figure(sound), "1,234,567")
    render = {"pdf": PdfRenderer(load_fonts(None)).render, "docx": render_docx, "html": render_html}
    path = f"{sound.path}.{extension}"
    with pytest.raises(TongbaoError, match="doesn't contain"):
        rendered.check([sound], {path: render[extension](changed)}, [path])


@pytest.mark.parametrize(
    ("column", "condition"),
    [
        ("change_rate", "change_rate is not null"),
        ("value-previous_value", "value - previous_value is not null"),
        ("matched_change_rate", "growth_withheld_by is not null and matched_change_rate > 0"),
    ],
)
def test_growth_over_other_units_stops_publication(
    rendered: Rendered, column: str, condition: str
) -> None:
    """The number is right; what it compares is not said."""
    [(province, task, indicator, number)] = rendered.con.execute(
        f"select province_code, task_code, indicator_code, {column.replace('-', ' - ')} "
        f"from lake.marts.agg_province_indicator where year = {YEAR} and {condition} limit 1"
    ).fetchall()
    key = (province, task, indicator)
    text = change(number) if column.endswith("_rate") else signed(f"{number:f}")
    figure = Figure(figure_id(YEAR, "agg_province_indicator", key, column), text)
    document = dataclasses.replace(
        rendered.made.documents[0],
        opening=content.paragraph(figure),
        sections=(),
        attachments=(),
    )
    with pytest.raises(TongbaoError, match="growth over other units"):
        check_documents(rendered.con, YEAR, [document], {}, [])


@pytest.mark.parametrize("path", ["index.html", "provinces/index.html"])
def test_a_page_of_the_site_that_differs_stops_publication(rendered: Rendered, path: str) -> None:
    page = rendered.made.files[path].decode()
    marked = re.compile(r'(data-figure="[^"]*_rate"[^>]*>)[^<]*<')
    assert len(marked.findall(page)) > 30
    rendered.check([], {path: page.encode()}, [])
    wrong = marked.sub(r"\g<1>101.23%<", page, count=1)
    with pytest.raises(TongbaoError, match=f"{path}: .*_rate is printed as 101.23%"):
        rendered.check([], {path: wrong.encode()}, [])


@pytest.mark.parametrize("extension", ["pdf", "docx", "html"])
@pytest.mark.parametrize("kind", [content.TileMap, content.Bars])
def test_a_chart_that_differs_stops_publication(
    rendered: Rendered, kind: type[content.TileMap | content.Bars], extension: str
) -> None:
    from orchestration.bulletin.render import PdfRenderer, load_fonts, render_docx, render_html

    sound = rendered.made.documents[0]
    first = next(block for block in content.blocks(sound) if isinstance(block, kind))

    def other(block: content.Block) -> content.Block:
        if block is not first:
            return block
        name = "tiles" if isinstance(block, content.TileMap) else "bars"
        *rest, last = getattr(block, name)
        wrong = dataclasses.replace(last, figure=dataclasses.replace(last.figure, text="12.34%"))
        return dataclasses.replace(block, **{name: (*rest, wrong)})

    changed = dataclasses.replace(
        sound,
        attachments=tuple(
            dataclasses.replace(part, blocks=tuple(map(other, part.blocks)))
            for part in sound.attachments
        ),
    )
    render = {"pdf": PdfRenderer(load_fonts(None)).render, "docx": render_docx, "html": render_html}
    files = {f"{sound.path}.{extension}": render[extension](changed)}
    with pytest.raises(TongbaoError, match="doesn't contain"):
        rendered.check([sound], files, list(files), gate=_JUDGED)


# -- sensitivity of headlines -------------------------------------------------------------------


def test_a_headline_that_a_scenario_would_change_is_named(home: Path) -> None:
    with (
        stages.open_workspace(_settings(home)) as ws,
        lakehouse.reader(ws.settings, ws.store) as con,
    ):
        rows = con.execute(
            "select scenario, measure, task_code, indicator_code, present, alternative, flips "
            "from lake.quality.figure_sensitivity where year = ?",
            [YEAR],
        ).fetchall()
        late = con.execute(
            "select v.indicator_code, any_value(n.matched_value) + sum(v.value_number), "
            "any_value(n.matched_previous_value) + sum(f.value) "
            "from lake.raw.performance_values v join lake.raw.performances p using (document_id) "
            "join lake.marts.fct_unit_indicator f on f.year = p.year - 1 "
            "and f.unit_code = p.unit_code and f.indicator_code = v.indicator_code "
            "join lake.marts.agg_national_indicator n on n.year = p.year and n.task_code = 'T08' "
            "and n.indicator_code = v.indicator_code "
            "join lake.marts.fct_unit_year u on u.year = p.year and u.unit_code = p.unit_code "
            "where p.year = ? and u.document_id is null and u.task_code = 'T08' "
            "and f.value is not null "
            "and p.document_id = (select max_by(q.document_id, (q.submitted_at, q.document_id)) "
            "from lake.raw.performances q where q.unit_code = p.unit_code and q.year = p.year) "
            "group by v.indicator_code",
            [YEAR],
        ).fetchall()
        bulletin_text = text_of(
            "html", ws.store.get("publication", EDITION_1 + "national/bulletin.html")
        )
    assert {row[0] for row in rows} == {"warned_out", "late_in", "missing_as_last_year"}
    growths = {indicator: value / former - 1 for indicator, value, former in late if former}
    for scenario, measure, task, indicator, present, alternative, flips in rows:
        if measure == "matched_change_rate":
            assert flips == (present.compare(0) != alternative.compare(0))
        if (scenario, task) == ("late_in", "T08"):
            assert half_up(growths[indicator], 6) == alternative
    assert {row[1] for row in rows} == {"matched_change_rate", "target_met_rate"}
    assert "未决事项对主要数据的影响" in bulletin_text


# -- a real figure ------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_ratio_of_2017_is_printed_from_submissions(
    ws: stages.Workspace, landing: Landing
) -> None:
    """(45.20 + 80.56) / 205.9 亿元 = 61.08 % (教职成司函〔2018〕51号), in 万元 by five units."""
    planned, received = "411800", [226_000, 226_000, 402_800, 402_800, 0]
    for number, amount in enumerate(received, start=1):
        code = f"T05-440000-{number:04d}"
        landing.unit(code)
        landing.performance(
            code, {"C_04": planned, "C_05": amount, "C_06": amount, "C_07": 0, "C_08": 0}
        )
    assert 5 * int(planned) == 2_059_000
    assert sum(received) == 452_000 + 805_600
    stages.intake(ws, YEAR, run_id="r", progress=no_progress)
    stages.transform(ws, YEAR, run_id="r", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        marts = bulletin.read_marts(con, YEAR, bulletin.GateNotes(1, {}))
        row = marts.row("agg_national_indicator", "T05", "C_10")
        assert row["value"] == Decimal("61.078193")
        made = bulletin.render_all(marts, None, no_progress)
        check_documents(con, YEAR, made.documents, made.files, made.fresh, gate=_JUDGED)
    for path in ("national/bulletin.pdf", "national/bulletin.html"):
        text = text_of(path[-4:].strip("."), made.files[path])
        assert "经费到位率%61.08" in text
    assert "经费到位率61.08%" in text_of("docx", made.files["national/bulletin.docx"])


@pytest.mark.slow
def test_unusual_names_and_provinces_without_units(ws: stages.Workspace, landing: Landing) -> None:
    """One province with units, ten tasks and 31 provinces with none; no year before."""
    names = [
        "<script>alert(1)</script>示例学校",
        "=cmd|'/C calc'!A0",
        "示例" * 150,
        "𠮷田示例学校\U0002a6df",
        "示例\u202e学校\u200b",
    ]
    for number, name in enumerate(names, start=1):
        code = f"T05-440000-{number:04d}"
        landing.unit(code)
        landing.document(
            "registration",
            province="440000",
            unit_code=code,
            unit_name=name,
            task_code="T05",
            province_code="440000",
            city_name="示例市",
            level="provincial",
            category=None,
            lead_organisation={"name": name[:100], "type": "vocational_school"},
            members=[],
            contact={"name": "张三", "phone": "000", "email": "a@example.invalid"},
            submitted_at="2024-09-01T09:00:00+08:00",
        )
        landing.performance(code, {"C_04": 1}, highlight=name[:200])
        landing.assessment(code, 95, "excellent")
    stages.intake(ws, YEAR, run_id="r", progress=no_progress)
    stages.transform(ws, YEAR, run_id="r", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        marts = bulletin.read_marts(con, YEAR, bulletin.GateNotes(1, {}))
        made = bulletin.render_all(marts, None, no_progress)
        check_documents(
            con, YEAR, made.documents, made.files, made.fresh, made.drawable, gate=_JUDGED
        )
        # The units named for an undrawable character are looked up again.
        for units in (["T05-440000-0004", "T05-440000-0005"], ["T05-440000-0005"]):
            marts.undrawn["\U0002a6df"] = units
            with pytest.raises(TongbaoError, match="undrawn/2A6DF"):
                check_documents(
                    con, YEAR, [next(documents(marts))], {}, [], made.drawable, gate=_JUDGED
                )
    assert made.undrawn == {"\U0002a6df"} | ({"𠮷"} & made.undrawn)
    notes = text_of("pdf", made.files["national/bulletin.pdf"])
    assert "U+2A6DF)以〓代替,涉及单位:T05-440000-0004" in notes
    for path, body in made.files.items():
        if path.endswith(".html"):
            assert b"<script>alert(1)" not in body

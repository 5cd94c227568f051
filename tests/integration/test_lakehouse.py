"""Opening the lake with the extensions from the wheels, and committing builds to it."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pytest

from orchestration import lakehouse, stages
from orchestration.core.errors import TongbaoError, Unreachable, UsageError
from orchestration.core.settings import PROJECT_ROOT, Settings
from orchestration.lakehouse import attach
from tests.fixtures.landing import Landing


def test_a_modified_extension_is_not_loaded(ws: stages.Workspace, tmp_path: Path) -> None:
    wheel = files("duckdb_extension_httpfs")
    sound = wheel / f"extensions/v{duckdb.__version__}/httpfs.duckdb_extension"
    changed = tmp_path / "changed.duckdb_extension"
    changed.write_bytes(sound.read_bytes().replace(b"S3", b"s3", 1))
    with lakehouse.open_lake(ws.settings, ws.store, read_only=False) as con:
        with pytest.raises(duckdb.IOException, match="signature"):
            con.load_extension(str(changed))
        with pytest.raises(duckdb.InvalidInputException, match="allow_unsigned_extensions"):
            con.execute("set allow_unsigned_extensions = true")


def test_official_extensions_from_a_folder(ws: stages.Workspace, tmp_path: Path) -> None:
    """Their signatures are checked. The wheels have the official files."""
    ws = replace(ws, settings=replace(ws.settings, extension_dir=tmp_path))

    def opened() -> None:
        with lakehouse.writer(ws.settings, ws.store) as con:
            lakehouse.ensure_tables(con)

    for name in ("httpfs", "ducklake", "sqlite_scanner"):
        with pytest.raises(UsageError, match=f"there is no .*{name}"):
            opened()
        wheel = cast(Path, files(f"duckdb_extension_{name}"))
        file = f"{name}.duckdb_extension"
        (tmp_path / file).symlink_to(wheel / f"extensions/v{duckdb.__version__}" / file)
    opened()
    changed = tmp_path / "ducklake.duckdb_extension"
    body = changed.read_bytes()
    changed.unlink()
    changed.write_bytes(body.replace(b"ducklake", b"DuckLake", 1))
    with pytest.raises(UsageError, match=r"ducklake\.duckdb_extension: .*signature"):
        opened()


_UNITS = lakehouse.LakeTable("marts", "units", ("year", "code"))


def _commit(
    ws: stages.Workspace, rows: str, about_code: str = "Unit. / 单位。"
) -> lakehouse.CommitSummary:
    """Commit a build of one table with these rows of ``year, code, value``."""
    path = ws.settings.home / "build.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as build:
        build.execute("create schema marts")
        build.execute(f"create table marts.units as from (values {rows}) t(year, code, value)")
    with lakehouse.writer(ws.settings, ws.store) as con:
        lakehouse.ensure_tables(con)
        return lakehouse.commit_build(
            con,
            path,
            [_UNITS],
            {("marts.units", ""): "Units. / 单位表。", ("marts.units", "code"): about_code},
            year=2024,
            inputs_digest="",
            figures_version="",
            run_id="",
            engine="duckdb",
        )


def _query(ws: stages.Workspace, query: str) -> list[tuple[object, ...]]:
    with lakehouse.reader(ws.settings, ws.store) as con:
        return con.execute(query).fetchall()


def _snapshot(ws: stages.Workspace, rows: str) -> int:
    snapshot_id = _commit(ws, rows).snapshot_id
    assert snapshot_id is not None
    return snapshot_id


def test_a_table_whose_rows_repeat_its_grain_is_refused(ws: stages.Workspace) -> None:
    _commit(ws, "(2024, 'a', 1), (2024, 'b', 1)")
    rows = "from lake.marts.units order by all"
    before = _query(ws, rows), _query(ws, "select max(snapshot_id) from lake.snapshots()")
    with pytest.raises(TongbaoError, match=r"marts\.units: 2 rows .*year = 2024, code = a"):
        _commit(ws, "(2024, 'a', 1), (2024, 'a', 2), (2024, 'b', 3)")
    assert (_query(ws, rows), _query(ws, "select max(snapshot_id) from lake.snapshots()")) == before


def test_snapshots_with_the_same_rows_of_a_year_are_found(ws: stages.Workspace) -> None:
    first = _snapshot(ws, "(2024, 'a', 1), (2024, 'b', 2)")
    second = _snapshot(ws, "(2024, 'a', 1), (2024, 'b', 3)")
    third = _snapshot(ws, "(2024, 'b', 2), (2024, 'a', 1)")
    assert first < second < third
    with lakehouse.reader(ws.settings, ws.store) as con:

        def same(year: int, one: int, other: int) -> bool:
            return lakehouse.same_rows(con, ["marts.units"], year, one, other)

        assert same(2024, first, third)
        assert not same(2024, first, second)
        assert same(2023, first, second)


def test_a_changed_description_changes_the_comment_but_no_row(ws: stages.Workspace) -> None:
    comments = (
        "select t.comment, c.comment from duckdb_tables() t join duckdb_columns() c "
        "using (database_name, schema_name, table_name) where database_name = 'lake' "
        "and table_name = 'units' and column_name = 'code'"
    )
    _commit(ws, "(2024, 'a', 1)")
    assert _query(ws, comments) == [("Units. / 单位表。", "Unit. / 单位。")]
    done = _commit(ws, "(2024, 'a', 1)", "The unit's code. / 单位代码。")
    assert (done.rows_written, done.rows_deleted) == ({}, {})
    assert _query(ws, comments) == [("Units. / 单位表。", "The unit's code. / 单位代码。")]


def test_the_recorded_rows_are_the_rows_of_the_tables(ws: stages.Workspace) -> None:
    def recorded() -> int:
        with lakehouse.reader(ws.settings, ws.store) as con:
            return lakehouse.recorded_rows(con)["marts", "units"]

    _commit(ws, "(2024, 'a', 1), (2024, 'b', 2), (2024, 'c', 3)")
    assert recorded() == 3
    _commit(ws, "(2024, 'a', 1), (2024, 'b', 4), (2024, 'd', 5), (2024, 'e', 6)")
    assert recorded() == 4
    _commit(ws, "(2024, 'e', 6)")
    with lakehouse.writer(ws.settings, ws.store) as con:
        con.execute("call ducklake_merge_adjacent_files('lake')")
    assert recorded() == 1
    _commit(ws, "(2024, 'f', 7)")
    assert recorded() == 1 == _query(ws, "select count(*) from lake.marts.units")[0][0]


@pytest.mark.slow
def test_a_query_does_not_stop_a_run(ws: stages.Workspace) -> None:
    """The reader's transaction stays open during an intake and a transform, and sees none of it."""
    landing = Landing(ws.store)
    landing.unit("T05-110000-0001")
    stages.intake(ws, 2024, run_id="before", progress=lambda _: None)
    with lakehouse.reader(ws.settings, ws.store) as con:
        query = "select count(*) from raw.performances"
        con.execute("begin")
        assert con.execute(query).fetchone() == (0,)
        landing.performance("T05-110000-0001", {"T05_02": 1000})
        stages.intake(ws, 2024, run_id="during", progress=lambda _: None)
        stages.transform(ws, 2024, run_id="during", progress=lambda _: None)
        assert con.execute(query).fetchone() == (0,)
        con.execute("commit")
        assert con.execute(query).fetchone() == (1,)
        assert con.execute("select units_reported from marts.national_scorecard").fetchall() == [
            (1,)
        ]


def test_a_catalogue_without_the_log_gets_it_from_the_next_writer(ws: stages.Workspace) -> None:
    _commit(ws, "(2024, 'a', 1)")
    mode = "pragma journal_mode"
    with contextlib.closing(sqlite3.connect(ws.settings.catalog)) as database:
        assert database.execute(mode).fetchone() == ("wal",)
        assert database.execute(f"{mode} = delete").fetchone() == ("delete",)
    assert _query(ws, "select code from marts.units") == [("a",)]
    _commit(ws, "(2024, 'b', 1)")
    with contextlib.closing(sqlite3.connect(ws.settings.catalog)) as database:
        assert database.execute(mode).fetchone() == ("wal",)
    assert _query(ws, "select code from marts.units") == [("b",)]


class _ReadByOthers:
    """A connection that can't attach a catalogue the first times, because a query reads it."""

    def __init__(self, times: int) -> None:
        self.left = times

    def execute(self, _: str) -> None:
        if self.left:
            self.left -= 1
            raise duckdb.BinderException('Failed to execute query "PRAGMA journal_mode=WAL": \n'
                                         "database is locked")  # fmt: skip


def test_the_first_writer_to_a_former_catalogue_waits_for_queries(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(waits), sleep=waits.append)
    monkeypatch.setattr(attach, "time", clock)
    attach._attach(cast("Any", _ReadByOthers(3)), settings, "attach")
    assert len(waits) == 3
    with pytest.raises(Unreachable, match=r"^[^\n]*another process reads it[^\n]*$"):
        attach._attach(cast("Any", _ReadByOthers(1000)), settings, "attach")


def test_the_lake_is_read_without_a_server(ws: stages.Workspace) -> None:
    """The README's second attach: the data files are read from the local store's folder."""
    _commit(ws, "(2024, 'a', 1), (2024, 'b', 2)")
    _commit(ws, "(2024, 'b', 2), (2024, 'c', 1)")
    query = "select year, code from lake.marts.units order by all"
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    [statement] = re.findall(r"```sql\n(attach .*?)\n```", readme, re.DOTALL)
    with duckdb.connect(config={"allow_unsigned_extensions": "true"}) as plain:
        for name in ("ducklake", "sqlite_scanner"):
            wheel = files(f"duckdb_extension_{name}")
            path = wheel / f"extensions/v{duckdb.__version__}/{name}.duckdb_extension"
            plain.load_extension(str(path))
        plain.execute(statement.replace(".tongbao", str(ws.settings.home)))
        assert plain.execute(query).fetchall() == _query(ws, query) == [(2024, "b"), (2024, "c")]

"""Opening the lake with the extensions from the wheels, and committing builds to it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from orchestration import lakehouse, stages
from orchestration.core.errors import TongbaoError


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

"""Commits a build to the lake: one transaction, one snapshot, only the changed rows.

Belongs here: comparing the tables of a build file and the descriptions of all tables with the
lake, and writing the difference. Doesn't belong here: the list of committed tables, their grain
and their meaning, which come from dbt's manifest (``dbt``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from orchestration.core.errors import TongbaoError
from orchestration.lakehouse.attach import quoted
from orchestration.lakehouse.snapshots import set_commit_message, transform_snapshot

__all__ = ["CommitSummary", "Descriptions", "LakeTable", "commit_build", "write_comments"]

#: (qualified table name, column name) → description; the table's own has the column name ``""``.
Descriptions = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class LakeTable:
    """A dbt model that is committed to the lake.

    Attributes:
        schema, name: of the table, the same in the build file and in the lake.
        grain: the columns that identify a row; empty if the table has no key.
    """

    schema: str
    name: str
    grain: tuple[str, ...]

    @property
    def qualified(self) -> str:
        """``schema.name``."""
        return f"{self.schema}.{self.name}"


@dataclass
class CommitSummary:
    """What a commit wrote.

    Attributes:
        snapshot_id: the new snapshot, which has the year's marts.
        rows: number of rows of the year (all rows of a table without years), by qualified table
            name.
        rows_written, rows_deleted: numbers of rows by qualified table name, changed tables only.
    """

    snapshot_id: int | None = None
    rows: dict[str, int] = field(default_factory=dict)
    rows_written: dict[str, int] = field(default_factory=dict)
    rows_deleted: dict[str, int] = field(default_factory=dict)


def commit_build(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    tables: Sequence[LakeTable],
    descriptions: Descriptions,
    *,
    year: int,
    inputs_digest: str,
    figures_version: str,
    run_id: str,
    engine: str,
    replaces: bool = False,
) -> CommitSummary:
    """Make the year's rows of every table equal to the build file, in one transaction.

    In tables with a ``year`` column, only that year's rows are compared. In other tables, all
    rows are. Equal rows are not touched.

    Args:
        con: the writing connection, with the lake attached.
        path: the build file.
        tables: the tables to commit.
        descriptions: of all tables of the lake, also of those that Python writes; they become
            comments.
        inputs_digest: digest of the build's inputs, recorded for the next run.
        figures_version: of the code that made the build.
        run_id: of the run that commits.
        engine: that made the build, ``duckdb`` or ``spark``.
        replaces: write all rows of the year, without reading the former ones: their files may be
            damaged.

    Raises:
        TongbaoError: rows of a table repeat its grain; nothing is written.
    """
    summary = CommitSummary()
    con.execute(f"attach {quoted(str(path))} as build (read_only)")
    try:
        for table in tables:
            _check_grain(con, table)
        con.execute("begin")
        build, lake = _columns(con, "build"), _columns(con, "lake")
        for table in tables:
            columns = build[table.qualified], lake.get(table.qualified, [])
            _update_table(con, table, *columns, year, summary, replaces=replaces)
        write_comments(con, descriptions)
        con.execute("delete from lake.quality.transform_runs where year = ?", [year])
        con.execute(
            "insert into lake.quality.transform_runs "
            "(year, inputs_digest, figures_version, run_id, engine) values (?, ?, ?, ?, ?)",
            [year, inputs_digest, figures_version, run_id, engine],
        )
        set_commit_message(con, "transform", year, run_id=run_id, figures_version=figures_version)
        con.execute("commit")
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # The error may have ended the transaction.
            con.execute("rollback")
        raise
    finally:
        con.execute("detach build")
    summary.snapshot_id = transform_snapshot(con, year)
    return summary


def _check_grain(con: duckdb.DuckDBPyConnection, table: LakeTable) -> None:
    """Check that no two rows have the same key, because changed rows are replaced by key.

    Raises:
        TongbaoError: rows repeat the grain.
    """
    if not table.grain:
        return
    key = ", ".join(table.grain)
    repeated = con.execute(
        f"select {key}, count(*) from build.{table.qualified} group by {key} "
        f"having count(*) > 1 order by {key} limit 1"
    ).fetchone()
    if repeated:
        *values, rows = repeated
        named = ", ".join(
            f"{name} = {'NULL' if value is None else value}"
            for name, value in zip(table.grain, values, strict=True)
        )
        raise TongbaoError(
            f"{table.qualified}: {rows} rows have the key ({named}): nothing is committed"
        )


def write_comments(con: duckdb.DuckDBPyConnection, descriptions: Descriptions) -> None:
    """Write the descriptions of tables and columns as comments, where the comment differs."""
    for kind, table, column, comment in con.execute(
        "select 'table', schema_name || '.' || table_name, '', comment from duckdb_tables() "
        "where database_name = 'lake' union all "
        "select 'column', schema_name || '.' || table_name, column_name, comment "
        "from duckdb_columns() where database_name = 'lake'"
    ).fetchall():
        wanted = descriptions.get((table, column))
        if wanted != comment and wanted is not None:
            name = f"lake.{table}.{column}".rstrip(".")
            con.execute(f"comment on {kind} {name} is {quoted(wanted)}")


#: Names and types of a table's columns, in order, by the qualified name of the table.
_Columns = Mapping[str, list[tuple[str, str]]]


def _columns(con: duckdb.DuckDBPyConnection, database: str) -> _Columns:
    """The columns of every table of a database, read at once."""
    columns: dict[str, list[tuple[str, str]]] = {}
    for table, name, kind in con.execute(
        "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns() "
        "where database_name = ? order by schema_name, table_name, column_index",
        [database],
    ).fetchall():
        columns.setdefault(table, []).append((name, kind))
    return columns


def _update_table(
    con: duckdb.DuckDBPyConnection,
    table: LakeTable,
    new_columns: list[tuple[str, str]],
    old_columns: list[tuple[str, str]],
    year: int,
    summary: CommitSummary,
    *,
    replaces: bool,
) -> None:
    """Write the difference between the build and the lake; count its rows in ``summary``."""
    names = [name for name, _ in new_columns]
    by_year = "year" in names
    listed = ", ".join(names)
    build, lake = f"build.{table.qualified}", f"lake.{table.qualified}"
    where = f"where year = {int(year)}" if by_year else ""

    summary.rows[table.qualified] = _count(con, f"{build} {where}")
    if replaces or old_columns != new_columns:
        _create(con, table, new_columns, old_columns, year if by_year else None)
        summary.rows_written[table.qualified] = summary.rows[table.qualified]
        return

    # Each row that only one side has, or has more often, with the difference of the numbers.
    con.execute(
        f"create or replace temp table changed as "
        f"select {listed}, cast(sum(side) as bigint) as times from ("
        f"select {listed}, 1 as side from {build} {where} union all "
        f"select {listed}, -1 from {lake} {where}) group by {listed} having sum(side) <> 0"
    )
    added, removed = (
        _sum(con, f"select sum({sign}times) from changed where {sign}times > 0")
        for sign in ("", "-")
    )
    if removed:
        summary.rows_deleted[table.qualified] = removed
        total = _count(con, f"{lake} {where}")
        if removed == total or not table.grain:
            con.execute(f"delete from {lake} {where}")
            if removed != total:  # Without a key, all rows of the year are written again.
                con.execute(f"insert into {lake} select {listed} from {build} {where}")
                summary.rows_written[table.qualified] = summary.rows[table.qualified]
                return
        else:
            same = " and ".join(f"changed.{c} is not distinct from t.{c}" for c in table.grain)
            con.execute(
                f"delete from {lake} t where exists "
                f"(select 1 from changed where times < 0 and {same})"
            )
    if added:
        con.execute(
            f"insert into {lake} select {listed} from changed, range(times) where times > 0"
        )
        summary.rows_written[table.qualified] = added


def _sum(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(query).fetchone()
    return int(row[0] or 0) if row else 0


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    return _sum(con, f"select count(*) from {relation}")


def _create(
    con: duckdb.DuckDBPyConnection,
    table: LakeTable,
    new_columns: list[tuple[str, str]],
    old_columns: list[tuple[str, str]],
    year: int | None,
) -> None:
    """Create the table, or replace it with its new columns and keep the other years' rows."""
    build, lake = f"build.{table.qualified}", f"lake.{table.qualified}"
    listed = ", ".join(name for name, _ in new_columns)
    where = f" where year = {year}" if year is not None else ""
    kept = {name for name, _ in old_columns}
    con.execute(f"create schema if not exists lake.{table.schema}")
    if old_columns and year is not None:
        carried = ", ".join(
            f"cast({name if name in kept else 'null'} as {kind}) as {name}"
            for name, kind in new_columns
        )
        con.execute(
            f"create or replace temp table carried as "
            f"select {carried} from {lake} where year <> {year}"
        )
        con.execute(f"create or replace table {lake} as select {listed} from carried")
        con.execute(f"insert into {lake} select {listed} from {build}{where}")
    else:
        con.execute(f"create or replace table {lake} as select {listed} from {build}{where}")

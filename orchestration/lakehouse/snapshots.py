"""Finds snapshots of the lake, and the records of intakes and transforms.

Belongs here: reading DuckLake's list of snapshots and the records that runs write, and the extra
info of commits (``{"kind": "transform", "year": Y, …}``) by which snapshots are found. Doesn't
belong here: deciding whether something must be done again (``transform``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import duckdb

from orchestration.lakehouse.rows import rows_as_dicts
from orchestration.lakehouse.tables import utc_naive

__all__ = [
    "current_snapshot",
    "has_marts_from",
    "last_intake_at",
    "marts_edition",
    "same_rows",
    "set_commit_message",
    "transform_engine",
    "transform_record",
    "transform_snapshot",
]


def current_snapshot(con: duckdb.DuckDBPyConnection) -> int:
    """The id of the newest snapshot."""
    row = con.execute("select max(snapshot_id) from lake.snapshots()").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def set_commit_message(
    con: duckdb.DuckDBPyConnection, kind: str, year: int | None = None, **details: str
) -> None:
    """Set the message and extra info of the open transaction.

    Args:
        kind: what the transaction writes, e.g. ``transform``.
        year: the year that it belongs to, if any.
        details: further fields of the extra info.
    """
    extra = {"kind": kind} | ({"year": str(year)} if year is not None else {}) | details
    con.execute(
        "call lake.set_commit_message('tongbao', ?, extra_info => ?)",
        [kind if year is None else f"{kind} {year}", json.dumps(extra)],
    )


def transform_snapshot(con: duckdb.DuckDBPyConnection, year: int) -> int | None:
    """The snapshot in which the marts of ``year`` were last written, or None."""
    row = con.execute(
        "select max(snapshot_id) from lake.snapshots() "
        "where json_extract_string(commit_extra_info, '$.kind') = 'transform' "
        "and json_extract_string(commit_extra_info, '$.year') = ?",
        [str(year)],
    ).fetchone()
    return int(row[0]) if row and row[0] is not None else None


def same_rows(
    con: duckdb.DuckDBPyConnection, tables: Iterable[str], year: int, one: int, other: int
) -> bool:
    """Whether two snapshots have the same rows of ``year`` in all of the tables.

    Args:
        tables: ``schema.name``; of a table without a column ``year``, all rows are compared.
        one, other: ids of the snapshots.
    """
    if one == other:
        return True
    for table in tables:
        versions = [f"lake.{table} at (version => {int(each)})" for each in (one, other)]
        columns, former = (con.execute(f"describe from {each}").fetchall() for each in versions)
        if columns != former:
            return False
        where = f"where year = {int(year)}" if "year" in {name for name, *_ in columns} else ""
        left, right = (f"select * from {each} {where}" for each in versions)
        for query in (f"{left} except all {right}", f"{right} except all {left}"):
            if con.execute(f"select 1 from ({query}) limit 1").fetchone():
                return False
    return True


def transform_record(con: duckdb.DuckDBPyConnection, year: int) -> str | None:
    """The digest of the inputs that the marts of ``year`` were built from, or None."""
    row = con.execute(
        "select max(inputs_digest) from lake.quality.transform_runs where year = ?", [year]
    ).fetchone()
    return str(row[0]) if row and row[0] is not None else None


def has_marts_from(
    con: duckdb.DuckDBPyConnection, year: int, snapshot_id: int, inputs_digest: str
) -> bool:
    """Whether a snapshot exists and its marts of ``year`` were built from these inputs.

    Numbers of snapshots begin anew in a lake that was rebuilt, so a number alone says little.

    Args:
        con: a connection to the lake that is not pinned at a snapshot.
    """
    table = f"lake.quality.transform_runs at (version => {int(snapshot_id)})"
    known = "select 1 from lake.snapshots() where snapshot_id = ?"
    if con.execute(known, [snapshot_id]).fetchone() is None:
        return False
    try:
        row = con.execute(
            f"select max(inputs_digest) from {table} where year = ?", [year]
        ).fetchone()
    except duckdb.CatalogException:  # No marts had been built yet.
        return False
    return bool(row and row[0] == inputs_digest)


def transform_engine(con: duckdb.DuckDBPyConnection, year: int) -> str:
    """The engine that built the marts of ``year``: ``duckdb`` or ``spark``."""
    # All columns: older snapshots have none for the engine.
    records = rows_as_dicts(
        con.execute("select * from lake.quality.transform_runs where year = ?", [year])
    )
    return next((row["engine"] for row in records if row.get("engine")), "duckdb")


def last_intake_at(con: duckdb.DuckDBPyConnection, year: int, now: datetime) -> datetime | None:
    """When the last finished intake of ``year`` or a later year began to list objects, or None.

    The start counts, because objects that arrive during an intake may be missing from its listing.

    Args:
        now: aware; later times, recorded by a clock that was ahead, are ignored.

    Returns:
        UTC aware.
    """
    row = con.execute(
        "select max(listed) from (select coalesce(listed_at, finished_at) as listed "
        "from lake.raw.intake_runs where year >= ?) where listed <= ?",
        [year, utc_naive(now)],
    ).fetchone()
    return row[0].replace(tzinfo=UTC) if row and row[0] is not None else None


def marts_edition(con: duckdb.DuckDBPyConnection, year: int) -> int:
    """The edition that the marts of ``year`` were built for; 1 if there are none."""
    row = con.execute(
        "select max(edition) from lake.marts.dim_reporting_year where year = ?", [year]
    ).fetchone()
    return int(row[0]) if row and row[0] is not None else 1

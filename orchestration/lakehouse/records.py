"""Records of gate results, editions and letters in the lake.

Belongs here: reading and writing ``quality.gate_results``, ``publication.editions`` and
``publication.figure_revisions``; whom ``publication.letters`` did not reach. Doesn't belong here:
making a decision (``gate``), an edition (``publication``) or a letter (``telling``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from orchestration.core.versions import recorded_versions
from orchestration.lakehouse.rows import rows_as_dicts
from orchestration.lakehouse.tables import OTHER_TABLES, insert_rows, utc_naive

__all__ = [
    "blocking",
    "blocks",
    "edition_rows",
    "gate_rows",
    "newest_verdicts",
    "record_edition",
    "record_gate",
    "revision_rows",
    "unreached_rows",
]

_GATE, _EDITIONS = "quality.gate_results", "publication.editions"
_REVISIONS = "publication.figure_revisions"


def _select_records(
    con: duckdb.DuckDBPyConnection, table: str, rest: str, *values: Any
) -> list[dict[str, Any]]:
    """Rows with all columns of the current schema; columns that an older lake lacks are None."""
    wanted = OTHER_TABLES[table].names
    return [
        {name: row.get(name) for name in wanted} | recorded_versions(row)
        for row in rows_as_dicts(con.execute(f"select * from lake.{table} {rest}", list(values)))
    ]


def record_gate(
    con: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, Any]], versions: Mapping[str, str]
) -> None:
    """Write the results of one judgement, one row for each expectation.

    If the same run judges a snapshot again (a waiver expired meanwhile), its rows are replaced.

    Args:
        rows: one for each expectation.
        versions: of the code that judged (``core.versions.code_versions``).
    """
    con.execute("begin")
    con.execute(
        "delete from lake.quality.gate_results where run_id = ? and year = ? and snapshot_id = ?",
        [rows[0]["run_id"], rows[0]["year"], rows[0]["snapshot_id"]],
    )
    insert_rows(con, _GATE, OTHER_TABLES[_GATE].table_of([{**row, **versions} for row in rows]))
    con.execute("commit")


def gate_rows(
    con: duckdb.DuckDBPyConnection, year: int, snapshot_id: int, versions: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The rows of the newest judgement of a snapshot by this code; empty if there is none.

    Args:
        versions: of the code that judged (``core.versions.code_versions``).
    """
    rows = _select_records(
        con, _GATE, "where year = ? and snapshot_id = ? order by rowid", year, snapshot_id
    )
    judged = [row for row in rows if versions.items() <= row.items()]
    return [row for row in judged if row["run_id"] == judged[-1]["run_id"]]


def newest_verdicts(con: duckdb.DuckDBPyConnection) -> dict[int, list[dict[str, Any]]]:
    """The rows of each year's newest judgement, of any snapshot and version of the code."""
    verdicts: dict[int, list[dict[str, Any]]] = {}
    for row in _select_records(
        con,
        _GATE,
        "qualify run_id = last_value(run_id) over (partition by year order by rowid "
        "rows between unbounded preceding and unbounded following) order by year, rowid",
    ):
        verdicts.setdefault(row["year"], []).append(row)
    return verdicts


def blocking(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The critical expectations that failed and are not waived."""
    return [
        row
        for row in rows
        if row["severity"] == "critical" and not row["success"] and not row["waived_by"]
    ]


def blocks(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any critical expectation failed and is not waived."""
    return bool(blocking(rows))


def record_edition(
    con: duckdb.DuckDBPyConnection, row: dict[str, Any], revisions: Sequence[dict[str, Any]] = ()
) -> None:
    """Append an edition and what it changed, in one transaction.

    Args:
        row: of ``publication.editions``; ``published_at`` (aware) is stored in UTC.
        revisions: rows of ``publication.figure_revisions``.
    """
    published: datetime = row["published_at"]
    row = row | {"published_at": utc_naive(published)}
    con.execute("begin")
    for table, rows in ((_EDITIONS, [row]), (_REVISIONS, revisions)):
        if rows:
            insert_rows(con, table, OTHER_TABLES[table].table_of(rows))
    con.execute("commit")


def revision_rows(
    con: duckdb.DuckDBPyConnection, year: int, *, before: int
) -> list[dict[str, Any]]:
    """What the year's editions before one changed, oldest first.

    They are read from the newest snapshot, because an edition is recorded after its own. A lake
    that no release with this table has written to yet has recorded none.

    Args:
        con: a reader, pinned at a snapshot or not.
        before: number of an edition.
    """
    if before <= 2:  # Edition 1 changes nothing.
        return []
    [(newest,)] = con.execute("select max(snapshot_id) from ducklake_snapshots('lake')").fetchall()
    at = f"at (version => {newest})"
    rest = f"{at} where year = ? and edition < ? order by edition, figure_id"
    try:
        return _select_records(con, _REVISIONS, rest, year, before)
    except duckdb.CatalogException:
        return []


def edition_rows(con: duckdb.DuckDBPyConnection, year: int) -> list[dict[str, Any]]:
    """The editions of a year, oldest first."""
    return _select_records(con, _EDITIONS, "where year = ? order by edition", year)


def unreached_rows(con: duckdb.DuckDBPyConnection, year: int) -> list[dict[str, Any]]:
    """The units and provinces that the last letter did not reach, by province and unit.

    Columns: ``province_code, unit_code`` (NULL: the province's own digest), ``day``, ``outcome``
    (``refused``, ``bounced`` or ``unaddressed``) and ``detail`` (the mail server's code).
    """
    query = """
        select province_code, unit_code, day, outcome, detail from lake.publication.letters
        where year = ?
        -- A unit with nothing to tell was not written to.
        qualify row_number() over (
            partition by province_code, unit_code order by told_at desc, outcome = 'nothing'
        ) = 1 and outcome in ('refused', 'bounced', 'unaddressed')
        order by province_code, unit_code
    """
    return rows_as_dicts(con.execute(query, [year]))

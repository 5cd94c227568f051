"""What runs leave in the lake besides tables of figures: gate results and editions.

Belongs here: reading and writing ``quality.gate_results`` and ``publication.editions``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.lakehouse.tables import OTHER_TABLES, insert_rows

__all__ = [
    "blocking",
    "blocks",
    "edition_rows",
    "gate_rows",
    "newest_verdicts",
    "record_edition",
    "record_gate",
]

_GATE = [field.name for field in OTHER_TABLES["quality.gate_results"]]
_EDITION = [field.name for field in OTHER_TABLES["publication.editions"]]


def record_gate(
    con: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, Any]], code_version: str
) -> None:
    """Append one judgement, all its expectations at once.

    A run that judges a snapshot again (a waiver lapsed meanwhile) replaces what it said before.
    """
    con.execute("begin")
    con.execute(
        "delete from lake.quality.gate_results where run_id = ? and year = ? and snapshot_id = ?",
        [rows[0]["run_id"], rows[0]["year"], rows[0]["snapshot_id"]],
    )
    insert_rows(
        con,
        "quality.gate_results",
        pa.Table.from_pylist(
            [row | {"code_version": code_version} for row in rows],
            OTHER_TABLES["quality.gate_results"],
        ),
    )
    con.execute("commit")


def gate_rows(
    con: duckdb.DuckDBPyConnection, year: int, snapshot_id: int, code_version: str
) -> list[dict[str, Any]]:
    """The rows of the newest judgement of a snapshot by this code; empty where there is none."""
    rows = con.execute(
        f"select {', '.join(_GATE)}, rowid as position from lake.quality.gate_results "
        "where year = ? and snapshot_id = ? and code_version = ? order by position",
        [year, snapshot_id, code_version],
    ).fetchall()
    named = [dict(zip(_GATE, row, strict=False)) for row in rows]
    return [row for row in named if row["run_id"] == named[-1]["run_id"]]


def newest_verdicts(con: duckdb.DuckDBPyConnection) -> dict[int, list[dict[str, Any]]]:
    """The rows of each year's newest judgement, of whatever snapshot and code."""
    rows = con.execute(
        f"select {', '.join(_GATE)} from lake.quality.gate_results "
        "qualify run_id = last_value(run_id) over (partition by year order by rowid "
        "rows between unbounded preceding and unbounded following) order by year, rowid"
    ).fetchall()
    verdicts: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        named = dict(zip(_GATE, row, strict=True))
        verdicts.setdefault(named["year"], []).append(named)
    return verdicts


def blocking(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The critical expectations that failed and that nobody waived."""
    return [
        row
        for row in rows
        if row["severity"] == "critical" and not row["success"] and not row["waived_by"]
    ]


def blocks(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether there is one."""
    return bool(blocking(rows))


def record_edition(con: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> None:
    """Append an edition; ``published_at`` (aware) is kept in UTC."""
    published: datetime = row["published_at"]
    row = row | {"published_at": published.astimezone(UTC).replace(tzinfo=None)}
    insert_rows(
        con,
        "publication.editions",
        pa.Table.from_pylist([row], OTHER_TABLES["publication.editions"]),
    )


def edition_rows(con: duckdb.DuckDBPyConnection, year: int) -> list[dict[str, Any]]:
    """The editions of a year, oldest first."""
    rows = con.execute(
        f"select {', '.join(_EDITION)} from lake.publication.editions where year = ? "
        "order by edition",
        [year],
    ).fetchall()
    return [dict(zip(_EDITION, row, strict=True)) for row in rows]

"""The transform of one year: build file, dbt, receipts, commit; nothing where nothing changed.

Belongs here: deciding whether a year must be built, and in which order. Doesn't belong here:
models (``dbt_project``), receipts (handed in by the caller, who knows intake).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import duckdb

from orchestration.core.reporting_calendar import period_of, years
from orchestration.core.settings import Settings
from orchestration.core.versions import figures_version
from orchestration.lakehouse.build import prepare_build
from orchestration.lakehouse.commit import commit_build
from orchestration.lakehouse.dbt import DbtNode, dbt_build, lake_descriptions, lake_tables
from orchestration.lakehouse.snapshots import (
    current_snapshot,
    marts_edition,
    transform_record,
    transform_snapshot,
)
from orchestration.lakehouse.tables import ensure_tables

__all__ = ["TransformSummary", "marts_are_stale", "transform_year", "years_with_submissions"]


@dataclass
class TransformSummary:
    """What a transform did.

    Attributes:
        year: the reporting year.
        built: False where nothing had changed since the last one.
        snapshot_id: the snapshot that holds the year's marts.
        rows_written, rows_deleted: by table, changed tables only.
        receipts: how many were written anew.
        nodes: what dbt ran.
    """

    year: int
    built: bool
    snapshot_id: int | None
    rows_written: dict[str, int] = field(default_factory=dict)
    rows_deleted: dict[str, int] = field(default_factory=dict)
    receipts: int = 0
    nodes: list[DbtNode] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """What a terminal shows."""
        if not self.built:
            return [f"transform {self.year}: nothing to do, snapshot {self.snapshot_id} stands"]
        return [
            f"transform {self.year}: {sum(self.rows_written.values())} rows written, "
            f"{sum(self.rows_deleted.values())} replaced, {self.receipts} receipts renewed, "
            f"snapshot {self.snapshot_id}"
        ]


def marts_are_stale(con: duckdb.DuckDBPyConnection, year: int, edition: int | None = None) -> bool:
    """Whether the marts of ``year`` are not there or would be built otherwise today.

    Args:
        edition: what counts is decided for it; None: for the one they were built for.
    """
    record = transform_record(con, year)
    return record is None or record != _inputs_digest(
        con, year, edition or marts_edition(con, year)
    )


def years_with_submissions(con: duckdb.DuckDBPyConnection, before: int) -> list[int]:
    """The calendar's years before ``before`` that have something to count, oldest first.

    From the first year of which anything was taken in: registrations and plans last beyond it.
    """
    row = con.execute("select min(year) from lake.raw.objects").fetchone()
    first = row[0] if row and row[0] is not None else before
    return [year for year in years() if first <= year < before]


def _inputs_digest(con: duckdb.DuckDBPyConnection, year: int, edition: int) -> str:
    """A digest of all that the marts of ``year`` are made from.

    The objects and report files taken in of years up to it, the calendar's row, what counts for
    the edition, last year's marts and the code.
    """
    objects = con.execute(
        "select count(*), bit_xor(md5_number(object_key || '|' || etag)) "
        "from lake.raw.objects where year <= ?",
        [year],
    ).fetchone()
    reports = con.execute(
        "select count(*), bit_xor(md5_number(object_key || '|' || etag)) "
        "from lake.raw.attachments where year <= ?",
        [year],
    ).fetchone()
    # Marts of a year that nothing was submitted of are empty: whether they were built is no input.
    former = year - 1 in years_with_submissions(con, before=year)
    parts = [
        figures_version(),
        repr(period_of(year)),
        str(edition),
        repr(objects),
        repr(reports),
        (former and transform_record(con, year - 1)) or "",
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def transform_year(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    year: int,
    *,
    run_id: str,
    edition: int,
    before_commit: Callable[[duckdb.DuckDBPyConnection, int], int],
    progress: Callable[[str], None] = lambda _: None,
) -> TransformSummary:
    """Build the marts of one year and commit them as one snapshot.

    Args:
        con: the writing connection.
        edition: the one that the marts are for: what counts depends on it.
        before_commit: called with the connection (build file attached as ``build``) and the
            year once dbt has passed and before anything is visible; returns a count of receipts.

    Raises:
        TongbaoError: a model or a dbt test failed; the lake stays as it was.
    """
    ensure_tables(con)
    digest = _inputs_digest(con, year, edition)
    if transform_record(con, year) == digest:
        progress(f"transform {year}: nothing changed since the last one")
        return TransformSummary(year, False, transform_snapshot(con, year))
    path = prepare_build(
        con,
        settings,
        period_of(year),
        snapshot_id=current_snapshot(con),
        edition=edition,
    )
    nodes = dbt_build(settings, path, progress=progress)
    con.execute(f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as build (read_only)")
    try:
        receipts = before_commit(con, year)
    finally:
        con.execute("detach build")
    done = commit_build(
        con,
        path,
        lake_tables(settings),
        lake_descriptions(settings),
        year=year,
        inputs_digest=digest,
        figures_version=figures_version(),
        run_id=run_id,
    )
    path.unlink()
    rows = sum(done.rows_written.values())
    progress(
        f"transform {year}: {rows} rows written in {len(done.rows_written)} tables, "
        f"snapshot {done.snapshot_id}"
    )
    return TransformSummary(
        year, True, done.snapshot_id, done.rows_written, done.rows_deleted, receipts, nodes
    )

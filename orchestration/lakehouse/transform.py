"""The transform of one year: build file, dbt, receipts, commit.

Belongs here: deciding whether the marts of a year must be built, and the order of the steps.
Doesn't belong here: the models (``dbt_project``) and receipts (a function that the caller passes).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from orchestration.core.reporting_calendar import period_of, years
from orchestration.core.settings import Settings
from orchestration.core.versions import figures_version
from orchestration.lakehouse.attach import quoted
from orchestration.lakehouse.build import prepare_build
from orchestration.lakehouse.checksums import check_raw
from orchestration.lakehouse.commit import commit_build
from orchestration.lakehouse.dbt import lake_descriptions, lake_tables
from orchestration.lakehouse.engine import build_marts
from orchestration.lakehouse.recorded import DbtNode
from orchestration.lakehouse.snapshots import (
    current_snapshot,
    marts_edition,
    transform_record,
    transform_snapshot,
)
from orchestration.lakehouse.tables import ensure_tables
from orchestration.storage import Store

__all__ = ["TransformSummary", "marts_are_stale", "transform_year", "years_with_submissions"]


@dataclass
class TransformSummary:
    """What a transform did.

    Attributes:
        year: the reporting year.
        built: False if nothing had changed since the last transform.
        snapshot_id: the snapshot that has the year's marts.
        rows: number of rows of the year by table, of all tables that were built.
        rows_written, rows_deleted: numbers of rows by table, changed tables only.
        receipts: the number of receipts that were written.
        nodes: the nodes that dbt ran.
    """

    year: int
    built: bool
    snapshot_id: int | None
    rows: dict[str, int] = field(default_factory=dict)
    rows_written: dict[str, int] = field(default_factory=dict)
    rows_deleted: dict[str, int] = field(default_factory=dict)
    receipts: int = 0
    nodes: list[DbtNode] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The lines for the terminal."""
        if not self.built:
            return [f"transform {self.year}: nothing to do, snapshot {self.snapshot_id} stands"]
        return [
            f"transform {self.year}: {sum(self.rows_written.values())} rows written, "
            f"{sum(self.rows_deleted.values())} replaced, {self.receipts} receipts renewed, "
            f"snapshot {self.snapshot_id}"
        ]


def marts_are_stale(con: duckdb.DuckDBPyConnection, year: int, edition: int | None = None) -> bool:
    """Whether the marts of ``year`` are missing or their inputs have changed.

    Args:
        edition: the edition whose cut-off applies, or None for the one they were built for.
    """
    record = transform_record(con, year)
    return record is None or record != _inputs_digest(
        con, year, edition or marts_edition(con, year)
    )


def years_with_submissions(con: duckdb.DuckDBPyConnection, before: int) -> list[int]:
    """The calendar's years before ``before`` that may have marts, oldest first.

    These are all years from the first one with a submission, because registrations and plans stay
    valid in later years.
    """
    row = con.execute("select min(year) from lake.raw.objects").fetchone()
    first = row[0] if row and row[0] is not None else before
    return [year for year in years() if first <= year < before]


def _inputs_digest(con: duckdb.DuckDBPyConnection, year: int, edition: int) -> str:
    """A digest of all inputs of the marts of ``year``.

    The inputs are the objects and report files of years up to it, what is gone of them, the
    calendar's row, the edition, last year's marts and the code.
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
    # The gate leaves these out; without them in the digest, its verdict would stand.
    gone = con.execute(
        "select count(*), sum(md5_number(object_key || '|' || etag)) "
        "from lake.raw.gone_objects where year <= ?",
        [year],
    ).fetchone()
    # Without submissions last year's marts are empty, and whether they were built is no input.
    has_former = year - 1 in years_with_submissions(con, before=year)
    parts = [
        figures_version(),
        repr(period_of(year)),
        str(edition),
        repr(objects),
        repr(reports),
        repr(gone),
        (has_former and transform_record(con, year - 1)) or "",
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def transform_year(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    store: Store,
    year: int,
    *,
    run_id: str,
    edition: int,
    after_build: Callable[[Path, int], object],
    before_commit: Callable[[duckdb.DuckDBPyConnection, int], int],
    force: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> TransformSummary:
    """Build the marts of one year and commit them as one snapshot.

    If the inputs have not changed since the last transform, nothing is built, unless it is forced.

    Args:
        con: the writing connection.
        run_id: of the run, recorded with the commit.
        edition: the edition that the marts are for; it decides which documents count.
        after_build: called with the build file and the year after dbt has succeeded; it may add
            rows to the build.
        before_commit: called with the connection (build file attached as ``build``) and the year
            before the commit; returns the number of receipts written.
        force: build in any case, and write the year's rows without reading the former ones.
        progress: called with a line of progress.

    Raises:
        LakeDamaged: a file of ``raw`` is missing or altered.
        TongbaoError: a model or a dbt test failed; the lake is unchanged.
    """
    ensure_tables(con)
    digest = _inputs_digest(con, year, edition)
    if not force and transform_record(con, year) == digest:
        progress(f"transform {year}: nothing changed since the last one")
        return TransformSummary(year, False, transform_snapshot(con, year))
    check_raw(con, settings, store, year, current_snapshot(con))
    path = prepare_build(
        con,
        settings,
        period_of(year),
        snapshot_id=current_snapshot(con),
        edition=edition,
    )
    nodes = build_marts(settings, path, progress=progress)
    after_build(path, year)
    con.execute(f"attach {quoted(str(path))} as build (read_only)")
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
        engine=settings.engine,
        replaces=force,
    )
    path.unlink()
    written = sum(done.rows_written.values())
    progress(
        f"transform {year}: {written} rows written in {len(done.rows_written)} tables, "
        f"snapshot {done.snapshot_id}"
    )
    return TransformSummary(
        year,
        True,
        done.snapshot_id,
        done.rows,
        done.rows_written,
        done.rows_deleted,
        receipts,
        nodes,
    )

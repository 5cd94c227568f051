"""The four stages, as the command line and the Dagster assets both call them.

Belongs here: opening the store and the lake for a stage and handing results on. Doesn't belong
here: what a stage does (intake, lakehouse, gate, bulletin) and how it is scheduled.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration import lakehouse
from orchestration.errors import UsageError
from orchestration.intake import IntakeSummary, refresh_receipts, run_intake
from orchestration.lakehouse import TransformSummary
from orchestration.reporting_calendar import period_of
from orchestration.settings import Settings, code_version
from orchestration.storage import Store, open_store

if TYPE_CHECKING:
    pass

__all__ = ["Workspace", "gate", "intake", "open_workspace", "publish", "transform"]

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Workspace:
    """Settings and an open store: what every stage needs."""

    settings: Settings
    store: Store


@contextlib.contextmanager
def open_workspace(settings: Settings) -> Iterator[Workspace]:
    """Open the store for the time of a command.

    Raises:
        Unreachable: the store can't be reached.
    """
    with open_store(settings) as store:
        yield Workspace(settings, store)


def intake(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> IntakeSummary:
    """Take in what is new under every year up to ``year``."""
    period_of(year)
    with lakehouse.writer(ws.settings, ws.store) as con:
        return run_intake(con, ws.store, ws.settings, year=year, run_id=run_id, progress=progress)


def transform(
    ws: Workspace, year: int, *, run_id: str, progress: Progress
) -> list[TransformSummary]:
    """Rebuild the marts of ``year``, and first those of the year before where they are missing."""
    period_of(year)
    with lakehouse.writer(ws.settings, ws.store) as con:
        lakehouse.ensure_tables(con)

        def receipts(build: duckdb.DuckDBPyConnection, built_year: int) -> int:
            return refresh_receipts(build, ws.store, ws.settings, built_year, progress=progress)

        years = [year]
        if _in_calendar(year - 1) and lakehouse.transform_record(con, year - 1) is None:
            years.insert(0, year - 1)
        return [
            lakehouse.transform_year(
                con,
                ws.settings,
                each,
                run_id=run_id,
                before_commit=receipts,
                progress=progress,
            )
            for each in years
        ]


@dataclass
class GateSummary:
    """What the gate said.

    Attributes:
        snapshot_id: the snapshot judged.
        blocked: whether publication is held back.
        rows: rows of ``quality.gate_results``.
        lines: what a terminal shows; empty where an earlier judgement stands.
        judged: False where the same code had already judged this snapshot and let it through.
    """

    year: int
    snapshot_id: int
    blocked: bool
    rows: list[dict[str, Any]]
    lines: list[str]
    judged: bool

    @property
    def verdict(self) -> str:
        """One line."""
        if not self.blocked:
            return f"the gate lets {self.year} through (snapshot {self.snapshot_id})"
        return (
            f"the gate blocks {self.year} (snapshot {self.snapshot_id}): nothing is published; "
            "what blocks is listed above"
        )


def gate(ws: Workspace, year: int, *, run_id: str, progress: Progress) -> GateSummary:
    """Judge the year's marts and record the decision with the snapshot judged.

    Raises:
        TongbaoError: the year has no marts, or a check could not be carried out.
    """
    snapshot_id = _marts_snapshot(ws, year)
    with lakehouse.reader(ws.settings, ws.store) as con:
        standing = lakehouse.gate_rows(con, year, snapshot_id, code_version())
        stale = lakehouse.inputs_digest(con, year) != lakehouse.transform_record(con, year)
    if standing and not stale and not lakehouse.blocks(standing):
        progress(f"gate {year}: snapshot {snapshot_id} was judged before and let through")
        return GateSummary(year, snapshot_id, False, standing, [], False)
    decision = judge_snapshot(ws, year, snapshot_id, run_id=run_id)
    if _verdicts(decision.results) != _verdicts(standing):
        with lakehouse.writer(ws.settings, ws.store) as con:
            lakehouse.record_gate(con, decision.results, code_version())
    state = "blocked" if decision.blocked else "passed"
    progress(
        f"gate {year}: {state}, snapshot {snapshot_id}: {len(decision.outcomes)} expectations, "
        f"{len(decision.blocking)} block, {len(decision.warnings)} warn"
    )
    lines = decision.print_lines()
    return GateSummary(year, snapshot_id, decision.blocked, decision.results, lines, True)


def judge_snapshot(ws: Workspace, year: int, snapshot_id: int, *, run_id: str) -> GateDecision:
    """The gate's decision about one snapshot. Reads only."""
    from orchestration.gate import judge

    with lakehouse.reader(ws.settings, ws.store) as con:
        last_intake = lakehouse.last_intake_at(con, year)
        stale = lakehouse.inputs_digest(con, year) != lakehouse.transform_record(con, year)
    with lakehouse.reader(ws.settings, ws.store, snapshot_id) as con:
        return judge(
            con,
            year=year,
            snapshot_id=snapshot_id,
            run_id=run_id,
            now=ws.settings.now(),
            last_intake_at=last_intake,
            period=period_of(year),
            marts_stale=stale,
        )


def _verdicts(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    kept = ("suite", "expectation", "severity", "success", "observed", "threshold", "detail")
    return sorted(tuple(row[name] for name in kept) for row in rows)


def _marts_snapshot(ws: Workspace, year: int) -> int:
    period_of(year)
    with lakehouse.reader(ws.settings, ws.store) as con:
        snapshot_id = lakehouse.transform_snapshot(con, year)
    if snapshot_id is None:
        raise TongbaoError(
            f"there are no marts of {year} yet: run 'tongbao transform --year {year}'"
        )
    return snapshot_id


def _in_calendar(year: int) -> bool:
    try:
        period_of(year)
    except UsageError:
        return False
    return True

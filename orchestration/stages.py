"""The four stages, as the command line and the Dagster assets both call them.

Belongs here: opening the store and the lake for a stage and handing results on. Doesn't belong
here: what a stage does (intake, lakehouse, gate, bulletin) and how it is scheduled.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from orchestration import lakehouse
from orchestration.errors import TongbaoError, UsageError
from orchestration.intake import IntakeSummary, refresh_receipts, run_intake
from orchestration.lakehouse import TransformSummary
from orchestration.reporting_calendar import ReportingPeriod, period_of
from orchestration.settings import Settings, code_version
from orchestration.storage import Store, open_store

if TYPE_CHECKING:
    from orchestration.bulletin.edition import Edition
    from orchestration.gate import GateDecision

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


def _in_calendar(year: int) -> bool:
    try:
        period_of(year)
    except UsageError:
        return False
    return True

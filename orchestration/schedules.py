"""Schedules, in Asia/Shanghai. Which day it is for what, the reporting calendar says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from orchestration.jobs import collect, national_year
from orchestration.reporting_calendar import SHANGHAI, period_of, years

__all__ = ["ALL_SCHEDULES", "nightly_collection", "publication_day"]


def _scheduled_at(context: dg.ScheduleEvaluationContext) -> datetime:
    return context.scheduled_execution_time.astimezone(UTC)


@dg.schedule(
    job=collect,
    # 01:30: after the day's submissions, before anybody is at work to read the receipts.
    cron_schedule="30 1 * * *",
    execution_timezone=str(SHANGHAI),
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night while a collection is open: intake and transform.",
)
def nightly_collection(
    context: dg.ScheduleEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One run a year whose collection is open at the scheduled time."""
    now = _scheduled_at(context)
    open_years = [year for year in years() if period_of(year).is_open(now)]
    if not open_years:
        yield dg.SkipReason("no collection is open")
    for year in open_years:
        yield dg.RunRequest(run_key=f"collect-{year}-{now:%Y%m%d}", partition_key=str(year))


@dg.schedule(
    job=national_year,
    # 06:00 on the day: after the nightly run and the cut-off at midnight, with the morning left
    # to answer the gate.
    cron_schedule="0 6 * * *",
    execution_timezone=str(SHANGHAI),
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="On the publication date: intake, transform, gate, publish.",
)
def publication_day(
    context: dg.ScheduleEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One run for the year whose publication date is today in Beijing."""
    today = _scheduled_at(context).astimezone(SHANGHAI).date()
    due = [year for year in years() if period_of(year).publication_date == today]
    if not due:
        yield dg.SkipReason(f"{today} is no publication date")
    for year in due:
        yield dg.RunRequest(run_key=f"publish-{year}-{today}", partition_key=str(year))


ALL_SCHEDULES = [nightly_collection, publication_day]

"""The schedules, in Asia/Shanghai; days and hours come from the reporting calendar.

Belongs here: one function for each schedule, from its scheduled time to the years that are due.
Doesn't belong here: dates (``core.reporting_calendar``), the work of a job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time

import dagster as dg

from orchestration import stages
from orchestration.core.errors import Unreachable
from orchestration.core.reporting_calendar import (
    COLLECTION_TIME,
    LETTER_TIME,
    MAINTENANCE_DAY,
    MAINTENANCE_TIME,
    REHEARSAL_TIME,
    REMINDER_TIME,
    SHANGHAI,
    period_of,
    publication_times,
    years,
)
from orchestration.core.settings import Settings
from orchestration.defs.jobs import collect, maintain, national_year, rehearse, remind, tell

__all__ = [
    "ALL_SCHEDULES",
    "daily_letters",
    "nightly_collection",
    "nightly_rehearsal",
    "publication_day",
    "reminder_days",
    "weekly_maintenance",
]

_Years = Callable[[datetime], list[int]]


def _daily(
    job: dg.UnresolvedAssetJobDefinition,
    at: list[time],
    otherwise: str,
) -> Callable[[_Years], dg.ScheduleDefinition]:
    """A decorator that makes a daily schedule: one run for each year that the function returns.

    Args:
        at: times of day, in Asia/Shanghai.
        otherwise: the reason to skip a day without such years.
    """

    def decorate(due: _Years) -> dg.ScheduleDefinition:
        @dg.schedule(
            name=due.__name__,
            description=due.__doc__,
            job=job,
            cron_schedule=[f"{each.minute} {each.hour} * * *" for each in at],
            execution_timezone=str(SHANGHAI),
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
        def scheduled(
            context: dg.ScheduleEvaluationContext,
        ) -> Iterator[dg.RunRequest | dg.SkipReason]:
            now = context.scheduled_execution_time.astimezone(UTC)
            found = due(now)
            if not found:
                yield dg.SkipReason(otherwise)
            for year in found:
                yield dg.RunRequest(
                    run_key=f"{due.__name__}-{year}-{now.astimezone(SHANGHAI):%Y%m%d}",
                    partition_key=str(year),
                )

        return scheduled

    return decorate


@_daily(collect, [COLLECTION_TIME], "no collection is open")
def nightly_collection(now: datetime) -> list[int]:
    """Every night while a collection is open: intake, transform, receipts."""
    return [year for year in years() if period_of(year).is_open(now)]


@_daily(rehearse, [REHEARSAL_TIME], "no collection is open")
def nightly_rehearsal(now: datetime) -> list[int]:
    """Every night while a collection is open: what would block publication, and who is late."""
    return [year for year in years() if period_of(year).is_open(now)]


@_daily(remind, [REMINDER_TIME], "no day of reminders")
def reminder_days(now: datetime) -> list[int]:
    """On the calendar's days before the cut-off: remind each province of its open tasks."""
    return [year for year in years() if period_of(year).reminds(now)]


@_daily(tell, [LETTER_TIME], "no collection is open, or letters are off")
def daily_letters(now: datetime) -> list[int]:
    """Every morning while a collection is open, if letters are on: one to each contact at most."""
    if Settings.from_env().tell == "off":
        return []
    return [year for year in years() if period_of(year).is_open(now)]


@_daily(national_year, publication_times(), "nothing is to be published")
def publication_day(now: datetime) -> list[int]:
    """On the publication date, and each morning until the year is published: the whole job.

    The job begins with an intake, so the landing bucket was listed after the cut-off.
    """
    due = [year for year in years() if period_of(year).awaits_publication(now)]
    return [year for year in due if not _is_published(year)]


def _is_published(year: int) -> bool:
    """Whether the year is published; False if the store fails, because the run retries longer."""
    try:
        with stages.open_workspace(Settings.from_env()) as ws:
            return stages.is_published(ws, year)
    except Unreachable:
        return False


@dg.schedule(
    job=maintain,
    cron_schedule=f"{MAINTENANCE_TIME.minute} {MAINTENANCE_TIME.hour} * * {MAINTENANCE_DAY}",
    execution_timezone=str(SHANGHAI),
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every week except around the deadline: maintenance of the lake.",
)
def weekly_maintenance(
    context: dg.ScheduleEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Request the weekly maintenance, except in the days around a deadline."""
    now = context.scheduled_execution_time.astimezone(UTC)
    busy = [year for year in years() if period_of(year).is_near_deadline(now)]
    if busy:
        yield dg.SkipReason(f"the deadline of {busy[0]} is near or has just passed")
    else:
        yield dg.RunRequest(run_key=f"maintain-{now.astimezone(SHANGHAI):%Y%m%d}")


ALL_SCHEDULES = [
    nightly_collection,
    nightly_rehearsal,
    reminder_days,
    daily_letters,
    publication_day,
    weekly_maintenance,
]

"""The schedules immediately before and after every date of the calendar.

Each time is tested in Beijing time and in UTC, because Dagster may pass either.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from orchestration import lakehouse, stages
from orchestration.core.reporting_calendar import period_of
from orchestration.core.settings import Settings
from orchestration.definitions import defs
from orchestration.defs.schedules import (
    ALL_SCHEDULES,
    daily_letters,
    nightly_collection,
    nightly_rehearsal,
    publication_day,
    reminder_days,
    weekly_maintenance,
)
from tests.conftest import Environment

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_SECOND = timedelta(seconds=1)
OPENS = datetime(2024, 7, 1, tzinfo=_SHANGHAI)
CUTOFF = datetime(2024, 12, 15, tzinfo=_SHANGHAI)
PUBLISHES = datetime(2024, 12, 15, 6, tzinfo=_SHANGHAI)
CORRECTED = datetime(2025, 2, 1, tzinfo=_SHANGHAI)


def _requests(schedule: dg.ScheduleDefinition, moment: datetime) -> list[dg.RunRequest]:
    context = dg.build_schedule_context(
        scheduled_execution_time=moment, repository_def=defs.get_repository_def()
    )
    return list(schedule.evaluate_tick(context).run_requests or [])


def _is_requested(schedule: dg.ScheduleDefinition, moment: datetime) -> bool:
    """Whether a run for 2024 is requested, and no other; the same in both time zones."""
    answers = {
        tuple(request.partition_key for request in _requests(schedule, at))
        for at in (moment.astimezone(_SHANGHAI), moment.astimezone(UTC))
    }
    [answer] = answers
    assert answer in {(), ("2024",)}
    return bool(answer)


def test_schedules_start_at_the_calendars_times_in_beijing() -> None:
    assert {s.name: s.cron_schedule for s in ALL_SCHEDULES} == {
        "nightly_collection": ["30 1 * * *"],
        "nightly_rehearsal": ["0 3 * * *"],
        "reminder_days": ["30 8 * * *"],
        "daily_letters": ["0 8 * * *"],
        "publication_day": ["0 6 * * *"],
        "weekly_maintenance": "30 4 * * 0",
    }
    assert {s.execution_timezone for s in ALL_SCHEDULES} == {"Asia/Shanghai"}
    assert {s.default_status for s in ALL_SCHEDULES} == {dg.DefaultScheduleStatus.RUNNING}


def test_letters_are_requested_only_if_they_are_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not _is_requested(daily_letters, OPENS)
    monkeypatch.setenv("TONGBAO_TELL", "on")
    assert [_is_requested(daily_letters, at) for at in (OPENS - _SECOND, OPENS, CUTOFF)] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("schedule", [nightly_collection, nightly_rehearsal])
@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (OPENS - _SECOND, False),
        (OPENS, True),
        (OPENS + _SECOND, True),
        (CUTOFF - _SECOND, True),
        (CUTOFF, False),
        (CUTOFF + _SECOND, False),
    ],
)
def test_nightly_runs_are_requested_while_the_collection_is_open(
    schedule: dg.ScheduleDefinition, moment: datetime, expected: bool
) -> None:
    assert _is_requested(schedule, moment) is expected


@pytest.mark.parametrize("days", [14, 7, 1])
def test_reminders_are_requested_on_reminder_days(days: int) -> None:
    day = CUTOFF - timedelta(days=days)
    following = day + timedelta(days=1)
    assert [_is_requested(reminder_days, at) for at in (day - _SECOND, day, day + _SECOND)] == [
        False,
        True,
        True,
    ]
    # The day after the last reminder starts at the cut-off.
    assert [_is_requested(reminder_days, at) for at in (following - _SECOND, following)] == [
        True,
        False,
    ]


def test_publication_is_requested_each_morning_until_the_year_is_published(
    ws: stages.Workspace, environment: Environment
) -> None:
    environment(ws)

    def requested(moment: datetime) -> bool:
        return _is_requested(publication_day, moment)

    around = (-_SECOND, timedelta(0), _SECOND)
    # Without a lake nothing shows that the year is published, so a run is requested.
    assert [requested(PUBLISHES + each) for each in around] == [False, True, True]
    assert not requested(CUTOFF)
    with lakehouse.writer(ws.settings, ws.store) as con:
        lakehouse.ensure_tables(con)
    for days in (1, 47):
        morning = PUBLISHES + timedelta(days=days)
        assert [requested(morning + each) for each in around] == [False, True, True], days
    last = datetime(2025, 1, 31, 23, 59, 59, tzinfo=_SHANGHAI)
    assert last + _SECOND == CORRECTED
    assert [requested(CORRECTED + each) for each in around] == [True, False, False]
    assert not requested(CORRECTED + timedelta(hours=6))

    keys = {
        request.run_key
        for days in (0, 1)
        for hours in (0, 2)
        for request in _requests(publication_day, PUBLISHES + timedelta(days=days, hours=hours))
    }
    assert keys == {"publication_day-2024-20241215", "publication_day-2024-20241216"}
    with lakehouse.writer(ws.settings, ws.store) as con:
        lakehouse.record_edition(con, _EDITION)
    # Corrections are never scheduled, even while their window is open.
    for moment in (PUBLISHES, PUBLISHES + timedelta(days=1), CORRECTED - _SECOND):
        assert not requested(moment)


_EDITION: dict[str, Any] = {
    "year": 2024,
    "edition": 1,
    "snapshot_id": 1,
    "figures_version": "1",
    "edition_version": "1",
    "published_at": PUBLISHES,
    "manifest_sha256": "0",
    "supersedes": None,
    "reason": None,
}


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (CUTOFF - timedelta(days=14) - _SECOND, True),
        (CUTOFF - timedelta(days=14), False),
        (CUTOFF, False),
        (PUBLISHES + timedelta(days=7) - _SECOND, False),
        (PUBLISHES + timedelta(days=7), True),
        (OPENS, True),
    ],
)
def test_no_maintenance_is_requested_around_the_deadline(moment: datetime, expected: bool) -> None:
    for at in (moment.astimezone(_SHANGHAI), moment.astimezone(UTC)):
        assert bool(_requests(weekly_maintenance, at)) is expected


def test_without_a_correction_cutoff_publication_is_retried_for_a_month() -> None:
    period = period_of(2023)
    assert period.correction_cutoff_at is None
    end = period.publishes_at + timedelta(days=31)
    assert period.awaits_publication(end - timedelta(days=1))
    assert not period.awaits_publication(end)


class _Clock(Settings):
    """Settings whose clock is set by the test while a stage runs."""

    moment = CUTOFF - _SECOND

    def now(self) -> datetime:
        return self.moment.astimezone(UTC)


def test_an_intake_that_listed_before_the_cutoff_does_not_count_as_one_after_it(
    ws: stages.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _Clock(**{name: getattr(ws.settings, name) for name in ws.settings.__dict__})

    def intake() -> datetime | None:
        def pass_cutoff(line: str) -> None:
            if "objects listed" in line:
                monkeypatch.setattr(_Clock, "moment", CUTOFF + _SECOND)

        stages.intake(stages.Workspace(settings, ws.store), 2024, run_id="r", progress=pass_cutoff)
        with lakehouse.reader(ws.settings, ws.store) as con:
            return lakehouse.last_intake_at(con, 2024, CORRECTED)

    assert intake() == CUTOFF - _SECOND
    with lakehouse.reader(ws.settings, ws.store) as con:
        [ended] = con.execute("select max(finished_at) from raw.intake_runs").fetchone() or ()
    assert ended.replace(tzinfo=UTC) == CUTOFF + _SECOND
    # It took in nothing new, but counts as the first intake after the cut-off.
    assert intake() == CUTOFF + _SECOND


def test_an_intake_recorded_with_a_later_time_is_ignored(ws: stages.Workspace) -> None:
    def intake(at: datetime) -> datetime | None:
        settings = replace(ws.settings, fixed_now=at.astimezone(UTC))
        stages.intake(
            stages.Workspace(settings, ws.store), 2024, run_id="r", progress=lambda _: None
        )
        with lakehouse.reader(ws.settings, ws.store) as con:
            return lakehouse.last_intake_at(con, 2024, PUBLISHES)

    assert intake(datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert intake(PUBLISHES) == PUBLISHES

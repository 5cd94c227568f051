"""The reporting calendar: the only place where a date is decided.

Belongs here: windows, cut-off, reminders, publication and time zone of a reporting year, from
``dbt_project/seeds/reporting_calendar.csv``, at what time of day the daily runs start, and how a
date and a moment are said to a Chinese reader. Doesn't belong here: schedules (``schedules.py``
asks here) and what counts (dbt asks the ``control.reporting_period`` row made from here).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import UsageError

__all__ = [
    "COLLECTION_TIME",
    "MAINTENANCE_DAY",
    "MAINTENANCE_TIME",
    "REHEARSAL_TIME",
    "REMINDER_TIME",
    "SHANGHAI",
    "ReportingPeriod",
    "chinese_date",
    "moment",
    "newest_year",
    "period_of",
    "publication_times",
    "years",
    "years_in_play",
]

#: The notice's deadlines are Beijing time; the Corps and Xinjiang report by it too.
SHANGHAI = ZoneInfo("Asia/Shanghai")

#: 01:30: after the day's submissions, before anybody is at work to read the receipts.
COLLECTION_TIME = time(1, 30)
#: 03:00: well after the nightly collection, which takes minutes for a whole nation; one run goes
#: at a time, so it doesn't overtake one that takes longer.
REHEARSAL_TIME = time(3, 0)
#: Sunday (cron's 0) 04:30: nobody is at work, the night's runs are over, and the next submissions
#: are hours away.
MAINTENANCE_DAY = 0
MAINTENANCE_TIME = time(4, 30)
#: 08:30: offices open; a reminder is the first thing of a day that is left for answering it.
REMINDER_TIME = time(8, 30)

#: 31 days: for how long publication is tried where the calendar names no correction cut-off to
#: end it. What a month of mornings didn't mend won't mend itself.
_PATIENCE = timedelta(days=31)
#: 60 days: for how long after its cut-off such a year is watched.
_AFTERMATH = timedelta(days=60)
#: 7 days after publication: what was wrong with it shows in the first week.
_SETTLING = timedelta(days=7)


def chinese_date(day: date) -> str:
    """Arabic numerals, no leading zeros: ``2024年12月5日`` (GB/T 9704: 月、日不编虚位)."""
    return f"{day.year}年{day.month}月{day.day}日"


def moment(instant: datetime) -> str:
    """An instant in Beijing time, to the minute: ``2024年12月15日0:00``."""
    local = instant.astimezone(SHANGHAI)
    return f"{chinese_date(local.date())}{local.hour}:{local.minute:02d}"


@dataclass(frozen=True)
class ReportingPeriod:
    """One row of the calendar, resolved to instants (UTC aware).

    Attributes:
        year: the reporting year.
        opens_at: the collection opens.
        cutoff_at: documents count when they were submitted before it (exclusive).
        publication_date: the day of the bulletins, in Beijing.
        correction_cutoff_at: until when a corrected edition takes documents, or None.
        publishes_at: when publication is first tried.
        reminder_days: days before the cut-off on which provinces are reminded, most first.
    """

    year: int
    opens_at: datetime
    cutoff_at: datetime
    publication_date: date
    correction_cutoff_at: datetime | None
    publishes_at: datetime
    reminder_days: tuple[int, ...]

    def counts_until(self, edition: int) -> datetime:
        """Until when documents count for an edition (exclusive)."""
        return (self.correction_cutoff_at if edition > 1 else None) or self.cutoff_at

    def is_open(self, now: datetime) -> bool:
        """Whether the collection is open at ``now`` (aware): from opening until the cut-off."""
        return self.opens_at <= now < self.cutoff_at

    def days_left(self, now: datetime) -> int:
        """Days in Beijing from ``now`` (aware) to the cut-off: 1 on the last day before it."""
        return (_day(self.cutoff_at) - _day(now)).days

    def reminds(self, now: datetime) -> bool:
        """Whether ``now`` (aware) lies on a day of reminders and the collection is open."""
        return self.is_open(now) and self.days_left(now) in self.reminder_days

    def is_near_deadline(self, now: datetime) -> bool:
        """Whether at ``now`` (aware) nothing should be touched that needn't be.

        From the first reminder until a week after publication.
        """
        first = self.cutoff_at - timedelta(days=max(self.reminder_days))
        return first <= now < self.publishes_at + _SETTLING

    def awaits_publication(self, now: datetime) -> bool:
        """Whether an unpublished year is to be published at ``now`` (aware).

        From its publication on, each day from that hour, until the correction cut-off: from then
        on a first edition would tell what nobody can correct any more.
        """
        until = self.correction_cutoff_at or self.publishes_at + _PATIENCE
        hour = self.publishes_at.astimezone(SHANGHAI).time()
        return self.publishes_at <= now < until and now.astimezone(SHANGHAI).time() >= hour


def _instant(local: datetime) -> datetime:
    return local.replace(tzinfo=SHANGHAI).astimezone(UTC)


def _day(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date()


def years() -> list[int]:
    """The years that the calendar has a row for."""
    return sorted(load_catalogue().calendar)


def years_in_play(now: datetime) -> list[int]:
    """Years whose collection has opened and whose corrections have not closed, oldest first.

    Args:
        now: aware.
    """
    periods = [period_of(year) for year in years()]
    return [
        period.year
        for period in periods
        if period.opens_at <= now < (period.correction_cutoff_at or period.cutoff_at + _AFTERMATH)
    ]


def newest_year(now: datetime) -> int:
    """The last year whose collection has opened at ``now`` (aware).

    Raises:
        UsageError: none has.
    """
    opened = [year for year in years() if period_of(year).opens_at <= now]
    if not opened:
        raise UsageError(f"no collection of the reporting calendar has opened by {now:%Y-%m-%d}")
    return max(opened)


def publication_times() -> list[time]:
    """The times of day (Beijing) at which years are published."""
    return sorted({period_of(year).publishes_at.astimezone(SHANGHAI).time() for year in years()})


def period_of(year: int) -> ReportingPeriod:
    """The calendar of a year.

    Raises:
        UsageError: the calendar has no row for the year, or a seed is broken.
    """
    calendar = load_catalogue().calendar
    row = calendar.get(year)
    if row is None:
        raise UsageError(
            f"the reporting calendar has no year {year} (it has {min(calendar)} to "
            f"{max(calendar)}): add a row to dbt_project/seeds/reporting_calendar.csv"
        )
    correction = row.correction_cutoff
    return ReportingPeriod(
        year=year,
        opens_at=_instant(row.collection_opens),
        cutoff_at=_instant(row.submission_cutoff),
        publication_date=row.publication_date,
        correction_cutoff_at=_instant(correction) if correction else None,
        publishes_at=_instant(datetime.combine(row.publication_date, row.publication_time)),
        reminder_days=row.reminder_days,
    )

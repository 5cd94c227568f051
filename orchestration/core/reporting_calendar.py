"""The reporting calendar: the only place where dates are decided.

Belongs here: windows, cut-off, reminders, publication and time zone of a reporting year, from
``dbt_project/seeds/reporting_calendar.csv``; the times of day at which the daily runs start; the
Chinese spelling of a date and an instant. Doesn't belong here: schedules (``schedules.py`` reads
this module), and which documents count (dbt reads ``control.reporting_period``, a row that is
made from this module).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import UsageError

__all__ = [
    "CLOCK_TOLERANCE",
    "COLLECTION_TIME",
    "LETTER_TIME",
    "MAINTENANCE_DAY",
    "MAINTENANCE_TIME",
    "REHEARSAL_TIME",
    "REMINDER_TIME",
    "SHANGHAI",
    "Arrival",
    "ReportingPeriod",
    "chinese_date",
    "moment",
    "newest_year",
    "period_of",
    "publication_times",
    "years",
    "years_in_play",
]

#: The notice's deadlines are in Beijing time, also for Xinjiang and the Corps.
SHANGHAI = ZoneInfo("Asia/Shanghai")

#: 01:30: after the day's submissions, before anybody is at work to read the receipts.
COLLECTION_TIME = time(1, 30)
#: 03:00: well after the nightly collection, which takes minutes for the whole nation. Only one
#: run executes at a time, so the rehearsal waits for a collection that takes longer.
REHEARSAL_TIME = time(3, 0)
#: Sunday (0 in cron) 04:30: nobody is at work, the night's runs have ended, and the next
#: submissions are hours away.
MAINTENANCE_DAY = 0
MAINTENANCE_TIME = time(4, 30)
#: 08:30: offices open, and the whole day remains for an answer to the reminder.
REMINDER_TIME = time(8, 30)
#: 08:00: the night's receipts are written, and a letter is read at the start of a working day.
LETTER_TIME = time(8, 0)

#: One hour: a sender's clock that is further ahead of the store's is wrong (contract §1).
CLOCK_TOLERANCE = timedelta(hours=1)
#: 31 days: for how long publication is retried in a year without a correction cut-off. After a
#: month of daily attempts, further attempts don't help.
_RETRY_PUBLICATION_FOR = timedelta(days=31)
#: 60 days: for how long after its cut-off a year without a correction cut-off stays in play.
_IN_PLAY_AFTER_CUTOFF = timedelta(days=60)
#: 7 days after publication: errors in it are found in the first week.
_QUIET_AFTER_PUBLICATION = timedelta(days=7)


def chinese_date(day: date) -> str:
    """A date in Chinese, without leading zeros: ``2024年12月5日`` (GB/T 9704: 月、日不编虚位)."""
    return f"{day.year}年{day.month}月{day.day}日"


def moment(instant: datetime) -> str:
    """An aware instant in Chinese, in Beijing time to the minute: ``2024年12月15日0:00``."""
    local = instant.astimezone(SHANGHAI)
    return f"{chinese_date(local.date())}{local.hour}:{local.minute:02d}"


@dataclass(frozen=True)
class Arrival:
    """When a document came, judged by its sender's clock and the store's (contract §1).

    Attributes:
        sent_at: when it was sent; of two documents the one sent later counts.
        judged_at: compared with cut-offs: it is in time for those that come after this instant.
        has_wrong_clock: the sender's clock is ahead of the store's, whose time is taken.
    """

    sent_at: datetime
    judged_at: datetime
    has_wrong_clock: bool = False


@dataclass(frozen=True)
class ReportingPeriod:
    """One row of the calendar with its times as instants (UTC aware).

    Attributes:
        year: the reporting year.
        opens_at: when the collection opens.
        cutoff_at: documents that are submitted before it count (exclusive).
        publication_date: the day of the bulletins, in Beijing time.
        correction_cutoff_at: the same limit for a corrected edition, or None.
        publishes_at: when publication is first tried.
        reminder_days: the numbers of days before the cut-off at which provinces are reminded,
            largest first.
        transfer: how long after a cut-off an object with documents of before it may still arrive;
            None: ``submitted_at`` alone counts.
    """

    year: int
    opens_at: datetime
    cutoff_at: datetime
    publication_date: date
    correction_cutoff_at: datetime | None
    publishes_at: datetime
    reminder_days: tuple[int, ...]
    transfer: timedelta | None = None

    def counts_until(self, edition: int) -> datetime:
        """The instant until which documents count for an edition (UTC aware, exclusive)."""
        return (self.correction_cutoff_at if edition > 1 else None) or self.cutoff_at

    def arrival(
        self, submitted_at: datetime, received_at: datetime, *, is_synthetic: bool
    ) -> Arrival:
        """When a document of this year came; ``lakehouse.received`` has the same as SQL.

        Args:
            submitted_at: as the sender says (aware).
            received_at: when the store received the object in which it first came (aware).
            is_synthetic: made-up data has made-up times: the sender's alone counts.
        """
        if self.transfer is None or is_synthetic:
            return Arrival(submitted_at, submitted_at)
        wrong = submitted_at > received_at + CLOCK_TOLERANCE
        sent_at = received_at if wrong else submitted_at
        return Arrival(sent_at, max(sent_at, received_at - self.transfer), wrong)

    def is_open(self, now: datetime) -> bool:
        """Whether the collection is open at ``now`` (aware): from opening until the cut-off."""
        return self.opens_at <= now < self.cutoff_at

    def days_left(self, now: datetime) -> int:
        """Calendar days in Beijing from ``now`` (aware) to the cut-off; 1 on the day before it."""
        return (_day(self.cutoff_at) - _day(now)).days

    def reminds(self, now: datetime) -> bool:
        """Whether ``now`` (aware) is on a reminder day while the collection is open."""
        return self.is_open(now) and self.days_left(now) in self.reminder_days

    def is_near_deadline(self, now: datetime) -> bool:
        """Whether optional work such as maintenance should wait at ``now`` (aware).

        True from the first reminder until a week after publication.
        """
        first = self.cutoff_at - timedelta(days=max(self.reminder_days))
        return first <= now < self.publishes_at + _QUIET_AFTER_PUBLICATION

    def awaits_publication(self, now: datetime) -> bool:
        """Whether publication of an unpublished year is due at ``now`` (aware).

        It is due from ``publishes_at``, each day from that time of day, until the correction
        cut-off: nobody could correct a first edition that is published later.
        """
        until = self.correction_cutoff_at or self.publishes_at + _RETRY_PUBLICATION_FOR
        hour = self.publishes_at.astimezone(SHANGHAI).time()
        return self.publishes_at <= now < until and now.astimezone(SHANGHAI).time() >= hour


def _instant(local: datetime) -> datetime:
    """Convert naive Beijing time to an aware UTC instant."""
    return local.replace(tzinfo=SHANGHAI).astimezone(UTC)


def _day(moment: datetime) -> date:
    """The day in Beijing of an aware instant."""
    return moment.astimezone(SHANGHAI).date()


def years() -> list[int]:
    """The years that the calendar has a row for."""
    return sorted(load_catalogue().calendar)


def years_in_play(now: datetime) -> list[int]:
    """Years between the opening of collection and the end of corrections, oldest first.

    Args:
        now: aware.
    """
    periods = [period_of(year) for year in years()]
    return [
        period.year
        for period in periods
        if period.opens_at
        <= now
        < (period.correction_cutoff_at or period.cutoff_at + _IN_PLAY_AFTER_CUTOFF)
    ]


def newest_year(now: datetime) -> int:
    """The last year whose collection has opened at ``now`` (aware).

    Raises:
        UsageError: no collection has opened yet.
    """
    opened = [year for year in years() if period_of(year).opens_at <= now]
    if not opened:
        raise UsageError(f"no collection of the reporting calendar has opened by {now:%Y-%m-%d}")
    return max(opened)


def publication_times() -> list[time]:
    """The distinct times of day (Beijing) at which years are published, sorted."""
    return sorted({period_of(year).publishes_at.astimezone(SHANGHAI).time() for year in years()})


def period_of(year: int) -> ReportingPeriod:
    """The reporting period of a year, from the calendar.

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
        transfer=None if row.transfer_hours is None else timedelta(hours=row.transfer_hours),
    )

"""The reporting calendar: the only place where a date is decided.

Belongs here: cut-off, windows and time zone of a reporting year, from
``dbt_project/seeds/reporting_calendar.csv``. Doesn't belong here: schedules (``schedules.py``
asks here) and what counts (dbt asks the ``control.reporting_period`` row made from here).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from orchestration.catalogue import read_seed
from orchestration.errors import UsageError

__all__ = ["SHANGHAI", "ReportingPeriod", "period_of", "years"]

#: The notice's deadlines are Beijing time; the Corps and Xinjiang report by it too.
SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class ReportingPeriod:
    """One row of the calendar, resolved to instants (UTC aware).

    Attributes:
        year: the reporting year.
        opens_at: the collection opens.
        cutoff_at: documents count when they were submitted before it (exclusive).
        publication_date: the day of the bulletins, in Beijing.
        correction_cutoff_at: until when a corrected edition takes documents, or None.
    """

    year: int
    opens_at: datetime
    cutoff_at: datetime
    publication_date: date
    correction_cutoff_at: datetime | None

    def counts_until(self, edition: int) -> datetime:
        """Until when documents count for an edition (exclusive)."""
        return (self.correction_cutoff_at if edition > 1 else None) or self.cutoff_at

    def is_open(self, now: datetime) -> bool:
        """Whether the collection is open at ``now`` (aware): from opening until the cut-off."""
        return self.opens_at <= now < self.cutoff_at


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


def years() -> list[int]:
    """The years that the calendar has a row for."""
    return sorted(int(row["year"]) for row in read_seed("reporting_calendar"))


def period_of(year: int) -> ReportingPeriod:
    """The calendar of a year.

    A blank cut-off is 15 December 00:00 Asia/Shanghai and a blank publication date 15 December
    (contract §1: "before 15 December").

    Raises:
        UsageError: the calendar has no row for the year, or a cell can't be read.
    """
    for row in read_seed("reporting_calendar"):
        if row["year"] == str(year):
            try:
                correction = row["correction_cutoff"]
                return ReportingPeriod(
                    year=year,
                    opens_at=_instant(row["collection_opens"] or f"{year}-07-01 00:00:00"),
                    cutoff_at=_instant(row["submission_cutoff"] or f"{year}-12-15 00:00:00"),
                    publication_date=date.fromisoformat(row["publication_date"] or f"{year}-12-15"),
                    correction_cutoff_at=_instant(correction) if correction else None,
                )
            except ValueError as error:
                raise UsageError(f"reporting_calendar.csv, year {year}: {error}") from None
    known = years()
    raise UsageError(
        f"the reporting calendar has no year {year} (it has {known[0]} to {known[-1]}): "
        "add a row to dbt_project/seeds/reporting_calendar.csv"
    )

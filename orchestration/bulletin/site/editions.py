"""The list of a year's editions for readers: dates, reasons, which one is current.

An edition is never written again, so its own list can't name later editions. The list in
``editions/{year}/index.html`` names all of them; on a server, a script in every page's header
reports that a later edition is current.

Belongs here: the notes about editions, and the year's list. Doesn't belong here: publishing
editions (``publication``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.bulletin.site.templates import fill
from orchestration.bulletin.wording import chinese_date
from orchestration.core.reporting_calendar import SHANGHAI, period_of
from orchestration.figures.wording import clean

__all__ = ["EditionNote", "year_index"]


@dataclass(frozen=True)
class EditionNote:
    """An edition in the list.

    Attributes:
        number: 1, 2, …
        dated: date as printed, e.g. ``2024年12月15日``; empty for a corrected edition in its own
            list, as it has not been published yet.
        reason: reason of the correction; empty for edition 1.
        changed: Chinese summary of the changes, if known.
    """

    number: int
    dated: str
    reason: str = ""
    changed: str = ""

    @classmethod
    def of(
        cls,
        year: int,
        number: int,
        published_at: datetime | None = None,
        reason: str | None = None,
        changed: str = "",
    ) -> EditionNote:
        """Return a note; edition 1 is dated as in the calendar, later ones when published."""
        day = published_at.astimezone(SHANGHAI).date() if published_at else None
        if number == 1:
            day = period_of(year).publication_date
        return cls(number, chinese_date(day) if day else "", clean(reason, 500), changed)


def year_index(year: int, editions: Sequence[EditionNote], *, is_synthetic: bool) -> bytes:
    """Return ``editions/{year}/index.html``, which is rewritten at every publication.

    Args:
        editions: all editions of the year in order; the last is current.
    """
    page = fill(
        "year.html.j2",
        "index.html",
        year=year,
        title=f"{year}年度通报的全部版本",
        editions=editions,
        current=editions[-1].number,
        is_synthetic=is_synthetic,
    )
    return page.encode()

"""Editions as readers see them: which there are, which is in force, why there is a new one.

Belongs here: the list of a year's editions, in each edition and above them all. An edition is
never written again, so it can't say itself that a later one stands: ``editions/{year}/index.html``
does, and the script in every page's header where the pages come from a server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.bulletin.site.templates import fill
from orchestration.bulletin.wording import chinese_date, clean
from orchestration.core.reporting_calendar import SHANGHAI, period_of

__all__ = ["EditionNote", "year_index"]


@dataclass(frozen=True)
class EditionNote:
    """An edition in the list.

    Attributes:
        number: 1, 2, …
        dated: as printed, e.g. ``2024年12月15日``; empty in a later edition about itself.
        reason: why it was made; empty for the first.
        changed: how much changed against the one before, where that is known.
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
        """An edition: the first has the calendar's date, a later one the day it was made."""
        day = published_at.astimezone(SHANGHAI).date() if published_at else None
        if number == 1:
            day = period_of(year).publication_date
        return cls(number, chinese_date(day) if day else "", clean(reason, 500), changed)


def year_index(year: int, editions: Sequence[EditionNote], *, is_synthetic: bool) -> bytes:
    """``editions/{year}/index.html``, written anew at every publication.

    Args:
        editions: all of them, the first first; the last is in force.
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

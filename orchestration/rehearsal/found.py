"""The result of a rehearsal.

Belongs here: the result as data and as lines for a terminal. Doesn't belong here: computing it
(``run``) and the Chinese pages (``pages``).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestration.core.catalogue import load_catalogue
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.rehearsal.counts import GroupStatus, percent

__all__ = ["Rehearsal"]


@dataclass(frozen=True)
class Rehearsal:
    """The result of a rehearsal.

    Attributes:
        at: the time of the rehearsal (aware).
        days_left: days in Beijing to the cut-off; 0 or less once it has passed.
        snapshot_id: the snapshot judged.
        would_block: whether the gate would block publication now.
        blocking: the blocking findings, as in the gate's summary.
        warnings: number of findings that would be published with the bulletin.
        left_out: titles of the checks that can't pass before the cut-off.
        from_future: number of units whose first document is dated after ``at``; they don't count
            as reported.
        nation, provinces, tasks: their reporting status.
        cells: the groups of province and task whose on-time rate may be too low at the cut-off.
        page: key of the national page in the publication bucket.
        place: path or URL of that page.
    """

    year: int
    at: datetime
    days_left: int
    snapshot_id: int
    is_synthetic: bool
    would_block: bool
    blocking: tuple[dict[str, Any], ...]
    warnings: int
    left_out: tuple[str, ...]
    from_future: int
    nation: GroupStatus
    provinces: tuple[GroupStatus, ...]
    tasks: tuple[GroupStatus, ...]
    cells: tuple[GroupStatus, ...]
    page: str
    place: str

    @property
    def lines(self) -> list[str]:
        """The verdict, the blocking findings and a line for each province, the worst first."""
        verdict = f"would block ({len(self.blocking)})" if self.would_block else "would pass"
        days = f"{self.days_left} days left" if self.days_left > 0 else "the cut-off has passed"
        at = self.at.astimezone(SHANGHAI)
        lines = [
            f"Rehearsal {self.year}, {at:%Y-%m-%d %H:%M} Beijing, {days}: {verdict}; "
            f"{self.warnings} warnings; no verdict is recorded"
        ]
        for number, finding in enumerate(self.blocking, 1):
            lines.append(
                f"{number:>3}. {finding['title_en']}: {finding['failed']} of "
                f"{finding['evaluated']} fail, worst {finding['observed']}, "
                f"must be {finding['threshold']}"
            )
            lines.append(f"       {finding['worst_en']}")
        lines += [f"     left out until the cut-off: {title}" for title in self.left_out]
        if self.from_future:
            lines.append(
                f"     {self.from_future} units' first documents are dated after now: the gate "
                "counts them, the table doesn't (is a clock wrong?)"
            )
        lines.append(
            f"{'':8}{'expected':>9}{'reported':>9}{'rate':>8}{'last year':>10}{'7 days':>8}"
            f"{'missing at cut-off':>20}{'floor':>7}  outlook"
        )
        names = {code: region.short_name for code, region in load_catalogue().regions.items()}
        worst = sorted(self.provinces, key=lambda s: (-s.missing / s.expected, -s.missing))
        lines += [_status_line(names[each.key["province_code"]], each) for each in worst]
        lines.append(_status_line("全国", self.nation))
        lines.append(
            "last year: by the same day; missing: projected at the present pace, 90 % interval"
        )
        lines.append(f"page: {self.place}")
        return lines


_OUTLOOKS = {"passes": "passes", "uncertain": "may fail", "fails": "FAILS", "none": ""}


def _status_line(name: str, of: GroupStatus) -> str:
    """A row of the table; a Chinese character takes two columns."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in name)
    interval = f"{of.missing:,} ({of.missing_low:,}-{of.missing_high:,})"
    floor = f"{float(of.floor):.0%}" if of.floor else "-"
    return (
        f"{name}{'':{8 - len(name) - wide}}{of.expected:>9,}{of.reported:>9,}"
        f"{_percent(of.reported, of.expected):>8}"
        f"{_percent(of.last_reported, of.last_expected):>10}{of.newly_reported:>8,}{interval:>20}"
        f"{floor:>7}  {_OUTLOOKS[of.outlook]}"
    ).rstrip()


def _percent(part: int | None, whole: int | None) -> str:
    share = percent(part, whole)
    return "-" if share is None else f"{share}%"

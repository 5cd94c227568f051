"""What a rehearsal found.

Belongs here: the result as data and as lines for a terminal. Doesn't belong here: finding it
(``run``), and the pages that say it in Chinese (``pages``).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestration.core.catalogue import load_catalogue
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.rehearsal.counts import Standing, percent

__all__ = ["Rehearsal"]


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal found.

    Attributes:
        at: when (aware).
        days_left: days in Beijing to the cut-off; 0 or less once it has passed.
        snapshot_id: the snapshot judged.
        would_block: whether publication would be held back now.
        blocking: what would block, as in the gate's summary.
        warnings: how many findings would be published with the bulletin.
        left_out: checks that nothing can keep before the cut-off, by their titles.
        from_future: units whose first document is dated after ``at``; they don't count as reported.
        nation, provinces, tasks: where they stand.
        cells: the province x task groups whose floor may be missed at the cut-off.
        page: key of the national page in the publication bucket.
        place: the same for a person.
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
    nation: Standing
    provinces: tuple[Standing, ...]
    tasks: tuple[Standing, ...]
    cells: tuple[Standing, ...]
    page: str
    place: str

    @property
    def lines(self) -> list[str]:
        """What a terminal shows: the verdict, what would block, a line a province, worst first."""
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
        lines += [_line(names[each.key["province_code"]], each) for each in worst]
        lines.append(_line("全国", self.nation))
        lines.append(
            "last year: by the same day; missing: projected at the present pace, 90 % interval"
        )
        lines.append(f"page: {self.place}")
        return lines


_OUTLOOKS = {"passes": "passes", "uncertain": "may fail", "fails": "FAILS", "none": ""}


def _line(name: str, of: Standing) -> str:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in name)
    interval = f"{of.missing:,} ({of.missing_low:,}-{of.missing_high:,})"
    floor = f"{float(of.floor):.0%}" if of.floor else "-"
    return (
        f"{name}{'':{8 - len(name) - wide}}{of.expected:>9,}{of.reported:>9,}"
        f"{_percent(of.reported, of.expected):>8}"
        f"{_percent(of.last_reported, of.last_expected):>10}{of.came:>8,}{interval:>20}"
        f"{floor:>7}  {_OUTLOOKS[of.outlook]}"
    ).rstrip()


def _percent(part: int | None, whole: int | None) -> str:
    share = percent(part, whole)
    return "-" if share is None else f"{share}%"

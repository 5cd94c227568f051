"""One rehearsal: judge, count, project, write the pages.

Belongs here: the order of things, and what a rehearsal found as data and for a terminal. The
verdict stays in this process: ``quality.gate_results`` is not written.
"""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import duckdb

from expectations import CHECKS
from expectations.checks import Check
from orchestration import lakehouse
from orchestration.core.catalogue import load_catalogue
from orchestration.core.reporting_calendar import SHANGHAI, period_of, years
from orchestration.core.workspace import Progress, Workspace
from orchestration.gate import GateDecision, judge_snapshot
from orchestration.rehearsal.counts import Standing, percent, standings, units_of
from orchestration.rehearsal.pages import national_page, province_pages

__all__ = ["Rehearsal", "run_rehearsal"]


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


def run_rehearsal(
    ws: Workspace, year: int, snapshot_id: int, *, run_id: str, progress: Progress
) -> Rehearsal:
    """Judge a snapshot as the gate would, project it to the cut-off, write the pages.

    Raises:
        TongbaoError: a check could not be carried out.
        Unreachable: the store fails.
    """
    settings, now = ws.settings, ws.settings.now()
    period = period_of(year)
    decision = judge_snapshot(settings, ws.store, year, snapshot_id, run_id=run_id)
    early = tuple(o for o in decision.outcomes if o.check.from_cutoff and now < period.cutoff_at)
    decision = dataclasses.replace(
        decision, outcomes=tuple(o for o in decision.outcomes if o not in early)
    )
    day = now.astimezone(SHANGHAI).date()
    page = f"receipts/year={year}/rehearsal.html"
    with lakehouse.reader(settings, ws.store, snapshot_id) as con:
        counted = _count(con, year, now)
        found = Rehearsal(
            year=year,
            at=now,
            days_left=period.days_left(now),
            snapshot_id=snapshot_id,
            is_synthetic=decision.is_synthetic,
            would_block=decision.blocked,
            blocking=tuple(_brief(decision)),
            warnings=len(decision.warnings),
            left_out=tuple(outcome.check.title_en for outcome in early),
            page=page,
            place=(
                str(settings.home / "s3" / settings.publication_bucket / page)
                if settings.uses_local_store
                else f"s3://{settings.publication_bucket}/{page}"
            ),
            **counted,
        )

        def pages() -> Iterator[tuple[str, bytes]]:
            body = national_page(con, found, decision)
            data = json.dumps(
                dataclasses.asdict(found), ensure_ascii=False, indent=1, default=str
            ).encode()
            yield page, body
            yield page.replace("rehearsal.", f"rehearsal-{day}."), body
            yield page.replace("rehearsal.html", f"rehearsal-{day}.json"), data
            yield from province_pages(con, found, decision)

        written = ws.store.put_many(settings.publication_bucket, pages())
    progress(
        f"rehearsal {year}: would {'block' if found.would_block else 'pass'}, snapshot "
        f"{snapshot_id}: {len(found.blocking)} block, {found.warnings} warn; {written} files"
    )
    return found


def _brief(decision: GateDecision) -> Iterator[dict[str, Any]]:
    for brief, finding in zip(decision.summary()["blocking"], decision.blocking, strict=True):
        worst = finding.causes[0].text_en(2) if finding.causes else ""
        yield brief | {
            "title_zh": finding.title_zh,
            "title_en": finding.title_en,
            "worst_en": worst,
        }


def _checks() -> dict[str, Check]:
    """The gate's floors on reporting on time, by the groups that they judge."""
    checks = {check.name: check for check in chain.from_iterable(CHECKS.values())}
    return {
        group: checks[f"on_time_rate_{group}"] for group in ("nation", "province", "task", "cell")
    }


def _count(con: duckdb.DuckDBPyConnection, year: int, now: datetime) -> dict[str, Any]:
    period = period_of(year)
    last_period = period_of(year - 1) if year - 1 in years() else None
    units, last_units = units_of(con, year), units_of(con, year - 1)
    checks = _checks()

    def group(check: str, *by: str) -> Sequence[Standing]:
        return standings(units, last_units, period, last_period, now, by=by, check=checks[check])

    [nation] = group("nation")
    return {
        "nation": nation,
        "provinces": tuple(group("province", "province_code")),
        "tasks": tuple(group("task", "task_code")),
        "cells": tuple(
            cell
            for cell in group("cell", "province_code", "task_code")
            if cell.outlook in {"uncertain", "fails"}
        ),
        "from_future": sum(unit.first_at is not None and unit.first_at > now for unit in units),
    }

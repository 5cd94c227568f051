"""Who has reported by now, and who had by the same day of last year.

Belongs here: from the lake's rows to the counts of the nation, a province, a task or both, and
their projection. Doesn't belong here: the estimator (``projection``), thresholds
(``expectations``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from orchestration.core.reporting_calendar import ReportingPeriod
from orchestration.rehearsal.projection import Pace, Projection, project

if TYPE_CHECKING:
    from expectations.checks import Check

__all__ = ["Outlook", "Standing", "Unit", "percent", "standings", "units_of"]

#: Seven days: a week holds every day of the week once, and what came before the last one says
#: little about the days before a cut-off.
_LAST_DAYS = timedelta(days=7)

#: Whether the gate's floor on reporting on time will be kept: whatever the interval holds, perhaps
#: (the floor lies within it), not even at its better end; or no floor applies.
Outlook = Literal["passes", "uncertain", "fails", "none"]


@dataclass(frozen=True)
class Unit:
    """An expected unit of a year.

    Attributes:
        first_at: when its first performance document was submitted (UTC aware), or None.
    """

    unit_code: str
    province_code: str
    task_code: str
    first_at: datetime | None

    def reported(self, by: datetime) -> bool:
        """Whether it had reported before ``by``."""
        return self.first_at is not None and self.first_at < by


@dataclass(frozen=True)
class Standing:
    """Where the units of a province, a task, both or the nation stand.

    Attributes:
        key: as in a cause of the gate, e.g. ``{"province_code": "440000"}``; empty for the nation.
        expected, reported: this year's units, and those that have reported on time by now.
        came: how many of them reported in the last seven days.
        last_expected: last year's units, or None where last year is not known.
        last_reported: how many of them had reported at the same distance from the cut-off.
        last_on_time: how many reported by last year's cut-off.
        missing, missing_low, missing_high: projected to the cut-off, with the interval.
        floor: the least on-time rate that the gate takes, as a fraction, or None.
        outlook: whether that will be kept.
    """

    key: Mapping[str, str]
    expected: int
    reported: int
    came: int
    last_expected: int | None
    last_reported: int | None
    last_on_time: int | None
    missing: int
    missing_low: int
    missing_high: int
    floor: str | None
    outlook: Outlook

    @property
    def silent(self) -> int:
        """Units that have not reported."""
        return self.expected - self.reported


def percent(part: int | None, whole: int | None) -> Decimal | None:
    """A share in percent with one decimal, half up; None of nothing."""
    if part is None or not whole:
        return None
    return (Decimal(100 * part) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)


_UNITS = """
with first as (
    select unit_code, min(timezone('UTC', cast(submitted_at as timestamptz))) as first_at
    from lake.raw.performances where year = $year group by unit_code
)
select u.unit_code, u.province_code, u.task_code, f.first_at
from lake.marts.fct_unit_year as u left join first as f using (unit_code)
where u.year = $year order by u.unit_code
"""


def units_of(con: duckdb.DuckDBPyConnection, year: int) -> list[Unit]:
    """The expected units of a year; none where it has no marts."""
    return [
        Unit(code, province, task, at.replace(tzinfo=UTC) if at else None)
        for code, province, task, at in con.execute(_UNITS, {"year": year}).fetchall()
    ]


def standings(
    units: Sequence[Unit],
    last_units: Sequence[Unit],
    period: ReportingPeriod,
    last_period: ReportingPeriod | None,
    now: datetime,
    *,
    by: tuple[str, ...],
    check: Check,
) -> list[Standing]:
    """Count and project groups of units.

    Args:
        units, last_units: this year's and last year's expected units.
        period, last_period: their calendars; None where last year has none.
        now: the time of the rehearsal (aware).
        by: what makes a group: ``province_code``, ``task_code``, both, or nothing (the nation).
        check: the gate's floor on the on-time rate of such groups.
    """
    left = max(period.cutoff_at - now, timedelta(0))
    window = min(_LAST_DAYS, now - period.opens_at) if now > period.opens_at else _LAST_DAYS
    by_now = period.cutoff_at - left
    same = last_period.cutoff_at - left if last_period else None
    this_year = _grouped(units, by)
    last_year = _grouped(last_units, by)
    found = []
    for key, group in this_year.items():
        reported = sum(unit.reported(by_now) for unit in group)
        pace = _pace(group, by_now - window, by_now)
        known = last_year.get(key, []) if same and last_units else None
        last_pace = course = nation = None
        if known is not None and same and last_period:
            last_pace = _pace(known, same - window, same)
            course = _pace(known, same, last_period.cutoff_at)
            nation = _pace(last_units, same, last_period.cutoff_at)
        projection = project(
            silent=len(group) - reported,
            this_year=pace,
            last_year=last_pace,
            last_course=course,
            national_course=nation,
            windows_left=left / window,
        )
        found.append(
            Standing(
                key=dict(zip(by, key, strict=True)),
                expected=len(group),
                reported=reported,
                came=pace.came,
                last_expected=None if known is None else len(known),
                last_reported=_by(known, same),
                last_on_time=_by(known, last_period.cutoff_at if last_period else None),
                missing=projection.missing,
                missing_low=projection.low,
                missing_high=projection.high,
                **_outlook(check, len(group), projection),
            )
        )
    return found


def _grouped(units: Iterable[Unit], by: tuple[str, ...]) -> dict[tuple[str, ...], list[Unit]]:
    groups: dict[tuple[str, ...], list[Unit]] = {} if by else {(): []}
    for unit in units:
        groups.setdefault(tuple(getattr(unit, name) for name in by), []).append(unit)
    return dict(sorted(groups.items()))


def _pace(units: Iterable[Unit], start: datetime, end: datetime) -> Pace:
    silent = [unit for unit in units if not unit.reported(start)]
    return Pace(len(silent), sum(unit.reported(end) for unit in silent))


def _by(units: list[Unit] | None, moment: datetime | None) -> int | None:
    if units is None or moment is None:
        return None
    return sum(unit.reported(moment) for unit in units)


def _outlook(check: Check, expected: int, projection: Projection) -> dict[str, Any]:
    """``floor`` and ``outlook`` of a group."""
    applies = all(
        expected >= number if operator == ">=" else expected > number
        for column, operator, number in check.only
        if column == "units_expected"
    )
    if check.at_least is None or not applies or not expected:
        return {"floor": None, "outlook": "none"}
    floor = Decimal(str(check.at_least))
    spare = int(((1 - floor) * expected).to_integral_value(ROUND_FLOOR))
    outlook: Outlook = "uncertain"
    if projection.high <= spare:
        outlook = "passes"
    elif projection.low > spare:
        outlook = "fails"
    return {"floor": str(floor), "outlook": outlook}

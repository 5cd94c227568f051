"""Counts the units that have reported by now, and by the same day of last year.

Belongs here: from the lake's rows to counts and projections of the nation, a province, a task, or
a task in a province. Doesn't belong here: the estimator (``projection``), thresholds
(``expectations``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from orchestration.core.reporting_calendar import ReportingPeriod
from orchestration.figures.numbers import half_up
from orchestration.lakehouse.received import returned_documents
from orchestration.rehearsal.projection import Pace, Projection, project

if TYPE_CHECKING:
    from expectations.checks import Check

__all__ = ["GroupStatus", "Outlook", "Unit", "group_statuses", "percent", "units_of"]

#: The window from which the pace is measured. A week holds every weekday once; reports before the
#: last week say little about the days before a cut-off.
_WINDOW = timedelta(days=7)

#: Whether the on-time rate will meet the gate's threshold: at both ends of the interval
#: (``passes``), at one (``uncertain``), at neither (``fails``); ``none`` without a threshold.
Outlook = Literal["passes", "uncertain", "fails", "none"]


@dataclass(frozen=True)
class Unit:
    """An expected unit of a year.

    Attributes:
        first_at: when its first performance document that was not returned was submitted (UTC
            aware), or None.
    """

    unit_code: str
    province_code: str
    task_code: str
    first_at: datetime | None

    def reported_before(self, moment: datetime) -> bool:
        """Whether the unit had reported before ``moment`` (aware)."""
        return self.first_at is not None and self.first_at < moment


@dataclass(frozen=True)
class GroupStatus:
    """The reporting status of the nation, a province, a task, or a task in a province.

    Attributes:
        key: as in a cause of the gate, e.g. ``{"province_code": "440000"}``; empty for the nation.
        expected: number of this year's expected units.
        reported: how many of them have reported on time by now.
        newly_reported: how many of them reported in the last seven days.
        last_expected: number of last year's expected units, or None where last year is not known.
        last_reported: how many of them had reported at the same distance from the cut-off.
        last_on_time: how many of them reported before last year's cut-off.
        missing, missing_low, missing_high: units missing at the cut-off, projected, and the
            interval.
        floor: the gate's least on-time rate, as a decimal fraction, or None.
        outlook: whether the projected rate meets it.
    """

    key: Mapping[str, str]
    expected: int
    reported: int
    newly_reported: int
    last_expected: int | None
    last_reported: int | None
    last_on_time: int | None
    missing: int
    missing_low: int
    missing_high: int
    floor: str | None
    outlook: Outlook

    @property
    def not_reported(self) -> int:
        """The number of expected units that have not reported."""
        return self.expected - self.reported


def percent(part: int | None, whole: int | None) -> Decimal | None:
    """A share in percent with one decimal, half up; None where either number is unknown or 0."""
    if part is None or not whole:
        return None
    return half_up(Decimal(100 * part) / whole, 1)


_UNITS = """
with first as (
    select unit_code, min(timezone('UTC', cast(submitted_at as timestamptz))) as first_at
    from lake.raw.performances anti join ({returned}) as returned
        on returned.kind = 'performance' and returned.province_code = performances.province_code
        and returned.document_id = performances.document_id
    where year = $year group by unit_code
)
select u.unit_code, u.province_code, u.task_code, f.first_at
from lake.marts.fct_unit_year as u left join first as f using (unit_code)
where u.year = $year order by u.unit_code
"""


def units_of(con: duckdb.DuckDBPyConnection, year: int) -> list[Unit]:
    """The expected units of a year, ordered by code; an empty list without marts.

    A returned document does not report its unit.
    """
    query = _UNITS.format(returned=returned_documents(con))
    return [
        Unit(code, province, task, at.replace(tzinfo=UTC) if at else None)
        for code, province, task, at in con.execute(query, {"year": year}).fetchall()
    ]


def group_statuses(
    units: Sequence[Unit],
    last_units: Sequence[Unit],
    period: ReportingPeriod,
    last_period: ReportingPeriod | None,
    now: datetime,
    *,
    by: tuple[str, ...],
    check: Check,
) -> list[GroupStatus]:
    """Count groups of units and project them to the cut-off.

    Args:
        units, last_units: this year's and last year's expected units.
        period, last_period: their calendars; None where last year has none.
        now: the time of the rehearsal (aware).
        by: the columns of the group's key: ``province_code``, ``task_code``, both, or none (for
            the nation).
        check: the gate's check of the on-time rate of such groups.
    """
    time_left = max(period.cutoff_at - now, timedelta(0))
    window = min(_WINDOW, now - period.opens_at) if now > period.opens_at else _WINDOW
    until = period.cutoff_at - time_left
    last_until = last_period.cutoff_at - time_left if last_period else None
    this_year = _grouped(units, by)
    last_year = _grouped(last_units, by)
    found = []
    for key, group in this_year.items():
        reported = sum(unit.reported_before(until) for unit in group)
        pace = _pace(group, until - window, until)
        known = last_year.get(key, []) if last_until and last_units else None
        last_pace = course = nation = None
        if known is not None and last_until and last_period:
            last_pace = _pace(known, last_until - window, last_until)
            course = _pace(known, last_until, last_period.cutoff_at)
            nation = _pace(last_units, last_until, last_period.cutoff_at)
        projection = project(
            not_reported=len(group) - reported,
            this_year=pace,
            last_year=last_pace,
            last_course=course,
            national_course=nation,
            windows_left=time_left / window,
        )
        found.append(
            GroupStatus(
                key=dict(zip(by, key, strict=True)),
                expected=len(group),
                reported=reported,
                newly_reported=pace.newly_reported,
                last_expected=None if known is None else len(known),
                last_reported=_count_reported(known, last_until),
                last_on_time=_count_reported(known, last_period.cutoff_at if last_period else None),
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
    """The pace between two instants (aware)."""
    waiting = [unit for unit in units if not unit.reported_before(start)]
    return Pace(len(waiting), sum(unit.reported_before(end) for unit in waiting))


def _count_reported(units: list[Unit] | None, moment: datetime | None) -> int | None:
    if units is None or moment is None:
        return None
    return sum(unit.reported_before(moment) for unit in units)


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
    allowed_missing = int(((1 - floor) * expected).to_integral_value(ROUND_FLOOR))
    outlook: Outlook = "uncertain"
    if projection.high <= allowed_missing:
        outlook = "passes"
    elif projection.low > allowed_missing:
        outlook = "fails"
    return {"floor": str(floor), "outlook": outlook}

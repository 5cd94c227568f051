"""Worked examples of the projection to the cut-off, with arithmetic that a reader can check."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from orchestration.core.reporting_calendar import ReportingPeriod, period_of
from orchestration.rehearsal.counts import Unit, group_statuses, percent
from orchestration.rehearsal.projection import COVERAGE, Pace, Projection, project

#: Last year 90 of the 100 units that had not reported by this day did so in time; in the nation
#: 900 of 1,000. A fifth of the units that had not reported did so in the last seven days.
LAST: dict[str, Any] = {
    "last_year": Pace(120, 24),
    "last_course": Pace(100, 90),
    "national_course": Pace(1000, 900),
    "windows_left": 2.0,
}
NO_LAST: dict[str, Any] = {
    "last_year": None,
    "last_course": None,
    "national_course": None,
    "windows_left": 2.0,
}


@pytest.mark.parametrize(
    ("this_year", "not_reported", "missing"),
    [
        # p0 = (90 + 10·0.8996) / 110 = 0.8999; the same pace as last year: 80 · 0.1001 = 8.
        (Pace(100, 20), 80, 8),
        # 5 reported where 20 were expected: θ = 15/30; 80 · 0.1001^0.5 = 25.3.
        (Pace(100, 5), 80, 25),
        # None reported where 40 were expected: θ = 10/50, limited to ⅓; 200 · 0.1001^⅓ = 92.8.
        (Pace(200, 0), 200, 93),
        # 100 reported where 20 were expected: θ = 110/30, limited to 3; 80 · 0.1001³ = 0.08.
        (Pace(100, 100), 80, 0),
    ],
)
def test_last_years_course_at_this_years_pace(
    this_year: Pace, not_reported: int, missing: int
) -> None:
    found = project(not_reported=not_reported, this_year=this_year, **LAST)
    assert found.missing == missing
    assert found.low <= missing <= found.high


def test_without_last_year_the_pace_of_the_last_days_continues() -> None:
    # q = 20.5/101 a week, two weeks to go: 80 · (80.5/101)² = 50.8.
    assert project(not_reported=80, this_year=Pace(100, 20), **NO_LAST).missing == 51
    # No unit reports, so nearly all stay missing.
    assert project(not_reported=80, this_year=Pace(80, 0), **NO_LAST).missing == 79


def test_a_province_without_missing_units_last_year_uses_the_nations_share() -> None:
    given = LAST | {"last_course": Pace(0, 0), "last_year": Pace(0, 0)}
    # p0 = 0.8996; no report was expected in the week, and none came: θ = 1.
    assert project(not_reported=20, this_year=Pace(20, 0), **given).missing == 2


def test_nothing_is_projected_when_all_have_reported_or_the_cutoff_has_passed() -> None:
    assert project(not_reported=0, this_year=Pace(9, 9), **LAST) == Projection(0, 0, 0)
    passed = LAST | {"windows_left": 0.0}
    assert project(not_reported=7, this_year=Pace(9, 2), **passed) == Projection(7, 7, 7)


def _beta_binomial(n: int, a: float, b: float) -> list[float]:
    def log_beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    return [
        math.exp(math.log(math.comb(n, k)) + log_beta(k + a, n - k + b) - log_beta(a, b))
        for k in range(n + 1)
    ]


def test_the_interval_is_the_smallest_that_holds_its_coverage() -> None:
    found = project(not_reported=80, this_year=Pace(100, 20), **LAST)
    stays = 1 - (90 + 10 * 900.5 / 1001) / 110
    chances = _beta_binomial(80, stays * 100, (1 - stays) * 100)
    assert sum(chances[found.low : found.high + 1]) >= COVERAGE
    # Less than a twentieth lies beyond each end.
    assert sum(chances[: found.low]) < 0.05 <= sum(chances[: found.low + 1])
    assert sum(chances[: found.high]) < 0.95 <= sum(chances[: found.high + 1])


def test_the_weight_of_thousands_of_units_is_limited() -> None:
    thousands = LAST | {"last_course": Pace(10_000, 9_000), "last_year": Pace(12_000, 2_400)}
    found = project(not_reported=8_000, this_year=Pace(10_000, 2_000), **thousands)
    assert found.missing == 800
    assert found.low < 500
    assert found.high > 1_150


NOW = datetime(2024, 11, 25, tzinfo=UTC)
THEN = datetime(2023, 11, 25, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def _unit(number: int, first_at: datetime | None, province: str = "440000") -> Unit:
    return Unit(f"T05-{province}-{number:04d}", province, "T05", first_at)


def _status(units: list[Unit], last: list[Unit], now: datetime = NOW, **check: Any) -> Any:
    floor = SimpleNamespace(
        at_least=check.get("at_least"), only=(("units_expected", ">=", check.get("least", 1)),)
    )
    period: ReportingPeriod = period_of(2024)
    [found] = group_statuses(
        units,
        last,
        period,
        period_of(2023),
        now,
        by=("province_code",),
        check=floor,  # type: ignore[arg-type]
    )
    return found


def test_the_same_time_of_last_year_has_the_same_distance_to_the_cutoff() -> None:
    units = [_unit(1, NOW - SECOND), _unit(2, NOW), _unit(3, None)]
    last = [
        _unit(1, THEN - SECOND),
        _unit(2, THEN),
        _unit(3, THEN - timedelta(days=7)),
        _unit(4, period_of(2023).cutoff_at - SECOND),
        _unit(5, period_of(2023).cutoff_at),
    ]
    found = _status(units, last)
    assert (found.expected, found.reported, found.newly_reported) == (3, 1, 1)
    assert (found.last_expected, found.last_reported, found.last_on_time) == (5, 2, 4)


def test_after_the_cutoff_only_what_came_before_it_has_reported() -> None:
    cutoff = period_of(2024).cutoff_at
    units = [_unit(1, cutoff - SECOND), _unit(2, cutoff)]
    found = _status(units, [], now=cutoff + timedelta(days=1))
    assert (found.reported, found.missing, found.missing_low, found.missing_high) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("not_reported", "outlook"), [(0, "passes"), (6, "passes"), (7, "fails"), (20, "fails")]
)
def test_the_gates_threshold_is_applied_to_the_unit(not_reported: int, outlook: str) -> None:
    """70 % of 20 leaves 6 that may be missing."""
    after = period_of(2024).cutoff_at
    units = [_unit(n, None if n < not_reported else NOW) for n in range(20)]
    found = _status(units, [], now=after, at_least=0.7, least=20)
    assert (found.floor, found.outlook) == ("0.7", outlook)
    assert _status(units[1:], [], now=after, at_least=0.7, least=20).outlook == "none"


def test_a_threshold_within_the_interval_is_uncertain() -> None:
    units = [_unit(n, NOW - timedelta(days=n) if n % 2 else None) for n in range(20)]
    last = [_unit(n, THEN + timedelta(days=n % 20 - 10)) for n in range(14)]
    last += [_unit(n, None) for n in range(14, 20)]
    found = _status(units, last, at_least=0.7)
    assert found.missing_low <= 6 < found.missing_high
    assert found.outlook == "uncertain"


def test_percent_rounds_half_up_and_is_none_without_a_whole() -> None:
    assert str(percent(1, 800)) == "0.1"
    assert str(percent(15, 1000)) == "1.5"
    assert str(percent(125, 1000)) == "12.5"
    assert str(percent(1, 2000)) == "0.1"
    assert percent(0, 0) is None
    assert percent(None, 3) is None

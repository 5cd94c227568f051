"""Projects how many units will be missing at the cut-off, at the present pace.

Belongs here: the estimator, from counts to a number with its interval. Doesn't belong here: the
counts (``counts``) and the pages (``pages``).

The estimator finds the probability p that a unit that has not reported now still reports. Of a set
of units and a time span, n units had not reported when the span began, and k of these reported in
it.

1. Last year's course: the span from the same distance to last year's cut-off until that cut-off.
   The nation's share P = (k + ½) / (n + 1) is added as ten more units, so that three units don't
   make a forecast: p0 = (k + 10 P) / (n + 10).
2. This year's pace: the span of the last seven days. In the same seven days of last year a share h
   reported, so h · n reports are expected. θ = (k + 10) / (h · n + 10), between ⅓ and 3, says how
   much faster or slower this year is. With proportional hazards: p = 1 − (1 − p0)^θ.
3. Without data of last year, the last seven days' share q = (k + ½) / (n + 1) is taken to
   continue: p = 1 − (1 − q)^(days left / days of the window).

The number of units that still report is then beta-binomial: over the units that have not reported
now, with p weighted by the number of units that it was estimated from, at most 100. So the
interval, which holds 90 % of the distribution, also covers the uncertainty of p. The nation is
projected by itself, not summed from its provinces.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COVERAGE", "Pace", "Projection", "project"]

#: Share of the distribution in the interval. At 90 % about three of 32 provinces will lie outside,
#: which readers of such a list expect; at 95 % the interval would be too wide to show whom to call.
COVERAGE = 0.90
#: Units added to a province with the nation's share: the gate's own limit below which a province's
#: share means nothing by itself (``expectations.provincial``, ``on_time_rate_cell``).
_PRIOR_UNITS = 10
#: Bound of θ (and 1/3 the other): a week that differs more from last year's is an exception, such
#: as a holiday or a bulk upload, not a pace that lasts until the cut-off.
_MAX_SPEED = 3.0
#: Bound of the weight of p, in units: units that share a platform, holidays and a ministry's letter
#: do not act independently. With it, a share of 90 % estimated from last year may be off by 5
#: points (1.64 · √(0.9 · 0.1 / 100)), which is the usual change between years.
_MAX_WEIGHT = 100


@dataclass(frozen=True)
class Pace:
    """How units reported in a span of time, by their first performance document.

    Attributes:
        not_reported: number of units that had not reported when the span began.
        newly_reported: how many of them reported in the span.
    """

    not_reported: int
    newly_reported: int

    @property
    def share(self) -> float | None:
        """``newly_reported`` / ``not_reported`` (0 to 1); None where all had reported before."""
        return self.newly_reported / self.not_reported if self.not_reported else None


@dataclass(frozen=True)
class Projection:
    """The number of units that will be missing at the cut-off.

    Attributes:
        missing: the expected number, rounded half up.
        low, high: the interval that holds :data:`COVERAGE` of the distribution.
    """

    missing: int
    low: int
    high: int


def project(
    *,
    not_reported: int,
    this_year: Pace,
    last_year: Pace | None,
    last_course: Pace | None,
    national_course: Pace | None,
    windows_left: float,
) -> Projection:
    """Project a group of units to the cut-off.

    Args:
        not_reported: number of units that have not reported now.
        this_year: the pace in this year's last days (the window).
        last_year: the pace in the same days of last year, or None without data of last year.
        last_course: the pace from the same day of last year to its cut-off, or None.
        national_course: ``last_course`` of the whole nation, or None.
        windows_left: the time left until the cut-off, in lengths of the window; 0 after it.
    """
    if not_reported == 0 or windows_left <= 0:
        return Projection(not_reported, not_reported, not_reported)
    if last_course and last_year and national_course and national_course.not_reported:
        nation = (national_course.newly_reported + 0.5) / (national_course.not_reported + 1)
        weight = last_course.not_reported + _PRIOR_UNITS
        course = (last_course.newly_reported + _PRIOR_UNITS * nation) / weight
        expected = (last_year.share or 0) * this_year.not_reported
        speed = (this_year.newly_reported + _PRIOR_UNITS) / (expected + _PRIOR_UNITS)
        probability = 1 - (1 - course) ** min(max(speed, 1 / _MAX_SPEED), _MAX_SPEED)
    else:
        weight = this_year.not_reported + 1
        probability = 1 - (1 - (this_year.newly_reported + 0.5) / weight) ** windows_left
    return _missing(not_reported, probability, min(weight, _MAX_WEIGHT))


def _missing(not_reported: int, probability: float, weight: float) -> Projection:
    """The beta-binomial distribution of the units that will not report.

    Args:
        probability: that a unit still reports. Rounding can make it 0 or 1, so it is kept a
            thousandth of a unit away from both.
        weight: number of units that the probability was estimated from.
    """
    from scipy.stats import betabinom

    edge = 0.001 / weight
    absent = 1 - min(max(probability, edge), 1 - edge)
    low, high = betabinom.interval(COVERAGE, not_reported, absent * weight, (1 - absent) * weight)
    return Projection(_half_up(not_reported * absent), int(low), int(high))


def _half_up(number: float) -> int:
    return int(number + 0.5)

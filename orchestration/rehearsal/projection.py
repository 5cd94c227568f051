"""How many units will be missing at the cut-off, at the present pace.

Belongs here: the estimator, from counts to a number with its interval. Doesn't belong here:
where the counts come from (``counts``) and how they are shown (``pages``).

The question is put as: with what probability p will a unit that is silent now still report?

1. Last year's course. Of the units that were silent at the same distance from last year's
   cut-off (``last_silent``), ``last_came`` reported by it. A province counts with the nation's
   share as ten more units, so that three units don't make a forecast:
   p0 = (last_came + 10 P) / (last_silent + 10), P = (came + ½) / (silent + 1) of the nation.
2. This year's pace. In the last seven days ``came`` units reported of those ``silent`` when they
   began; in last year's same seven days a share h did. h · silent were to be expected, and
   θ = (came + 10) / (h · silent + 10), at least ⅓ and at most 3, is how much faster or slower
   this year is. With hazards in proportion: p = 1 − (1 − p0)^θ.
3. Where nothing is known of last year, the last days' share q = (came + ½) / (silent + 1) goes
   on: p = 1 − (1 − q)^(days left / days of the window).

The number that still come is then beta-binomial (the silent units of now, p with the weight of
the units that it was learnt from, at most 100), which also carries how little is known of p. The
interval holds 90 % of it. The nation is projected by itself, not added up from its provinces.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COVERAGE", "Pace", "Projection", "project"]

#: 90 %: of 32 provinces some three will lie outside, which readers of such a list expect; 95 %
#: would be half as wide again and tell nobody whom to call.
COVERAGE = 0.90
#: Ten units: the gate's own limit below which a share of a province says nothing by itself
#: (``expectations.provincial``, ``on_time_rate_cell``).
_PRIOR_UNITS = 10
#: Three: a week that is livelier or deader than that against last year is a holiday or a flood of
#: one kind, not a pace that lasts until the cut-off.
_FASTEST = 3.0
#: A hundred: units that share a platform, a holiday and a ministry's letter are not thousands of
#: independent answers. With it, a share of 90 % learnt from last year may be off by 5 points
#: (1.64 · √(0.9 · 0.1 / 100)), as much as an ordinary year moves.
_MOST_WEIGHT = 100


@dataclass(frozen=True)
class Pace:
    """Units of a year, by their first performance document.

    Attributes:
        silent: how many had none when the last days began.
        came: how many of them sent it within these days.
    """

    silent: int
    came: int

    @property
    def share(self) -> float | None:
        """How many of the silent came, as a fraction; None where nobody was silent."""
        return self.came / self.silent if self.silent else None


@dataclass(frozen=True)
class Projection:
    """Units that will be missing at the cut-off.

    Attributes:
        missing: the expected number, rounded.
        low, high: the interval that holds :data:`COVERAGE`.
    """

    missing: int
    low: int
    high: int


def project(
    *,
    silent: int,
    this_year: Pace,
    last_year: Pace | None,
    last_course: Pace | None,
    national_course: Pace | None,
    windows_left: float,
) -> Projection:
    """Project one province (or one group of units) to the cut-off.

    Args:
        silent: units that have not reported now.
        this_year: the last days of this year.
        last_year: the same days of last year, or None where nothing is known of it.
        last_course: from the same day of last year to its cut-off, or None.
        national_course: the same of the whole nation, or None.
        windows_left: what is left until the cut-off, in lengths of the last days; 0 after it.
    """
    if silent == 0 or windows_left <= 0:
        return Projection(silent, silent, silent)
    if last_course and last_year and national_course and national_course.silent:
        nation = (national_course.came + 0.5) / (national_course.silent + 1)
        weight = last_course.silent + _PRIOR_UNITS
        course = (last_course.came + _PRIOR_UNITS * nation) / weight
        expected = (last_year.share or 0) * this_year.silent
        faster = (this_year.came + _PRIOR_UNITS) / (expected + _PRIOR_UNITS)
        comes = 1 - (1 - course) ** min(max(faster, 1 / _FASTEST), _FASTEST)
    else:
        weight = this_year.silent + 1
        comes = 1 - (1 - (this_year.came + 0.5) / weight) ** windows_left
    return _missing(silent, comes, min(weight, _MOST_WEIGHT))


def _missing(silent: int, comes: float, weight: float) -> Projection:
    """The beta-binomial of those who stay silent: each with 1 − ``comes``, known from ``weight``.

    ``comes`` is within (0, 1) but for rounding: it is kept a thousandth of a unit away.
    """
    from scipy.stats import betabinom

    edge = 0.001 / weight
    stays = 1 - min(max(comes, edge), 1 - edge)
    low, high = betabinom.interval(COVERAGE, silent, stays * weight, (1 - stays) * weight)
    return Projection(_half_up(silent * stays), int(low), int(high))


def _half_up(number: float) -> int:
    return int(number + 0.5)

"""Which problems a bulletin names: provinces beyond thresholds, missing reports, late targets.

Belongs here: finding problems in the marts, for the nation or one province, and the requirements
that follow from them. Doesn't belong here: thresholds and requirements (rows of ``texts/``) and
sentences (``sections``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any

from orchestration.bulletin.grammar import Problem, load_texts
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import lacking_summaries, ranked
from orchestration.bulletin.wording import moment
from orchestration.core.reporting_calendar import period_of, years
from orchestration.figures.claims import Recomputations, counts, texts
from orchestration.figures.numbers import half_up, plain

__all__ = [
    "beyond",
    "beyond_last_year",
    "found_problems",
    "is_incomplete",
    "late_targets",
    "limit_text",
    "problem_claims",
    "requirements",
    "share_text",
]


#: Square of the normal distribution's quantile for 95 %, 1.96: of a hundred provinces at the
#: threshold two or three are beyond it by more than this, by chance.
_CHANCE = Decimal("3.8416")


def problem_claims() -> Recomputations:
    """Return how the names and numbers of provinces and targets with problems are recomputed.

    Scopes are ``problem``, ``problem/province`` and ``problem/place``, or a target's place.
    """
    problems = load_texts().problems
    scorecard = "from lake.marts.province_scorecard s join lake.marts.dim_region r "
    scorecard += "using (province_code)"
    again = {
        each.problem: f"s.year = $year and {_beyond_in_sql(each)} and s.province_code in ("
        "select s.province_code from lake.marts.province_scorecard s "
        f"where s.year = $year - 1 and {_beyond_in_sql(each)})"
        for each in problems
    }

    def of_each(select: Callable[[Problem], str]) -> str:
        return " union all ".join(f"({select(each)})" for each in problems)

    return {
        "beyond": texts(
            of_each(
                lambda each: (
                    f"select '{each.problem}/' || row_number() over (order by "
                    f"{'' if each.comparison == 'below' else '-'}s.{each.measure}, "
                    "r.display_order), "
                    f"r.short_name {scorecard} where s.year = $year and {_beyond_in_sql(each)}"
                )
            )
        ),
        "beyond_count": counts(
            of_each(
                lambda each: (
                    f"select '{each.problem}', count(*) {scorecard} "
                    f"where s.year = $year and {_beyond_in_sql(each)}"
                )
            )
        ),
        "beyond_again": texts(
            of_each(
                lambda each: (
                    f"select '{each.problem}', string_agg(r.short_name, '、' "
                    f"order by r.display_order) {scorecard} where {again[each.problem]}"
                )
            )
        ),
        "again": texts(
            of_each(
                lambda each: (
                    f"select '{each.problem}/' || s.province_code, '上年度也在此列' "
                    f"{scorecard} where {again[each.problem]}"
                )
            )
        ),
        "targets_behind": counts(
            "select count(*) from lake.marts.agg_national_target "
            "where year = $year and progress_rate < time_elapsed_rate"
        ),
        # The targets that are behind the time elapsed, lowest first.
        "behind": texts(
            "select row_number() over (order by progress_rate, k.display_order, level, "
            "coalesce(category, '-')), "
            "format('{}（{}{}）', k.task_name, l.name_zh, coalesce(c.name_zh, category, '')) "
            "from lake.marts.agg_national_target join lake.marts.dim_task k using (task_code) "
            "join lake.marts.dim_level l using (level) "
            "left join lake.marts.dim_category c using (task_code, category) "
            "where year = $year and progress_rate < time_elapsed_rate"
        ),
    }


def _beyond_in_sql(problem: Problem) -> str:
    """Return the condition that a scorecard's row ``s`` is beyond the threshold.

    The casts keep the products exact, within 38 digits.
    """
    distance = f"(cast(s.{problem.measure} as decimal(9, 6)) - {problem.threshold})"
    return (
        f"s.is_ranked and s.{problem.measure} {'<' if problem.comparison == 'below' else '>'} "
        f"{problem.threshold} and {distance} * {distance} * s.units_expected "
        f"> {_CHANCE} * {problem.threshold} * (1 - {problem.threshold})"
    )


def beyond(marts: Marts, problem: Problem, province_code: str = "") -> list[Row]:
    """Return the ranked provinces beyond a problem's threshold, the furthest first.

    Args:
        province_code: only this province; empty for all.
    """
    rows = ranked(
        (row for row in marts.rows("province_scorecard") if row["is_ranked"]),
        problem.measure,
        lowest=problem.comparison == "below",
    )
    return [
        row
        for row in rows
        if _is_beyond(row.data, problem) and province_code in ("", row["province_code"])
    ]


def beyond_last_year(marts: Marts, problem: Problem, rows: Sequence[Row]) -> list[str]:
    """Return the names of those provinces that were beyond it last year, too, in their order."""
    before = {
        row["province_code"]
        for row in marts.last_year
        if row["is_ranked"] and _is_beyond(row, problem)
    }
    now = {row["province_code"] for row in rows}
    return [region.short_name for region in marts.regions if region.code in before & now]


def _is_beyond(row: Mapping[str, Any], problem: Problem) -> bool:
    """Return whether a share is beyond the threshold by more than chance explains.

    The test of a proportion (score test) with the province's units as cases. A share of targets,
    values or funds varies at most as much between units as yes and no do, so the test is cautious.
    """
    value, threshold = row[problem.measure], problem.threshold
    if value is None or (value < threshold) is (problem.comparison == "above"):
        return False
    distance: Decimal = value - threshold
    return distance**2 * row["units_expected"] > _CHANCE * threshold * (1 - threshold)


def is_incomplete(marts: Marts) -> bool:
    """Return whether so many of the nation's units are missing that its totals must say so.

    The threshold is that from which a province is named: below it totals aren't comparable.
    """
    [late] = [each for each in load_texts().problems if each.problem == "late_reports"]
    rate = marts.nation[late.measure]
    return rate is not None and rate < late.threshold


def limit_text(problem: Problem) -> str:
    """Return a threshold as printed, a whole per cent."""
    return f"{plain(problem.threshold * 100)}%"


def share_text(value: Decimal, problem: Problem) -> str:
    """Return a share with one decimal, or with two where one would read as the threshold."""
    one = half_up(value * 100, 1)
    return f"{plain(one if one != problem.threshold * 100 else half_up(value * 100, 2))}%"


def late_targets(marts: Marts) -> list[Row]:
    """Return the national targets whose progress is behind the time elapsed, lowest first."""
    order = {task.code: task.display_order for task in marts.tasks}
    rows = [
        row
        for row in marts.rows("agg_national_target")
        if row["progress_rate"] < row["time_elapsed_rate"]
    ]
    return sorted(rows, key=lambda row: (row["progress_rate"], order[row["task_code"]], row.key))


def found_problems(marts: Marts, province_code: str = "") -> set[str]:
    """Return the names of the problems of a province, or of the nation if the code is empty."""
    problems = load_texts().problems
    found = {each.problem for each in problems if beyond(marts, each, province_code)}
    if any(
        not unit["has_reported"] and province_code in ("", unit["province_code"])
        for unit in marts.absent
    ):
        found.add("missing_reports")
    codes = [province_code] if province_code else [region.code for region in marts.regions]
    if any(lacking_summaries(marts, code) for code in codes):
        found.add("summaries")
    if any(province_code in ("", value["province_code"]) for value in marts.excluded):
        found.add("excluded_values")
    if any(province_code in ("", unit["province_code"]) for unit in marts.watched):
        found.add("watched_units")
    if any(province_code in ("", row["province_code"]) for row in marts.contradictions):
        found.add("contradictions")
    if not province_code and late_targets(marts):
        found.add("late_targets")
    return found


def requirements(marts: Marts, province_code: str = "", you: str | None = None) -> list[str]:
    """Return what is asked of the nation's provinces, or of one that is addressed as ``you``."""
    problems = found_problems(marts, province_code)
    dates = _dates(marts)
    texts = [
        each.fill(dates, you)
        for each in load_texts().requirements
        if each.problem is None or each.problem in problems
    ]
    return [text for text in texts if text is not None]


def _dates(marts: Marts) -> dict[str, Any]:
    """Return the calendar's dates by name; one that the calendar doesn't have is left out.

    Documents for this year can be sent until the correction's cut-off. After it, or in a year
    without corrections, only the next year's report can answer.
    """
    following = marts.year + 1
    dates = {"next_year": str(following)}
    if following in years():
        dates["next_cutoff"] = moment(period_of(following).cutoff_at)
    corrections_until = marts.period.correction_cutoff_at
    counts_until = marts.calendar["counts_until"].replace(tzinfo=UTC)
    if corrections_until and counts_until < corrections_until:
        dates["deadline"] = moment(corrections_until)
    elif "next_cutoff" in dates:
        dates["deadline"] = dates["next_cutoff"]
    return dates

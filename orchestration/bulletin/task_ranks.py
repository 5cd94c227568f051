"""Ranks and groups of the provinces within a task, as tables print them.

Belongs here: the text of a rank with its group, and how it is recomputed. Doesn't belong here:
ranks and groups themselves (``marts.agg_task_rank``), and ranks by the scorecard (``sections``).
"""

from __future__ import annotations

from orchestration.bulletin.content import Claim, Run
from orchestration.bulletin.marts import Marts
from orchestration.core.catalogue import load_catalogue
from orchestration.figures.claims import Recomputations, texts
from orchestration.figures.dictionary import project_var
from orchestration.figures.numbers import MISSING, plain

__all__ = ["rank_claims", "rank_note", "rank_run"]

#: Group of a rate → its name in print.
_GROUPS = {"front": "前列", "middle": "中间", "rear": "靠后"}
#: Measure → numerator and denominator of a rate, and the decimals that its rank is made on; a
#: score has no group.
_MEASURES = {
    "on_time_rate": ("units_on_time", "units_expected", 4),
    "target_met_rate": ("targets_met", "targets_set", 4),
    "mean_assessment_score": (None, None, 2),
}


def rank_run(marts: Marts, province_code: str, task_code: str, measure: str) -> Run:
    """Return the rank of a province in a task with its group, ``3（前列）``; ``—`` if not ranked.

    Args:
        measure: a column of ``agg_task_rank`` that is ranked.
    """
    row = marts.task_ranks[province_code, task_code]
    rank, group = row[f"{measure}_rank"], row.get(f"{measure}_group")
    if rank is None:
        return MISSING
    text = f"{rank}（{_GROUPS[group]}）" if group else str(rank)
    return Claim(f"task_rank/{province_code}/{task_code}/{measure}", text)


def rank_note() -> str:
    """Return the note of a table with ranks: who is ranked, and what the groups mean."""
    deviations = load_catalogue().comparison_rules["chance_deviations"].threshold
    return (
        f"名次在该任务应报单位不少于{project_var('scorecard_least_units')}家的省份之间排列，并列者同名次；"
        f"前列、靠后指与全国的差距大于{plain(deviations)}个标准误差（不属偶然波动），其余为中间。"
    )


def rank_claims() -> Recomputations:
    """Return how ranks are recomputed: from the tasks' rates, with roots instead of products.

    Scopes are ``province/task/measure``.
    """
    deviations = load_catalogue().comparison_rules["chance_deviations"].threshold
    least = project_var("scorecard_least_units")

    def of_measure(measure: str, part: str | None, whole: str | None, places: int) -> str:
        group = "''"
        if part:
            gap = f"(t.{part} / t.{whole} - n.{part} / n.{whole})"
            error = f"sqrt(n.{part} / n.{whole} * (1 - n.{part} / n.{whole}) / t.units_expected)"
            group = (
                f"case when abs({gap}) <= {deviations} * {error} then '（中间）' "
                f"when {gap} > 0 then '（前列）' else '（靠后）' end"
            )
        return (
            f"select concat_ws('/', t.province_code, t.task_code, '{measure}') as part, "
            f"rank() over (partition by t.task_code order by round(t.{measure}, {places}) desc) "
            f"|| {group} from lake.marts.agg_province_task t "
            "join lake.marts.agg_national_task n using (year, task_code) "
            f"where year = $year and t.units_expected >= {least} and t.{measure} is not null"
        )

    parts = (of_measure(measure, *how) for measure, how in _MEASURES.items())
    return {"task_rank": texts(" union all ".join(f"({part})" for part in parts))}

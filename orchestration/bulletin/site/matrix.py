"""The page that shows every province in every key task: value, rank, group and coverage.

Belongs here: the tables of provinces and tasks, one for each measure. Doesn't belong here: ranks
and groups (the mart ``agg_task_rank``), and the measures over all tasks (``pages``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestration.bulletin.content import Run
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.policy import is_shown
from orchestration.core.catalogue import Region
from orchestration.figures.dictionary import project_var
from orchestration.figures.numbers import MISSING, count

__all__ = ["matrix_page"]

#: Measure of ``agg_task_rank`` → its title.
_RANKED = {
    "target_met_rate": "年度目标完成率",
    "on_time_rate": "按时报送率",
    "mean_assessment_score": "省级考核平均分",
}
#: Group of ``agg_task_rank`` → its name; the middle group is not marked.
_GROUPS = {"front": "前列", "rear": "靠后"}


@dataclass(frozen=True)
class _Cell:
    """A province in a task.

    Attributes:
        figure: the measure, which leads to its trace.
        note: rank or coverage below it; empty if the province is not ranked.
        group: ``front`` or ``rear``; empty in the middle group and without a rank.
        group_name: the group in Chinese.
    """

    figure: Run
    note: str = ""
    group: str = ""
    group_name: str = ""


@dataclass(frozen=True)
class _Matrix:
    """A table of provinces and tasks about one measure."""

    anchor: str
    title: str
    rows: tuple[tuple[Region, tuple[_Cell, ...]], ...]
    nation: tuple[_Cell, ...]


def matrix_page(marts: Marts) -> dict[str, Any]:
    """Return the content of the page."""
    return {
        "tasks": marts.tasks,
        "matrices": [
            *(
                _ranked_matrix(marts, measure, title)
                for measure, title in _RANKED.items()
                if is_shown(f"agg_province_task.{measure}")
            ),
            *([_coverage_matrix(marts)] if is_shown("agg_province_task.reporting_rate") else ()),
        ],
        "least_units": project_var("scorecard_least_units"),
        "chance": marts.catalogue.comparison_rules["chance_deviations"].reason_zh,
    }


def _ranked_matrix(marts: Marts, measure: str, title: str) -> _Matrix:
    def cell(province: str, task: str) -> _Cell:
        row = marts.find("agg_province_task", province, task)
        if row is None or row[measure] is None:
            return _Cell(MISSING)
        rank = {
            column: value
            for column, value in marts.task_ranks[province, task].items()
            if is_shown(f"agg_task_rank.{column}")
        }
        place = rank.get(f"{measure}_rank")
        group = rank.get(f"{measure}_group") or ""
        marked = group if group in _GROUPS else ""
        note = f"第{place}名" if place else ""
        return _Cell(row.figure(measure), note, marked, _GROUPS.get(group, ""))

    def nation(task: str) -> _Cell:
        row = marts.find("agg_national_task", task)
        return _Cell(MISSING if row is None else row.figure(measure))

    return _matrix(marts, measure, title, cell, nation)


def _coverage_matrix(marts: Marts) -> _Matrix:
    def covered(row: Any) -> _Cell:
        if row is None or not row["units_expected"]:
            return _Cell(MISSING)
        reported, expected = count(row["units_reported"]), count(row["units_expected"])
        return _Cell(row.figure("reporting_rate"), f"{reported}／{expected}家")

    return _matrix(
        marts,
        "reporting_rate",
        "报送覆盖（已报送单位占应报单位）",
        lambda province, task: covered(marts.find("agg_province_task", province, task)),
        lambda task: covered(marts.find("agg_national_task", task)),
    )


def _matrix(marts: Marts, anchor: str, title: str, cell: Any, nation: Any) -> _Matrix:
    rows = tuple(
        (region, tuple(cell(region.code, task.code) for task in marts.tasks))
        for region in marts.regions
    )
    return _Matrix(anchor, title, rows, tuple(nation(task.code) for task in marts.tasks))

"""Section of provincial bulletins: funding, then targets and indicators of each task."""

from __future__ import annotations

from orchestration.bulletin.content import Block, heading, paragraph
from orchestration.bulletin.counting import level_runs, target_runs
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import change_bars, indicator_table
from orchestration.bulletin.sections import Place

IN = ("province",)
ORDER = 20
TITLE = "重点任务进展情况"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return the funding of all tasks, then targets and indicators of each task with units."""
    rows = [
        row
        for row in marts.rows("agg_province_task", province_code=place.code)
        if row["units_expected"]
    ]
    if not rows:
        return []
    found: list[Block] = [
        heading("经费投入情况"),
        indicator_table(marts, "ALL", place.code, "经费投入汇总（全部任务）"),
    ]
    bars = change_bars(marts, "ALL", place.code, "经费同口径增减")
    if bars:
        found.append(bars)
    for row in rows:
        task = marts.catalogue.tasks[row["task_code"]]
        nation = marts.row("agg_national_task", task.code)
        runs = level_runs(row)
        if row["targets_set"]:
            runs += [*target_runs(row), "（全国", nation.figure("target_met_rate"), "）"]
        found += [
            heading(task.name),
            paragraph(*runs, "。"),
            indicator_table(marts, task.code, place.code),
        ]
    return found

"""Attachment of the national bulletin: progress towards the targets, funding, results by task."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Paragraph, Run, heading, paragraph
from orchestration.bulletin.counting import level_runs, national_targets, target_runs
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import (
    change_bars,
    composition_runs,
    growth_runs,
    indicator_table,
    target_bars,
    target_table,
    task_name,
)
from orchestration.bulletin.sections import Place
from orchestration.figures.claims import counts

IN = ("national",)
ATTACHED_TO = ("national",)
ORDER = 20
TITLE = "重点任务进展情况"

CLAIMS = {
    "targets": counts("select count(*) from lake.marts.agg_national_target where year = $year"),
}


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return progress towards the targets, funding, and each task's indicators."""
    targets = marts.rows("agg_national_target")
    years = sorted({row["target_year"] for row in targets})
    goal = "、".join(map(str, years))
    found: list[Block] = [
        heading(f"{goal}年目标完成进度"),
        paragraph(*national_targets(marts), "国家级单位以认定为准，省级单位不含国家级。"),
        target_bars(marts, targets, f"{goal}年目标完成进度"),
        target_table(marts, targets, f"{goal}年目标完成情况"),
        *_funding(marts),
    ]
    for task in marts.tasks:
        row = marts.row("agg_national_task", task.code)
        found += [heading(task.name), _task_paragraph(marts, row)]
        if row["units_expected"]:
            found.append(indicator_table(marts, task.code))
    return found


def _growth(marts: Marts, role: str, row: Row) -> tuple[Run, ...]:
    """Return the growth of an amount, and what a change of the units that reported added to it."""
    indicator = marts.catalogue.roles[role]
    return (*growth_runs(row, indicator), *composition_runs(marts.catalogue, row, indicator))


def _funding(marts: Marts) -> list[Block]:
    rows = {
        role: marts.find("agg_national_indicator", "ALL", indicator.code)
        for role, indicator in marts.catalogue.roles.items()
    }
    unit = marts.catalogue.money_unit
    found: list[Block] = [heading("经费投入情况")]
    planned, received, spent = rows["planned"], rows["received"], rows["spent"]
    arrival, execution = rows["arrival_rate"], rows["execution_rate"]
    if planned and received and spent and arrival and execution:
        found.append(
            paragraph(
                "全国计划投入经费",
                planned.figure("value"),
                f"{unit}，到位",
                received.figure("value"),
                unit,
                *_growth(marts, "received", received),
                "；实际支出",
                spent.figure("value"),
                unit,
                *_growth(marts, "spent", spent),
                "。经费到位率",
                arrival.figure("value"),
                "%，支出执行率",
                execution.figure("value"),
                "%。",
            )
        )
    found.append(indicator_table(marts, "ALL", caption="经费投入汇总（全部任务）"))
    bars = change_bars(marts, "ALL", caption="经费同口径增减")
    if bars:
        found.append(bars)
    return found


def _task_paragraph(marts: Marts, row: Row) -> Paragraph:
    code = row["task_code"]
    if not row["units_expected"]:
        return paragraph(f"{task_name(marts, code)}本年度没有应报单位。")
    runs = level_runs(row)
    runs += ["；按时报送率", row.figure("on_time_rate")]
    runs += target_runs(row)
    if row["mean_assessment_score"] is not None:
        runs += ["。省级考核平均", row.figure("mean_assessment_score"), "分"]
    return Paragraph((*runs, "。"))

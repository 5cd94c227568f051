"""Section of provincial bulletins: the province's ranks by the scorecard and within each task."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Column, Run, Table, paragraph
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.sections import Place
from orchestration.bulletin.task_ranks import rank_note, rank_run
from orchestration.figures.dictionary import project_var

IN = ("province",)
ORDER = 30
TITLE = "在全国的位置"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return a table of the scorecard's measures and one of the tasks, with the ranks."""
    row = marts.find("province_scorecard", place.code)
    if row is None:
        return []
    lines: list[tuple[Run, ...]] = [
        (
            measure.name + ("（越低越好）" if measure.best == "lowest" else ""),
            row.figure(measure.column),
            marts.nation.figure(measure.column),
            *((row.figure(measure.rank_column),) if row["is_ranked"] else ()),
        )
        for measure in marts.catalogue.measures.values()
    ]
    explanation = "考核激励参考指标及在全国的名次如下；并列者同名次。"
    if not row["is_ranked"]:
        explanation = (
            f"考核激励参考指标如下；应报单位不足{project_var('scorecard_least_units')}家，"
            "比率没有比较意义，不列名次。"
        )
    return [
        paragraph(explanation + "考核分由各省份自行评定，仅供参考。"),
        Table(
            "考核激励参考指标",
            (
                Column("指标", 7, "left"),
                Column(place.name, 4),
                Column("全国", 4),
                *((Column("名次", 2),) if row["is_ranked"] else ()),
            ),
            tuple(lines),
        ),
        *_tasks_table(marts, place),
    ]


def _tasks_table(marts: Marts, place: Place) -> list[Block]:
    """Return a table of the province's rates in each task, with their ranks and groups.

    Nothing where the province has too few units in every task to be ranked: the rates are in the
    other sections' tables.
    """
    tasks = [task.code for task in marts.tasks if (place.code, task.code) in marts.task_ranks]
    if not any(marts.task_ranks[place.code, task]["is_ranked"] for task in tasks):
        return []
    lines: list[tuple[Run, ...]] = []
    for row in marts.rows("agg_province_task", province_code=place.code):
        task = marts.catalogue.tasks[row["task_code"]]
        if not row["units_expected"]:
            continue
        cells: list[Run] = [task.name, row.figure("units_expected")]
        for measure in ("on_time_rate", "target_met_rate", "mean_assessment_score"):
            rank = rank_run(marts, place.code, task.code, measure)
            cells += [row.figure(measure), rank]
        lines.append(tuple(cells))
    columns = (
        Column("重点任务", 6, "left"),
        Column("应报", 2),
        Column("按时报送率", 3),
        Column("名次", 3),
        Column("目标完成率", 3),
        Column("名次", 3),
        Column("考核平均分", 3),
        Column("名次", 2),
    )
    return [Table("在各项任务中的位置", columns, tuple(lines), rank_note())]

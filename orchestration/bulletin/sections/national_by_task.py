"""Attachment of the national bulletin: on-time rate of every province in every task."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Column, Figure, Run, Table
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.sections import Place
from orchestration.figures.numbers import MISSING, percent

IN = ("national",)
ORDER = 60
ATTACHED_TO = ("national",)
TITLE = "各省份分任务按时报送率"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return a table with a row for each province and a column for each task."""
    lines: list[tuple[Run, ...]] = []
    for region in marts.regions:
        cells: list[Run] = [region.short_name]
        for task in marts.tasks:
            row = marts.find("agg_province_task", region.code, task.code)
            cells.append(_on_time_rate(row) if row else MISSING)
        lines.append(tuple(cells))
    cells = ["全国"]
    cells += [_on_time_rate(marts.row("agg_national_task", task.code)) for task in marts.tasks]
    lines.append(tuple(cells))
    names = "；".join(f"{task.code} {task.name}" for task in marts.tasks)
    return [
        Table(
            f"{TITLE}（%）",
            (Column("省份", 3, "left"), *(Column(t.code, 3) for t in marts.tasks)),
            tuple(lines),
            f"“—”表示没有应报单位。{names}。",
        )
    ]


def _on_time_rate(row: Row) -> Figure:
    """Return the rate without the sign that the column's header has."""
    return row.figure_with_text("on_time_rate", percent(row["on_time_rate"]).removesuffix("%"))

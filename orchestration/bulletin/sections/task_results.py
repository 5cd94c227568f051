"""Section of task bulletins: progress towards the targets, indicators, provinces compared."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Column, Run, Table, heading, paragraph
from orchestration.bulletin.counting import level_runs, target_runs
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import (
    change_bars,
    indicator_table,
    target_bars,
    tile_map,
)
from orchestration.bulletin.sections import Place
from orchestration.figures.numbers import MISSING

IN = ("task",)
ORDER = 20
TITLE = "任务进展情况"

#: Maximum of indicators in one table of provinces: more are not readable on an upright page.
_MOST_COLUMNS = 5


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return progress towards targets, the nation's indicators, and the provinces' indicators."""
    row = marts.row("agg_national_task", place.code)
    found: list[Block] = [heading("建设规模和目标")]
    if row["units_expected"]:
        found.append(paragraph(*level_runs(row), *target_runs(row), "。"))
    targets = marts.rows("agg_national_target", task_code=place.code)
    if targets:
        year = targets[0]["target_year"]
        found.append(target_bars(marts, targets, f"{year}年目标完成进度"))
    if not row["units_expected"]:
        return found
    found += [heading("指标汇总"), indicator_table(marts, place.code)]
    bars = change_bars(marts, place.code)
    if bars:
        found.append(bars)
    found += [heading("分省份情况"), *_provinces_compared(marts, place)]
    return found


def _provinces_compared(marts: Marts, place: Place) -> list[Block]:
    rows = {
        row["province_code"]: row
        for row in marts.rows("agg_province_task", task_code=place.code)
        if row["units_expected"]
    }
    found: list[Block] = [
        tile_map(marts, rows, "target_met_rate", "各省份年度目标完成率"),
    ]
    indicators = marts.indicators(place.code)
    # Tables of about as many columns each: one of a single column would be mostly empty.
    parts = -(-len(indicators) // _MOST_COLUMNS)
    for number in range(parts):
        chosen = indicators[
            number * len(indicators) // parts : (number + 1) * len(indicators) // parts
        ]
        lines: list[tuple[Run, ...]] = []
        for region in marts.regions:
            if region.code not in rows:
                continue
            cells: list[Run] = [region.short_name]
            for indicator in chosen:
                row = marts.find("agg_province_indicator", region.code, place.code, indicator.code)
                cells.append(row.figure("value") if row else MISSING)
            lines.append(tuple(cells))
        columns = [Column(f"{i.name_zh}（{i.unit}）", 5) for i in chosen]
        part = f"（{number + 1}）" if parts > 1 else ""
        found.append(
            Table(f"各省份指标{part}", (Column("省份", 3, "left"), *columns), tuple(lines))
        )
    return found

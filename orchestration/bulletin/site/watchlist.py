"""The pages of the units on the watchlist: an overview, and a list for each province.

Belongs here: the units by province and reason. Doesn't belong here: the same as a workbook
(``uses``), and who is on the list (dbt).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from orchestration.bulletin.content import Run
from orchestration.bulletin.links import unit_target
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import task_name
from orchestration.bulletin.site.grid import Grid, GridColumn, Link, shown_grid
from orchestration.bulletin.wording import moment
from orchestration.figures.numbers import MISSING, count
from orchestration.figures.wording import WATCH_NOTE, code_names, level_names

__all__ = ["watchlist_pages"]


def watchlist_pages(marts: Marts) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield path, template, title and content of each page."""
    nation = marts.nation
    overview = {
        "cutoff": moment(marts.period.cutoff_at),
        "units": nation.figure("units_watched"),
        "share": nation.figure("watchlist_rate"),
        "note": WATCH_NOTE,
        "grid": _overview(marts),
    }
    yield "uses/watchlist.html", "watchlist.html.j2", "动态管理关注名单", overview
    for region in marts.regions:
        rows = [unit for unit in marts.watched if unit["province_code"] == region.code]
        if rows:
            content = {"region": region, "note": WATCH_NOTE, "grid": _province_list(marts, rows)}
            title = f"{region.name}动态管理关注名单"
            yield f"uses/watchlist/{region.code}.html", "watched.html.j2", title, content


def _overview(marts: Marts) -> Grid:
    """Return the number of watched units of each province, and of each reason."""
    reasons = Counter((unit["province_code"], unit["reason"]) for unit in marts.watched)
    lines: list[tuple[Run | Link, ...]] = []
    for region in marts.regions:
        row = marts.find("province_scorecard", region.code)
        counts = [reasons[region.code, reason] for reason in code_names("reason")]
        name = Link(region.name, f"watchlist/{region.code}.html") if any(counts) else region.name
        figures: tuple[Run, ...] = (MISSING, MISSING)
        if row is not None:
            figures = (row.figure("units_watched"), row.figure("watchlist_rate"))
        lines.append((name, *figures, *map(count, counts)))
    total = [sum(reasons[region.code, reason] for region in marts.regions)
             for reason in code_names("reason")]  # fmt: skip
    nation = (marts.nation.figure("units_watched"), marts.nation.figure("watchlist_rate"))
    lines.append(("全国", *nation, *map(count, total)))
    return shown_grid(
        "各省份关注单位和原因",
        (
            GridColumn("省份", 4, "left"),
            GridColumn("关注单位", source="province_scorecard.units_watched"),
            GridColumn("占应报单位", source="province_scorecard.watchlist_rate"),
            *(
                GridColumn(name, 3, source="unit_watchlist.reason")
                for name in code_names("reason").values()
            ),
        ),
        lines,
        "同一单位有多项原因的，在各项原因中分别计算。",
    )


def _province_list(marts: Marts, rows: list[dict[str, Any]]) -> Grid:
    """Return the units of a province, one row for each unit and reason."""
    return shown_grid(
        "列入名单的单位",
        (
            GridColumn("单位", 8, "left", "unit_watchlist.unit_name"),
            GridColumn("代码", 4, "left", "unit_watchlist.unit_code"),
            GridColumn("重点任务", 6, "left", "unit_watchlist.task_code"),
            GridColumn("级别", 2, "center", "unit_watchlist.level"),
            GridColumn("关注原因", 5, "left", "unit_watchlist.reason"),
            GridColumn("依据", 9, "left", "unit_watchlist.evidence"),
        ),
        (
            (
                unit["unit_name"],
                Link(unit["unit_code"], f"../../{unit_target(unit['unit_code'])}"),
                task_name(marts, unit["task_code"]),
                level_names().get(unit["level"], unit["level"]),
                code_names("reason")[unit["reason"]],
                unit["evidence"],
            )
            for unit in rows
        ),
    )

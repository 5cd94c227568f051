"""The content of the site's pages.

Belongs here: choosing rows of the marts and preparing them for the templates in this folder.
Doesn't belong here: navigation and everything else that needs all files of the edition
(``complete``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from orchestration.bulletin.carry_over import CarryOver, digest_of
from orchestration.bulletin.content import Column, Run, Tile
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import tile_map
from orchestration.bulletin.site.editions import EditionNote
from orchestration.bulletin.site.grid import Grid, Link
from orchestration.bulletin.site.matrix import matrix_page
from orchestration.bulletin.site.methods import methods_page
from orchestration.bulletin.site.quality import quality_sections
from orchestration.bulletin.site.templates import fill, json_for_script
from orchestration.bulletin.site.watchlist import watchlist_pages
from orchestration.bulletin.wording import chinese_date, chinese_number, moment
from orchestration.figures.numbers import MISSING, amount, count
from orchestration.figures.wording import GRADES, STATUSES, clean, level_names

__all__ = ["site_pages"]

#: Measures that are visible at first: as many columns as fit on a screen; the others are ticked.
_SHOWN_MEASURES = {
    "units_national",
    "on_time_rate",
    "target_met_rate",
    "mean_assessment_score",
    "excellent_rate",
    "funding_arrival_rate",
}

#: All units, for the search: the page stays small, whatever the number of units.
_UNIT_DATA = "units/data.js"
#: The contract's limit on a highlight, in characters.
_HIGHLIGHT_LENGTH = 500
#: Reporting states of a unit, in the order of the filter.
_REPORT_STATES = ("按时报送", "逾期报送", "未报送", "不在应报范围")


@dataclass(frozen=True)
class _ComparisonColumn:
    """A column of the comparison of provinces.

    Attributes:
        column: column of ``province_scorecard`` and ``national_scorecard``.
        lowest: whether the lowest value is the best.
        shown: whether the column is visible at first.
    """

    column: str
    name: str
    lowest: bool
    shown: bool


def site_pages(
    marts: Marts, editions: Sequence[EditionNote] = (), carry_over: CarryOver | None = None
) -> dict[str, bytes]:
    """Make the pages around the bulletins.

    Args:
        editions: all editions of the year, this one last; empty if this is the first.
        carry_over: files of the former edition; pages with unchanged content are carried over.

    Returns:
        path below the edition → bytes; ``complete`` adds navigation, font and downloads.
    """
    editions = editions or (EditionNote(1, chinese_date(marts.period.publication_date)),)
    carry_over = carry_over or CarryOver()
    made: dict[str, bytes] = {}

    def page(path: str, template: str, title: str, **content: Any) -> bytes:
        return fill(
            template,
            path,
            year=marts.year,
            title=title,
            is_synthetic=bool(marts.calendar["is_synthetic"]),
            **content,
        ).encode()

    def add(path: str, template: str, title: str, **content: Any) -> None:
        made[path] = page(path, template, title, **content)

    def add_or_carry_over(path: str, template: str, title: str, **content: Any) -> None:
        digest = digest_of([title, marts.calendar["is_synthetic"], content])
        make = partial(page, path, template, title, **content)
        made[path] = carry_over.find_or_make(path, digest, make)

    add("index.html", "index.html.j2", _site_title(marts), **_entry_page(marts, editions))
    add("provinces/index.html", "compare.html.j2", "省份比较", **_comparison_page(marts))
    add("provinces/matrix.html", "matrix.html.j2", "省份和重点任务矩阵", **matrix_page(marts))
    add("methods/index.html", "methods.html.j2", "指标和方法", **methods_page(marts))
    add("units/index.html", "units.html.j2", "建设单位查询", **_search_page(marts))
    made[_UNIT_DATA] = _unit_data(marts)
    for region, tasks in _units_by_region(marts):
        title = f"{region.name}建设单位名单"
        add_or_carry_over(
            f"units/{region.code}.html", "unit_list.html.j2", title, region=region, tasks=tasks
        )
    for path, template, title, content in watchlist_pages(marts):
        add_or_carry_over(path, template, title, **content)
    for path, title, content in _experience_pages(marts):
        template = "experience.html.j2" if path.endswith("index.html") else "examples.html.j2"
        add_or_carry_over(path, template, title, **content)
    sections = quality_sections(marts, editions)
    add("metadata/quality.html", "quality.html.j2", "质量说明", sections=sections)
    add("downloads/index.html", "downloads.html.j2", "下载")
    add("editions/index.html", "editions.html.j2", "历次版本", editions=editions)
    return made


def _site_title(marts: Marts) -> str:
    return f"{marts.year}年度现代职业教育体系建设改革重点任务进展情况"


def _entry_page(marts: Marts, editions: Sequence[EditionNote]) -> dict[str, Any]:
    nation = marts.nation
    rows = {row["province_code"]: row for row in marts.rows("province_scorecard")}
    tiles = tile_map(marts, rows, "on_time_rate", "各省份按时报送率")
    return {
        "cutoff": moment(marts.period.cutoff_at),
        "edition": editions[-1],
        "headlines": (
            ("应报建设单位（家）", nation.figure("units_expected")),
            ("已报送（家）", nation.figure("units_reported")),
            ("按时报送率", nation.figure("on_time_rate")),
            ("国家级单位（家）", nation.figure("units_national")),
            ("年度目标完成率", nation.figure("target_met_rate")),
            ("填报值剔除率", nation.figure("excluded_rate")),
        ),
        "map": tiles,
        "tiles": [(tile, _grid_position(tile)) for tile in tiles.tiles],
        "tasks": _task_grid(marts),
        "regions": marts.regions,
        "counted": {
            "tasks": chinese_number(len(marts.tasks)),
            "provinces": chinese_number(len(marts.regions)),
        },
    }


def _grid_position(tile: Tile) -> str:
    """Return a tile's position in a CSS grid, which counts from one."""
    return f"{tile.row + 1} / {tile.column + 1}"


def _task_grid(marts: Marts) -> Grid:
    lines: list[tuple[Run | Link, ...]] = []
    for task in marts.tasks:
        row = marts.find("agg_national_task", task.code)
        folder = f"tasks/{task.code}/bulletin"
        figures: tuple[Run, ...] = (MISSING,) * 4
        if row is not None:
            figures = (
                row.figure("units_expected"),
                row.figure("units_national"),
                row.figure("on_time_rate"),
                row.figure("target_met_rate"),
            )
        lines.append((Link(task.name, f"{folder}.html"), *figures, Link("PDF", f"{folder}.pdf")))
    return Grid(
        f"{chinese_number(len(marts.tasks))}项重点任务",
        (
            Column("重点任务（通报）", 8, "left"),
            Column("应报单位"),
            Column("国家级单位"),
            Column("按时报送率"),
            Column("目标完成率"),
            Column("文件", 2, "center"),
        ),
        tuple(lines),
    )


def _sort_positions(rows: Sequence[Row], column: str) -> dict[Any, int]:
    """Return value → position in the order of a column, so that scripts compare no decimals."""
    values = sorted({row[column] for row in rows if row[column] is not None})
    return {value: number for number, value in enumerate(values)}


def _comparison_columns(marts: Marts) -> list[_ComparisonColumn]:
    """Return the expected units, which rank nobody, and the measures of the scorecard."""
    return [
        _ComparisonColumn("units_expected", "应报单位（家）", lowest=False, shown=True),
        *(
            _ComparisonColumn(
                measure.column,
                measure.name,
                lowest=measure.best == "lowest",
                shown=measure.column in _SHOWN_MEASURES,
            )
            for measure in marts.catalogue.measures.values()
        ),
    ]


def _comparison_page(marts: Marts) -> dict[str, Any]:
    """Return the content of the comparison of provinces."""
    columns = _comparison_columns(marts)
    rows = marts.rows("province_scorecard")
    found = {row["province_code"]: row for row in rows}
    orders = {each.column: _sort_positions(rows, each.column) for each in columns}
    lines = []
    for region in marts.regions:
        row = found.get(region.code)
        cells: list[tuple[Run, int | str]] = [
            (MISSING, "")
            if row is None or row[each.column] is None
            else (row.figure(each.column), orders[each.column][row[each.column]])
            for each in columns
        ]
        lines.append((region, cells))
    return {
        "columns": columns,
        "lines": lines,
        "nation": [marts.nation.figure(each.column) for each in columns],
    }


def _report_state(unit: Mapping[str, Any]) -> int:
    """Return the index of a unit's state in ``_REPORT_STATES``."""
    if unit["has_reported"] is None:
        return 3
    if unit["is_on_time"]:
        return 0
    return 1 if unit["has_reported"] else 2


def _city_name(unit: Mapping[str, Any]) -> str:
    return clean(unit["city_name"], 20) or MISSING


def _units_by_region(marts: Marts) -> Iterator[tuple[Any, list[tuple[Any, list[tuple[str, ...]]]]]]:
    """Yield each region with its tasks and their units as table cells."""
    found: dict[tuple[str, str], list[tuple[str, ...]]] = defaultdict(list)
    for unit in marts.units:
        found[unit["province_code"], unit["task_code"]].append(
            (
                unit["unit_name"],
                unit["unit_code"],
                _city_name(unit),
                level_names()[unit["level"]],
                STATUSES[unit["status"]],
                _REPORT_STATES[_report_state(unit)],
                GRADES.get(unit["assessment_grade"], MISSING),
            )
        )
    for region in marts.regions:
        tasks = [(task, found[region.code, task.code]) for task in marts.tasks]
        yield region, [(task, units) for task, units in tasks if units]


def _unit_data(marts: Marts) -> bytes:
    """Return the script that defines ``unitData``, which the search reads."""
    levels, statuses, grades = list(level_names()), list(STATUSES), list(GRADES)
    rows: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for unit in marts.units:
        grade = unit["assessment_grade"]
        rows[unit["province_code"]][unit["task_code"]].append(
            (
                unit["unit_code"],
                unit["unit_name"],
                _city_name(unit),
                levels.index(unit["level"]),
                statuses.index(unit["status"]),
                _report_state(unit),
                grades.index(grade) if grade else -1,
            )
        )
    data = {
        "provinces": {region.code: region.short_name for region in marts.regions},
        "tasks": {task.code: task.name for task in marts.tasks},
        "levels": list(level_names().values()),
        "statuses": list(STATUSES.values()),
        "reports": _REPORT_STATES,
        "grades": list(GRADES.values()),
        "units": rows,
    }
    return f"var unitData = {json_for_script(data)};\n".encode()


def _search_page(marts: Marts) -> dict[str, Any]:
    """Return the content of the search."""
    filters = {
        "task": ("重点任务", [(task.code, task.name) for task in marts.tasks]),
        "province": ("省份", [(region.code, region.name) for region in marts.regions]),
        "level": ("级别", list(enumerate(level_names().values()))),
        "report": ("报送情况", list(enumerate(_REPORT_STATES))),
        "grade": ("考核等次", list(enumerate(GRADES.values()))),
    }
    return {"filters": filters, "regions": marts.regions, "total": count(len(marts.units))}


def _experience_pages(marts: Marts) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, title and content: an overview by province and task, then each task's page."""
    found: dict[tuple[str, str], list[tuple[str, str, str, str]]] = defaultdict(list)
    for row in marts.highlights:
        text = clean(row["highlight"], _HIGHLIGHT_LENGTH)
        if text:
            found[row["task_code"], row["province_code"]].append(
                (row["unit_name"], row["unit_code"], amount(row["assessment_score"]), text)
            )
    lines: list[tuple[Run | Link, ...]] = []
    for region in marts.regions:
        cells: list[Run | Link] = []
        for task in marts.tasks:
            number = count(len(found[task.code, region.code]))
            empty = not found[task.code, region.code]
            cells.append(MISSING if empty else Link(number, f"{task.code}.html#p{region.code}"))
        lines.append((region.short_name, *cells))
    codes = ((task.code, task.name) for task in marts.tasks)
    grid = Grid(
        "典型经验篇数（按省份和重点任务）",
        (Column("省份", 3, "left"), *(Column(task.code, 2, "center") for task in marts.tasks)),
        tuple(lines),
        "；".join(f"{code}为{name}" for code, name in codes) + "。",
    )
    tasks = [
        (task, count(sum(len(found[task.code, region.code]) for region in marts.regions)))
        for task in marts.tasks
    ]
    yield "experience/index.html", "典型经验", {"grid": grid, "tasks": tasks}
    for task in marts.tasks:
        groups = [(region, found[task.code, region.code]) for region in marts.regions]
        groups = [(region, examples) for region, examples in groups if examples]
        content = {"task": task, "groups": groups}
        yield f"experience/{task.code}.html", f"典型经验：{task.name}", content

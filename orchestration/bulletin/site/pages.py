"""The content of the site's pages.

Belongs here: choosing rows of the marts and preparing them for the templates in this folder.
Doesn't belong here: navigation and everything else that needs all files of the edition
(``complete``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from orchestration.bulletin.carry_over import CarryOver, digest_of
from orchestration.bulletin.content import Column, Run, Tile
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import tile_map
from orchestration.bulletin.policy import is_shown
from orchestration.bulletin.site.editions import EditionNote
from orchestration.bulletin.site.grid import Grid, GridColumn, Link, shown_grid
from orchestration.bulletin.site.matrix import matrix_page
from orchestration.bulletin.site.methods import methods_page
from orchestration.bulletin.site.quality import quality_sections
from orchestration.bulletin.site.templates import fill
from orchestration.bulletin.site.units import search_page, unit_data, unit_lists
from orchestration.bulletin.site.watchlist import watchlist_pages
from orchestration.bulletin.wording import chinese_date, chinese_number, moment
from orchestration.figures.numbers import MISSING, amount, count
from orchestration.figures.wording import clean

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

#: Headlines of the entry page: text, column of ``national_scorecard``.
_HEADLINES = (
    ("应报建设单位（家）", "units_expected"),
    ("已报送（家）", "units_reported"),
    ("按时报送率", "on_time_rate"),
    ("国家级单位（家）", "units_national"),
    ("年度目标完成率", "target_met_rate"),
    ("填报值剔除率", "excluded_rate"),
)
#: Column of ``province_scorecard`` that the entry page's map shows.
_MAPPED = "on_time_rate"

#: All units, for the search: the page stays small, whatever the number of units.
_UNIT_DATA = "units/data.js"
#: The contract's limit on a highlight, in characters.
_HIGHLIGHT_LENGTH = 500


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
    add("units/index.html", "units.html.j2", "建设单位查询", **search_page(marts))
    made[_UNIT_DATA] = unit_data(marts)
    for region, content in unit_lists(marts):
        title = f"{region.name}建设单位名单"
        add_or_carry_over(f"units/{region.code}.html", "unit_list.html.j2", title, **content)
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
    tiles = tile_map(marts, rows, _MAPPED, "各省份按时报送率")
    return {
        "cutoff": moment(marts.period.cutoff_at),
        "edition": editions[-1],
        "headlines": [
            (head, nation.figure(column))
            for head, column in _HEADLINES
            if is_shown(f"national_scorecard.{column}")
        ],
        "map": tiles if is_shown(f"province_scorecard.{_MAPPED}") else None,
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
    return shown_grid(
        f"{chinese_number(len(marts.tasks))}项重点任务",
        (
            GridColumn("重点任务（通报）", 8, "left"),
            GridColumn("应报单位", source="agg_national_task.units_expected"),
            GridColumn("国家级单位", source="agg_national_task.units_national"),
            GridColumn("按时报送率", source="agg_national_task.on_time_rate"),
            GridColumn("目标完成率", source="agg_national_task.target_met_rate"),
            GridColumn("文件", 2, "center"),
        ),
        lines,
    )


def _sort_positions(rows: Sequence[Row], column: str) -> dict[Any, int]:
    """Return value → position in the order of a column, so that scripts compare no decimals."""
    values = sorted({row[column] for row in rows if row[column] is not None})
    return {value: number for number, value in enumerate(values)}


def _comparison_columns(marts: Marts) -> list[_ComparisonColumn]:
    """Return the expected units, which rank nobody, and the measures of the scorecard."""
    columns = [
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
    return [each for each in columns if is_shown(f"province_scorecard.{each.column}")]


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


def _shows_highlights() -> bool:
    """Whether typical experience may be shown, which is told of a unit that is named."""
    return all(map(is_shown, ("fct_unit_year.highlight", "dim_unit.unit_name")))


def _experience_pages(marts: Marts) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, title and content: an overview by province and task, then each task's page."""
    found: dict[tuple[str, str], list[tuple[str, str, str, str]]] = defaultdict(list)
    shows_score = is_shown("fct_unit_year.assessment_score")
    for row in marts.highlights if _shows_highlights() else ():
        text = clean(row["highlight"], _HIGHLIGHT_LENGTH)
        if text:
            score = amount(row["assessment_score"]) if shows_score else ""
            found[row["task_code"], row["province_code"]].append(
                (row["unit_name"], row["unit_code"], score, text)
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

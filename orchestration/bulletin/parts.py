"""Blocks that several sections share: indicator tables, tile maps, bar charts, lists of units.

Belongs here: making blocks from rows of marts, with the lengths of bars and the shades of tiles.
Doesn't belong here: the content of a section (``sections``) and the look of a block (``render``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from orchestration.bulletin.content import (
    Bar,
    Bars,
    Claim,
    Column,
    Heading,
    Paragraph,
    Run,
    Table,
    Tile,
    TileMap,
    heading,
    paragraph,
)
from orchestration.bulletin.marts import Marts, Row
from orchestration.core.catalogue import Catalogue, Indicator
from orchestration.figures.claims import PLACES, Query, counts, texts
from orchestration.figures.dictionary import project_var
from orchestration.figures.numbers import (
    MISSING,
    composition_effect,
    count,
    growth,
    growth_in_points,
    in_points,
    unit_of,
)
from orchestration.figures.wording import category_name, clean, code_names, level_names

__all__ = [
    "CLAIMS",
    "change_bars",
    "change_figure",
    "composition_runs",
    "excluded_table",
    "exclusion_reason",
    "exclusion_remedy",
    "expected_summaries",
    "growth_note",
    "growth_runs",
    "indicator_table",
    "lacking_summaries",
    "named_provinces",
    "order_of_provinces",
    "provinces_lacking_summaries",
    "ranked",
    "target_bars",
    "target_table",
    "task_name",
    "tile_map",
    "unit_table",
    "units_heading",
    "watched_table",
    "without_ties",
]

#: Number of shades in a map: readers can still tell five apart in print.
_SHADES = 5
#: Maximum of bars in a chart of changes; readers look up more than ten in the table instead.
_MOST_CHANGE_BARS = 10
#: Change in thousandths at the end of the axis; greater changes are cut, their text is exact.
_CHANGE_AXIS = 500
#: Maximum of characters printed of a submitted value: mistyped values are short.
_VALUE_LENGTH = 24

#: Claims of several sections. A scope is a province, a task, a province's task (``440000-T05``) or
#: the nation (``-``).
CLAIMS = {
    "excluded": counts(
        "with s as (select unnest(['-', province_code, province_code || '-' || task_code]) "
        "as scope from lake.marts.fct_unit_indicator where year = $year and is_excluded) "
        "select scope, count(*) from s group by 1",
        PLACES,
    ),
    # Achieved and target counts, as the note of a target's bar prints them.
    "progress": texts(
        "select concat_ws('/', task_code, level, coalesce(category, '-')) as part, "
        "format('{:,}/{:,}', achieved_count, target_count) "
        "from lake.marts.agg_national_target where year = $year"
    ),
    # Number of units by reporting state and scope.
    "units": counts(
        "with u as (select unnest(case when not has_reported then ['silent'] "
        "when is_on_time then [] when document_id is null then ['late', 'late_left_out'] "
        "else ['late', 'late_counted'] end) as state, province_code, task_code "
        "from lake.marts.fct_unit_year where year = $year), "
        "s as (select state, unnest(['-', province_code, task_code, "
        "province_code || '-' || task_code]) as scope from u) "
        "select state || '/' || scope as part, count(*) from s group by 1",
        "select state || '/' || scope from "
        "(select unnest(['silent', 'late', 'late_left_out', 'late_counted']) as state), "
        f"({PLACES})",
    ),
}


def order_of_provinces(
    measure: str, direction: Literal["asc", "desc"], only: str = "true"
) -> Query:
    """Return the recomputation of names of provinces in the order of a measure; scopes are places.

    Args:
        measure: column of ``province_scorecard``; provinces without a value have no place.
        only: SQL condition on the scorecard's row ``s``.
    """
    return texts(
        f"select row_number() over (order by s.{measure} {direction}, r.display_order), "
        "r.short_name from lake.marts.province_scorecard s "
        "join lake.marts.dim_region r using (province_code) "
        f"where s.year = $year and s.{measure} is not null and {only}"
    )


def task_name(marts: Marts, code: str) -> str:
    """Return the Chinese name of a task."""
    return marts.catalogue.tasks[code].name


def expected_summaries(marts: Marts) -> tuple[int, int]:
    """Return how many provincial summaries are expected, and how many of them were sent."""
    expected = [row for row in marts.rows("agg_province_task") if row["units_expected"]]
    return len(expected), sum(row["has_provincial_summary"] for row in expected)


def lacking_summaries(marts: Marts, province_code: str) -> list[str]:
    """Return the tasks whose summary a province has not sent."""
    return [
        row["task_code"]
        for row in marts.rows("agg_province_task", province_code=province_code)
        if row["units_expected"] and not row["has_provincial_summary"]
    ]


def provinces_lacking_summaries(marts: Marts) -> str:
    """Return the provinces that lack a summary, each with its tasks; empty if there are none."""
    return "；".join(
        f"{region.short_name}（{'、'.join(tasks)}）"
        for region in marts.regions
        if (tasks := lacking_summaries(marts, region.code))
    )


def units_heading(title: str, state: str, code: str, number: int) -> Heading:
    """Return the heading of a list of units, with their number.

    Args:
        state: state of the units, as in ``CLAIMS``: ``silent``, ``late``,
            ``late_left_out`` or ``late_counted``.
        code: code of the province or task; empty for the nation.
        number: number of units in the list.
    """
    return heading(f"{title}：", Claim(f"units/{state}/{code or '-'}", f"{number:,d}"), "家")


def _growth_column(indicator: Indicator) -> str:
    """Return the column with the growth of the units that count in both years."""
    return "matched_change_points" if in_points(indicator) else "matched_change_rate"


def change_figure(row: Row, indicator: Indicator) -> Run:
    """Return the growth of the units that count in both years, or ``—`` where it isn't said.

    It is in percentage points if the value is a percentage.
    """
    return MISSING if row["growth_withheld_by"] else row.figure(_growth_column(indicator))


def growth_runs(row: Row, indicator: Indicator) -> tuple[Run, ...]:
    """Return the growth for prose in brackets, with its number of units; nothing if withheld."""
    if row["growth_withheld_by"]:
        return ()
    column = _growth_column(indicator)
    in_words = growth_in_points if in_points(indicator) else growth
    return (
        "（两年均报送的",
        row.in_prose("matched_units"),
        "家单位同口径",
        row.figure_with_text(column, in_words(row[column])),
        "）",
    )


def composition_runs(catalogue: Catalogue, row: Row, indicator: Indicator) -> tuple[Run, ...]:
    """Return how much of a total's growth is a change of who reported.

    Nothing where growth is withheld, and up to the rule ``composition_effect``.
    """
    if row["growth_withheld_by"] or in_points(indicator) or row["change_rate"] is None:
        return ()
    effect = row["change_rate"] - row["matched_change_rate"]
    if abs(effect) <= catalogue.comparison_rules["composition_effect"].threshold:
        return ()
    text = composition_effect(effect)
    return (
        "，报送单位的变化使合计数",
        row.figure_with_text("change_rate-matched_change_rate", text),
    )


def growth_note(catalogue: Catalogue, rows: Iterable[tuple[Indicator, Row]]) -> str:
    """Return the note of a table with growth: what it counts, and why it is not said of some."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for indicator, row in rows:
        withheld = row["growth_withheld_by"]
        if withheld == "incomparable":
            reasons[catalogue.incomparable[indicator.code].reason_zh].append(indicator.name_zh)
        elif withheld == "series_break":
            changed = catalogue.breaks[indicator.code, row["year"]]
            reasons[changed.reason_zh].append(indicator.name_zh)
        elif withheld in catalogue.comparison_rules:
            reasons.setdefault(catalogue.comparison_rules[withheld].reason_zh, [])
    texts = ["同口径增减只计两年均计入的单位（同口径单位），目标完成度只计有目标单位。"]
    texts += [
        f"{'、'.join(names)}不列增减：{reason}。" if names else f"{reason}，不列增减。"
        for reason, names in reasons.items()
    ]
    return "".join(texts)


def _indicator_rows(
    marts: Marts, task_code: str, province_code: str | None
) -> list[tuple[Indicator, Row]]:
    """Return a task's indicators with their rows for the nation or a province."""
    found = []
    for indicator in marts.indicators(task_code):
        if province_code is None:
            row = marts.find("agg_national_indicator", task_code, indicator.code)
        else:
            row = marts.find("agg_province_indicator", province_code, task_code, indicator.code)
        if row is not None:
            found.append((indicator, row))
    return found


def indicator_table(
    marts: Marts, task_code: str, province_code: str | None = None, caption: str = ""
) -> Table | Paragraph:
    """Return a table of a task's indicators: two years, growth, attainment, units of each.

    Where no unit counts a sentence says so: a table of dashes would say nothing.
    """
    found = _indicator_rows(marts, task_code, province_code)
    if not any(row["units_counted"] for _, row in found):
        return paragraph("没有可以采用的填报值，不列指标。")
    # In a first year there is nothing to compare with: columns of dashes would say nothing.
    two_years = any(row["previous_value"] is not None for _, row in found)
    rows: list[tuple[Run, ...]] = []
    for indicator, row in found:
        former: tuple[Run, ...] = ()
        growth: tuple[Run, ...] = ()
        if two_years:
            former = (row.figure("previous_value"),)
            growth = (change_figure(row, indicator), row.figure("matched_units"))
        rows.append(
            (
                indicator.name_zh,
                unit_of(indicator),
                row.figure("value"),
                *former,
                row.figure("units_counted"),
                *growth,
                row.figure("attainment"),
                row.figure("units_with_target"),
            )
        )
    return Table(
        caption or f"{task_name(marts, task_code)}指标汇总",
        (
            Column("指标", 7, "left"),
            Column("单位", 2, "center"),
            Column(f"{marts.year}年", 4),
            *([Column(f"{marts.year - 1}年", 4)] if two_years else []),
            Column("计入单位", 3),
            *([Column("同口径增减", 4), Column("同口径单位", 3)] if two_years else []),
            Column("目标完成度", 3),
            Column("有目标单位", 3),
        ),
        tuple(rows),
        growth_note(marts.catalogue, found) if two_years else "目标完成度只计有目标单位。",
    )


def change_bars(
    marts: Marts, task_code: str, province_code: str | None = None, caption: str = ""
) -> Bars | None:
    """Return a chart of the changes of a task's indicators, or None if there are none."""
    bars = []
    for indicator, row in _indicator_rows(marts, task_code, province_code):
        rate: Decimal | None = row["matched_change_rate"]
        if rate is None or row["growth_withheld_by"] or in_points(indicator):
            continue
        length = int((rate * 1000).to_integral_value())
        scaled = max(-1000, min(1000, length * 1000 // _CHANGE_AXIS))
        bars.append(
            Bar(
                indicator.name_zh,
                row.figure("matched_change_rate"),
                scaled,
                row.figure("matched_units"),
            )
        )
    if not bars:
        return None
    return Bars(
        caption or f"{task_name(marts, task_code)}主要指标同口径增减",
        tuple(bars[:_MOST_CHANGE_BARS]),
        diverging=True,
        axis=f"条长按±{_CHANGE_AXIS // 10}%为满格",
        heads=("指标", "同口径增减", "同口径单位"),
    )


def _category_suffix(row: Row) -> str:
    return f"·{category_name(row['task_code'], row['category'])}" if row["category"] else ""


def _target_label(marts: Marts, row: Row) -> str:
    level = level_names()[row["level"]]
    return f"{task_name(marts, row['task_code'])}（{level}{_category_suffix(row)}）"


def _in_notice_order(marts: Marts, rows: Iterable[Row]) -> list[Row]:
    """Return targets by task and level, their kinds as in the notice: 标准、资源、装备."""
    categories = list(marts.catalogue.categories)
    return sorted(
        rows,
        key=lambda row: (
            row["task_code"],
            row["level"],
            categories.index((row["task_code"], row["category"])) if row["category"] else -1,
        ),
    )


def target_bars(marts: Marts, rows: Sequence[Row], caption: str) -> Bars:
    """Return a chart of the progress towards national targets, with a line at 100 %."""
    longest = max([1000, *(int(row["progress_rate"] * 1000) for row in rows)])
    bars = [
        Bar(
            _target_label(marts, row),
            row.figure("progress_rate"),
            int(row["progress_rate"] * 1000) * 1000 // longest,
            Claim(
                "/".join(("progress", *row.key[1:])),
                f"{count(row['achieved_count'])}/{count(row['target_count'])}",
            ),
        )
        for row in _in_notice_order(marts, rows)
    ]
    return Bars(
        caption,
        tuple(bars),
        mark=1000 * 1000 // longest,
        axis="竖线为目标（100%）",
        heads=("重点任务", "完成进度", "已达/目标"),
    )


def target_table(marts: Marts, rows: Sequence[Row], caption: str) -> Table:
    """Return a table of national targets and their progress."""
    return Table(
        caption,
        (
            Column("重点任务", 9, "left"),
            Column("级别", 3, "center"),
            Column("已达数量", 3),
            Column("含以上级别", 3),
            Column("本年新达", 3),
            Column("目标数量", 3),
            Column("完成进度", 3),
            Column("序时进度", 3),
        ),
        tuple(
            (
                task_name(marts, row["task_code"]) + _category_suffix(row),
                level_names()[row["level"]],
                row.figure("achieved_count"),
                row.figure("achieved_with_higher"),
                row.figure("newly_achieved"),
                row.figure("target_count"),
                row.figure("progress_rate"),
                row.figure("time_elapsed_rate"),
            )
            for row in _in_notice_order(marts, rows)
        ),
        "含以上级别：已升为更高级别的单位仍计入；本年新达：上年尚未达到该级别的单位。",
    )


def tile_map(marts: Marts, rows: Mapping[str, Row], column: str, caption: str) -> TileMap:
    """Return a map of the regions shaded by a column, in five groups of about equal size.

    Args:
        rows: province code → row; a region without a row or a value, or with too few units to be
            ranked, has no shade.
    """
    least = project_var("scorecard_least_units")
    compared = [
        row for row in rows.values() if row[column] is not None and row["units_expected"] >= least
    ]
    texts_of = {row[column]: row.text(column) for row in compared}
    values = sorted(row[column] for row in compared)
    # Equal values share the shade of the last of them, so that the best are the darkest.
    shades = {value: 1 + i * _SHADES // len(values) for i, value in enumerate(values)}
    tiles = []
    for region in marts.regions:
        row = rows.get(region.code)
        value = row[column] if row else None
        figure: Run = row.figure(column) if row and value is not None else MISSING
        tiles.append(
            Tile(
                region.code,
                region.short_name,
                region.tile_row,
                region.tile_column,
                figure,
                shades.get(value, 0) if row in compared else 0,
            )
        )
    bounds: dict[int, list[str]] = defaultdict(list)
    for value, shade in shades.items():
        bounds[shade].append(texts_of[value])
    legend = [
        (shade, found[0] if len(found) == 1 else f"{found[0]}—{found[-1]}")
        for shade, found in sorted(bounds.items())
    ]
    if len(values) < len(tiles):
        few = any(tile.figure != MISSING and not tile.shade for tile in tiles)
        legend.insert(0, (0, f"应报单位不足{least}家或者无数据" if few else "无数据"))
    return TileMap(caption, tuple(tiles), tuple(legend))


def ranked(rows: Iterable[Row], column: str, *, lowest: bool = False) -> list[Row]:
    """Return the rows with a value, highest (or lowest) first; equal rows keep their order."""
    found = [row for row in rows if row[column] is not None]
    return sorted(found, key=lambda row: row[column] if lowest else -row[column])


def without_ties(rows: Sequence[Row], column: str, at_most: int) -> Sequence[Row]:
    """Return the first rows of a ranking, cut so that no row is left out that equals a named one.

    Rows are equal if they are printed alike. Of rows that all are equal none is named.
    """
    while at_most and len(rows) > at_most:
        if rows[at_most - 1].text(column) != rows[at_most].text(column):
            break
        at_most -= 1
    return rows[:at_most]


def named_provinces(marts: Marts, rows: Sequence[Row], claim: str, column: str) -> list[Run]:
    """Return the names of provinces in the order of a measure, each with its figure."""
    found: list[Run] = []
    for place, row in enumerate(rows, 1):
        name = marts.catalogue.regions[row["province_code"]].short_name
        found += ["、" if place > 1 else "", Claim(f"{claim}/{place}", name)]
        found += ["（", row.figure(column), "）"]
    return found


def unit_table(marts: Marts, units: Iterable[Mapping[str, Any]], caption: str) -> Table:
    """Return a table of unit names with one row per province, in the regions' order."""
    names: dict[str, list[str]] = defaultdict(list)
    for unit in units:
        names[unit["province_code"]].append(f"{unit['unit_name']}（{unit['unit_code']}）")
    return Table(
        caption,
        (Column("省份", 3, "left"), Column("家数", 2), Column("单位（代码）", 19, "left")),
        tuple(
            (region.name, count(len(names[region.code])), "；".join(names[region.code]))
            for region in marts.regions
            if names[region.code]
        ),
    )


def exclusion_reason(marts: Marts, value: Mapping[str, Any]) -> str:
    """Return the Chinese reason why a value is excluded, with its code."""
    code = value["exclusion_code"]
    rule = marts.catalogue.rules.get(code)
    if rule:
        return f"{rule.message_zh}（{code}）"
    reason = code_names("exclusion_code").get(code, code)
    indicator = marts.catalogue.indicators.get(value["indicator_code"])
    if code == "E203" and indicator:
        low = MISSING if indicator.hard_min is None else f"{indicator.hard_min.normalize():,f}"
        high = MISSING if indicator.hard_max is None else f"{indicator.hard_max.normalize():,f}"
        reason += f"{low}—{high}"
    return f"{reason}（{code}）"


def exclusion_remedy(marts: Marts, code: str) -> str:
    """Return the Chinese instruction on how to correct a value with this exclusion code."""
    rule = marts.catalogue.rules.get(code)
    if rule:
        return clean(rule.fix_hint_zh, 80) or "核对后更正"
    known = marts.catalogue.error_codes.get(code)
    return known.fix_zh if known else "核对后更正"


def excluded_table(marts: Marts, values: Iterable[Mapping[str, Any]]) -> Table:
    """Return a table of excluded values, each with its reason and how to correct it."""
    lines: list[tuple[Run, ...]] = []
    for value in values:
        indicator = marts.catalogue.indicators.get(value["indicator_code"])
        lines.append(
            (
                f"{value['unit_name']}（{value['unit_code']}）",
                indicator.name_zh if indicator else value["indicator_code"],
                clean(value["submitted_value"], _VALUE_LENGTH),
                exclusion_reason(marts, value),
                exclusion_remedy(marts, value["exclusion_code"]),
            )
        )
    return Table(
        "被剔除的填报值及更正办法",
        (
            Column("单位", 6, "left"),
            Column("指标", 4, "left"),
            Column("填报值", 3, "left"),
            Column("原因", 5, "left"),
            Column("更正办法", 5, "left"),
        ),
        tuple(lines),
    )


def watched_table(units: Iterable[Mapping[str, Any]]) -> Table:
    """Return a table of units on the watchlist, each with its reason."""
    return Table(
        "动态管理关注名单",
        (Column("单位", 7, "left"), Column("原因", 4, "left"), Column("依据", 6, "left")),
        tuple(
            (
                f"{unit['unit_name']}（{unit['unit_code']}）",
                code_names("reason")[unit["reason"]],
                clean(unit["evidence"], 80),
            )
            for unit in units
        ),
    )

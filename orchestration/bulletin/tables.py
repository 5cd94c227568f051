"""``national/tables.xlsx``: the national bulletin's figures as a workbook.

Belongs here: the sheets, their columns and Chinese headers. Doesn't belong here: the look of a
sheet (``render.xlsx``) and the figures (the marts have them all).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import exclusion_reason
from orchestration.bulletin.policy import is_shown
from orchestration.bulletin.sheets import (
    AMOUNT,
    CHANGE,
    COUNT,
    POINTS,
    RATE,
    Book,
    Cell,
    Field,
    Number,
    Sheet,
    indicator_format,
    measure_format,
    shown_sheet,
)
from orchestration.bulletin.wording import chinese_date, moment
from orchestration.figures.dictionary import mart_descriptions, project_var
from orchestration.figures.numbers import MISSING, unit_of
from orchestration.figures.wording import category_name, clean, code_names, level_names

__all__ = ["national_tables", "scorecard_sheet", "watchlist_sheet"]

_TASK_FIELDS: dict[str, Field] = {
    "units_expected": Field("应报单位", 10, COUNT),
    "units_national": Field("国家级单位", 10, COUNT),
    "units_provincial": Field("省级单位", 10, COUNT),
    "units_municipal": Field("市级单位", 10, COUNT),
    "units_school": Field("校级单位", 10, COUNT),
    "units_reported": Field("已报单位（含逾期）", 12, COUNT),
    "units_on_time": Field("按时报送单位", 12, COUNT),
    "reporting_rate": Field("报送率", 10, RATE),
    "on_time_rate": Field("按时报送率", 10, RATE),
    "report_file_rate": Field("工作报告上传率", 12, RATE),
    "assessed_rate": Field("省级考核率", 10, RATE),
    "mean_assessment_score": Field("省级考核平均分", 12, AMOUNT),
    "targets_set": Field("设定目标数", 10, COUNT),
    "targets_met": Field("完成目标数", 10, COUNT),
    "targets_not_met": Field("未完成目标数", 12, COUNT),
    "targets_without_value": Field("无采用值目标数", 14, COUNT),
    "target_met_rate": Field("目标完成率", 10, RATE),
}
#: Column of the national and the provincial indicators → its field; empty for names.
_INDICATOR_FIELDS = (
    ("task_code", Field("任务代码", 10)),
    ("", Field("重点任务", 32)),
    ("indicator_code", Field("指标代码", 10)),
    ("", Field("指标", 40)),
    ("", Field("计量单位", 10)),
    ("value", Field("本年", 18)),
    ("previous_value", Field("上年", 18)),
    ("units_expected", Field("应报单位", 10, COUNT)),
    ("units_counted", Field("计入单位", 10, COUNT)),
    ("previous_units_counted", Field("上年计入单位", 12, COUNT)),
    ("units_excluded", Field("被剔除单位", 10, COUNT)),
    ("matched_units", Field("同口径单位", 10, COUNT)),
    ("matched_value", Field("同口径本年", 18)),
    ("matched_previous_value", Field("同口径上年", 18)),
    ("matched_change_rate", Field("同口径增减率", 12, CHANGE)),
    ("matched_change_points", Field("同口径增减（百分点）", 16, POINTS)),
    ("target", Field("目标", 18)),
    ("value_with_target", Field("有目标单位数值", 18)),
    ("units_with_target", Field("有目标单位", 10, COUNT)),
    ("attainment", Field("目标完成度", 12, RATE)),
    ("observation_status", Field("观测状态", 10)),
)
#: Marts that the sheets are made from; the dictionary sheet describes them.
_SOURCES = (
    "agg_national_indicator",
    "agg_national_task",
    "agg_national_target",
    "agg_province_indicator",
    "agg_province_task",
    "dim_unit",
    "fct_unit_year",
    "province_scorecard",
    "national_scorecard",
    "unit_watchlist",
)


def national_tables(marts: Marts) -> Book:
    """Return the content of the workbook."""
    year = marts.year
    synthetic = bool(marts.calendar["is_synthetic"])
    notes = (
        f"报告年度：{year}年；数据截止时间：{moment(marts.period.cutoff_at)}；"
        f"发布日期：{chinese_date(marts.period.publication_date)}。",
        "本工作簿各表与全国通报同源，来自通过质量核验的同一份数据。"
        "电子表格只保留15位有效数字，完整数值见data目录（CSV、Parquet）。",
        f"计量单位见各行“计量单位”列；金额为{marts.catalogue.money_unit}；计量单位为%的指标按0—100列示；率和完成度按百分比列示。",
        f"{MISSING}表示没有数据，不等于零。",
        "同口径增减率＝同口径本年÷同口径上年－1，只计两年均计入的单位；不宜列出的为空。"
        "目标完成度＝有目标单位数值÷目标，只计同时有采用值和目标值的单位。"
        "目标完成率＝完成目标数÷设定目标数。完成进度＝已达数量÷目标数量。",
        "观测状态用SDMX代码：A正常，P暂定，U可靠性低，B序列中断，M缺失。",
        ranking_note(),
        "动态管理关注名单中同一单位可有多项原因。",
    )
    return Book(
        f"{year}年度现代职业教育体系建设改革重点任务数据表",
        notes,
        (
            _indicators_sheet(marts),
            _national_tasks_sheet(marts),
            _targets_sheet(marts),
            _province_tasks_sheet(marts),
            _province_indicators_sheet(marts),
            _units_sheet(marts),
            _exclusions_sheet(marts),
            scorecard_sheet(marts),
            watchlist_sheet(marts),
            _dictionary_sheet(),
        ),
        is_synthetic=synthetic,
    )


def ranking_note() -> str:
    """Return the Chinese sentence that explains the ranks."""
    least = project_var("scorecard_least_units")
    return (
        f"名次：按各项指标分别排列，1为最优；并列者同名次，其后名次顺延；应报单位不足{least}家的省份，"
        "一两家单位的比率没有比较意义，不参与排名，也不占名次；没有数据的不排名。"
    )


def _task_name(marts: Marts, code: str) -> str:
    return "全部任务" if code == "ALL" else marts.catalogue.tasks[code].name


def _task_values(row: Row) -> tuple[Any, ...]:
    return tuple(row[column] for column in _TASK_FIELDS)


def _indicator_cells(marts: Marts, row: Row) -> tuple[Cell, ...]:
    """Return the cells of ``_INDICATOR_FIELDS`` for a row of indicators, national or provincial."""
    indicator = marts.catalogue.indicators[row["indicator_code"]]

    def number(column: str) -> Number:
        return Number(row[column], indicator_format(row[column], indicator))

    is_withheld = bool(row["growth_withheld_by"])
    return (
        row["task_code"],
        _task_name(marts, row["task_code"]),
        indicator.code,
        indicator.name_zh,
        unit_of(indicator),
        number("value"),
        number("previous_value"),
        row["units_expected"],
        row["units_counted"],
        row["previous_units_counted"],
        row["units_excluded"],
        row["matched_units"],
        number("matched_value"),
        number("matched_previous_value"),
        None if is_withheld else row["matched_change_rate"],
        None if is_withheld else row["matched_change_points"],
        number("target"),
        number("value_with_target"),
        row["units_with_target"],
        row["attainment"],
        row["observation_status"],
    )


def _indicator_fields(table: str) -> tuple[Field, ...]:
    return tuple(
        replace(field, source=f"{table}.{column}" if column else "")
        for column, field in _INDICATOR_FIELDS
    )


def _task_fields(table: str) -> tuple[Field, ...]:
    return tuple(
        replace(field, source=f"{table}.{column}") for column, field in _TASK_FIELDS.items()
    )


def _has_total(marts: Marts, row: Row) -> bool:
    """Return whether the indicator is aggregated at all."""
    return marts.catalogue.indicators[row["indicator_code"]].aggregation != "none"


def _indicators_sheet(marts: Marts) -> Sheet:
    rows = [
        _indicator_cells(marts, row)
        for code in ("ALL", *marts.catalogue.tasks)
        for row in marts.rows("agg_national_indicator", task_code=code)
        if _has_total(marts, row)
    ]
    return shown_sheet("全国指标", _indicator_fields("agg_national_indicator"), rows, frozen=4)


def _province_indicators_sheet(marts: Marts) -> Sheet:
    """Return the indicators of each province; a task without units in it has no rows."""
    names = {region.code: region.short_name for region in marts.regions}
    rows: list[tuple[Cell, ...]] = []
    for row in marts.rows("agg_province_indicator"):
        if row["units_expected"] and _has_total(marts, row):
            province = row["province_code"]
            rows.append((province, names[province], *_indicator_cells(marts, row)))
    fields = (
        Field("省份代码", 10),
        Field("省份", 10),
        *_indicator_fields("agg_province_indicator"),
    )
    return shown_sheet("省份指标", fields, rows, frozen=6)


def _units_sheet(marts: Marts) -> Sheet:
    """Return the expected units; contacts are in no mart."""
    fields = (
        Field("省份", 10),
        Field("任务代码", 10),
        Field("单位代码", 18, source="dim_unit.unit_code"),
        Field("单位名称", 44, source="dim_unit.unit_name"),
        Field("城市", 14, source="dim_unit.city_name"),
        Field("级别", 8, source="dim_unit.level"),
        Field("状态", 10, source="dim_unit.status"),
        Field("报送情况", 10, source="fct_unit_year.has_reported"),
        Field("考核等次", 10, source="fct_unit_year.assessment_grade"),
    )
    names = {region.code: region.short_name for region in marts.regions}
    rows = [
        (
            names[unit["province_code"]],
            unit["task_code"],
            unit["unit_code"],
            unit["unit_name"],
            unit["city_name"],
            level_names()[unit["level"]],
            code_names("status")[unit["status"]],
            _reporting(unit),
            code_names("assessment_grade").get(unit["assessment_grade"]),
        )
        for unit in marts.units
        if unit["has_reported"] is not None
    ]
    return shown_sheet("单位", fields, rows, frozen=4)


def _reporting(unit: Mapping[str, Any]) -> str:
    if unit["is_on_time"]:
        return "按时"
    return "逾期" if unit["has_reported"] else "未报送"


def _exclusions_sheet(marts: Marts) -> Sheet:
    """Return the excluded values, as typed, with the reason."""
    fields = (
        Field("省份", 10),
        Field("任务代码", 10),
        Field("单位代码", 18, source="fct_unit_indicator.unit_code"),
        Field("单位名称", 44, source="dim_unit.unit_name"),
        Field("指标代码", 10),
        Field("指标", 36),
        Field("填报值", 20, source="fct_unit_indicator.submitted_value"),
        Field("原因", 60, source="fct_unit_indicator.exclusion_code"),
    )
    names = {region.code: region.short_name for region in marts.regions}
    rows = [
        (
            names[value["province_code"]],
            value["task_code"],
            value["unit_code"],
            value["unit_name"],
            value["indicator_code"],
            marts.catalogue.indicators[value["indicator_code"]].name_zh,
            clean(value["submitted_value"]),
            exclusion_reason(marts, value),
        )
        for value in marts.excluded
    ]
    return shown_sheet("剔除值", fields, rows, frozen=4)


def _national_tasks_sheet(marts: Marts) -> Sheet:
    fields = (Field("任务代码", 10), Field("重点任务", 36), *_task_fields("agg_national_task"))
    rows = [
        (code, _task_name(marts, code), *_task_values(marts.row("agg_national_task", code)))
        for code in marts.catalogue.tasks
        if marts.find("agg_national_task", code)
    ]
    return shown_sheet("全国任务", fields, rows, frozen=2)


def _targets_sheet(marts: Marts) -> Sheet:
    fields = (
        Field("任务代码", 10),
        Field("重点任务", 36),
        Field("级别", 8),
        Field("类别", 10),
        Field("已达数量", 10, COUNT, "agg_national_target.achieved_count"),
        Field("含以上级别", 10, COUNT, "agg_national_target.achieved_with_higher"),
        Field("本年新达", 10, COUNT, "agg_national_target.newly_achieved"),
        Field("目标数量", 10, COUNT, "agg_national_target.target_count"),
        Field("完成进度", 10, RATE, "agg_national_target.progress_rate"),
        Field("序时进度", 10, RATE, "agg_national_target.time_elapsed_rate"),
    )
    rows = [
        (
            row["task_code"],
            _task_name(marts, row["task_code"]),
            level_names()[row["level"]],
            category_name(row["task_code"], row["category"]) if row["category"] else "全部",
            row["achieved_count"],
            row["achieved_with_higher"],
            row["newly_achieved"],
            row["target_count"],
            row["progress_rate"],
            row["time_elapsed_rate"],
        )
        for row in marts.rows("agg_national_target")
    ]
    return shown_sheet("建设目标", fields, rows, frozen=2)


def _province_tasks_sheet(marts: Marts) -> Sheet:
    fields = (
        Field("省份代码", 10),
        Field("省份", 18),
        Field("任务代码", 10),
        Field("重点任务", 36),
        *_task_fields("agg_province_task"),
        Field("已上传总结", 10, source="agg_province_task.has_provincial_summary"),
    )
    rows = [
        (
            region.code,
            region.name,
            row["task_code"],
            _task_name(marts, row["task_code"]),
            *_task_values(row),
            # Without expected units no summary is due.
            _yes_or_no(row["has_provincial_summary"]) if row["units_expected"] else None,
        )
        for region in marts.regions
        for row in marts.rows("agg_province_task", province_code=region.code)
    ]
    return shown_sheet("省份任务", fields, rows, frozen=4)


def _yes_or_no(value: bool) -> str:
    return "是" if value else "否"


def scorecard_sheet(marts: Marts, columns: tuple[str, ...] = ()) -> Sheet:
    """Return a sheet with the provinces' measures and ranks, and the nation's measures.

    Args:
        columns: measures of the sheet; all measures if empty.
    """
    measures = [marts.catalogue.measures[c] for c in columns or marts.catalogue.measures]
    fields = [
        Field("省份代码", 10),
        Field("省份", 18),
        Field("应报单位", 10, COUNT, "province_scorecard.units_expected"),
        Field("参与排名", 10, source="province_scorecard.is_ranked"),
    ]
    for measure in measures:
        lowest = "（越低越好）" if measure.best == "lowest" else ""
        fields += [
            Field(
                measure.name + lowest,
                14,
                measure_format(measure),
                f"province_scorecard.{measure.column}",
            ),
            Field(f"{measure.name}名次", 10, COUNT, f"province_scorecard.{measure.rank_column}"),
        ]
    rows: list[tuple[Cell, ...]] = []
    for region in marts.regions:
        row = marts.find("province_scorecard", region.code)
        if row is None:
            continue
        cells: list[Cell] = [
            region.code,
            region.name,
            row["units_expected"],
            _yes_or_no(row["is_ranked"]),
        ]
        for measure in measures:
            cells += [row[measure.column], row[measure.rank_column]]
        rows.append(tuple(cells))
    nation: list[Cell] = ["000000", "全国", marts.nation["units_expected"], None]
    for measure in measures:
        nation += [marts.nation[measure.column], None]
    rows.append(tuple(nation))
    return shown_sheet("考核激励参考指标", tuple(fields), rows, frozen=2)


def watchlist_sheet(marts: Marts) -> Sheet:
    """Return a sheet of the watchlist, with one row for each unit and reason."""
    fields = (
        Field("省份", 18),
        Field("任务代码", 10),
        Field("重点任务", 32),
        Field("单位代码", 18, source="unit_watchlist.unit_code"),
        Field("单位名称", 40, source="unit_watchlist.unit_name"),
        Field("级别", 8, source="unit_watchlist.level"),
        Field("关注原因", 26, source="unit_watchlist.reason"),
        Field("依据", 60, source="unit_watchlist.evidence"),
    )
    rows = [
        (
            marts.catalogue.regions[unit["province_code"]].name,
            unit["task_code"],
            _task_name(marts, unit["task_code"]),
            unit["unit_code"],
            unit["unit_name"],
            level_names().get(unit["level"], unit["level"]),
            code_names("reason")[unit["reason"]],
            unit["evidence"],
        )
        for unit in marts.watched
    ]
    return shown_sheet("动态管理关注名单", fields, rows)


def _dictionary_sheet() -> Sheet:
    fields = (
        Field("数据表", 24),
        Field("列名", 28),
        Field("类型", 16),
        Field("中文说明", 70),
        Field("英文说明", 70),
    )
    rows = [
        (name, column.name, column.data_type, column.description_zh, column.description_en)
        for name in _SOURCES
        for column in mart_descriptions()[name].columns.values()
        if is_shown(f"{name}.{column.name}")
    ]
    return shown_sheet("数据字典", fields, rows, frozen=2)

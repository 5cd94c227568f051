"""The page of definitions and methods: everything is a row of a seed or a mart's description.

Belongs here: choosing these rows and naming their columns for readers. Doesn't belong here: the
definitions themselves (``dbt_project``), and the gate's checks, which the quality report states.
"""

from __future__ import annotations

from typing import Any

from orchestration.bulletin.content import Column
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.site.grid import Grid
from orchestration.bulletin.wording import chinese_date, moment
from orchestration.core.catalogue import Catalogue, Indicator
from orchestration.figures.dictionary import mart_descriptions, project_var
from orchestration.figures.numbers import MISSING, exact
from orchestration.figures.printing import column_label
from orchestration.figures.wording import code_names

__all__ = ["definition_grids", "methods_page"]

#: The marts whose columns are the terms of a bulletin, in the order of the page.
_TERMS = ("agg_province_task", "agg_national_target", "agg_national_indicator")
#: Columns that say what a row is about.
_KEYS = {"year", "target_year"}
_ORIGINS = {
    "grounded": "公开来源",
    "analogue": "参照同类制度",
    "recalled": "据公开报道整理",
    "proposed": "本系统拟定",
}
_SEVERITIES = {"blocking": "剔除", "warning": "提示"}
_COMPARISONS = {
    "least_matched_units": "表述增减所需的最少同口径单位数",
    "least_matched_share": "同口径单位占本年计入单位的最低比例",
    "chance_deviations": "视为偶然的差距（标准误差的倍数）",
    "composition_effect": "须说明单位增减影响的差距",
}
_STATUSES = {"A": "正常", "P": "暂定", "U": "可靠性低", "B": "序列中断", "M": "缺失"}
_STATUS_RULES = {
    "no_value": "没有数值",
    "few_units": "计入单位过少",
    "low_coverage": "计入单位占应报单位的比例过低",
    "broken_series": "两年均计入的单位占比过低",
    "provisional": "首版中报送占比不足",
    "normal": "其余",
}


def methods_page(marts: Marts) -> dict[str, Any]:
    """Return the content of the page."""
    catalogue = marts.catalogue
    indicators = [
        (task.code, task.name, _indicators(catalogue, marts.indicators(task.code)))
        for task in marts.tasks
    ]
    return {
        "cutoff": moment(marts.period.cutoff_at),
        "opens": moment(marts.period.opens_at),
        "published": chinese_date(marts.period.publication_date),
        "least_units": project_var("scorecard_least_units"),
        **definition_grids(catalogue),
        "indicators": [
            ("common", "各任务共有的指标", _indicators(catalogue, marts.indicators("ALL"))),
            *indicators,
        ],
        "comparisons": _comparisons(catalogue),
        "statuses": _statuses(catalogue),
        "incomparable": _incomparable(catalogue),
        "screening": _screening(catalogue),
    }


def definition_grids(catalogue: Catalogue) -> dict[str, Grid]:
    """Return the tables of terms, methods of aggregation, indicators and rules."""
    return {
        "terms": _terms(),
        "aggregations": _aggregations(),
        "indicators": _indicators(catalogue, list(catalogue.indicators.values())),
        "rules": _rules(catalogue),
    }


def _terms() -> Grid:
    rows: dict[str, tuple[str, ...]] = {}
    for table in _TERMS:
        for name, column in mart_descriptions()[table].columns.items():
            if column.data_type.startswith(("decimal", "integer", "bigint")) and name not in _KEYS:
                term = column_label(table, name, in_full=True)
                rest = column.description_zh.removeprefix(term).strip("。")
                meaning = column.description_zh if rest else MISSING
                rows.setdefault(term, (term, meaning, f"{table}.{name}"))
    return Grid(
        "名词和计算方法",
        (
            Column("名词", 4, "left"),
            Column("含义和计算方法", 10, "left"),
            Column("数据列", 5, "left"),
        ),
        tuple(rows.values()),
    )


def _aggregations() -> Grid:
    return Grid(
        "汇总方法",
        (Column("代码", 3, "left"), Column("由单位的值得到省份和全国的数", 10, "left")),
        tuple(code_names("aggregation").items()),
    )


def _indicators(catalogue: Catalogue, indicators: list[Indicator]) -> Grid:
    def formula(indicator: Indicator) -> str:
        parts = [catalogue.indicators[code] for code in (indicator.numerator, indicator.denominator)
                 if code]  # fmt: skip
        return (
            "÷".join(part.name_zh for part in parts)
            or code_names("aggregation")[indicator.aggregation]
        )

    return Grid(
        "",
        (
            Column("代码", 3, "left"),
            Column("指标", 6, "left"),
            Column("单位", 2, "center"),
            Column("汇总", 8, "left"),
            Column("合理范围", 4, "center"),
            Column("优的方向", 3, "center"),
            Column("口径来源", 4, "center"),
        ),
        tuple(
            (
                each.code,
                each.name_zh,
                each.unit,
                formula(each),
                f"{exact(each.hard_min)}至{exact(each.hard_max)}",
                "越低越好" if each.direction == "lower" else "越高越好",
                _ORIGINS[each.provenance],
            )
            for each in indicators
        ),
    )


def _comparisons(catalogue: Catalogue) -> Grid:
    return _thresholds(
        "比较所用的阈值",
        [
            (_COMPARISONS[rule], exact(each.threshold), each.reason_zh)
            for rule, each in catalogue.comparison_rules.items()
        ],
    )


def _screening(catalogue: Catalogue) -> Grid:
    return _thresholds(
        "统计筛查所用的阈值",
        [(name, exact(each.value), each.reason_zh) for name, each in catalogue.thresholds.items()],
    )


def _thresholds(caption: str, rows: list[tuple[str, str, str]]) -> Grid:
    columns = (Column("项目", 6, "left"), Column("阈值", 3), Column("为何如此定", 12, "left"))
    return Grid(caption, columns, tuple(rows))


def _statuses(catalogue: Catalogue) -> Grid:
    return Grid(
        "观测状态（依次适用，取首条）",
        (
            Column("状态", 4, "left"),
            Column("情形", 6, "left"),
            Column("阈值", 2),
            Column("为何如此定", 11, "left"),
        ),
        tuple(
            (
                f"{each.status} {_STATUSES[each.status]}",
                _STATUS_RULES[rule],
                MISSING if each.threshold is None else exact(each.threshold),
                each.reason_zh,
            )
            for rule, each in catalogue.observation_rules.items()
        ),
    )


def _incomparable(catalogue: Catalogue) -> Grid:
    return Grid(
        "不表述增减的指标",
        (Column("代码", 3, "left"), Column("指标", 6, "left"), Column("原因", 11, "left")),
        tuple(
            (code, catalogue.indicators[code].name_zh, each.reason_zh)
            for code, each in catalogue.incomparable.items()
        ),
    )


def _rules(catalogue: Catalogue) -> Grid:
    return Grid(
        "审核规则",
        (
            Column("规则", 3, "left"),
            Column("处理", 2, "center"),
            Column("内容", 10, "left"),
            Column("应满足的条件", 9, "left"),
            Column("涉及指标", 6, "left"),
        ),
        tuple(
            (
                each.rule_id,
                _SEVERITIES[each.severity],
                each.message_zh,
                each.expression,
                "、".join(each.indicator_codes),
            )
            for each in catalogue.rules.values()
        ),
    )

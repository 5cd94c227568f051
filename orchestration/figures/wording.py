"""The Chinese names of codes, and submitted text on one line.

Bulletins, lists and traces of figures print the same name for a code.

Belongs here: a code's name, and how the text of a sender is printed. Doesn't belong here: numbers
(``numbers``, ``printing``) and sentences (``bulletin``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from orchestration.core.catalogue import load_catalogue

__all__ = [
    "AGGREGATIONS",
    "EXCLUSIONS",
    "GRADES",
    "STATUSES",
    "UNIT_NAME",
    "WATCH_NOTE",
    "WATCH_REASONS",
    "category_name",
    "clean",
    "level_names",
]


def level_names() -> Mapping[str, str]:
    """Return level → its name, highest level first (seed ``level_names``)."""
    return load_catalogue().levels


def category_name(task_code: str, category: str) -> str:
    """Return the name of a category of a task's units (seeds ``categories``, ``industries``).

    A category that the seeds don't have is its own name, as the marts keep what was submitted.
    """
    return load_catalogue().categories.get((task_code, category), category)


#: Maximum of characters printed of a unit's name: two lines of the widest table column.
UNIT_NAME = 40


def clean(text: str | None, at_most: int = 60) -> str:
    """Return submitted text on one line, without control, zero-width and direction characters.

    Args:
        at_most: maximum number of characters; a longer text is cut and ends in ``…``.
    """
    kept = unicodedata.normalize("NFC", text or "")
    if not kept.isprintable():  # rare: a control character, or a blank other than U+0020
        kept = "".join(
            " " if character.isspace() else character
            for character in kept
            if character.isspace() or unicodedata.category(character)[0] != "C"
        )
    kept = " ".join(kept.split())
    return kept if len(kept) <= at_most else kept[: at_most - 1] + "…"


#: Grades of a province's assessment of a unit.
GRADES = {"excellent": "优秀", "good": "良好", "pass": "合格", "fail": "不合格"}
#: Status of a unit (``marts.dim_unit.status``).
STATUSES = {
    "registered": "已登记",
    "recommended": "省级推荐",
    "recognised": "国家认定",
    "warned": "被警告",
    "removed": "已退出",
}
#: Way of aggregating (column ``aggregation`` of the catalogue) → its name.
AGGREGATIONS = {
    "sum": "合计",
    "ratio": "分子之和除以分母之和",
    "mean": "计入单位的平均",
    "max": "计入单位的最大值",
    "count_true": "值为“是”的单位数",
    "count_distinct": "去重后的代码数",
    "none": "不汇总",
}
#: What the watchlist's table says below its title.
WATCH_NOTE = (
    "列入名单只说明存在所列情形，供动态管理参考，不是处理决定；"
    "同一单位可有多项原因，依据列为其数据来由。"
)
#: Reason why a unit is on the watchlist (``marts.unit_watchlist.reason``).
WATCH_REASONS = {
    "not_reported": "未报送年度绩效",
    "targets_missed_two_years": "连续两年未完成过半目标",
    "assessment_failed": "省级考核不合格",
    "warned": "被警告",
}
#: Short reason why a value is excluded (``exclusion_code``); blocking rules have own messages.
EXCLUSIONS = {
    "E201": "数值无法识别",
    "E202": "应为整数",
    "E203": "超出允许范围",
    "E206": "代码无法识别",
}

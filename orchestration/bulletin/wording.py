"""Formats dates and names for a bulletin.

Formats follow GB/T 15835 (numerals) and GB/T 9704 (dates).

Belongs here: text from a single value, and the Chinese names of codes. Doesn't belong here: the
text of numbers (``figures.numbers``) and sentences about figures (``sections``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from orchestration.core.reporting_calendar import chinese_date, moment

__all__ = [
    "AGGREGATIONS",
    "EXCLUSIONS",
    "GRADES",
    "KINDS",
    "LEVELS",
    "ORGAN",
    "STATUSES",
    "UNIT_NAME",
    "WATCH_NOTE",
    "WATCH_REASONS",
    "address",
    "chinese_date",
    "chinese_number",
    "clean",
    "listed",
    "moment",
]

#: The issuing organ of the closest real bulletin (教职成司函〔2018〕51号).
ORGAN = "教育部职业教育与成人教育司"

_DIGITS = "零一二三四五六七八九"


def chinese_number(number: int) -> str:
    """Return 1 to 99 in Chinese numerals: 一, 十, 十一, 二十."""
    tens, ones = divmod(number, 10)
    text = "" if tens == 0 else ("十" if tens == 1 else _DIGITS[tens] + "十")
    return text + (_DIGITS[ones] if ones or not tens else "")


def listed(names: Sequence[str], at_most: int = 10) -> str:
    """Join names with 、; if there are more than ``at_most``, add how many there are in all."""
    if len(names) <= at_most:
        return "、".join(names)
    return "、".join(names[:at_most]) + f"等{len(names)}个"


def address(province: str) -> str:
    """Return how a bulletin addresses a province: ``你省``, ``你市``, ``你自治区``, ``你兵团``."""
    kinds = ("自治区", "兵团", "省", "市")
    return f"你{next((kind for kind in kinds if province.endswith(kind)), '单位')}"


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


#: Levels and kinds of units as the ministry's notice calls them.
LEVELS = {"national": "国家级", "provincial": "省级", "municipal": "市级", "school": "校级"}
KINDS = {"standard": "标准", "resource": "资源", "equipment": "装备"}
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
#: Reason why a unit is on the watchlist (``marts.unit_watchlist.reason``).
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
WATCH_NOTE = (
    "列入名单只说明存在所列情形，供动态管理参考，不是处理决定；"
    "同一单位可有多项原因，依据列为其数据来由。"
)
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

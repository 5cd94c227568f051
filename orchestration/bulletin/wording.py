"""How numbers, dates and names are written in a bulletin.

Belongs here: text from a value, after GB/T 15835 (numerals) and GB/T 9704 (dates, as the reporting
calendar says them). A figure is rounded here for print, half up, from the six places that the
marts keep. Doesn't belong here: what is said about a figure (``sections``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from orchestration.core.catalogue import Indicator
from orchestration.core.reporting_calendar import chinese_date, moment

__all__ = [
    "EXCLUSIONS",
    "GRADES",
    "KINDS",
    "LEVELS",
    "MISSING",
    "STATUSES",
    "UNIT_NAME",
    "WATCH_REASONS",
    "amount",
    "change",
    "chinese_date",
    "chinese_number",
    "clean",
    "count",
    "in_points",
    "listed",
    "moment",
    "percent",
    "points",
    "rounded",
    "share",
    "unit_of",
    "value_text",
]

#: What stands where nothing counts: missing is not zero.
MISSING = "—"
_DIGITS = "零一二三四五六七八九"


def rounded(value: Decimal, places: int) -> str:
    """A decimal, rounded half up, with thousands separated by commas."""
    step = Decimal(1).scaleb(-places)
    exact = value.quantize(step, rounding=ROUND_HALF_UP)
    return f"{exact + 0:,f}" if exact else f"{abs(exact):,f}"


def count(value: int | None) -> str:
    """A whole number."""
    return MISSING if value is None else f"{value:,d}"


def amount(value: Decimal | None) -> str:
    """Two places: money (万元), scores."""
    return MISSING if value is None else rounded(value, 2)


def percent(rate: Decimal | None) -> str:
    """A fraction as a percentage with two places, e.g. ``61.08%`` (as 教职成司函〔2018〕51号)."""
    return MISSING if rate is None else f"{rounded(rate * 100, 2)}%"


def share(part: Decimal | int | None, whole: Decimal | int | None) -> str:
    """A part of a whole as a percentage; of nothing there is no share."""
    if part is None or whole is None or whole <= 0:
        return MISSING
    return percent(Decimal(part) / Decimal(whole))


def _signed(text: str) -> str:
    if text.startswith("-"):
        return "−" + text[1:]
    return text if not text.strip("0.%") else "+" + text


def change(rate: Decimal | None) -> str:
    """A change rate, e.g. ``+5.32%``."""
    return MISSING if rate is None else _signed(percent(rate))


def points(difference: Decimal | None) -> str:
    """The change of a percentage, in percentage points."""
    return MISSING if difference is None else _signed(rounded(difference, 2)) + "个百分点"


def in_points(indicator: Indicator) -> bool:
    """Whether its change is stated in percentage points."""
    return indicator.unit == "%"


def value_text(value: Decimal | None, indicator: Indicator) -> str:
    """An aggregate as printed, without its unit of measure."""
    if value is None:
        return MISSING
    whole = indicator.value_type not in {"amount", "percent", "ratio"}
    if whole and indicator.aggregation != "mean":
        return rounded(value, 0 if value == value.to_integral_value() else 2)
    return rounded(value, 2)


def unit_of(indicator: Indicator) -> str:
    """The unit of measure of an aggregate."""
    if indicator.aggregation == "count_true":
        return "家单位"
    return indicator.unit


def chinese_number(number: int) -> str:
    """1 to 99 as ordinals are written: 一, 十, 十一, 二十."""
    tens, ones = divmod(number, 10)
    text = "" if tens == 0 else ("十" if tens == 1 else _DIGITS[tens] + "十")
    return text + (_DIGITS[ones] if ones or not tens else "")


def listed(names: Sequence[str], at_most: int = 10) -> str:
    """Names joined by 、; beyond ``at_most`` the rest is counted, never silently dropped."""
    if len(names) <= at_most:
        return "、".join(names)
    return "、".join(names[:at_most]) + f"等{len(names)}个"


#: Characters of a unit's name that are printed: a table's widest column takes two lines of them.
UNIT_NAME = 40


def clean(text: str | None, at_most: int = 60) -> str:
    """Somebody's words, fit to be set: one line, no control, zero-width or direction marks.

    Args:
        at_most: characters; a longer text ends in ``…``.
    """
    kept = unicodedata.normalize("NFC", text or "")
    if not kept.isprintable():  # no such mark, no blank but U+0020: nearly every text
        kept = "".join(
            " " if character.isspace() else character
            for character in kept
            if character.isspace() or unicodedata.category(character)[0] != "C"
        )
    kept = " ".join(kept.split())
    return kept if len(kept) <= at_most else kept[: at_most - 1] + "…"


#: Levels and kinds as the notice calls them.
LEVELS = {"national": "国家级", "provincial": "省级", "municipal": "市级", "school": "校级"}
KINDS = {"standard": "标准", "resource": "资源", "equipment": "装备"}
GRADES = {"excellent": "优秀", "good": "良好", "pass": "合格", "fail": "不合格"}
#: How far a unit has come (``marts.dim_unit.status``).
STATUSES = {
    "registered": "已登记",
    "recommended": "省级推荐",
    "recognised": "国家认定",
    "warned": "被警告",
    "removed": "已退出",
}
#: Why a unit is on the watchlist (``marts.unit_watchlist.reason``).
WATCH_REASONS = {
    "not_reported": "未报送年度绩效",
    "targets_missed_two_years": "连续两年未完成过半目标",
    "assessment_failed": "省级考核不合格",
    "warned": "被警告",
}
#: Why a value is excluded, in a word (``exclusion_code``); a blocking rule has its own message.
EXCLUSIONS = {
    "E201": "数值无法识别",
    "E202": "应为整数",
    "E203": "超出允许范围",
    "E206": "代码无法识别",
}

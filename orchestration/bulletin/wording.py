"""Formats dates and names for a bulletin.

Formats follow GB/T 15835 (numerals) and GB/T 9704 (dates).

Belongs here: text from a single value. Doesn't belong here: the text of numbers
(``figures.numbers``), the names of codes (``figures.wording``) and sentences about figures
(``sections``).
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.core.reporting_calendar import chinese_date, moment

__all__ = [
    "ORGAN",
    "address",
    "chinese_date",
    "chinese_number",
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

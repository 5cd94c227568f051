"""Rounds numbers and formats them for print.

Formats follow GB/T 15835 (numerals). Figures have six places in the marts; they are rounded once,
here, half up.

Belongs here: rounding, and the text of one number. Doesn't belong here: how the figure of a column
is printed (``printing``), arithmetic (``recompute``) and dates (``core.reporting_calendar``).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from orchestration.core.catalogue import Indicator

__all__ = [
    "DIRECTIONS",
    "MISSING",
    "NONE",
    "NOT_YET",
    "PRINTED_PLACES",
    "UNCHANGED",
    "amount",
    "change",
    "composition_effect",
    "count",
    "exact",
    "growth",
    "growth_in_points",
    "half_up",
    "has_decimals",
    "in_points",
    "in_words",
    "percent",
    "plain",
    "points",
    "rounded",
    "share",
    "signed",
    "unit_of",
    "value_text",
    "whole_percent",
]

#: Printed for a missing value: missing is not zero.
MISSING = "—"
#: Words of prose for a number that is 0: of what there may be none, of what is still to come.
NONE, NOT_YET = "没有", "尚无"

#: Kind of a measure of the scorecard → decimal places of its number as printed; a rate has four,
#: because it is printed as a percentage with two. Ranks are made on the printed number.
PRINTED_PLACES = {"rate": 4, "score": 2, "count": 0}


def half_up(value: Decimal, places: int) -> Decimal:
    """Return a decimal rounded half away from zero to a number of places."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def rounded(value: Decimal, places: int) -> str:
    """Return a decimal rounded half up, with thousands separators."""
    found = half_up(value, places)
    return f"{found:,f}" if found else f"{abs(found):,f}"


def plain(value: Decimal | int | None) -> str:
    """Return a number in full, without trailing zeros; ``—`` for None."""
    return exact(value).replace(",", "")


def exact(value: Decimal | int | None) -> str:
    """Return a number in full with thousands separators; ``—`` for None."""
    if value is None:
        return MISSING
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,d}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(value: int | None) -> str:
    """Return a whole number with thousands separators."""
    return MISSING if value is None else f"{value:,d}"


def amount(value: Decimal | None) -> str:
    """Return an amount of money (万元) or a score, with two places."""
    return MISSING if value is None else rounded(value, 2)


def percent(rate: Decimal | None) -> str:
    """Return a fraction as a percentage with two places, e.g. ``61.08%``.

    Two places are those of the bulletin 教职成司函〔2018〕51号.
    """
    return MISSING if rate is None else f"{rounded(rate * 100, 2)}%"


def whole_percent(rate: Decimal | None) -> str:
    """Return a fraction as prose gives it: in whole per cents, e.g. ``93%``.

    Bulletins say whole per cents (教职成司函〔2018〕51号). A part of the whole must not read as all
    or nothing: 99.7 % keeps a place, so that it isn't ``100%``.
    """
    if rate is None:
        return MISSING
    places = next((n for n in (0, 1) if half_up(rate * 100, n) not in (0, 100)), 2)
    return f"{rounded(rate * 100, places if rate not in (0, 1) else 0)}%"


#: Unit of large numbers → its power of ten and the decimals that prose gives of it. Amounts are
#: given in 亿元 with two places (the ministry's performance report of 2017), others with one.
_LARGE = {"亿": (8, 2), "万": (4, 1)}


def in_words(value: Decimal | int, exponent: int = 0) -> str:
    """Return a number as prose gives it, with 万 or 亿 where it is large (GB/T 15835, 4.1.1).

    Args:
        exponent: power of ten of the value's unit: 4 if it is in 万元.
    """
    ones = Decimal(value).scaleb(exponent)
    for unit, (power, places) in _LARGE.items():
        if abs(ones) >= 10**power:
            return exact(half_up(ones.scaleb(-power), places)) + unit
    return exact(half_up(ones, 1))


def share(part: Decimal | int | None, whole: Decimal | int | None) -> str:
    """Return a part as a percentage of the whole; ``—`` unless the whole is above zero."""
    if part is None or whole is None or whole <= 0:
        return MISSING
    return percent(Decimal(part) / Decimal(whole))


def signed(text: str) -> str:
    """Add a sign to a formatted number; zero has none."""
    if text.startswith("-"):
        return "−" + text[1:]
    return text if not text.strip("0.%") else "+" + text


def change(rate: Decimal | None) -> str:
    """Return a change rate with its sign, e.g. ``+5.32%``."""
    return MISSING if rate is None else signed(percent(rate))


def points(difference: Decimal | None) -> str:
    """Return the change of a percentage in percentage points, with its sign."""
    return MISSING if difference is None else signed(rounded(difference, 2)) + "个百分点"


#: Word of prose for a change, before a number without a sign → the sign that it stands for.
DIRECTIONS = {"增长": "", "提高": "", "多增": "", "下降": "−", "少增": "−"}
#: A change that is printed as zero.
UNCHANGED = "持平"


def _in_words(change: Decimal, rising: str, falling: str) -> str:
    """Return the size of a change with its word, without a unit.

    It has one decimal, and two where one would print zero; a change that is still printed as zero
    is ``UNCHANGED``.
    """
    places = next((places for places in (1, 2) if half_up(abs(change), places)), None)
    if places is None:
        return UNCHANGED
    return (rising if change > 0 else falling) + rounded(abs(change), places)


def _with_unit(words: str, unit: str) -> str:
    return words if words == UNCHANGED else words + unit


def growth(rate: Decimal) -> str:
    """Return a change rate for prose: ``增长5.3%``, ``下降5.3%``, ``增长0.02%`` or ``持平``."""
    return _with_unit(_in_words(rate * 100, "增长", "下降"), "%")


def growth_in_points(difference: Decimal) -> str:
    """Return the change of a percentage for prose, in percentage points."""
    return _with_unit(_in_words(difference, "提高", "下降"), "个百分点")


def composition_effect(difference: Decimal) -> str:
    """Return for prose what a change of the units added to a total's growth, a fraction."""
    return _with_unit(_in_words(difference * 100, "多增", "少增"), "个百分点")


def in_points(indicator: Indicator) -> bool:
    """Whether changes of this indicator are printed in percentage points."""
    return indicator.unit == "%"


def has_decimals(value: Decimal | None, indicator: Indicator) -> bool:
    """Whether an indicator's aggregate is printed with two places: no count, or not whole."""
    if indicator.value_type in {"amount", "percent", "ratio"} or indicator.aggregation == "mean":
        return True
    return value is not None and value != value.to_integral_value()


def value_text(value: Decimal | None, indicator: Indicator) -> str:
    """Return an indicator's aggregate as printed, without its unit of measure."""
    return MISSING if value is None else rounded(value, 2 if has_decimals(value, indicator) else 0)


def unit_of(indicator: Indicator) -> str:
    """Return the unit of measure of an indicator's aggregate."""
    return "家单位" if indicator.aggregation == "count_true" else indicator.unit

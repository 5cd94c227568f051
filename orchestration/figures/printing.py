"""How the figure of a mart's column is printed: its label, its unit of print, its text.

The name and type of a column decide, so that a new column is printed, compared and traced without
an entry here: ``…_rate`` and ``…attainment`` are fractions (contract §2) and printed as
percentages, ``…change_rate`` with its sign, ``…_rank`` and other whole numbers as counts, a number
of an indicator's mart as its indicator's values, any other number with two places.

Belongs here: labels and texts of figures by mart and column. Doesn't belong here: the text of a
number whose kind is known (``numbers``) and sentences (``bulletin``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from orchestration.core.catalogue import Indicator, load_catalogue
from orchestration.figures import numbers
from orchestration.figures.dictionary import figure_grains, mart_descriptions

__all__ = [
    "RANK",
    "column_label",
    "difference_text",
    "exact_text",
    "figure_label",
    "figure_text",
    "is_figure",
    "is_fraction",
    "may_be_said",
    "prose_text",
    "unit_exponent",
]

#: End of the name of a column that holds a province's rank by the measure before it.
RANK = "_rank"
#: Columns with numbers that say what a row is about.
_ATTRIBUTES = {"year", "edition", "target_year"}
#: Column → its short name in the headers of the bulletins' tables.
_SHORT = {
    "value": "数值",
    "previous_value": "上年数值",
    "change_rate": "较上年增减",
    "target": "目标",
    "attainment": "目标完成度",
    "units_counted": "计入单位",
    "previous_units_counted": "上年计入单位",
    "value_with_target": "有目标单位数值",
    "units_with_target": "有目标单位",
    "matched_units": "同口径单位",
    "matched_value": "同口径数值",
    "matched_previous_value": "同口径上年数值",
    "matched_change_rate": "同口径增减",
    "matched_change_points": "同口径增减",
}
#: Columns with growth over whoever counted in each year, which no document says (contract §2).
_UNMATCHED = {"change_rate", "value-previous_value"}
#: Columns with growth over the units that count in both years.
_MATCHED = {"matched_change_rate", "matched_change_points"}
#: Columns with a growth rate, printed with its sign.
_GROWTH = {"change_rate", "matched_change_rate"}


def is_figure(column: str, value: Any) -> bool:
    """Whether a mart's value is a figure: a number that doesn't only say what its row is about."""
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return is_number and column not in _ATTRIBUTES


def may_be_said(row: Mapping[str, Any], column: str) -> bool:
    """Whether documents may print this column: no growth but that of the units of both years.

    Args:
        row: row of a mart; ``growth_withheld_by`` says why its growth isn't said.
        column: a column, or a difference ``a-b``.
    """
    if column in _MATCHED:
        return row["growth_withheld_by"] is None
    return column not in _UNMATCHED


def is_fraction(column: str) -> bool:
    """Whether a column holds fractions, which are printed as percentages (contract §2)."""
    return column.endswith(("_rate", "attainment"))


def figure_text(table: str, key: Sequence[str], column: str, value: Any) -> str:
    """Return a figure as printed.

    Args:
        key: values of the mart's grain without the year.
    """
    if value is None:
        return numbers.MISSING
    if isinstance(value, int):
        return numbers.count(value)
    if column in _GROWTH:
        return numbers.change(value)
    if column == "matched_change_points":
        return numbers.points(value)
    if is_fraction(column):
        return numbers.percent(value)
    indicator = _indicator(table, key)
    return numbers.value_text(value, indicator) if indicator else numbers.amount(value)


def prose_text(table: str, key: Sequence[str], column: str, value: Any) -> str:
    """Return a figure as a sentence gives it: whole per cents, 万 and 亿, at most one decimal.

    Counts of units and documents have all of their digits, because sentences set them against each
    other: ``1.2万`` and ``1.1万`` would be 11,562 units of which 11,406 reported.

    Args:
        key: values of the mart's grain without the year.
    """
    if value is None:
        return numbers.MISSING
    if isinstance(value, int):
        return numbers.count(value)
    if is_fraction(column):
        return numbers.whole_percent(value)
    return numbers.in_words(value, unit_exponent(table, key, column))


def unit_exponent(table: str, key: Sequence[str], column: str) -> int:
    """Return the power of ten of a figure's unit: 4 for amounts, which are in 万元."""
    indicator = _indicator(table, key)
    is_amount = (
        indicator is not None
        and indicator.value_type == "amount"
        and column in {"value", "previous_value", "matched_value", "matched_previous_value"}
    )
    return 4 if is_amount else 0


def difference_text(table: str, key: Sequence[str], column: str, old: Any, new: Any) -> str:
    """Return new minus old as printed; a difference that rounds to 0.00 is less than 0.01."""
    if old is None or new is None:
        return numbers.MISSING
    difference = Decimal(new) - Decimal(old)
    text = _rounded_difference(table, key, column, difference, is_whole=isinstance(new, int))
    if difference and not re.search("[1-9]", text):
        return f"不足0.01{text.lstrip('+−0.')}"
    return text


def _rounded_difference(
    table: str, key: Sequence[str], column: str, difference: Decimal, *, is_whole: bool
) -> str:
    sign = "+" if difference > 0 else "−" if difference < 0 else ""
    size = abs(difference)
    if is_whole:
        return f"{sign}{numbers.count(int(size))}"
    if is_fraction(column):
        return numbers.points(difference * 100)
    indicator = _indicator(table, key)
    if indicator and numbers.in_points(indicator):
        return numbers.points(difference)
    return sign + (numbers.value_text(size, indicator) if indicator else numbers.amount(size))


def exact_text(column: str, value: Any) -> str:
    """Return a mart's value with all of its digits; a fraction as a percentage."""
    if column in _ATTRIBUTES:
        return str(value)
    if value is not None and is_fraction(column):
        return f"{numbers.exact(value * 100)}%"
    return numbers.exact(value)


def column_label(table: str, column: str, *, in_full: bool = False) -> str:
    """Return the Chinese name of a mart's column: its description up to the first punctuation.

    Args:
        in_full: keep a remark in brackets.
    """
    measure = column.removesuffix(RANK)
    described = mart_descriptions()[table].columns.get(measure)
    words = described.description_zh if described else measure
    return re.split("[＝。；，：]" if in_full else "[＝。（；，：]", words, maxsplit=1)[0] + (
        "" if measure == column else "名次" if in_full else "的名次"
    )


def figure_label(table: str, key: Sequence[str], column: str) -> str:
    """Return a figure's description in Chinese: place, task, indicator and column.

    Args:
        key: values of the mart's grain without the year.
    """
    catalogue = load_catalogue()
    parts = ["全国"] if "national" in table else []
    for name, part in zip(figure_grains()[table], key, strict=True):
        if name == "province_code":
            parts.append(catalogue.regions[part].short_name)
        elif name == "task_code":
            parts.append("全部任务" if part == "ALL" else catalogue.tasks[part].name)
        elif name == "indicator_code":
            known = catalogue.indicators.get(part)
            parts.append(known.name_zh if known else part)
        elif part != "-":
            parts.append(part)
    label = _SHORT.get(column) or column_label(table, column, in_full=True)
    indicator = _indicator(table, key)
    if column in _GROWTH and indicator and numbers.in_points(indicator):
        label += "（相对变化）"  # Elsewhere the bulletins give its change in points.
    return "·".join((*parts, label))


def _indicator(table: str, key: Sequence[str]) -> Indicator | None:
    if "indicator_code" not in figure_grains()[table]:
        return None
    return load_catalogue().indicators.get(key[-1])

"""The content model of an edition's workbooks.

Belongs here: what a book is made of, and the number format of a value. Doesn't belong here: what
stands in it (``tables``, ``uses``) and how it looks (``render.xlsx``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from orchestration.core.catalogue import Indicator, Measure

__all__ = [
    "AMOUNT",
    "COUNT",
    "RATE",
    "SYNTHETIC",
    "Book",
    "Cell",
    "Field",
    "Number",
    "Sheet",
    "indicator_format",
    "measure_format",
]

COUNT, AMOUNT, RATE = "#,##0", "#,##0.00", "0.00%"
SYNTHETIC = "合成数据，非真实填报（SYNTHETIC DATA）"


@dataclass(frozen=True)
class Number:
    """A number with a format of its own, where a column holds several kinds."""

    value: Decimal | int | None
    format: str


Cell = str | Decimal | int | Number | None


@dataclass(frozen=True)
class Field:
    """A column: its head, its width in characters and, for numbers, their format."""

    head: str
    width: int = 12
    format: str = ""


@dataclass(frozen=True)
class Sheet:
    """A sheet; rows have a cell for each field. ``frozen``: columns that stay in view."""

    title: str
    fields: tuple[Field, ...]
    rows: Sequence[tuple[Cell, ...]]
    frozen: int = 1


def indicator_format(value: Decimal | None, indicator: Indicator) -> str:
    """As the bulletins print it (``wording.value_text``): whole numbers without places."""
    whole = indicator.value_type not in {"amount", "percent", "ratio"}
    if not whole or indicator.aggregation == "mean":
        return AMOUNT
    return COUNT if value is None or value == value.to_integral_value() else AMOUNT


def measure_format(measure: Measure) -> str:
    """Of a measure of the scorecard."""
    return {"rate": RATE, "score": AMOUNT, "count": COUNT}[measure.kind]


@dataclass(frozen=True)
class Book:
    """What a workbook says: a title sheet with the notes, then the sheets."""

    title: str
    notes: tuple[str, ...]
    sheets: tuple[Sheet, ...]
    is_synthetic: bool

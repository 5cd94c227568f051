"""The content model of an edition's workbooks.

Belongs here: books, sheets, fields and number formats. Doesn't belong here: the content of a book
(``tables``, ``uses``) and its appearance (``render.xlsx``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from orchestration.bulletin.policy import kept, shown_positions
from orchestration.core.catalogue import Indicator, Measure
from orchestration.figures.numbers import has_decimals

__all__ = [
    "AMOUNT",
    "CHANGE",
    "COUNT",
    "POINTS",
    "RATE",
    "SYNTHETIC",
    "Book",
    "Cell",
    "Field",
    "Number",
    "Sheet",
    "indicator_format",
    "measure_format",
    "shown_sheet",
]

COUNT, AMOUNT, RATE = "#,##0", "#,##0.00", "0.00%"
#: A change has its sign; one in percentage points also its unit, because 5 % are not 5 points.
CHANGE = "+0.00%;-0.00%;0.00%"
POINTS = '+0.00"个百分点";-0.00"个百分点";0.00"个百分点"'
SYNTHETIC = "合成数据，非真实填报（SYNTHETIC DATA）"


@dataclass(frozen=True)
class Number:
    """A number with its own format, for columns with several kinds of numbers."""

    value: Decimal | int | None
    format: str


Cell = str | Decimal | int | Number | None


@dataclass(frozen=True)
class Field:
    """A column: its header, its width in characters and the format of its numbers.

    Attributes:
        source: column of the lake that it shows, ``table.column``; empty if there is no single one.
    """

    head: str
    width: int = 12
    format: str = ""
    source: str = ""


@dataclass(frozen=True)
class Sheet:
    """A sheet; each row has one cell per field. ``frozen`` columns stay in view."""

    title: str
    fields: tuple[Field, ...]
    rows: Sequence[tuple[Cell, ...]]
    frozen: int = 1


def shown_sheet(
    title: str, fields: Sequence[Field], rows: Iterable[tuple[Cell, ...]], frozen: int = 1
) -> Sheet:
    """Return a sheet of the fields that may be shown."""
    positions = shown_positions(field.source for field in fields)
    cells = [kept(row, positions) for row in rows]
    still = sum(at < frozen for at in positions)
    return Sheet(title, kept(fields, positions), cells, max(1, still))


def indicator_format(value: Decimal | None, indicator: Indicator) -> str:
    """Return an indicator's number format, equal to the bulletins' (``numbers.value_text``)."""
    return AMOUNT if has_decimals(value, indicator) else COUNT


def measure_format(measure: Measure) -> str:
    """Return the number format of a measure of the scorecard."""
    return {"rate": RATE, "score": AMOUNT, "count": COUNT}[measure.kind]


@dataclass(frozen=True)
class Book:
    """The content of a workbook: a title sheet with notes, then the sheets."""

    title: str
    notes: tuple[str, ...]
    sheets: tuple[Sheet, ...]
    is_synthetic: bool

"""Reads single cells: from a cell as typed to the value that JSON would hold.

Belongs here: text, numbers, instants, dates, booleans and member lists. Doesn't belong here: which
column is read how (seed ``table_columns.csv``), rows (``tables``), the contract's types
(``contracts``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.intake.reading import Number, read_value

__all__ = [
    "CELL_READERS",
    "cell_number",
    "cell_text",
    "cell_year",
    "comparable",
    "is_blank",
    "is_number",
]

_TRUE, _FALSE = {"true", "1", "是", "yes"}, {"false", "0", "否", "no"}
_YEAR = re.compile(r"\s*([0-9]{4})\s*年度?\s*\Z")
_DATE = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?\Z")


def is_blank(cell: Any) -> bool:
    """Whether a cell is empty or holds only blanks."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def is_number(cell: Any) -> bool:
    """Whether a cell is read as a number, or as yes or no."""
    read = read_value(cell_number(cell))
    return read is not None and read.number is not None


def cell_year(cell: Any) -> Any:
    """Read a year; ``2024年`` and ``2024年度`` are 2024."""
    match = _YEAR.match(cell) if isinstance(cell, str) else None
    return int(match[1]) if match else cell


def comparable(cell: Any) -> str | None:
    """A cell's meaning for comparing: 100, "100" and "１００.0" are the same; None if blank."""
    read = read_value(cell_number(cell))
    if read is None:
        return None
    if read.number is None:
        return read.text
    return read.number.rstrip("0").rstrip(".") if "." in read.number else read.number


def cell_text(cell: Any) -> str | None:
    """Read a cell of a text column; a document id typed as a number keeps its digits."""
    if isinstance(cell, str):
        return cell.strip() or None
    if cell is None:
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime | date):
        # A spreadsheet shows a day without a time.
        return cell.isoformat().removesuffix("T00:00:00")
    return str(cell_number(cell)) if isinstance(cell, int | float | Decimal) else str(cell)


def cell_number(cell: Any) -> Any:
    """Read a cell of a number column as from JSON: int, Number, bool or text."""
    if cell is None or isinstance(cell, bool | int):
        return cell
    if isinstance(cell, str):
        return cell if cell.strip() else None
    if isinstance(cell, float):
        if cell.is_integer() and abs(cell) < 1e15:
            return int(cell)
        return Number(repr(cell))
    if isinstance(cell, Decimal):
        return Number(f"{cell:f}" if cell.is_finite() else str(cell))
    return cell_text(cell)


def _cell_instant(cell: Any) -> Any:
    """Read an instant; a date cell has no zone and is taken as Beijing time."""
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=SHANGHAI)).isoformat()
    return cell_text(cell)


def _cell_date(cell: Any) -> Any:
    """Read a date; ``2024年8月2日`` and ``2024/8/2`` become ISO 8601."""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    text = cell_text(cell)
    match = _DATE.match(text) if text else None
    if match:
        year, month, day = (int(part) for part in match.groups())
        return f"{year:04d}-{month:02d}-{day:02d}"
    return text


def _cell_boolean(cell: Any) -> Any:
    text = (cell_text(cell) or "").casefold()
    if text in _TRUE:
        return True
    return False if text in _FALSE else (text or None)


def _cell_members(cell: Any) -> Any:
    """Read ``name:type;name:type`` (contract §1, "registration")."""
    text = cell_text(cell)
    if text is None:
        return None
    members = []
    for part in re.split("[;；]", text):
        name, _, kind = part.strip().replace("：", ":").rpartition(":")
        if part.strip():
            members.append({"name": name.strip() or kind.strip(), "type": kind if name else None})
    return members


#: Reader of a cell by the column's kind in ``table_columns.csv``.
CELL_READERS: Mapping[str, Callable[[Any], Any]] = {
    "text": cell_text,
    "number": cell_number,
    "moment": _cell_instant,
    "date": _cell_date,
    "boolean": _cell_boolean,
    "members": _cell_members,
}

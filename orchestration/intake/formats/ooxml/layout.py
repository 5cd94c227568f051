"""Reads what a sheet says about its cells apart from them: merged, hidden and coloured ones.

A sheet says it before and after its rows, so it is read in a pass of its own, which leaves out the
rows. Belongs here: merged cells, hidden columns and conditional formats (ECMA-376 part 1, 18.3.1).
Doesn't belong here: hidden rows, which the rows themselves state (``sheet``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from openpyxl.utils import column_index_from_string

from orchestration.intake.formats.ooxml.markup import Attributes, MarkupError, parse_part
from orchestration.intake.formats.ooxml.sheet import RowBlocks

__all__ = ["Layout", "MergedRange", "read_layout"]

#: Most merged ranges of a sheet: five for each unit of the biggest province's form are 7,500.
_MAX_RANGES = 65_536
_RANGE = re.compile("([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})")
_TRUE, _FALSE = {"1", "true"}, {"0", "false"}


class MergedRange(NamedTuple):
    """Merged cells that span several rows (from 1), with their first column (from 0)."""

    first: int
    last: int
    column: int


@dataclass
class Layout:
    """What a sheet says about its cells.

    Attributes:
        merged: the merged ranges that span several rows, in the order of their first rows.
        hidden_columns: positions (from 0).
        conditional: ranges (``F2:F99``) in which a condition changes what is shown of a value.
    """

    merged: list[MergedRange] = field(default_factory=list)
    hidden_columns: set[int] = field(default_factory=set)
    conditional: list[str] = field(default_factory=list)


def read_layout(chunks: Iterable[bytes], columns: int, changing: Set[int]) -> Layout:
    """Read the layout of a sheet.

    Args:
        columns: the number of columns that may hold values; further ones are passed over.
        changing: the conditional formats that change what is shown of a value.

    Raises:
        MarkupError: the part is not well-formed, or has too many merged ranges.
    """
    layout = Layout()
    place = ""

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal place
        if tag == "mergeCell":
            _add_merged(layout.merged, attributes.get("ref", ""), columns)
        elif tag == "col":
            if attributes.get("hidden") in _TRUE or _number(attributes, "width", 1) == 0:
                first, last = _number(attributes, "min", 1), _number(attributes, "max", 1)
                layout.hidden_columns |= set(range(int(first) - 1, min(int(last), columns)))
        elif tag == "conditionalFormatting":
            place = attributes.get("sqref", "")
        elif place not in layout.conditional[-1:] and _changes(tag, attributes, changing):
            layout.conditional.append(place)

    parse_part((block for block, is_rows in RowBlocks(chunks) if not is_rows), start)
    layout.merged.sort()
    return layout


def _changes(tag: str, attributes: Attributes, changing: Set[int]) -> bool:
    """Whether an element of a conditional format changes what is shown of a value."""
    if tag == "cfRule":
        return _number(attributes, "dxfId", -1) in changing
    return tag in ("dataBar", "iconSet") and attributes.get("showValue") in _FALSE


def _add_merged(merged: list[MergedRange], reference: str, columns: int) -> None:
    match = _RANGE.fullmatch(reference)
    if match is None:
        return
    first, last = int(match[2]), int(match[4])
    column = column_index_from_string(match[1]) - 1
    if last > first and column < columns:
        merged.append(MergedRange(first, last, column))
    if len(merged) > _MAX_RANGES:
        raise MarkupError("too many merged cells")


def _number(attributes: Attributes, name: str, default: float) -> float:
    """An attribute that is a number; ``default`` where it is missing or no number."""
    try:
        return float(attributes[name])
    except (KeyError, ValueError):
        return default

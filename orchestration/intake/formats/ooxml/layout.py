"""Reads what a sheet says about its cells apart from them: merged, hidden and coloured ones.

A sheet says it before and after its rows, so it is read in a pass of its own, which leaves out the
rows. Belongs here: merged cells, hidden columns and conditional formats (ECMA-376 part 1, 18.3.1;
[MS-XLSX] 2.6.8 for those of Excel 2010 and later). Doesn't belong here: hidden rows, which the rows
themselves state (``sheet``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from openpyxl.utils import column_index_from_string

from orchestration.intake.formats.ooxml.colours import Differential
from orchestration.intake.formats.ooxml.markup import (
    Attributes,
    MarkupError,
    parse_part,
    tag_of,
)
from orchestration.intake.formats.ooxml.sheet import RowBlocks

__all__ = ["Layout", "MergedRange", "read_layout"]

#: Most columns of merged ranges in a sheet: every row of a form of 20,000 rows may have ten.
_MAX_RANGES = 200_000
_RANGE = re.compile("([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})")
_TRUE, _FALSE = {"1", "true"}, {"0", "false"}
#: Namespaces of the conditional formats that Excel 2010 added, and of their ranges.
_ADDED = {
    "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main": "x14:",
    "http://schemas.microsoft.com/office/excel/2006/main": "xm:",
}
#: Ranges of one conditional format that are quoted, in characters.
_QUOTED = 200


class MergedRange(NamedTuple):
    """One column (from 0) of merged cells, with their rows (from 1).

    Attributes:
        is_first: whether it is their first column, whose first cell is seen.
    """

    first: int
    last: int
    column: int
    is_first: bool = True


@dataclass
class Layout:
    """What a sheet says about its cells.

    Attributes:
        merged: the columns of the merged ranges, in the order of their first rows.
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
    place: list[str] = []
    # Of a conditional format of Excel 2010, whose range comes last.
    differential: Differential | None = None
    is_range = is_changing = False

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal differential, is_range, is_changing
        if tag == "mergeCell":
            _add_merged(layout.merged, attributes.get("ref", ""), columns)
        elif tag == "col":
            if attributes.get("hidden") in _TRUE or _number(attributes, "width", 1) == 0:
                first, last = _number(attributes, "min", 1), _number(attributes, "max", 1)
                layout.hidden_columns |= set(range(int(first) - 1, min(int(last), columns)))
        elif tag == "conditionalFormatting":
            place[:] = [attributes.get("sqref", "")]
            is_changing = False
        elif tag == "x14:conditionalFormatting":
            place.clear()
            is_changing = False
        elif tag == "x14:dxf":
            differential = Differential()
        elif differential is not None:
            differential.start(tag, attributes)
        elif tag == "xm:sqref":
            is_range = True
        else:
            is_changing |= _changes(tag, attributes, changing)

    def end(tag: str) -> None:
        nonlocal differential, is_range, is_changing
        if tag == "x14:dxf" and differential is not None:
            is_changing |= differential.changes
            differential = None
        elif tag == "xm:sqref":
            is_range = False
        elif tag.endswith("conditionalFormatting") and is_changing:
            layout.conditional.append("".join(place)[:_QUOTED])
            is_changing = False

    def text(part: str) -> None:
        if is_range:
            place.append(part)

    blocks = (block for block, is_rows in RowBlocks(chunks) if not is_rows)
    parse_part(blocks, start, end, text, tag=_tag)
    layout.merged.sort()
    return layout


@lru_cache(1024)
def _tag(name: str) -> str:
    """The local name of an element; with its usual prefix if Excel 2010 added it."""
    namespace, _, local = name.rpartition(" ")
    prefix = _ADDED.get(namespace)
    return prefix + local if prefix else tag_of(name)


def _changes(tag: str, attributes: Attributes, changing: Set[int]) -> bool:
    """Whether an element of a conditional format changes what is shown of a value."""
    if tag == "cfRule":
        return _number(attributes, "dxfId", -1) in changing
    is_drawn = tag.removeprefix("x14:") in ("dataBar", "iconSet")
    return is_drawn and attributes.get("showValue") in _FALSE


def _add_merged(merged: list[MergedRange], reference: str, columns: int) -> None:
    match = _RANGE.fullmatch(reference)
    if match is None:
        return
    first, last = int(match[2]), int(match[4])
    begin, end = (column_index_from_string(match[each]) - 1 for each in (1, 3))
    if last < first:
        return
    for column in range(begin, min(end + 1, columns)):
        merged.append(MergedRange(first, last, column, column == begin))
    if len(merged) > _MAX_RANGES:
        raise MarkupError("too many merged cells")


def _number(attributes: Attributes, name: str, default: float) -> float:
    """An attribute that is a number; ``default`` where it is missing or no number."""
    try:
        return float(attributes[name])
    except (KeyError, ValueError):
        return default

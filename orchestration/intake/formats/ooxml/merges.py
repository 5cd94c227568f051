"""Marks the rows that merged cells cross (ECMA-376 part 1, 18.3.1.55).

A merged cell stores its value in the first row only; a person sees it beside every row that it
spans. Belongs here: which cells of a row a merged cell covers, and what it holds. Doesn't belong
here: whether its value counts for each of the rows (``tables``).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from openpyxl.utils import column_index_from_string

from orchestration.intake.formats.base import MergedRow, Row
from orchestration.intake.formats.ooxml.markup import Attributes, MarkupError, parse_part
from orchestration.intake.formats.ooxml.sheet import RowBlocks

__all__ = ["MergedRange", "mark_merged", "merged_ranges"]

#: Most merged ranges of a sheet: five for each unit of the biggest province's form are 7,500.
_MAX_RANGES = 65_536
_RANGE = re.compile("([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})")


class MergedRange(NamedTuple):
    """Merged cells that span several rows (from 1), with their first column (from 0)."""

    first: int
    last: int
    column: int


def merged_ranges(chunks: Iterable[bytes], columns: int) -> list[MergedRange]:
    """The merged ranges that span several rows, in the order of their first rows.

    A sheet names them after its cells, so they are read in a pass of their own, which leaves out
    the rows.

    Args:
        columns: the number of columns that may hold values; further ones are passed over.

    Raises:
        MarkupError: the part is not well-formed, or has too many ranges.
    """
    found: list[MergedRange] = []

    def start(tag: str, attributes: Attributes) -> None:
        match = _RANGE.fullmatch(attributes.get("ref", "")) if tag == "mergeCell" else None
        if match is None:
            return
        first, last = int(match[2]), int(match[4])
        column = column_index_from_string(match[1]) - 1
        if last > first and column < columns:
            found.append(MergedRange(first, last, column))
        if len(found) > _MAX_RANGES:
            raise MarkupError("too many merged cells")

    parse_part((block for block, is_rows in RowBlocks(chunks) if not is_rows), start)
    return sorted(found)


def mark_merged(rows: Iterator[Row], ranges: Iterable[MergedRange]) -> Iterator[Row]:
    """Yield the rows; those that merged cells with a value cross as :class:`MergedRow`.

    Args:
        ranges: in the order of their first rows.
    """
    waiting = deque(ranges)
    # What the merged cells hold that cross the present row, and their last rows, by column. Rows
    # share the first mapping until it changes.
    merged: dict[int, Any] = {}
    lasts: dict[int, int] = {}
    next_end = 0
    for number, cells in rows:
        if number > next_end and lasts:
            lasts = {column: last for column, last in lasts.items() if last >= number}
            merged = {column: merged[column] for column in lasts}
            next_end = min(lasts.values(), default=0)
        begins: list[MergedRange] = []
        while waiting and waiting[0].first <= number:
            begins.append(waiting.popleft())
        held = {
            each.column: each.last
            for each in begins
            if each.first == number and each.column < len(cells) and cells[each.column] is not None
        }
        if held:
            lasts |= held
            merged = merged | {column: cells[column] for column in held}
            next_end = min(lasts.values())
        yield number, (MergedRow(cells, merged) if merged else cells)

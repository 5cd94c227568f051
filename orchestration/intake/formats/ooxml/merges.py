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
from xml.parsers import expat

from openpyxl.utils import column_index_from_string

from orchestration.intake.formats.base import MergedRow, Row
from orchestration.intake.formats.ooxml.markup import Attributes, MarkupError, new_parser, tag_of

__all__ = ["MergedRange", "mark_merged", "merged_ranges"]

#: Most merged ranges of a sheet: five for each unit of the biggest province's form are 7,500.
_MAX_RANGES = 65_536
_ELEMENT = b"mergeCell"
_RANGE = re.compile("([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})")


class MergedRange(NamedTuple):
    """Merged cells that span several rows (from 1), with their first column (from 0)."""

    first: int
    last: int
    column: int


def merged_ranges(chunks: Iterable[bytes]) -> list[MergedRange]:
    """The merged ranges that span several rows, in the order of their first rows.

    A sheet names them after its cells, so they are read in a pass of their own. The parser calls a
    handler only near bytes that name such an element.

    Raises:
        MarkupError: the part is not well-formed, or has too many ranges.
    """
    found: list[MergedRange] = []

    def start(name: str, attributes: Attributes) -> None:
        match = _RANGE.fullmatch(attributes.get("ref", ""))
        if match is None or tag_of(name) != "mergeCell":
            return
        first, last = int(match[2]), int(match[4])
        if last > first:
            found.append(MergedRange(first, last, column_index_from_string(match[1]) - 1))
        if len(found) > _MAX_RANGES:
            raise MarkupError("too many merged cells")

    parser = new_parser()
    before = b""
    try:
        for chunk in chunks:
            # An element may begin in one chunk and end in the next.
            is_near = _ELEMENT in before or _ELEMENT in before[-len(_ELEMENT) :] + chunk
            parser.StartElementHandler = start if is_near else None
            parser.Parse(chunk, False)
            before = chunk
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise MarkupError(str(error)) from None
    return sorted(found)


def names_merged_cells(chunks: Iterable[bytes]) -> bool:
    """Whether the bytes of a sheet name merged cells at all; most sheets have none."""
    end = b""
    for chunk in chunks:
        if _ELEMENT in end + chunk:
            return True
        end = chunk[-len(_ELEMENT) :]
    return False


def mark_merged(rows: Iterator[Row], ranges: Iterable[MergedRange]) -> Iterator[Row]:
    """Yield the rows; those that merged cells cross as :class:`MergedRow`.

    Args:
        ranges: in the order of their first rows.
    """
    waiting = deque(ranges)
    # The ranges that the present row crosses, by column, and what their cells hold. Rows share the
    # mapping until it changes.
    active: dict[int, MergedRange] = {}
    merged: dict[int, Any] = {}
    ends = 0
    for number, cells in rows:
        if active and number > ends:
            active = {c: each for c, each in active.items() if each.last >= number}
            merged = {c: merged[c] for c in active}
            ends = min((each.last for each in active.values()), default=0)
        if waiting and waiting[0].first <= number:
            merged = dict(merged)
            while waiting and waiting[0].first <= number:
                each = waiting.popleft()
                if each.last >= number:
                    held = number == each.first and each.column < len(cells)
                    active[each.column] = each
                    merged[each.column] = cells[each.column] if held else None
            ends = min((each.last for each in active.values()), default=0)
        yield number, (MergedRow(cells, merged) if active else cells)

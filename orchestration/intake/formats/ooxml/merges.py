"""Marks the rows that merged cells cross (ECMA-376 part 1, 18.3.1.55).

A merged cell stores its value in the first row only; a person sees it beside every row that it
spans. Belongs here: which cells of a row a merged cell covers, and what it holds. Doesn't belong
here: whether its value counts for each of the rows (``tables``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from orchestration.intake.formats.base import MergedRow, Row
from orchestration.intake.formats.ooxml.layout import MergedRange

__all__ = ["mark_merged"]


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

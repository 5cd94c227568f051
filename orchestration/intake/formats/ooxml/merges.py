"""Reads merged cells as they are seen (ECMA-376 part 1, 18.3.1.55).

A person sees the first cell of a merged range beside every row that it spans, and none of the
others, although some programs store values in them. Belongs here: which cells of a row a merged
range covers, and what it holds. Doesn't belong here: whether its value counts for each of the rows
(``tables``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from orchestration.intake.formats.base import MergedRow, Row
from orchestration.intake.formats.ooxml.layout import MergedRange

__all__ = ["mark_merged"]


def mark_merged(
    rows: Iterator[Row], ranges: Iterable[MergedRange], covered: list[tuple[int, int]]
) -> Iterator[Row]:
    """Yield the rows; those that merged cells with a value cross as :class:`MergedRow`.

    Args:
        ranges: in the order of their first rows.
        covered: receives row (from 1) and column (from 0) of each cell below a merged one that
            holds something else than that one; it is left out of its row.
    """
    waiting = deque(ranges)
    # The ranges that cross the present row and what is seen of them, by column.
    active: dict[int, tuple[MergedRange, Any]] = {}
    # What those hold that span several rows. Rows share the mapping until it changes.
    merged: dict[int, Any] = {}
    next_end = 0
    for number, cells in rows:
        if number > next_end and active:
            active = {at: each for at, each in active.items() if each[0].last >= number}
            merged = {at: held for at, held in merged.items() if at in active}
            next_end = min((each.last for each, _ in active.values()), default=0)
        shown: Any = None
        held: dict[int, Any] = {}
        while waiting and waiting[0].first <= number:
            each = waiting.popleft()
            if each.first < number:  # its first row is blank
                shown = None
            elif each.is_first:
                shown = cells[each.column] if each.column < len(cells) else None
                if shown is not None and each.last > number:
                    held[each.column] = shown
            if each.last >= number:
                active[each.column] = each, shown
        if held:
            merged = merged | held
        if active:
            next_end = min(each.last for each, _ in active.values())
            cells = _uncovered(number, cells, active, covered)
        yield number, (MergedRow(cells, merged) if merged else cells)


def _uncovered(
    number: int,
    cells: Sequence[Any],
    active: Mapping[int, tuple[MergedRange, Any]],
    covered: list[tuple[int, int]],
) -> Sequence[Any]:
    """A row without the cells that merged ranges cover."""
    seen = list(cells)
    for at, cell in enumerate(cells):
        if cell is None or at not in active:
            continue
        each, shown = active[at]
        if not (each.is_first and each.first == number):
            seen[at] = None
            if cell != shown:
                covered.append((number, at))
    return seen

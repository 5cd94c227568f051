"""Finds rows whose codes were filled down with the mouse: they count up row by row.

Belongs here: comparing a row's codes with those of the row before. Doesn't belong here: what
happens to such rows (``long_form``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from orchestration.core.catalogue import load_catalogue
from orchestration.intake.formats.cells import cell_text

__all__ = ["FilledDown"]

_FINAL_NUMBER = re.compile(r"(.*?)([0-9]{1,18})\Z", re.DOTALL)
#: Longest text that can end in a counter.
_LONGEST = 100

Owner = TypeVar("Owner")


class FilledDown(Generic[Owner]):
    """Finds rows whose codes were filled down with the mouse: they count up row by row.

    A spreadsheet counts up the number at the end of a text that is dragged down, so that each value
    of one unit gets the code of another unit. Only rows whose indicators follow each other in the
    catalogue's order are taken as such; a table sorted by indicator counts up its units as well.

    Args:
        least: the number of rows from which a run is taken as filled down.
        counted_of: gives the cells of a row that may be counted up.
    """

    def __init__(self, least: int, counted_of: Callable[[Sequence[Any]], Any]) -> None:
        self.least, self.counted_of = least, counted_of
        self.order = {code: at for at, code in enumerate(load_catalogue().indicators)}
        self.counted: Any = None
        self.position = -1
        self.previous: tuple[int, Owner] | None = None
        self.run: list[tuple[int, Owner]] = []
        self.found: list[list[tuple[int, Owner]]] = []

    def take(self, number: int, cells: Sequence[Any], key: str, owner: Owner) -> None:
        """Compare a row with the one before it."""
        counted = self.counted_of(cells)
        position = self.order.get(key.rpartition("/")[2], -1)
        if (
            counted != self.counted
            and position > self.position >= 0
            and self.previous is not None
            and _counts_up(self.counted, counted)
        ):
            self.run = self.run or [self.previous]
            self.run.append((number, owner))
        elif self.run:
            self._end_run()
        self.counted, self.position, self.previous = counted, position, (number, owner)

    def runs(self) -> list[list[tuple[int, Owner]]]:
        """The runs of rows found so far: row number and document of each row."""
        self._end_run()
        return self.found

    def _end_run(self) -> None:
        if len(self.run) >= self.least:
            self.found.append(self.run)
        self.run = []


def _counts_up(before: Any, after: Any) -> bool:
    """Whether each cell is equal to the one before or one more, and at least one is one more."""
    pairs = zip(before, after, strict=True) if type(before) is tuple else [(before, after)]
    different = [pair for pair in pairs if pair[0] != pair[1]]
    return bool(different) and all(_is_next(*pair) for pair in different)


def _is_next(before: Any, after: Any) -> bool:
    """Whether a cell's text is another's with its final number increased by one."""
    texts = (cell_text(before) or "", cell_text(after) or "")
    if max(map(len, texts)) > _LONGEST:
        return False
    first, second = (_FINAL_NUMBER.match(text) for text in texts)
    return (
        first is not None
        and second is not None
        and first[1] == second[1]
        and int(second[2]) == int(first[2]) + 1
    )

"""Finds rows whose codes were filled down with the mouse: they count up row by row.

Belongs here: comparing a row's codes with those of the row before. Doesn't belong here: what
happens to such rows (``long_form``).
"""

from __future__ import annotations

import re
from typing import Any, Generic, NamedTuple, TypeVar

from orchestration.core.catalogue import load_catalogue
from orchestration.intake.formats.cells import cell_text

__all__ = ["CountedRow", "FilledDown"]

_FINAL_NUMBER = re.compile(r"(.*?)([0-9]{1,18})\Z", re.DOTALL)
#: Longest text that can end in a counter.
_LONGEST = 100

Owner = TypeVar("Owner")


class CountedRow(NamedTuple, Generic[Owner]):
    """A row of a run.

    Attributes:
        number: of the row.
        counted: the cells that may be counted up.
        key: of the row's value: the indicator code, or ``year/code``.
        owner: what the row belongs to.
    """

    number: int
    counted: tuple[Any, ...]
    key: str
    owner: Owner


class FilledDown(Generic[Owner]):
    """Finds rows whose codes were filled down with the mouse: they count up row by row.

    A spreadsheet counts up (or, dragged upwards, down) the number at the end of a text, so that
    each value of one unit gets the code of another unit. Only rows whose indicators follow each
    other in the catalogue's order are taken as such; a table sorted by indicator counts up its
    units as well.

    Args:
        least: the number of rows from which a run is taken as filled down.
    """

    def __init__(self, least: int) -> None:
        self._least = least
        self._order = {code: at for at, code in enumerate(load_catalogue().indicators)}
        self._previous: CountedRow[Owner] | None = None
        self._run: list[CountedRow[Owner]] = []
        self._step = 0
        self._found: list[list[CountedRow[Owner]]] = []

    def take(self, row: CountedRow[Owner]) -> None:
        """Compare a row with the one before it."""
        previous, self._previous = self._previous, row
        if previous is None or previous.counted == row.counted:
            self._end_run()
            return
        follows = self._position(row.key) > self._position(previous.key) >= 0
        step = _step(previous.counted, row.counted) if follows else 0
        if step != self._step:
            self._end_run()
        if step:
            self._run = self._run or [previous]
            self._run.append(row)
            self._step = step

    def runs(self) -> list[list[CountedRow[Owner]]]:
        """The runs of rows found so far."""
        self._end_run()
        return self._found

    def _position(self, key: str) -> int:
        """The position of a key's indicator in the catalogue; -1 for an unknown one."""
        return self._order.get(key.rpartition("/")[2], -1)

    def _end_run(self) -> None:
        if self._run:
            if len(self._run) >= self._least:
                self._found.append(self._run)
            self._run = []
        self._step = 0


def _step(before: tuple[Any, ...], after: tuple[Any, ...]) -> int:
    """1 if all cells that differ are one more than those before, -1 if one less; otherwise 0."""
    steps = {
        _difference(here, there) for here, there in zip(before, after, strict=True) if here != there
    }
    return steps.pop() if steps in ({1}, {-1}) else 0


def _difference(before: Any, after: Any) -> int:
    """The difference of the numbers at the end of two texts that are equal before them, or 0."""
    texts = (cell_text(before) or "", cell_text(after) or "")
    if max(map(len, texts)) > _LONGEST:
        return 0
    first, second = (_FINAL_NUMBER.match(text) for text in texts)
    if first is None or second is None or first[1] != second[1]:
        return 0
    return int(second[2]) - int(first[2])

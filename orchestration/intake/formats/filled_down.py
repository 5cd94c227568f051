"""Finds rows whose codes were filled down with the mouse: they count up row by row.

Belongs here: comparing a row's codes with those of the row before. Doesn't belong here: what
happens to such rows (``long_form``).
"""

from __future__ import annotations

import re
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
    """

    def __init__(self, least: int) -> None:
        self.least = least
        self.order = {code: at for at, code in enumerate(load_catalogue().indicators)}
        self.previous: tuple[int, Any, str, Owner] | None = None
        self.run: list[tuple[int, Owner]] = []
        self.found: list[list[tuple[int, Owner]]] = []

    def take(self, number: int, counted: Any, key: str, owner: Owner) -> None:
        """Compare a row with the one before it.

        Args:
            counted: the cells that may be counted up.
            key: of the row's value: the indicator code, or ``year/code``.
            owner: what the row belongs to.
        """
        previous, self.previous = self.previous, (number, counted, key, owner)
        if previous is None or previous[1] == counted:
            self._end_run()
        elif self._position(key) > self._position(previous[2]) >= 0 and _counts_up(
            previous[1], counted
        ):
            self.run = self.run or [(previous[0], previous[3])]
            self.run.append((number, owner))
        else:
            self._end_run()

    def _position(self, key: str) -> int:
        """The position of a key's indicator in the catalogue; -1 for an unknown one."""
        return self.order.get(key.rpartition("/")[2], -1)

    def runs(self) -> list[list[tuple[int, Owner]]]:
        """The runs of rows found so far: row number and owner of each row."""
        self._end_run()
        return self.found

    def _end_run(self) -> None:
        if self.run:
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

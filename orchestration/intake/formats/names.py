"""Compares the names in a table with the codes beside them.

Belongs here: indicator names, unit names, provinces and tasks that contradict a code of the same
row. A code is taken, never a name, so a contradiction is a warning. Doesn't belong here: names as
fields of documents (``contracts``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from orchestration.core.catalogue import load_catalogue
from orchestration.intake import codes
from orchestration.intake.formats.base import Remark
from orchestration.intake.formats.cells import cell_text
from orchestration.intake.formats.headers import Header

__all__ = ["NameChecks", "is_like"]

#: Columns with a name → the columns that may hold its code; a unit's code names province and task.
_CODE_COLUMNS = {
    "indicator_name": ("indicator_code",),
    "unit_name": ("unit_code",),
    "province_name": ("province_code", "unit_code"),
    "task_name": ("task_code", "unit_code"),
}
#: What is left out when names are compared: blanks, punctuation, brackets and ``其中``.
_IGNORED = re.compile(r"[\W_]+|其中")
_BRACKETS = re.compile(r"[(（][^()（）]*[)）]")
#: Rows that one finding names.
_LISTED = 20


class NameChecks:
    """The names of a table that contradict their codes.

    Args:
        place: gives the location of a position and row.
    """

    def __init__(self, header: Header, place: Callable[[int, int], str]) -> None:
        #: By column with a name: its position, and the column with its code.
        self.columns: dict[str, tuple[int, str]] = {}
        for name, code_columns in _CODE_COLUMNS.items():
            code_column = next(filter(header.columns.__contains__, code_columns), None)
            if name in header.notes and code_column is not None:
                self.columns[name] = header.notes[name][0], code_column
        self._code_positions = header.columns
        self._place = place
        #: Names of units by code, as first given.
        self._units: dict[str, str] = {}
        self._agreeing: set[tuple[str, str, Any]] = set()
        self._contradictions: dict[str, list[tuple[int, str]]] = {}

    def take(self, number: int, cells: Sequence[Any], indicator: str = "") -> None:
        """Compare the names of a row with its codes.

        Args:
            indicator: the row's indicator code, as the catalogue writes it.
        """
        for name, (position, code_column) in self.columns.items():
            if position >= len(cells) or cells[position] is None:
                continue
            at = self._code_positions[code_column]
            code = indicator
            if name != "indicator_name":
                code = (cell_text(cells[at]) if at < len(cells) else None) or ""
            typed = (name, code, cells[position])
            if typed in self._agreeing:
                continue
            text = cell_text(cells[position]) or ""
            if self._agrees(name, code, text):
                self._agreeing.add(typed)
            else:
                self._contradictions.setdefault(name, []).append((number, f"{code} {text}"))

    def remarks(self) -> Iterator[Remark]:
        """Yield one finding for each column with contradictions; it names the rows."""
        for name, found in self._contradictions.items():
            rows = "、".join(str(number) for number, _ in found[:_LISTED])
            rows += "…" if len(found) > _LISTED else ""
            position, code_column = self.columns[name]
            code_zh, code_en = _labels()[code_column]
            yield Remark(
                "W143",
                self._place(position, found[0][0]),
                "；".join(text for _, text in found[:_LISTED]),
                {
                    "rows": rows,
                    "field": name,
                    "expected": code_zh,
                    "expected_en": code_en,
                },
            )

    def _agrees(self, name: str, code: str, text: str) -> bool:
        folded = _folded(text)
        if not folded or not code:
            return True
        if name == "indicator_name":
            indicator = load_catalogue().indicators.get(code)
            return indicator is None or _is_like(folded, indicator.name_zh)
        unit = codes.unit_code(code)
        if name == "unit_name":
            return unit is None or self._units.setdefault(unit, folded) == folded
        task, province, _ = unit.split("-") if unit else (code, code, "")
        if name == "task_name":
            known = load_catalogue().tasks.get(task)
            return known is None or folded == _folded(task) or _is_like(folded, known.name)
        region = load_catalogue().regions.get(province)
        return region is None or folded == province or _is_like(folded, region.name)


def is_like(name: str, known: str) -> bool:
    """Whether a name is another one, or a part of it or the reverse."""
    return _is_like(_folded(name), known)


def _is_like(folded: str, name: str) -> bool:
    known = _folded(name)
    return folded in known or known in folded


def _folded(name: str) -> str:
    text = unicodedata.normalize("NFKC", name[:200]).casefold()
    return _IGNORED.sub("", _BRACKETS.sub("", text))


@cache
def _labels() -> Mapping[str, tuple[str, str]]:
    return {
        column.column_name: (column.label_zh, column.label_en)
        for column in load_catalogue().table_columns
    }

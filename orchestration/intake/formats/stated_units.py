"""Compares the units of measure that a table states with those of the catalogue.

Belongs here: where a table states units: in a column, in the brackets of an indicator's name, in
the header of the values or above the table. Doesn't belong here: which units there are and how
people write them (``measures``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestration.intake.formats.cells import cell_text
from orchestration.intake.formats.headers import Header, brackets
from orchestration.intake.measures import (
    contradicted_by_table,
    contradicted_unit,
    units_in_header,
)

__all__ = ["StatedUnits"]

#: Characters of a stated unit that a finding quotes.
_QUOTED = 20


class StatedUnits:
    """The units of measure that a table states.

    Attributes:
        are_stated: whether there is anything to compare.
    """

    def __init__(self, header: Header) -> None:
        self._header = header
        notes = header.notes
        self._names = list(notes.get("indicator_name", ()))
        #: A column headed ``单位`` may hold the unit's name as well: only units are looked at.
        self._perhaps = list(notes.get("unit", ()))
        self._positions = list(notes.get("unit_of_measure", ()))
        self._all = [*self._positions, *self._perhaps, *self._names]
        self.are_stated = bool(self._all or header.units)
        self._verdicts: dict[tuple[Any, ...], tuple[str, str] | None] = {}

    def with_unit(self, indicator_code: str, cells: Sequence[Any], value: Any) -> Any:
        """A value, or a text that quotes it with the unit if that contradicts the catalogue."""
        stated = tuple(cells[at] if at < len(cells) else None for at in self._all)
        key = (indicator_code, *stated)
        if key not in self._verdicts:
            self._verdicts[key] = self._verdict(indicator_code, list(map(cell_text, stated)))
        verdict = self._verdicts[key]
        if verdict is None:
            return value
        return f"{cell_text(value)}（{verdict[0][:_QUOTED]}，应为{verdict[1]}）"

    def _verdict(self, code: str, texts: Sequence[str | None]) -> tuple[str, str] | None:
        """The stated unit and the catalogue's, if they contradict each other.

        What is said of one value goes before what is said of the whole table.
        """
        columns = len(self._positions)
        own = [text for text in texts[:columns] if text]
        own += [
            text for text in texts[columns:][: len(self._perhaps)] if text and units_in_header(text)
        ]
        for name in texts[columns + len(self._perhaps) :]:
            own += [text for text in brackets(name or "") if units_in_header(text)]
        for text in own:
            unit = contradicted_unit(code, text)
            if unit is not None:
                return text, unit
        unit = None if own else contradicted_by_table(code, self._header.units)
        return None if unit is None else ("、".join(sorted(self._header.units)), unit)

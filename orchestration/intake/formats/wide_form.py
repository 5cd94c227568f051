"""Reads tables with one document in each row.

Belongs here: registrations, reviews, assessments, provincial summaries, explanations and the like
(contract §1, "Per type"). Doesn't belong here: the long form of values (``long_form``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from orchestration.core.document_types import DOCUMENT_TYPES, ColumnType
from orchestration.intake.formats.base import Cells, MergedRow, RawDocument, Remark, Row
from orchestration.intake.formats.cells import cell_text, is_blank
from orchestration.intake.formats.grid import RefusedCells, Table, TableOrigin
from orchestration.intake.formats.headers import Header
from orchestration.intake.formats.names import NameChecks
from orchestration.intake.formats.rewritten_ids import are_rounded, id_problem, is_scientific

__all__ = ["WideTable"]


class WideTable(Table):
    """A table with one document in each row."""

    def __init__(self, origin: TableOrigin, header: Header, rows: Iterable[Row]) -> None:
        super().__init__(origin, header, rows)
        scores = [
            column.name
            for column in DOCUMENT_TYPES[origin.kind].columns
            if column.type is ColumnType.SCORE
        ]
        self.value_at = next((self.columns[name] for name in scores if name in self.columns), None)

    def _documents(self) -> Iterator[RawDocument]:
        header = [cell_text(cell) for cell in self.header.cells]
        read = [
            (number, cells)
            for number, cells in self._rows
            if isinstance(cells, RefusedCells)
            or (
                not all(map(is_blank, cells))
                # The header may be repeated for a further page.
                and [cell_text(cell) for cell in cells] != header
            )
        ]
        id_at = self.columns.get("document_id")
        ids = [cells[id_at] for _, cells in read if id_at is not None and id_at < len(cells)]
        rounded = are_rounded(ids)
        names = NameChecks(self.header, self.place)
        for number, given in read:
            cells = self._spread(given) if isinstance(given, MergedRow) else given
            filled = [at for at, cell in enumerate(cells) if not is_blank(cell)]
            self._note_asides(number, cells, self._unheaded)
            problem = self._row_problem(number, cells)
            if problem is None and self._is_remark(filled):
                at = filled[0]
                self._remarks.append(Remark("W140", self.place(at, number), str(cells[at])))
                continue
            content: Any = self._content(cells, self.columns)
            remarks = [*self._code_remarks("unit_code", cells, number)]
            if problem is None:
                problem = id_problem(content.get("document_id"), rounded)
                self._drop_rewritten_phone(content, number, remarks)
            if problem is not None:
                problem.document_id = cell_text(content.get("document_id"))
                problem.unit_code = cell_text(content.get("unit_code"))
                content, remarks = problem, []
            else:
                names.take(number, cells)
            where = Cells(self.origin.sheet, number, self.labels)
            yield RawDocument(where, content, remarks, unit_name=self._unit_name(cells))
        self._remarks += names.remarks()

    def _is_remark(self, filled: Sequence[int]) -> bool:
        """Whether a row is a remark under the table: a text in one cell, and no identity."""
        known = set(self.columns.values())
        return len(filled) == 1 or not known.intersection(filled)

    def _drop_rewritten_phone(
        self, content: dict[str, Any], number: int, remarks: list[Remark]
    ) -> None:
        """Leave out a phone number in scientific notation."""
        contact = content.get("contact") or {}
        phone = contact.get("phone")
        if isinstance(phone, str) and is_scientific(phone):
            del contact["phone"]
            place = self.place(self.columns["contact_phone"], number)
            remarks.append(Remark("E035", place, phone, {"field": "contact_phone"}))

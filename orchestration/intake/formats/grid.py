"""The rows below a table's header: where they come from, and what every row is checked for.

Belongs here: columns of one meaning, cells without a header, shifted and merged cells, and a row's
cells as fields of a document. Nothing is left out in silence: a row or cell that is not read gives
a finding. Doesn't belong here: which rows make a document (``wide_form``, ``long_form``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.intake import codes
from orchestration.intake.formats.base import MergedRow, RawDocument, Remark, Row, Unreadable
from orchestration.intake.formats.cells import (
    CELL_READERS,
    cell_text,
    cell_year,
    comparable,
    is_blank,
)
from orchestration.intake.formats.headers import Header, table_columns
from orchestration.intake.measures import units_in_note

__all__ = ["NESTED", "RefusedCells", "Table", "TableOrigin", "listed"]

#: Nested objects of a document; a table has one column ``name_part`` for each of their fields.
NESTED = ("lead_organisation", "contact", "report", "scan")
#: Parts of a list that one finding quotes.
_LISTED = 20


class RefusedCells(list[Any]):
    """The cells of a row that can't be read completely: those before the error."""

    def __init__(self, cells: Iterable[Any], problem: Unreadable) -> None:
        super().__init__(cells)
        self.problem = problem


@dataclass(frozen=True)
class TableOrigin:
    """Where a table comes from.

    Attributes:
        kind: document type.
        sheet: the sheet's name, or "".
        letters: gives the spreadsheet letters of a column's position (from 0); None for a table
            whose columns are named by their headers.
        received_at: when the object was received, ISO 8601: the submission time of a reporting
            form. None if the table can't be a form.
        is_form: the file carries the mark of the project's own reporting forms.
        units: the units of measure that the sheet states apart from its cells.
    """

    kind: str
    sheet: str = ""
    letters: Callable[[int], str] | None = None
    received_at: str | None = None
    is_form: bool = False
    units: frozenset[str] = frozenset()


def listed(parts: Sequence[str]) -> str:
    return "、".join(parts[:_LISTED]) + ("…" if len(parts) > _LISTED else "")


class Table:
    """A table whose header is known.

    Args:
        rows: those below the header.

    Attributes:
        value_at: the position of the column whose numbers belong to one row each, or None.
    """

    value_at: int | None = None

    def __init__(self, origin: TableOrigin, header: Header, rows: Iterable[Row]) -> None:
        self.origin, self.header = origin, header
        self.columns, self.width = header.columns, header.width
        self.kinds = table_columns(origin.kind)
        self.labels = {name: self._column(position) for name, position in self.columns.items()}
        #: By column that is a field of a nested object: the object and the field.
        self._nested = {
            name: (outer, name[len(outer) + 1 :])
            for name in self.columns
            for outer in NESTED
            if name.startswith(outer + "_")
        }
        #: Positions inside the table that have no header.
        self._unheaded = [at for at in range(self.width) if is_blank(header.cells[at])]
        #: By position: place and text of the first cell that has no header, and their number.
        self._asides: dict[int, tuple[str, str, int]] = {}
        #: What differs in columns of one meaning, by row number.
        self._differing: dict[int, Unreadable] = {}
        self._remarks: list[Remark] = []
        #: The units of measure that a text beside the table states.
        self._noted_units = origin.units
        self._rows = rows
        if header.twins:
            self._rows = list(rows)
            self._compare_twins(self._rows)

    def read(self) -> Iterator[RawDocument | Remark]:
        """Yield the documents of the rows, then the findings about the table."""
        yield from self._documents()
        yield from self._remarks
        for place, text, count in self._asides.values():
            yield Remark("W140", place, text if count == 1 else f"{text} …（{count}）")

    def _documents(self) -> Iterator[RawDocument]:
        raise NotImplementedError

    def place(self, position: int, row: int) -> str:
        """The location of a cell: ``填报!F12``, or ``row 12, column value``."""
        column = self._column(position)
        if self.origin.sheet:
            return f"{self.origin.sheet}!{column}{row}"
        return f"row {row}, column {column}"

    def _column(self, position: int) -> str:
        """The name of a column as findings give it: spreadsheet letters or header."""
        if self.origin.letters:
            return self.origin.letters(position)
        cells = self.header.cells
        header = cells[position] if position < len(cells) else None
        return str(position + 1) if is_blank(header) else str(header).strip()[:100]

    def _compare_twins(self, rows: Sequence[Row]) -> None:
        """Compare columns of one meaning; keep the first that isn't blank."""
        for name, further in self.header.twins.items():
            positions = [self.columns[name], *further]
            filled = [
                at
                for at in positions
                if any(len(cells) > at and not is_blank(cells[at]) for _, cells in rows)
            ]
            self.columns[name] = first = (filled or positions)[0]
            self.labels[name] = self._column(first)
            letters = "、".join(self._column(at) for at in positions)
            for number, cells in rows:
                given = [cells[at] if at < len(cells) else None for at in filled]
                if len({comparable(cell) for cell in given}) > 1:
                    self._differing[number] = Unreadable(
                        "E038",
                        " / ".join(cell_text(cell) or "" for cell in given),
                        where=self.place(first, number),
                        columns=letters,
                        field=name,
                    )

    def _row_problem(self, number: int, given: Sequence[Any]) -> Unreadable | None:
        """The error of a row that can't be read safely, or None.

        Cells without a header are noted. In a file without sheets they usually come from a comma
        that is not in quotes, after which no cell can be trusted, even where the extra ones are
        blank.
        """
        if isinstance(given, RefusedCells):
            return given.problem
        if self._differing and number in self._differing:
            return self._differing[number]
        if len(given) > self.width:
            extra = [at for at in range(self.width, len(given)) if not is_blank(given[at])]
            is_longer = not self.origin.letters and len(given) > len(self.header.cells)
            if is_longer and (extra or self._may_be_shifted(given)):
                shown = ", ".join(str(cell) for cell in given if not is_blank(cell))
                return Unreadable("E013", shown, row=str(number))
            self._note_asides(number, given, extra)
        return None

    def _may_be_shifted(self, given: Sequence[Any]) -> bool:
        """Whether a comma may have shifted the cells of a row whose extra cells are blank."""
        return any(not is_blank(cell) for cell in given)

    def _spread(self, given: MergedRow) -> list[Any]:
        """A row with the values of the merged cells that cross it.

        A merged cell in the value column is not read: one number can't be that of several rows.
        """
        cells = [*given, *[None] * (self.width - len(given))]
        for at, held in given.merged.items():
            if at < self.width and not is_blank(held):
                cells[at] = f"{cell_text(held)}（合并单元格）" if at == self.value_at else held
        return cells

    def _note_asides(self, number: int, cells: Sequence[Any], positions: Iterable[int]) -> None:
        for at in positions:
            if at < len(cells) and not is_blank(cells[at]):
                place, text, count = self._asides.get(
                    at, (self.place(at, number), str(cells[at]), 0)
                )
                self._asides[at] = place, text, count + 1
                self._note_units(cells[at])

    def _note_units(self, cell: Any) -> None:
        if isinstance(cell, str) and not self._noted_units:
            self._noted_units = units_in_note(cell)

    def _content(self, cells: Sequence[Any], columns: Mapping[str, int]) -> dict[str, Any]:
        """A document's fields from a row; blank cells are left out."""
        content: dict[str, Any] = {}
        for name, position in columns.items():
            value = CELL_READERS[self.kinds[name]](
                cells[position] if position < len(cells) else None
            )
            if value is None:
                continue
            if name == "unit_code":
                value = codes.unit_code(value) or value
            elif name == "year":
                value = cell_year(value)
            if name in self._nested:
                outer, inner = self._nested[name]
                content.setdefault(outer, {})[inner] = value
            else:
                content[name] = value
        return content

    def _unit_name(self, cells: Sequence[Any]) -> str | None:
        """The unit's name in a row, where it is there for people."""
        at = next(iter(self.header.notes.get("unit_name", ())), None)
        return cell_text(cells[at]) if at is not None and at < len(cells) else None

    def _code_remarks(self, name: str, cells: Sequence[Any], number: int) -> Iterator[Remark]:
        """Yield the finding about a unit code that is written in another way."""
        position = self.columns.get(name)
        if position is None or position >= len(cells):
            return
        given = cell_text(cells[position])
        code = codes.unit_code(given) if given else None
        if code is not None and code != cells[position]:
            yield Remark(
                "W141", self.place(position, number), str(cells[position]), {"meant": code}
            )

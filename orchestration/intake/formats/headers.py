"""Finds a table's header and what its columns mean.

Belongs here: comparing headers with the seed ``table_columns.csv``, headers over two rows, columns
that occur twice, and units of measure stated in the header or above it. Doesn't belong here: the
rows below (``tables``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from orchestration.core.catalogue import load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.intake.formats.cells import is_blank
from orchestration.intake.measures import units_in_header, units_in_note

__all__ = [
    "LONG_FORMS",
    "Header",
    "brackets",
    "find_header",
    "header_columns",
    "header_in",
    "header_marks",
    "is_column",
    "missing_columns",
    "table_columns",
]

#: The types whose tables have one value in each row.
LONG_FORMS = {name: each.long for name, each in DOCUMENT_TYPES.items() if each.long}
#: The kind of a column that is not read.
_NOTE = "note"
#: Longest text that can be a header; a longer one is not examined.
_LONGEST = 100
_IGNORED = re.compile(r"[\s*_\-\u200b-\u200f\ufeff]+")
_YEAR = re.compile(r"(?<![0-9])20[0-9]{2}(?![0-9])")
#: Words in a header's brackets that say that its values are not this year's.
_OTHER_YEAR = re.compile("上年|上一年|去年|往年")
#: What may stand before the name of the values' column: ``2024年填报值``.
_YEAR_BEFORE = re.compile("20[0-9]{2}年?度?")


@dataclass(frozen=True)
class Header:
    """A table's header.

    Attributes:
        cells: the header's cells.
        columns: position (from 0) by the contract's column name.
        twins: further positions of columns that occur more than once.
        notes: positions by name of the columns that inform the person who fills in the form.
        units: the units of measure that the value column's header or a note above states.
        years: the years that the value column's header names.
        is_of_other_year: the value column's header says that its values are an earlier year's.
    """

    cells: Sequence[Any]
    columns: dict[str, int]
    twins: Mapping[str, Sequence[int]]
    notes: Mapping[str, Sequence[int]]
    units: frozenset[str] = frozenset()
    years: frozenset[str] = frozenset()
    is_of_other_year: bool = False

    @property
    def width(self) -> int:
        """The number of cells up to the last one that is not blank."""
        return max(at for at, cell in enumerate(self.cells) if not is_blank(cell)) + 1

    def unknown(self) -> Iterator[int]:
        """Yield the positions of headers that are not part of the format."""
        known = {*self.columns.values(), *(at for each in self.twins.values() for at in each)}
        known |= {at for each in self.notes.values() for at in each}
        for at, cell in enumerate(self.cells):
            if at not in known and not is_blank(cell):
                yield at


@cache
def table_columns(kind: str) -> Mapping[str, str]:
    """How the cells of each column are read, by column name, for a document type."""
    return {
        column.column_name: column.kind
        for column in load_catalogue().table_columns
        if column.belongs_to(kind) and column.kind != _NOTE
    }


@cache
def _names_by_header(kind: str) -> Mapping[str, str]:
    """Column name by folded header; a column that is read goes before one that is not."""
    rows = [column for column in load_catalogue().table_columns if column.belongs_to(kind)]
    rows.sort(key=lambda column: column.kind != _NOTE)
    return {
        _folded(name): column.column_name
        for column in rows
        for name in (column.column_name, column.label_zh, column.label_en)
    }


def _split_brackets(text: str) -> tuple[str, list[str]]:
    """The text outside of round brackets, and the texts inside the outermost ones."""
    outside: list[str] = []
    inside: list[str] = []
    depth = begins = 0
    for at, char in enumerate(text):
        if char == "(":
            depth += 1
            if depth == 1:
                begins = at + 1
        elif char == ")" and depth:
            depth -= 1
            if not depth:
                inside.append(text[begins:at])
        elif not depth:
            outside.append(char)
    if depth:
        inside.append(text[begins:])
    return "".join(outside), inside


def brackets(text: str) -> list[str]:
    """The texts in the round brackets of a header or name."""
    return _split_brackets(unicodedata.normalize("NFKC", text[:_LONGEST]))[1]


def _folded(text: str) -> str:
    """A header in the form used for comparison: no case, blanks, stars or text in brackets."""
    outside, _ = _split_brackets(unicodedata.normalize("NFKC", text).casefold())
    return _IGNORED.sub("", outside)


def _column_name(kind: str, cell: Any) -> str | None:
    if not isinstance(cell, str) or len(cell) > _LONGEST:
        return None
    folded, names = _folded(cell), _names_by_header(kind)
    if folded not in names and kind in LONG_FORMS:
        value = LONG_FORMS[kind].value
        year = _YEAR_BEFORE.match(folded)
        return value if year and names.get(folded[year.end() :]) == value else None
    return names.get(folded)


def is_column(kind: str, cell: Any) -> bool:
    """Whether a header's cell names a column that is read."""
    return _column_name(kind, cell) in table_columns(kind)


def header_columns(kind: str, cells: Sequence[Any]) -> dict[str, int]:
    """Position (from 0) by contract column if the row is a header; otherwise empty."""
    header = header_in(kind, cells)
    return header.columns if header else {}


def header_in(kind: str, cells: Sequence[Any]) -> Header | None:
    """The header that a row is, or None."""
    read = table_columns(kind)
    columns: dict[str, int] = {}
    twins: dict[str, list[int]] = {}
    notes: dict[str, list[int]] = {}
    for position, cell in enumerate(cells):
        name = _column_name(kind, cell)
        if name is None:
            continue
        if name not in read:
            notes.setdefault(name, []).append(position)
        elif name in columns:
            twins.setdefault(name, []).append(position)
        else:
            columns[name] = position
    if not needed_columns(kind) <= columns.keys():
        return None
    return Header(cells, columns, twins, notes)


def header_marks(kind: str, header: Header) -> set[Any]:
    """Texts of which a further header in the table has at least one."""
    needed = needed_columns(kind)
    marks = {header.cells[header.columns[name]] for name in needed}
    for column in load_catalogue().table_columns:
        if column.column_name in needed and column.belongs_to(kind):
            marks |= {column.column_name, column.label_zh}
    return marks


@cache
def needed_columns(kind: str) -> frozenset[str]:
    """The columns without which a row is no header."""
    needed = {DOCUMENT_TYPES[kind].subject.table_column}
    if kind in LONG_FORMS:
        needed |= {*LONG_FORMS[kind].keys, LONG_FORMS[kind].value}
    return frozenset(needed)


def missing_columns(kind: str, head: Sequence[Sequence[Any]]) -> list[str]:
    """The needed columns that the row most like a header lacks, in the seed's order."""
    found = [
        {name for cell in cells if (name := _column_name(kind, cell)) is not None} for cells in head
    ]
    missing = needed_columns(kind) - max(found, key=len, default=set())
    return [name for name in table_columns(kind) if name in missing]


def find_header(kind: str, head: Sequence[Sequence[Any]]) -> tuple[int, Header] | None:
    """The header in the first rows of a table and the index of its last row, or None.

    A header may be merged over two rows.
    """
    for index, cells in enumerate(head):
        header = header_in(kind, cells)
        if header:
            return index, _with_statements(kind, header, head[:index])
    for index in range(1, len(head)):
        upper, lower = head[index - 1], head[index]
        width = max(len(upper), len(lower))
        above = [*upper, *[None] * (width - len(upper))]
        below = [*lower, *[None] * (width - len(lower))]
        header = header_in(
            kind, [a if is_blank(b) else b for a, b in zip(above, below, strict=True)]
        )
        if header:
            return index, _with_statements(kind, header, head[: index - 1])
    return None


def _with_statements(kind: str, header: Header, above: Sequence[Sequence[Any]]) -> Header:
    """The header with what it and the rows above say about the values' unit and year."""
    if kind not in LONG_FORMS:
        return header
    cell = str(header.cells[header.columns[LONG_FORMS[kind].value]])
    year = _YEAR_BEFORE.match(cell.strip())
    remarks = [*brackets(cell), *([year[0]] if year else [])]
    units = next(filter(None, map(units_in_header, remarks)), frozenset[str]())
    for row in reversed(above):
        for text in row:
            if not units and isinstance(text, str):
                units = units_in_note(text)
    return Header(
        header.cells,
        header.columns,
        header.twins,
        header.notes,
        units,
        frozenset(year for text in remarks for year in _YEAR.findall(text)),
        any(_OTHER_YEAR.search(text) for text in remarks),
    )

"""Reads a table: finds its header and gives its rows to the reader of their form.

Belongs here: what CSV, XLSX and Parquet have in common. One row is one document for most types; for
performances and plans a row is one value of a document (contract §1, "Per type"). Doesn't belong
here: opening files, the rows (``wide_form``, ``long_form``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from orchestration.core.catalogue import load_catalogue
from orchestration.intake import codes
from orchestration.intake.formats.base import (
    Limits,
    NoHeader,
    RawDocument,
    Remark,
    Row,
    Unreadable,
)
from orchestration.intake.formats.cells import is_blank
from orchestration.intake.formats.grid import RefusedCells, TableOrigin
from orchestration.intake.formats.headers import (
    LONG_FORMS,
    Header,
    find_header,
    header_columns,
    header_in,
    header_marks,
    missing_columns,
    table_columns,
)
from orchestration.intake.formats.long_form import LongTable
from orchestration.intake.formats.wide_form import WideTable

__all__ = [
    "HEADER_ROWS",
    "RefusedCells",
    "TableOrigin",
    "header_columns",
    "read_table",
    "table_columns",
]

#: Rows searched for the header: forms have a title and a note above it.
HEADER_ROWS = 20


def read_table(
    rows: Iterable[Row], origin: TableOrigin, limits: Limits
) -> Iterator[RawDocument | Remark]:
    """Yield the documents of one table, in the order of their first rows.

    Where a header with other columns follows, another table begins.

    Raises:
        NoHeader: no header can be found (E009).
        Unreadable: the table has too many rows (E014).
    """
    iterator = iter(rows)
    head = list(islice(iterator, HEADER_ROWS))
    found = find_header(origin.kind, [cells for _, cells in head])
    if found is None:
        raise _no_header(origin.kind, head)
    index, header = found
    yield from _data_above(origin, head[:index], head[index][0])
    data = _limited(head[index + 1 :], iterator, limits)
    number = head[index][0]
    while True:
        part = _Part(origin, header, data)
        yield from _table(origin, header, number, part)
        if part.following is None:
            return
        number, header = part.following


def _table(
    origin: TableOrigin, header: Header, number: int, rows: Iterable[Row]
) -> Iterator[RawDocument | Remark]:
    """Yield the documents of the rows below a header.

    Args:
        number: of the header's row.
    """
    table = (LongTable if origin.kind in LONG_FORMS else WideTable)(origin, header, rows)
    for position in header.unknown():
        cell = header.cells[position]
        place = table.place(position, number) if origin.sheet else f"column {cell}"
        yield Remark("W122", place, str(cell))
    yield from table.read()


class _Part:
    """The rows up to a further header with other columns.

    Attributes:
        following: number and columns of that header, or None; known after the last row.
    """

    def __init__(self, origin: TableOrigin, header: Header, rows: Iterator[Row]) -> None:
        self._kind, self._header, self._rows = origin.kind, header, rows
        #: Texts of which a further header has one. A Parquet file has only one header.
        self._marks = set() if origin.received_at is None else header_marks(origin.kind, header)
        self.following: tuple[int, Header] | None = None

    def __iter__(self) -> Iterator[Row]:
        for number, cells in self._rows:
            if not self._marks.isdisjoint(cells):
                header = header_in(self._kind, cells)
                if header and header.columns != self._header.columns:
                    self.following = number, header
                    return
            yield number, cells


def _no_header(kind: str, head: Sequence[Row]) -> NoHeader:
    columns = {each.column_name: each for each in load_catalogue().table_columns}
    missing = [columns[name] for name in missing_columns(kind, [cells for _, cells in head])]
    return NoHeader(
        _first_row_text(head),
        "、".join(each.label_zh for each in missing),
        ", ".join(each.column_name for each in missing),
        _holds_codes(head),
    )


def _data_above(origin: TableOrigin, rows: Sequence[Row], header_row: int) -> Iterator[Remark]:
    """Yield the finding about rows with values above the header: those with an indicator's code."""
    if origin.kind not in LONG_FORMS:
        return
    above = [
        (number, cells)
        for number, cells in rows
        if any(isinstance(cell, str) and codes.indicator_code(cell) for cell in cells)
    ]
    if above:
        number = above[0][0]
        place = f"{origin.sheet}!{number}:{number}" if origin.sheet else f"row {number}"
        yield Remark("E042", place, _first_row_text(above), {"row": str(header_row)})


def _limited(head: list[Row], rest: Iterator[Row], limits: Limits) -> Iterator[Row]:
    yield from head
    for count, row in enumerate(rest):
        if count >= limits.rows:
            raise Unreadable("E014", str(limits.rows), limit=str(limits.rows))
        yield row


def _first_row_text(rows: Sequence[Row]) -> str:
    for _, cells in rows:
        if any(not is_blank(cell) for cell in cells):
            return ", ".join(str(cell) for cell in cells if not is_blank(cell))
    return ""


def _holds_codes(rows: Sequence[Row]) -> bool:
    """Whether unit or indicator codes are in the rows of a table without a known header."""
    return any(
        isinstance(cell, str) and (codes.unit_code(cell) or codes.indicator_code(cell))
        for _, cells in rows
        for cell in cells
    )

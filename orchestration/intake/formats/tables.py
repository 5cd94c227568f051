"""Reads a table: finds its header and gives its rows to the reader of their form.

Belongs here: what CSV, XLSX and Parquet have in common. One row is one document for most types; for
performances and plans a row is one value of a document (contract §1, "Per type"). Doesn't belong
here: opening files, the rows (``wide_form``, ``long_form``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

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
    find_header,
    header_columns,
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

    Raises:
        NoHeader: no header can be found (E009).
        Unreadable: the table has too many rows (E014).
    """
    iterator = iter(rows)
    head = list(islice(iterator, HEADER_ROWS))
    found = find_header(origin.kind, [cells for _, cells in head])
    if found is None:
        wanted = ", ".join(name for name in table_columns(origin.kind) if name != "document_type")
        raise NoHeader(_first_row_text(head), wanted, _holds_codes(head))
    index, header = found
    data = _limited(head[index + 1 :], iterator, limits)
    table = (LongTable if origin.kind in LONG_FORMS else WideTable)(origin, header, data)
    for position in header.unknown():
        cell = header.cells[position]
        place = table.place(position, head[index][0]) if origin.sheet else f"column {cell}"
        yield Remark("W122", place, str(cell))
    yield from table.read()


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

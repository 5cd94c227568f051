"""Reads CSV files: UTF-8, UTF-16, UTF-32 or GB18030; separated by comma, tab,
semicolon, vertical bar or Chinese comma.

Belongs here: from bytes to rows of text. The separator is the one with which the header has the
most of the contract's columns; it is not guessed from the data. Doesn't belong here: from rows to
documents (``tables``).
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache

from orchestration.intake.formats.base import Limits, RawDocument, Remark, Row, Unreadable
from orchestration.intake.formats.tables import (
    RefusedCells,
    TableOrigin,
    header_columns,
    read_table,
)
from orchestration.intake.text import decoded

__all__ = ["csv_heads", "read_csv"]

#: Longest cell, in characters: a spreadsheet's own limit is 32,767; real cells are a highlight of
#: 500 characters or a list of members.
_MAX_CELL = 131_072
_SEPARATORS = ",\t;|，"
_LINE_BREAK = re.compile("\r\n|\r|\n")
_LINE_ENDS = ("\r", "\n")
#: Characters of a refused cell that its finding quotes.
_QUOTED = 100


def read_csv(
    body: bytes, kind: str, limits: Limits, received_at: datetime
) -> Iterator[RawDocument | Remark]:
    """The documents of a CSV file.

    Args:
        received_at: when the store received the object (aware); the submission time of a reporting
            form that was saved as CSV.

    Raises:
        Unreadable: no encoding fits (E003), or as ``read_table`` says.
    """
    text = _decoded(body)
    if not text.strip():
        return
    separator = _separator(text, kind)
    origin = TableOrigin(kind, received_at=received_at.isoformat())
    yield from read_table(_csv_rows(text, separator), origin, limits)


def csv_heads(body: bytes) -> Iterator[list[str]]:
    """Yield the first rows, split by each separator in turn; one of them may be a header."""
    head = _decoded(body)[: 64 * 1024]
    for separator in _SEPARATORS:
        with contextlib.suppress(csv.Error):
            yield from csv.reader(io.StringIO(head), delimiter=separator)


def _decoded(body: bytes) -> str:
    try:
        return decoded(body)
    except UnicodeDecodeError as error:
        raise Unreadable("E003", str(error.start)) from None


def _separator(text: str, kind: str) -> str:
    """The separator with which a row has the most of the contract's columns."""
    head = text[: 64 * 1024]

    def columns_found(separator: str) -> int:
        best = 0
        try:
            for row in csv.reader(io.StringIO(head), delimiter=separator):
                best = max(best, len(header_columns(kind, row)))
        except csv.Error:
            pass
        return best

    present = [separator for separator in _SEPARATORS if separator in head]
    return max(present, key=columns_found, default=",")


@cache
def _cell_pattern(separator: str) -> re.Pattern[str]:
    """One cell: quoted, with doubled quotes inside, or up to the next separator or line end."""
    return re.compile(rf'"(?P<quoted>(?:[^"]|"")*+)"|(?P<plain>[^{separator}\r\n]*+)')


def _csv_rows(text: str, separator: str) -> Iterator[Row]:
    """Yield the rows with the number of their first line (RFC 4180).

    A row with a quotation mark that is not closed, or is followed by more text, ends at the end of
    that line; the rows after it are not affected.

    Raises:
        Unreadable: a cell is too long (E012).
    """
    at, line = 0, 1
    while at < len(text):
        end = _line_end(text, at)
        row = text[at:end]
        first_line = line
        cells: list[str]
        if '"' not in row:
            cells = row.split(separator)
        else:
            try:
                [cells] = csv.reader([row], delimiter=separator, strict=True)
            except csv.Error:  # a quotation mark is wrong, or the row has further lines
                cells, end, line = _quoted_cells(text, at, line, separator)
        if end - at > _MAX_CELL and max(map(len, cells), default=0) > _MAX_CELL:
            raise _too_long(first_line)
        yield first_line, cells
        at = end + (2 if text.startswith("\r\n", end) else 1)
        line += 1


def _quoted_cells(text: str, at: int, line: int, separator: str) -> tuple[list[str], int, int]:
    """The cells of a row that holds quotation marks, and the position and number of its last line.

    The cells are :class:`RefusedCells` where a quotation mark is wrong.
    """
    pattern = _cell_pattern(separator)
    cells: list[str] = []
    while True:
        match = pattern.match(text, at)
        assert match is not None  # the second alternative matches the empty text
        quoted, follows = match["quoted"], text[match.end() : match.end() + 1]
        is_closed = quoted is not None and follows in (separator, *_LINE_ENDS, "")
        if text.startswith('"', at) and not is_closed:
            end = _line_end(text, at)
            fields = {"row": str(line), "cell": str(len(cells) + 1)}
            problem = Unreadable("E036", text[at:end][:_QUOTED], **fields)
            return RefusedCells(cells, problem), end, line
        cells.append(match["plain"] if quoted is None else quoted.replace('""', '"'))
        line += len(_LINE_BREAK.findall(quoted or ""))
        at = match.end()
        if follows != separator:
            return cells, at, line
        at += 1


def _line_end(text: str, at: int) -> int:
    """The position of the end of the line in which ``at`` is."""
    match = _LINE_BREAK.search(text, at)
    return match.start() if match else len(text)


def _too_long(line: int) -> Unreadable:
    return Unreadable(
        "E012",
        f"第{line}行有一格超过{_MAX_CELL}个字符",
        value_en=f"a cell in line {line} has more than {_MAX_CELL} characters",
        format="CSV",
    )

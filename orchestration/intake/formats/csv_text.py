"""Reads CSV files: UTF-8, UTF-16 or GB18030; separated by comma, tab or semicolon.

Belongs here: from bytes to rows of text. The separator is the one with which the header has the
most of the contract's columns; it is not guessed from the data. Doesn't belong here: from rows to
documents (``tables``).
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
from collections.abc import Iterator

from orchestration.intake.formats.base import Limits, RawDocument, Remark, Row, Unreadable
from orchestration.intake.formats.tables import TableOrigin, header_columns, read_table
from orchestration.intake.text import is_misread_chinese

__all__ = ["csv_heads", "read_csv"]

#: Longest cell, in characters: a spreadsheet's own limit is 32,767; real cells are a highlight of
#: 500 characters or a list of members.
_MAX_CELL = 131_072
_SEPARATORS = ",\t;"


def read_csv(body: bytes, kind: str, limits: Limits) -> Iterator[RawDocument | Remark]:
    """The documents of a CSV file.

    Raises:
        Unreadable: no encoding fits (E003), quoting is broken (E012), or as ``read_table`` says.
    """
    text = _decoded(body)
    if not text.strip():
        return
    separator = _separator(text, kind)
    yield from read_table(_csv_rows(text, separator), TableOrigin(kind), limits)


def csv_heads(body: bytes) -> Iterator[list[str]]:
    """Yield the first rows, split by each separator in turn; one of them may be a header."""
    head = _decoded(body)[: 64 * 1024]
    for separator in _SEPARATORS:
        with contextlib.suppress(csv.Error):
            yield from csv.reader(io.StringIO(head), delimiter=separator)


def _decoded(body: bytes) -> str:
    """Decode as UTF-8 if possible, because text in another encoding is rarely valid UTF-8."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError as error:
            failed = error
            continue
        return body.decode("gb2312") if is_misread_chinese(text, body) else text
    raise Unreadable("E003", str(failed.start))


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

    return max(_SEPARATORS, key=columns_found)


def _csv_rows(text: str, separator: str) -> Iterator[Row]:
    """Yield the rows with the number of their first line."""
    csv.field_size_limit(_MAX_CELL)
    # Without strict, an unclosed quotation mark silently swallows the rows after it.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = 1
    try:
        for row in reader:
            yield begins, row
            begins = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable("E012", f"line {begins}: {error}", format="CSV") from None

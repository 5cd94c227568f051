"""CSV as people export it: UTF-8, UTF-16 or GB18030; separated by comma, tab or semicolon.

Belongs here: bytes → rows of text. Which separator a file uses is not guessed from its data: it
is the one with which the header names the contract's columns.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections.abc import Iterator

from orchestration.intake.formats.base import Limits, RawDocument, Remark, Unreadable
from orchestration.intake.formats.tables import Row, TableOrigin, header_columns, read_table

__all__ = ["csv_heads", "read_csv"]

#: The longest honest cell is a highlight of 500 characters or a list of members; a spreadsheet's
#: own limit for a cell is 32,767.
_CELL = 131_072
#: What two bytes of GB18030 look like in UTF-8 (beyond Latin-1, which has · and × and °), and
#: what they never look like.
_ALPHABETS, _BEYOND = re.compile("[\u0100-\u07ff]"), re.compile("[\u0800-\U0010ffff]")
_SEPARATORS = ",\t;"


def read_csv(body: bytes, kind: str, limits: Limits) -> Iterator[RawDocument | Remark]:
    """The documents of a CSV file.

    Raises:
        Unreadable: no encoding fits (E003), quoting is broken (E012), or as for a table.
    """
    text = _decoded(body)
    if not text.strip():
        return
    separator = _separator(text, kind)
    yield from read_table(_rows(text, separator), TableOrigin(kind), limits)


def csv_heads(body: bytes) -> Iterator[list[str]]:
    """The first rows, by every separator: one of them may be a header."""
    head = _decoded(body)[: 64 * 1024]
    for separator in _SEPARATORS:
        with contextlib.suppress(csv.Error):
            yield from csv.reader(io.StringIO(head), delimiter=separator)


def _decoded(body: bytes) -> str:
    """UTF-8 first: a text that is valid UTF-8 is hardly ever anything else.

    The exception is a few characters of GB18030 that happen to be valid UTF-8: 约 is the Armenian
    Լ. A text whose only characters beyond Latin-1 are of such alphabets, and everyday Chinese
    (GB 2312) in GB18030, is Chinese.
    """
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
        if encoding == "utf-8-sig" and _ALPHABETS.search(text) and not _BEYOND.search(text):
            with contextlib.suppress(UnicodeDecodeError):
                return body.decode("gb2312")
        return text
    raise Unreadable("E003", str(failed.start))


def _separator(text: str, kind: str) -> str:
    head = text[: 64 * 1024]

    def named(separator: str) -> int:
        best = 0
        try:
            for row in csv.reader(io.StringIO(head), delimiter=separator):
                best = max(best, len(header_columns(kind, row)))
        except csv.Error:
            pass
        return best

    return max(_SEPARATORS, key=named)


def _rows(text: str, separator: str) -> Iterator[Row]:
    csv.field_size_limit(_CELL)
    # Strict: a quotation mark that isn't closed would swallow the rows after it in silence.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = 1
    try:
        for row in reader:
            yield begins, row
            begins = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable("E012", f"line {begins}: {error}", format="CSV") from None

"""Writes the answer of a query: as a table for people, CSV, JSON, Parquet or XLSX.

All formats are written as a stream. Decimals are exact: they are text in JSON, and in XLSX where a
spreadsheet's number would round them.

Belongs here: formats. Doesn't belong here: running the query (``session``).
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, BinaryIO

import pyarrow as pa
from rich.cells import cell_len

from orchestration.core.errors import UsageError
from orchestration.query.session import Answer

__all__ = ["write_answer"]

_NUMBERS = ("DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "UHUGEINT")
#: Limits of XLSX (ECMA-376; Microsoft, "Excel specifications and limits").
_XLSX_ROWS, _XLSX_COLUMNS, _XLSX_TEXT = 1_048_576, 16_384, 32_767
#: The control characters of Unicode. Some would move a terminal's cursor or change its colours.
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")


def write_answer(answer: Answer, name: str, target: BinaryIO, *, is_file: bool) -> int:
    """Write an answer.

    Args:
        name: one of ``orchestration.query.FORMATS``.
        target: where the bytes go.
        is_file: CSV in a file begins with a byte order mark, by which Excel knows UTF-8; in a
            pipe it would be part of the first name.

    Returns:
        the number of rows.

    Raises:
        UsageError: a value can't be computed, or the format can't hold the answer.
    """
    if name in _BINARY:
        return _BINARY[name](answer, target)
    encoding = "utf-8-sig" if is_file and name == "csv" else "utf-8"
    stream = io.TextIOWrapper(target, encoding=encoding, newline="", write_through=True)
    rows = 0
    try:
        for count, text in _TEXT[name](answer):
            rows += count
            stream.write(text)
    finally:
        stream.detach()
    return rows


def _csv(answer: Answer) -> Iterator[tuple[int, str]]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(answer.names)
    yield 0, text.getvalue()
    for rows in answer.batches():
        text.seek(0)
        text.truncate()
        writer.writerows([[_text(value) for value in row] for row in rows])
        yield len(rows), text.getvalue()


def _json(answer: Answer) -> Iterator[tuple[int, str]]:
    yield 0, "["
    before = "\n"
    for rows in answer.batches():
        objects = [
            json.dumps(
                {name: _json_value(value) for name, value in zip(answer.names, row, strict=True)},
                ensure_ascii=False,
                allow_nan=False,
            )
            for row in rows
        ]
        yield len(rows), before + ",\n".join(objects)
        before = ",\n"
    yield 0, "\n]\n"


def _table(answer: Answer) -> Iterator[tuple[int, str]]:
    """Columns as wide as their widest value in the first batch; a later, wider one sticks out."""
    batches = ([[_line(value) for value in row] for row in rows] for rows in answer.batches())
    first = next(batches, [])
    widths = [max(map(cell_len, column)) for column in zip(answer.names, *first, strict=True)]
    to_right = [kind.endswith("INT") or kind.endswith("INTEGER") or kind.startswith(_NUMBERS)
                for kind in answer.types]  # fmt: skip

    def lines(rows: Iterable[Sequence[str]]) -> str:
        return "".join(
            "  ".join(map(_padded, row, widths, to_right)).rstrip() + "\n" for row in rows
        )

    yield 0, lines([answer.names, ["─" * width for width in widths]])
    for rows in chain([first], batches):
        yield len(rows), lines(rows)


def _padded(text: str, width: int, to_right: bool) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if to_right else text + blanks


def _parquet(answer: Answer, target: BinaryIO) -> int:
    import pyarrow.parquet as pq

    schema, batches = answer.arrow()
    rows = 0
    try:
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
    except pa.ArrowException as error:
        raise UsageError(f"sql: Parquet can't hold this answer: {error}") from None
    return rows


def _xlsx(answer: Answer, target: BinaryIO) -> int:
    from openpyxl import Workbook

    if len(answer.names) > _XLSX_COLUMNS:
        raise UsageError(f"sql: XLSX holds {_XLSX_COLUMNS} columns: choose csv or parquet")
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("query")
    sheet.freeze_panes = "A2"
    sheet.append([_xlsx_cell(sheet, name) for name in answer.names])
    written = 0
    for rows in answer.batches():
        written += len(rows)
        if written >= _XLSX_ROWS:
            sheet.close()
            raise UsageError(f"sql: XLSX holds {_XLSX_ROWS - 1} rows: choose csv or parquet")
        for row in rows:
            sheet.append([_xlsx_cell(sheet, value) for value in row])
    workbook.save(target)
    return written


def _xlsx_cell(sheet: Any, value: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell

    from orchestration.workbook import put_text

    if value is None or isinstance(value, bool) or _is_exact_in_xlsx(value):
        return value
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)  # The connection's time zone is UTC.
    if isinstance(value, date):
        return value
    text = _text(value)
    if len(text) > _XLSX_TEXT:
        raise UsageError(f"sql: a cell of XLSX holds {_XLSX_TEXT} characters: choose csv")
    cell = WriteOnlyCell(sheet)
    put_text(cell, text)
    return cell


def _is_exact_in_xlsx(value: Any) -> bool:
    """Whether a number is the same as a spreadsheet's: a double, shown with 15 digits."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int | Decimal) and Decimal(f"{float(value):.15g}") == value


def _json_value(value: Any) -> Any:
    """A value that JSON can hold. Numbers that JSON lacks (NaN, infinity) are text, not null:
    null is a missing value."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, dict):
        return {_text(key): _json_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(each) for each in value]
    return _text(value)


def _text(value: Any) -> str:
    """A value as text, exact and without exponent; "" for NULL."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict | list | tuple):
        return json.dumps(_json_value(value), ensure_ascii=False)
    return str(value)


def _line(value: Any) -> str:
    """A value as one line for a terminal, control characters as blanks."""
    return _text(value).translate(_CONTROLS)


#: Name → function that yields a number of rows and their text.
_TEXT: dict[str, Callable[[Answer], Iterator[tuple[int, str]]]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
}
#: Name → function that writes bytes and returns the number of rows.
_BINARY: dict[str, Callable[[Answer, BinaryIO], int]] = {"parquet": _parquet, "xlsx": _xlsx}

"""The rows of a table as CSV and Parquet.

Belongs here: the bytes of a file, and texts that a spreadsheet would run as formulas. Doesn't
belong here: which rows a file has (``rows``).

- CSV follows RFC 4180 (commas, quoted texts, doubled quotes), except for the line ends, which are
  LF as the data package states. The encoding is UTF-8 with a byte order mark, without which Excel
  reads Chinese text in the machine's own code page. A missing value is an empty field without
  quotes. A text that a spreadsheet would run as a formula (it begins with = + - @, tab, a line
  break, or a full-width form of these) gets a leading apostrophe (OWASP, "CSV Injection"), unless
  it is a plain number.
- Parquet holds exact decimals and unchanged text.
"""

from __future__ import annotations

import codecs
import io
import json
import re

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow.csv import write_csv

from orchestration.bulletin.open_data.rows import OpenTable

__all__ = ["csv_bytes", "formula_safe", "parquet_bytes"]

_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
_PLAIN_NUMBER = r"^[-+]?[0-9][0-9,]*(\.[0-9]+)?$"


def csv_bytes(rows: pa.Table) -> bytes:
    """Return rows as CSV."""
    buffer = io.BytesIO()
    buffer.write(codecs.BOM_UTF8)
    columns = [_formula_safe_column(column) for column in rows.columns]
    write_csv(pa.table(columns, names=rows.column_names), buffer)
    return buffer.getvalue()


def parquet_bytes(table: OpenTable, year: int, *, is_synthetic: bool) -> bytes:
    """Return Parquet with the descriptions as metadata; the same rows give the same bytes."""
    metadata = {
        "title": table.about.description_zh,
        "year": str(year),
        "synthetic": json.dumps(is_synthetic),
    }
    fields = [
        field.with_metadata({"description": column.description_zh})
        for field, column in zip(table.rows.schema, table.columns, strict=True)
    ]
    buffer = io.BytesIO()
    pq.write_table(table.rows.cast(pa.schema(fields, metadata)), buffer, compression="zstd")
    return buffer.getvalue()


def _formula_safe_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as it is written to CSV."""
    if pa.types.is_timestamp(column.type):
        # Arrow's %S includes the fraction of the type's unit: six places.
        return pc.strftime(column.cast(pa.timestamp("us", "UTC")), "%Y-%m-%dT%H:%M:%SZ")
    # Checking the distinct texts first is fast: most columns have few of them and no formula.
    if pa.types.is_string(column.type) and pc.any(_is_formula(column.unique())).as_py():
        return pc.if_else(_is_formula(column), pc.binary_join_element_wise("'", column, ""), column)
    return column


def _is_formula(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return for each text whether a spreadsheet would run it as a formula."""
    return pc.and_(
        pc.match_substring_regex(texts, _FORMULA),
        pc.invert(pc.match_substring_regex(texts, _PLAIN_NUMBER)),
    )


def formula_safe(text: str) -> str:
    """Return a text with a leading apostrophe if a spreadsheet would run it as a formula."""
    return f"'{text}" if re.match(_FORMULA, text) and not re.match(_PLAIN_NUMBER, text) else text

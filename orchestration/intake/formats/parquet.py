"""Reads Parquet files: the bulk files of provinces, with a million rows and more.

Belongs here: running the child process that opens the file (``parquet_child``) and turning Arrow
batches into rows. Equal texts share one object in memory: a column that holds 20 indicator codes a
million times costs a million references. Doesn't belong here: from rows to documents (``tables``).
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from orchestration.intake.formats.base import Limits, RawDocument, Remark, Unreadable
from orchestration.intake.formats.tables import Row, TableOrigin, read_table

__all__ = ["parquet_heads", "read_parquet"]

_CHILD = Path(__file__).with_name("parquet_child.py")
#: Time limit of the child process, in seconds: a million rows take two.
_SECONDS = 120


def read_parquet(body: bytes, kind: str, limits: Limits) -> Iterator[RawDocument | Remark]:
    """The documents of a Parquet file.

    Raises:
        Unreadable: not a Parquet file (E012), too large when unpacked (E011), or as ``read_table``
            says.
    """
    with _arrow_stream(body, limits) as stream_file:
        if stream_file is not None:
            yield from read_table(_parquet_rows(stream_file), TableOrigin(kind), limits)


def parquet_heads(body: bytes, limits: Limits) -> Iterator[Sequence[Any]]:
    """Yield the column names as the only row."""
    with _arrow_stream(body, limits) as stream_file:
        if stream_file is not None:
            yield next(_parquet_rows(stream_file))[1]


@contextlib.contextmanager
def _arrow_stream(body: bytes, limits: Limits) -> Iterator[Any]:
    """Open the file as an Arrow stream; None for a file without rows."""
    with tempfile.TemporaryFile() as parquet_file, tempfile.TemporaryFile() as stream_file:
        parquet_file.write(body)
        parquet_file.seek(0)
        command = [sys.executable, "-I", str(_CHILD), str(limits.rows), str(limits.expanded_bytes)]
        try:
            done = subprocess.run(
                command,
                stdin=parquet_file,
                stdout=stream_file,
                stderr=subprocess.PIPE,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise Unreadable("E012", f"over {_SECONDS} s", format="Parquet") from None
        messages = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode:
            code, _, value = messages.rpartition("\n")[2].partition(" ")
            if code == "E011":
                raise Unreadable("E011", value, limit=str(limits.expanded_bytes))
            message = messages.rpartition("\n")[2] or f"signal {-done.returncode}"
            raise Unreadable("E012", message[:200], format="Parquet")
        is_empty = stream_file.seek(0, io.SEEK_END) == 0
        stream_file.seek(0)
        yield None if is_empty else stream_file


def _parquet_rows(stream: Any) -> Iterator[Row]:
    """Yield the column names as row 1, then the rows, numbered as in a spreadsheet."""
    with pa.ipc.open_stream(stream) as reader:
        yield 1, reader.schema.names
        number = 2
        for batch in reader:
            columns = [_column_cells(column) for column in batch.columns]
            for cells in zip(*columns, strict=True):
                yield number, cells
                number += 1
    # Arrow keeps freed memory in its pool; DuckDB needs it next.
    pa.default_memory_pool().release_unused()


def _column_cells(column: pa.Array) -> list[Any]:
    """The cells of a column as Python objects."""
    if pa.types.is_dictionary(column.type):
        texts: list[Any] = column.dictionary.to_pylist()
        if column.null_count:
            return [None if index is None else texts[index] for index in column.indices.to_pylist()]
        return [texts[index] for index in column.indices.to_numpy().tolist()]
    if pa.types.is_floating(column.type) and not column.null_count:
        return list(column.to_numpy().tolist())
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return [None if cell is None else str(cell) for cell in column.to_pylist()]
    return list(column.to_pylist())

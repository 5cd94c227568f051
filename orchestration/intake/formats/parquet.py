"""Parquet: a province's bulk file, a million rows and more.

Belongs here: starting the process that opens the file (``parquet_child``) and turning Arrow
batches into rows. Repeated texts stay one object in memory: a column that holds 20 indicator
codes a million times costs a million references.
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
#: A million rows take two seconds; a file that takes a minute is not one.
_SECONDS = 120


def read_parquet(body: bytes, kind: str, limits: Limits) -> Iterator[RawDocument | Remark]:
    """The documents of a Parquet file.

    Raises:
        Unreadable: not a Parquet file (E012), unpacks to too much (E011), or as for a table.
    """
    with _opened(body, limits) as made:
        if made is not None:
            yield from read_table(_rows(made), TableOrigin(kind), limits)


def parquet_heads(body: bytes, limits: Limits) -> Iterator[Sequence[Any]]:
    """The column names."""
    with _opened(body, limits) as made:
        if made is not None:
            yield next(_rows(made))[1]


@contextlib.contextmanager
def _opened(body: bytes, limits: Limits) -> Iterator[Any]:
    """The file as an Arrow stream; None where it holds nothing."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as made:
        given.write(body)
        given.seek(0)
        command = [sys.executable, "-I", str(_CHILD), str(limits.rows), str(limits.expanded_bytes)]
        try:
            done = subprocess.run(
                command, stdin=given, stdout=made, stderr=subprocess.PIPE, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise Unreadable("E012", f"over {_SECONDS} s", format="Parquet") from None
        said = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode:
            code, _, value = said.rpartition("\n")[2].partition(" ")
            if code == "E011":
                raise Unreadable("E011", value, limit=str(limits.expanded_bytes))
            shown = said.rpartition("\n")[2] or f"signal {-done.returncode}"
            raise Unreadable("E012", shown[:200], format="Parquet")
        is_empty = made.seek(0, io.SEEK_END) == 0
        made.seek(0)
        yield None if is_empty else made


def _rows(stream: Any) -> Iterator[Row]:
    """The header as row 1, as a spreadsheet of the same table would have it."""
    with pa.ipc.open_stream(stream) as reader:
        yield 1, reader.schema.names
        number = 2
        for batch in reader:
            columns = [_column(column) for column in batch.columns]
            for cells in zip(*columns, strict=True):
                yield number, cells
                number += 1
    # Arrow keeps what it has used: the next thing that needs memory is DuckDB.
    pa.default_memory_pool().release_unused()


def _column(column: pa.Array) -> list[Any]:
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

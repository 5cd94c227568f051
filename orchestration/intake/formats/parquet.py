"""Reads Parquet files: the bulk files of provinces, with a million rows and more.

Belongs here: running the child process that opens the file (``parquet_child``) and turning Arrow
batches into rows. Equal texts share one object in memory: a column that holds 20 indicator codes a
million times costs a million references. Doesn't belong here: from rows to documents (``tables``).
"""

from __future__ import annotations

import contextlib
import io
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from orchestration.intake.formats.base import Limits, RawDocument, Remark, Row, Unreadable, damaged
from orchestration.intake.formats.headers import is_column
from orchestration.intake.formats.tables import TableOrigin, read_table

__all__ = ["parquet_heads", "read_parquet"]

_CHILD = Path(__file__).with_name("parquet_child.py")
#: Most columns of a file; the contract's widest table has 20.
_MAX_COLUMNS = 500
_EPOCH = datetime(1970, 1, 1)
#: Ticks of a timestamp's unit in a second.
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def read_parquet(body: bytes, kind: str, limits: Limits) -> Iterator[RawDocument | Remark]:
    """The documents of a Parquet file.

    Raises:
        Unreadable: not a Parquet file (E012), a text is not UTF-8 (E040), too many columns (E041),
            too large when unpacked (E011), its child process takes too many seconds (E052), or as
            ``read_table`` says.
    """
    if not body:
        raise damaged("Parquet", is_empty=True)
    with _arrow_stream(body, limits) as stream:
        if stream is not None:
            for name in json.loads(stream.schema.metadata[b"nested"]):
                yield Remark("E043" if is_column(kind, name) else "W122", f"column {name}", name)
            yield from read_table(_parquet_rows(stream), TableOrigin(kind), limits)


def parquet_heads(body: bytes, limits: Limits) -> Iterator[Sequence[Any]]:
    """Yield the column names as the only row."""
    with _arrow_stream(body, limits) as stream:
        if stream is not None:
            yield stream.schema.names


@contextlib.contextmanager
def _arrow_stream(body: bytes, limits: Limits) -> Iterator[pa.RecordBatchStreamReader | None]:
    """Open the file as an Arrow stream; None for a file without rows."""
    with tempfile.TemporaryFile() as parquet_file, tempfile.TemporaryFile() as stream_file:
        parquet_file.write(body)
        parquet_file.seek(0)
        bounds = (limits.rows, limits.expanded_bytes, _MAX_COLUMNS, limits.seconds)
        done = subprocess.run(
            [sys.executable, "-I", str(_CHILD), *map(str, bounds)],
            stdin=parquet_file,
            stdout=stream_file,
            stderr=subprocess.PIPE,
        )
        if done.returncode:
            raise _unreadable(done, limits)
        is_empty = stream_file.seek(0, io.SEEK_END) == 0
        stream_file.seek(0)
        if is_empty:
            yield None
            return
        with pa.ipc.open_stream(stream_file) as stream:
            yield stream
    # Arrow keeps freed memory in its pool; DuckDB needs it next.
    pa.default_memory_pool().release_unused()


def _unreadable(done: subprocess.CompletedProcess[bytes], limits: Limits) -> Unreadable:
    """The error that the child process reports; one that it doesn't know is a damaged file.

    A process that takes too much memory reads sizes that are false.
    """
    if done.returncode == -signal.SIGXCPU:
        return Unreadable("E052", "", limit=str(limits.seconds))
    messages = done.stderr.decode("utf-8", "replace")
    code, _, value = messages.strip().rpartition("\n")[2].partition(" ")
    if code == "E011":
        return Unreadable(code, value, limit=str(limits.expanded_bytes))
    if code == "E040":
        return Unreadable(code, json.loads(value))
    if code == "E041":
        return Unreadable(code, value, limit=str(_MAX_COLUMNS))
    return damaged("Parquet")


def _parquet_rows(stream: pa.RecordBatchStreamReader) -> Iterator[Row]:
    """Yield the column names as row 1, then the rows, numbered as in a spreadsheet."""
    yield 1, stream.schema.names
    number = 2
    for batch in stream:
        columns = [_column_cells(column) for column in batch.columns]
        for cells in zip(*columns, strict=True):
            yield number, cells
            number += 1


def _column_cells(column: pa.Array) -> list[Any]:
    """The cells of a column as Python objects."""
    if pa.types.is_dictionary(column.type):
        texts = _column_cells(column.dictionary)
        if column.null_count:
            return [None if index is None else texts[index] for index in column.indices.to_pylist()]
        return [texts[index] for index in column.indices.to_numpy().tolist()]
    if pa.types.is_floating(column.type) and not column.null_count:
        return list(column.to_numpy().tolist())
    if pa.types.is_timestamp(column.type) or pa.types.is_duration(column.type):
        read = cache(partial(_time_cell, column.type))
        return [
            None if ticks is None else read(ticks) for ticks in column.cast("int64").to_pylist()
        ]
    return list(column.to_pylist())


def _time_cell(kind: pa.DataType, ticks: int) -> datetime | str:
    """The instant of a timestamp; number and unit of what is no instant of the calendar.

    Parquet stores instants in UTC; the name of the writer's time zone says only how to show them,
    and not every writer's names are known here.
    """
    if pa.types.is_timestamp(kind):
        with contextlib.suppress(OverflowError):
            moment = _EPOCH + timedelta(microseconds=ticks * 10**6 // _TICKS[kind.unit])
            return moment if kind.tz is None else moment.replace(tzinfo=UTC)
    return f"{ticks} {kind.unit}"

"""Child process: reads a Parquet file from standard input and writes it as an Arrow stream.

False metadata in a Parquet file can crash the C++ reader. Here a crash ends only the child process,
whose memory and CPU time are limited, and the parent answers with a receipt. Belongs here: only
this conversion; the module imports nothing but pyarrow, so that it starts in a third of a second.

Usage: ``python parquet_child.py ROWS BYTES COLUMNS SECONDS``. The last line on standard error is an
error code and a value. The stream's schema names in its metadata the nested columns, which are left
out.
"""

import contextlib
import ctypes
import json
import resource
import signal
import sys
from typing import Any

#: Address space that Arrow reserves beyond what it uses, in bytes; added to the memory limit.
_RESERVED_BYTES = 2 * 1024**3
_BATCH_ROWS = 65_536


def _limit(kind: int, most: int) -> None:
    """Limit a resource, within the limit that the process has already."""
    _, hard = resource.getrlimit(kind)
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (bound, hard))


def _die_with_parent() -> None:
    """Ask the kernel to end this process when its parent is ended (Linux prctl(2))."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _is_nested(pa: Any, kind: Any) -> bool:
    return pa.types.is_nested(kind.storage_type if isinstance(kind, pa.ExtensionType) else kind)


def _is_text(pa: Any, kind: Any) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_bytes(pa: Any, kind: Any) -> bool:
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _readable(pa: Any, name: str, column: Any) -> Any:
    """A column whose cells Python can read as a person means them.

    Writers without the UTF-8 mark store texts as bytes. A float of 32 bits becomes the shortest
    text that stands for it: 100.1 as a float of 64 bits would be 100.0999984741211.
    """
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    kind = column.type
    try:
        if pa.types.is_dictionary(kind):
            values = _readable(pa, name, column.dictionary)
            column = pa.DictionaryArray.from_arrays(column.indices, values)
        elif _is_bytes(pa, kind):
            column = column.cast(pa.binary()).cast(pa.string())
        elif pa.types.is_float32(kind) or pa.types.is_float16(kind):
            column = column.cast(pa.float32()).cast(pa.string())
        elif pa.types.is_time(kind):
            column = column.cast(pa.string())
        # Finds invalid UTF-8 and indices beyond their dictionary here, not in the parent.
        column.validate(full=True)
    except pa.ArrowInvalid:
        sys.exit(f"E040 {json.dumps(name)}")
    return column


def main() -> None:
    """Copy the columns that are not nested; stop after the batch that exceeds the row limit."""
    rows, size, width, seconds = map(int, sys.argv[1:])
    _die_with_parent()
    _limit(resource.RLIMIT_AS, _RESERVED_BYTES + 2 * size)
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_CORE, 0)
    import pyarrow as pa
    import pyarrow.parquet as pq

    pa.set_cpu_count(1)
    body = pa.BufferReader(sys.stdin.buffer.read())
    file = pq.ParquetFile(body, thrift_string_size_limit=size, thrift_container_size_limit=10**6)
    schema = file.schema_arrow
    unpacked = sum(
        file.metadata.row_group(index).total_byte_size for index in range(file.num_row_groups)
    )
    if unpacked > size:
        sys.exit(f"E011 {unpacked}")
    if len(schema) > width:
        sys.exit(f"E041 {len(schema)}")
    flat = [field.name for field in schema if not _is_nested(pa, field.type)]
    nested = [field.name for field in schema if _is_nested(pa, field.type)]
    texts = [field.name for field in schema if _is_text(pa, field.type)]
    file = pq.ParquetFile(body, read_dictionary=texts)
    seen = 0
    writer = None
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=flat, use_threads=False):
        names = batch.schema.names
        columns = [
            _readable(pa, name, column) for name, column in zip(names, batch.columns, strict=True)
        ]
        read = pa.RecordBatch.from_arrays(columns, names)
        if writer is None:
            notes = {"nested": json.dumps(nested)}
            writer = pa.ipc.new_stream(sys.stdout.buffer, read.schema.with_metadata(notes))
        writer.write_batch(read)
        seen += batch.num_rows
        if seen > rows:
            break
    if writer is not None:
        writer.close()


if __name__ == "__main__":
    main()

"""Child process: reads a Parquet file from standard input and writes it as an Arrow stream.

False metadata in a Parquet file can crash the C++ reader. Here a crash ends only the child process,
whose memory is limited, and the parent answers with a receipt. Belongs here: only this conversion;
the module imports nothing but pyarrow, so that it starts in a third of a second.

Usage: ``python parquet_child.py ROWS BYTES``; errors go to standard error.
"""

import resource
import sys

#: Address space that Arrow reserves beyond what it uses, in bytes; added to the memory limit.
_RESERVED_BYTES = 2 * 1024**3
_BATCH_ROWS = 65_536
#: Most columns of a file; the contract's widest table has 20.
_MAX_COLUMNS = 500


def main() -> None:
    """Copy the columns that are not nested; stop after the batch that exceeds the row limit."""
    rows, size = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (_RESERVED_BYTES + 2 * size,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
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
    if len(schema) > _MAX_COLUMNS:
        sys.exit(f"{len(schema)} columns")
    flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
    texts = [
        name
        for name in flat
        if pa.types.is_string(schema.field(name).type)
        or pa.types.is_large_string(schema.field(name).type)
    ]
    file = pq.ParquetFile(body, read_dictionary=texts)
    seen = 0
    writer = None
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=flat, use_threads=False):
        # Finds invalid UTF-8 and indices beyond their dictionary here, not in the parent.
        batch.validate(full=True)
        if writer is None:
            writer = pa.ipc.new_stream(sys.stdout.buffer, batch.schema)
        writer.write_batch(batch)
        seen += batch.num_rows
        if seen > rows:
            break
    if writer is not None:
        writer.close()


if __name__ == "__main__":
    main()

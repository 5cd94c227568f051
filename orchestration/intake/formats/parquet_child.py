"""Reads a Parquet file from standard input and writes it as an Arrow stream: a process of its own.

A Parquet file's metadata can lie about anything; a reader in C++ may end the process for it. This
one may end: it has a bound on its memory and its parent answers with a receipt. Belongs here:
nothing but that (it imports pyarrow alone, so that it starts in a third of a second).

Usage: ``python parquet_child.py ROWS BYTES``; what is wrong goes to standard error.
"""

import resource
import sys

#: Arrow reserves address space far beyond what it uses; this bounds what it can use on top.
_RESERVED = 2 * 1024**3
_BATCH = 65_536
#: The contract's widest table has 20.
_COLUMNS = 500


def main() -> None:
    """Copy the flat columns, as many rows as are allowed and one more."""
    rows, size = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (_RESERVED + 2 * size,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import pyarrow as pa
    import pyarrow.parquet as pq

    pa.set_cpu_count(1)
    body = pa.BufferReader(sys.stdin.buffer.read())
    file = pq.ParquetFile(body, thrift_string_size_limit=size, thrift_container_size_limit=10**6)
    schema = file.schema_arrow
    said = sum(
        file.metadata.row_group(index).total_byte_size for index in range(file.num_row_groups)
    )
    if said > size:
        sys.exit(f"E011 {said}")
    if len(schema) > _COLUMNS:
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
    for batch in file.iter_batches(batch_size=_BATCH, columns=flat, use_threads=False):
        # Texts that are no UTF-8, indices beyond their dictionary: said here, not met later.
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

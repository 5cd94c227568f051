"""The data files that the catalogue names.

Belongs here: their paths and sizes as recorded. Doesn't belong here: deleting files (``maintain``).
"""

from __future__ import annotations

import duckdb

from orchestration.core.settings import Settings
from orchestration.lakehouse.attach import data_path

__all__ = ["recorded_files"]

_METADATA = "__ducklake_metadata_lake"
#: Both kinds of file; those of former snapshots are needed as long as they are recorded here.
_KINDS = ("ducklake_data_file", "ducklake_delete_file")


def recorded_files(con: duckdb.DuckDBPyConnection, settings: Settings) -> dict[str, int]:
    """Return path (``s3://…``) → size in bytes of every file of every snapshot."""
    queries = (
        f"select distinct case when f.path_is_relative then s.path || t.path || f.path "
        f"else f.path end, f.path_is_relative, f.file_size_bytes from {_METADATA}.{kind} f "
        f"join {_METADATA}.ducklake_table t using (table_id) "
        f"join {_METADATA}.ducklake_schema s using (schema_id)"
        for kind in _KINDS
    )
    return {
        data_path(settings) + path if is_relative else path: int(size)
        for path, is_relative, size in con.execute(" union all ".join(queries)).fetchall()
    }

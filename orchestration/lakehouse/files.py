"""The data files that the catalogue names.

Belongs here: their paths, sizes and numbers of rows as recorded, and what a message says to do when
they or the catalogue are damaged. Doesn't belong here: deleting files (``maintain``).
"""

from __future__ import annotations

import duckdb

from orchestration.core.settings import Settings
from orchestration.lakehouse.attach import data_path

__all__ = ["mart_files", "recorded_files", "recorded_rows", "way_back"]

_METADATA = "__ducklake_metadata_lake"
#: Both kinds of file; those of former snapshots are needed as long as they are recorded here.
_KINDS = ("ducklake_data_file", "ducklake_delete_file")


def way_back(settings: Settings) -> str:
    """What to do about a damaged lake: restore it, or build it again; one text for all messages.

    It names the catalogue and the lake's data and nothing else: the landing bucket may be in the
    same home, and everything is built again from that.
    """
    data = settings.home / "s3" / settings.lake_bucket / "data"
    if data.is_dir() and not settings.catalog_is_postgres:
        away = f"""'mv "{settings.catalog}"* "{data}" ELSEWHERE/'"""
    else:
        name = "the database" if settings.catalog_is_postgres else f"{settings.catalog}*"
        away = f"{name} and the folder data/ of the bucket {settings.lake_bucket}"
    return (
        f"Stop all processes and move catalogue and data away, but nothing else: {away}. "
        "Then restore a backup: 'infra/backup.sh restore STAMP' (infra/runbook.md#restoring); or "
        "take everything in again: 'tongbao run --year Y --until gate', and for a published "
        "year 'tongbao verify --year Y' (infra/runbook.md#without-a-backup)"
    )


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


def mart_files(
    con: duckdb.DuckDBPyConnection, settings: Settings, year: int, snapshot_id: int
) -> dict[str, int]:
    """Return path (``s3://…``) → size of the files that a year's marts are read from.

    These are the files of ``marts`` and ``quality`` in the snapshot. The year before is compared
    with, so its files are among them.
    """
    return _files_of(con, settings, ("marts", "quality"), (year - 1, year), snapshot_id)


def raw_files(
    con: duckdb.DuckDBPyConnection, settings: Settings, year: int, snapshot_id: int
) -> dict[str, int]:
    """Return path (``s3://…``) → size of the files of ``raw`` that a year's marts are made from.

    Registrations, plans and reviews last, so all earlier years are among them.
    """
    return _files_of(con, settings, ("raw",), (0, year), snapshot_id)


def _files_of(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    schemas: tuple[str, ...],
    years: tuple[int, int],
    snapshot_id: int,
) -> dict[str, int]:
    """The files of these schemas in a snapshot, without those that hold other years only.

    Args:
        years: the first and the last year; the bounds of the column ``year`` are compared.
    """
    first, last = years
    listed = ", ".join(f"'{schema}'" for schema in schemas)
    at = f"f.begin_snapshot <= {int(snapshot_id)} and " + (
        f"(f.end_snapshot is null or f.end_snapshot > {int(snapshot_id)})"
    )
    data, deleted = (
        f"select case when f.path_is_relative then s.path || t.path || f.path else f.path end, "
        f"f.path_is_relative, f.file_size_bytes from {_METADATA}.{kind} f "
        f"join {_METADATA}.ducklake_table t using (table_id) "
        f"join {_METADATA}.ducklake_schema s using (schema_id) "
        f"left join (select c.data_file_id, c.min_value, c.max_value "
        f"from {_METADATA}.ducklake_file_column_stats c join {_METADATA}.ducklake_column n "
        "on n.table_id = c.table_id and n.column_id = c.column_id and n.column_name = 'year') y "
        "on y.data_file_id = f.data_file_id "
        f"where s.schema_name in ({listed}) and {at} and (y.max_value is null or "
        f"(cast(y.max_value as integer) >= {int(first)} "
        f"and cast(y.min_value as integer) <= {int(last)}))"
        for kind in _KINDS
    )
    return {
        data_path(settings) + path if is_relative else path: int(size)
        for path, is_relative, size in con.execute(f"{data} union {deleted}").fetchall()
    }


def recorded_rows(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    """Return (schema, table) → number of rows of the current snapshot, without reading a file.

    The lake inlines no rows (``attach``), so the rows of a table are those of its data files less
    those of their delete files (DuckLake specification, ``ducklake_data_file`` and
    ``ducklake_delete_file``).
    """
    counts = con.execute(
        "select s.schema_name, t.table_name, "
        "coalesce(sum(f.record_count - coalesce(d.deleted, 0)), 0)::bigint "
        f"from {_METADATA}.ducklake_table t join {_METADATA}.ducklake_schema s using (schema_id) "
        f"left join {_METADATA}.ducklake_data_file f "
        "on f.table_id = t.table_id and f.end_snapshot is null "
        "left join (select data_file_id, sum(delete_count) as deleted "
        f"from {_METADATA}.ducklake_delete_file where end_snapshot is null group by all) d "
        "using (data_file_id) "
        "where t.end_snapshot is null and s.end_snapshot is null group by all order by all"
    ).fetchall()
    return {(schema, table): rows for schema, table, rows in counts}

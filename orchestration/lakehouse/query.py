"""Runs analysts' queries, and only queries that read.

Belongs here: the limits on SQL that comes from outside the project. The statement is checked
before it runs, and the connection is restricted as well, so that a gap in one of the two permits
nothing:

- One statement, and it is a ``select`` in DuckDB's own parse tree (``from``, ``values``,
  ``describe``, ``show`` and ``summarize`` are), or plain ``explain`` of one. ``explain analyze``
  executes what it explains. Everything else is refused: ``copy``, ``attach``, ``install``,
  ``load``, ``set``, ``pragma``, ``call``, ``prepare``, ``execute``, and ``pivot`` without its
  ``in`` list, which DuckDB splits into several statements.
- Table functions must be on a list. It leaves out those that read or write files, query the
  catalogue directly (``sqlite_query``, ``postgres_execute``), change a setting
  (``enable_logging``) or maintain the lake, and ``query``, which executes a text.
- The connection opens only files under the lake's data path and DuckDB's temporary files, reads
  no Python objects, and its configuration is locked.

Doesn't belong here: permissions. A query can read files under the data path by their path and
every table of the lake by its name; the grants of the store and the catalogue decide who may.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import duckdb

from orchestration.core.errors import UsageError
from orchestration.core.settings import Settings
from orchestration.lakehouse.attach import data_path, quoted, reader
from orchestration.storage import Store

__all__ = ["Answer", "answer_query"]

_ONLY_READS = "sql: one query that only reads (select, describe, show, summarize, explain)"
#: Table functions that generate rows, describe the lake or list its snapshots. ``lake.snapshots()``
#: and ``ducklake_snapshots('lake')`` are the same function.
_TABLE_FUNCTIONS = frozenset(
    {
        "generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest",
        "duckdb_columns", "duckdb_constraints", "duckdb_databases", "duckdb_functions",
        "duckdb_keywords", "duckdb_schemas", "duckdb_settings", "duckdb_tables", "duckdb_types",
        "duckdb_views", "pg_timezone_names", "pragma_table_info", "pragma_version",
        "current_snapshot", "last_committed_snapshot", "snapshots", "table_changes",
        "table_deletions", "table_info", "table_insertions",
        "ducklake_current_snapshot", "ducklake_last_committed_snapshot", "ducklake_snapshots",
        "ducklake_table_deletions", "ducklake_table_info", "ducklake_table_insertions",
    }
)  # fmt: skip


class Answer(NamedTuple):
    """The column names and the rows that a query returned."""

    names: list[str]
    rows: list[tuple[Any, ...]]


def answer_query(
    settings: Settings, store: Store, query: str, snapshot_id: int | None = None
) -> Answer:
    """Run an analyst's query.

    Args:
        query: SQL, one statement.
        snapshot_id: read the lake as of this snapshot, or as of the newest if None.

    Raises:
        UsageError: the query would do more than read, or it has an error.
        Unreachable: the store or the catalogue can't be reached.
    """
    with reader(settings, store, snapshot_id) as con:
        _restrict(con, settings)
        try:
            _refuse_writing(con, query)
            cursor = con.execute(query)
            names = [column[0] for column in cursor.description or []]
            return Answer(names, cursor.fetchall())
        except (
            duckdb.ProgrammingError,
            duckdb.DataError,
            duckdb.NotSupportedError,
            duckdb.PermissionException,
        ) as error:
            raise UsageError(f"sql: {error}") from None


def _restrict(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    con.execute("set python_enable_replacements = false")
    con.execute(f"set allowed_directories = [{quoted(data_path(settings))}]")
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")


def _refuse_writing(con: duckdb.DuckDBPyConnection, query: str) -> None:
    statements = con.extract_statements(query)
    if len(statements) != 1:
        raise UsageError(_ONLY_READS)
    text = statements[0].query
    if statements[0].type == duckdb.StatementType.EXPLAIN:
        # The rest must be a select by itself, which "analyze …" and "(analyze) …" are not.
        start = duckdb.tokenize(text)[0][0]
        text = text[start + len("explain") :]
    row = con.execute("select json_serialize_sql(cast(? as varchar))", [text]).fetchone()
    assert row is not None
    parsed = json.loads(row[0])
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise UsageError(_ONLY_READS)
    refused = set(_table_functions(parsed)) - _TABLE_FUNCTIONS
    if refused:
        raise UsageError(f"sql: table function {sorted(refused)[0]} is not for queries")


def _table_functions(node: Any) -> Iterator[str]:
    """The names of the table functions in a parse tree."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            if current.get("type") == "TABLE_FUNCTION":
                yield str(current["function"].get("function_name")).lower()
            pending += current.values()
        elif isinstance(current, list):
            pending += current

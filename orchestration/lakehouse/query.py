"""Queries of analysts: any text in, rows out, and nothing that writes.

Belongs here: what may be executed for somebody who is not the project. The statement is judged
before it runs, and the connection is confined, so that one mistake alone opens nothing:

- One statement, and it is a ``select`` in DuckDB's own parse tree (``from``, ``values``,
  ``describe``, ``show`` and ``summarize`` are), or plain ``explain`` of one. ``explain analyze``
  executes what it explains. Everything else is refused: ``copy``, ``attach``, ``install``,
  ``load``, ``set``, ``pragma``, ``call``, ``prepare``, ``execute``, and ``pivot`` without its
  ``in`` list, which DuckDB splits into several statements.
- Table functions are on a list. Those that read or write files, that query a catalogue past the
  lake's attachment (``sqlite_query``, ``postgres_execute``), that change a setting
  (``enable_logging``) or maintain the lake are not on it, nor is ``query``, which hides a
  statement in a text.
- The connection opens files under the lake's data path and DuckDB's own temporary files only, no
  Python object, and its configuration is locked.

Not closed: files under the data path can be read by their path, and every table of the lake by
its name. Who may read which of them is decided by the store's and the catalogue's own grants.
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
#: Table functions that make rows, describe the lake or show its snapshots. Those of an attached
#: catalogue (``lake.snapshots()``) have the same effect as the longer names.
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
    """The columns' names and the rows of a query."""

    names: list[str]
    rows: list[tuple[Any, ...]]


def answer_query(
    settings: Settings, store: Store, query: str, snapshot_id: int | None = None
) -> Answer:
    """Run a query of an analyst.

    Args:
        query: SQL, one statement.
        snapshot_id: as of this snapshot of the lake; the newest where it is None.

    Raises:
        UsageError: the query does not only read, or can't be run as it is written.
        Unreachable: the store or the catalogue fails.
    """
    with reader(settings, store, snapshot_id) as con:
        _confine(con, settings)
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


def _confine(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
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
        # What follows the word must be a select by itself: "analyze …" and "(analyze) …" are not.
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
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if each.get("type") == "TABLE_FUNCTION":
                yield str(each["function"].get("function_name")).lower()
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each

"""Decides whether a statement only reads, before it runs.

A statement is a ``select`` in DuckDB's own parse tree (``from``, ``values``, ``describe``,
``show``, ``summarize`` and ``pivot`` are), or plain ``explain`` of one. ``explain analyze``
executes what it explains. Everything else is refused: ``copy``, ``attach``, ``install``, ``load``,
``set``, ``pragma``, ``call``, ``prepare``, ``execute``.

In the tree, table functions must be on a list, and some names are refused:

- functions and views that show settings, and functions that plan a text;
- names of files, also of the lake's own data files: they hold the contact data of ``raw``;
- DuckLake's metadata, which hold the smallest and greatest value of each column;
- the contact table of ``raw``. Other tables with personal columns are refused by the name that
  includes the lake (``lake.raw.objects``) and as of a former version, because ``raw.objects`` is a
  view without these columns (:mod:`orchestration.query.session`).

Belongs here: the checks of the text. Doesn't belong here: the restrictions of the connection
(``session``), which hold for a statement that passes these checks by mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.errors import UsageError
from orchestration.lakehouse import CONTACTS

__all__ = ["PERSONAL_COLUMNS", "checked_statements", "tables_of"]

#: Tables of ``raw`` → their columns with personal data. Those of :data:`CONTACTS` are not listed:
#: the whole table is refused. An object's body is a submission as it came, with its contacts.
PERSONAL_COLUMNS: dict[str, tuple[str, ...]] = {
    "objects": ("body",),
    **{
        each.raw_table: columns
        for each in DOCUMENT_TYPES.values()
        if (columns := tuple(column.name for column in each.columns if column.is_personal))
    },
}

_ONLY_READS = (
    "sql: one query that only reads (select, describe, show, summarize, pivot, explain), "
    "no files and no settings"
)
#: Table functions that generate rows, describe the lake or list its snapshots. ``lake.snapshots()``
#: and ``ducklake_snapshots('lake')`` are the same function. It leaves out those that read or write
#: files, query the catalogue directly (``sqlite_query``), execute a text (``query``), change a
#: setting (``enable_logging``), maintain the lake, or read the changes of a table by its name
#: (``table_changes``), contact data included.
_TABLE_FUNCTIONS = frozenset(
    {
        "generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest",
        "duckdb_columns", "duckdb_constraints", "duckdb_databases", "duckdb_functions",
        "duckdb_keywords", "duckdb_schemas", "duckdb_tables", "duckdb_types", "duckdb_views",
        "pg_timezone_names", "pragma_table_info", "pragma_version",
        "current_snapshot", "last_committed_snapshot", "snapshots", "table_info",
        "ducklake_current_snapshot", "ducklake_last_committed_snapshot", "ducklake_snapshots",
        "ducklake_table_info",
    }
)  # fmt: skip
#: Functions that show settings, write, or plan a query given as text: the plan of a filter shows
#: whether a value of the column can pass it.
_REFUSED_FUNCTIONS = frozenset(
    {"current_setting", "getenv", "json_serialize_plan", "which_secret", "write_log"}
)
_SETTINGS_VIEWS = frozenset({"pg_settings", "duckdb_logs"})
#: DuckDB attaches the tables of DuckLake's catalogue under a name that starts so.
_METADATA = "__ducklake_metadata"

#: Words that end an expression of the ``on`` list of ``pivot``.
_ENDS_OF_PIVOT_ON = frozenset({b",", b"using", b"group", b"order", b"limit", b")", b";"})
_TOKEN = re.compile(rb"\w+|.", re.DOTALL)


def checked_statements(con: duckdb.DuckDBPyConnection, query: str) -> list[duckdb.Statement]:
    """Parse a query and check that it only reads.

    Args:
        con: any connection; nothing runs on it but DuckDB's parser.
        query: SQL, one statement.

    Returns:
        the statements to run in order; the last one answers. DuckDB splits ``pivot`` without
        ``in`` list into one that makes a temporary type of the values, and the query itself.

    Raises:
        UsageError: the query would do more than read, or reads what is not for queries.
        duckdb.ParserException: the query has a syntax error.
    """
    statements = con.extract_statements(query)
    kinds = [each.type for each in statements]
    if kinds == [duckdb.StatementType.SELECT]:
        text = query
    elif kinds == [duckdb.StatementType.EXPLAIN]:
        # The rest must be a select by itself, which "analyze …" and "(analyze) …" are not.
        start = duckdb.tokenize(query)[0][0] + len("explain")
        text = query.encode()[start:].decode()
    elif _is_split_pivot(kinds):
        text = _with_values(query)
    else:
        raise UsageError(_ONLY_READS)
    for node in _nodes(_select_tree(con, text)):
        _check_node(node)
    return statements


def tables_of(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[str]:
    """Yield the names of the tables whose rows a ``select`` reads; none of ``describe``."""
    statements = con.extract_statements(query)
    if [each.type for each in statements] == [duckdb.StatementType.SELECT]:
        nodes = list(_nodes(_select_tree(con, query)))
        if any(node.get("type") == "SHOW_REF" for node in nodes):
            return
        for node in nodes:
            if node.get("type") == "BASE_TABLE":
                yield str(node["table_name"]).lower()


def _is_split_pivot(kinds: list[duckdb.StatementType]) -> bool:
    select, create = duckdb.StatementType.SELECT, duckdb.StatementType.CREATE
    return kinds[-1:] == [select] and set(kinds[:-1]) == {create}


def _select_tree(con: duckdb.DuckDBPyConnection, text: str) -> Any:
    """DuckDB's parse tree of one ``select``.

    Raises:
        UsageError: the text is anything else.
    """
    row = con.execute("select json_serialize_sql(cast(? as varchar))", [text]).fetchone()
    assert row is not None
    parsed = json.loads(row[0])
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise UsageError(_ONLY_READS)
    return parsed["statements"]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    pending = [tree]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            yield current
            pending += current.values()
        elif isinstance(current, list):
            pending += current


def _check_node(node: dict[str, Any]) -> None:
    if node.get("type") == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise UsageError(f"sql: table function {name} is not for queries")
    elif node.get("class") == "FUNCTION":
        name = str(node.get("function_name")).lower()
        if name in _REFUSED_FUNCTIONS:
            raise UsageError(f"sql: function {name} is not for queries")
    elif node.get("type") == "BASE_TABLE":
        _check_relation(
            *(str(node[part]).lower() for part in ("catalog_name", "schema_name", "table_name")),
            is_former=node["at_clause"] is not None,
        )


def _check_relation(catalog: str, schema: str, table: str, *, is_former: bool) -> None:
    name = ".".join(part for part in (catalog, schema, table) if part)
    if "/" in name:
        raise UsageError(f"sql: {name} is a file: queries read the tables of the lake")
    if table in _SETTINGS_VIEWS or _METADATA in name:
        raise UsageError(f"sql: {name} is not for queries")
    if table == CONTACTS:
        raise UsageError(f"sql: {name} holds contact data and is not for queries")
    # DuckDB passes over a view where a former version is asked for, and finds the table.
    # A name of two parts may begin with the catalog: DuckDB looks the schema up then.
    is_behind_view = "lake" in (catalog, schema) or is_former
    if table in PERSONAL_COLUMNS and schema in ("", "lake", "raw") and is_behind_view:
        hidden = ", ".join(PERSONAL_COLUMNS[table])
        raise UsageError(
            f"sql: {name} holds personal data: write raw.{table}, which is without {hidden}; "
            "former versions are not for queries"
        )


def _with_values(query: str) -> str:
    """The query with an ``in`` list after each expression of ``pivot … on`` that has none.

    DuckDB can serialize only this form. It is checked instead of the query and never runs. It has
    the query's own tokens and differs in the added lists only.
    """
    text = query.encode()
    made, copied, depth = [], 0, 0
    #: The depth of each open ``pivot``, whether its ``on`` list has begun, and whether the
    #: expression has an ``in`` list.
    pivots: list[dict[str, Any]] = []
    # DuckDB counts bytes.
    tokens = [
        (start, _TOKEN.match(text, start)[0].lower())  # type: ignore[index]
        for start, _ in duckdb.tokenize(query)
    ]
    for start, word in [*tokens, (len(text), b";")]:
        here = pivots[-1] if pivots and pivots[-1]["depth"] == depth else None
        if here and here["on"] and word in _ENDS_OF_PIVOT_ON:
            if not here["in"]:
                made.append(text[copied:start] + b"\nin ('')\n")
                copied = start
            here["in"] = False
            if word != b",":
                pivots.pop()
        elif here and word == b"on":
            here["on"] = True
        elif here and word == b"in":
            here["in"] = True
        elif word.startswith(b"pivot"):
            pivots.append({"depth": depth, "on": False, "in": False})
        depth += (word == b"(") - (word == b")")
    return b"".join([*made, text[copied:]]).decode()

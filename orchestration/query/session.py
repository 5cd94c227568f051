"""A restricted connection to the lake, and the answer of a query as a stream.

The restrictions hold whatever a statement says, so that a gap in the checks of its text permits
nothing:

- The lake is attached read-only. The connection opens only data files of the lake, those of the
  contact table left out, and DuckDB's temporary files. It reads no Python objects, reaches no other
  host and loads no extension, and its configuration is locked.
- The tables of ``raw`` with personal columns are hidden by views without these columns.

An edition's own gate results, record and revisions are written after its snapshot. A session as of
an edition shows them through views, too.

Unqualified names are looked up in the schemas of the lake, so that ``show tables`` lists them.

Belongs here: the connection, running a query, Ctrl-C. Doesn't belong here: the checks of the text
(``statements``), formats (``formats``), and permissions: the grants of store and catalogue decide
what a person may read.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from orchestration.core.errors import UsageError
from orchestration.core.settings import Settings
from orchestration.lakehouse import CONTACTS, data_path, quoted, reader
from orchestration.query.statements import PERSONAL_COLUMNS, checked_statements, tables_of
from orchestration.storage import Store

__all__ = ["SCHEMAS", "Answer", "Session", "open_session"]

#: Rows that are in memory at a time. A million rows of ten columns in one list take a gigabyte;
#: with 10,000 the cost of a batch is already lost in that of its rows.
_BATCH_ROWS = 10_000
#: How often Ctrl-C is passed on to DuckDB until the query has ended, and for how long. A query
#: ends within milliseconds; one that waits for the network does not listen.
_INTERRUPT_SECONDS, _INTERRUPTS = 0.05, 20
#: The schemas in which unqualified names are looked up, in this order.
SCHEMAS = ("marts", "quality", "publication", "raw")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Answer:
    """The answer of a query; its rows are read once, in batches.

    Attributes:
        names: of the columns, each once.
        types: of the columns in DuckDB, e.g. ``DECIMAL(24,6)``.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    _con: duckdb.DuckDBPyConnection

    def batches(self) -> Iterator[list[tuple[Any, ...]]]:
        """The rows as Python values, in lists of bounded length.

        Raises:
            UsageError: a value can't be computed.
        """
        while rows := _run(self._con, lambda: self._con.fetchmany(_BATCH_ROWS)):
            yield rows

    def rows(self) -> list[tuple[Any, ...]]:
        """All rows."""
        return [row for batch in self.batches() for row in batch]

    def arrow(self) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The schema and the rows as Arrow batches of bounded length.

        Raises:
            UsageError: a value can't be computed.
        """
        stream = _run(self._con, lambda: self._con.to_arrow_reader(_BATCH_ROWS))
        schema = pa.schema(
            [column.with_name(name) for column, name in zip(stream.schema, self.names, strict=True)]
        )

        def batches() -> Iterator[pa.RecordBatch]:
            while (batch := _run(self._con, lambda: next(stream, None))) is not None:
                yield pa.record_batch(batch.columns, schema=schema)

        return schema, batches()


@dataclass(frozen=True)
class Session:
    """A restricted connection; :func:`open_session` opens it."""

    _con: duckdb.DuckDBPyConnection

    def answer(self, query: str, parameters: Mapping[str, str] | None = None) -> Answer:
        """Run a query; the former answer of the session can't be read any more.

        Args:
            query: SQL, one statement.
            parameters: name → value of each ``$name`` in the query. Values are text, which DuckDB
                casts where it is compared with a number or a date.

        Raises:
            UsageError: the query would do more than read, or it has an error.
            Unreachable: the store or the catalogue can't be reached.
        """
        with _usage_errors():
            *first, last = checked_statements(self._con, query)
        for statement in first:
            _run(self._con, lambda each=statement: self._con.execute(each))  # type: ignore[misc]
        given = dict(parameters) if parameters else None
        cursor = _run(self._con, lambda: self._con.execute(last, given))
        columns = cursor.description or []
        return Answer(
            _unique([column[0] for column in columns]),
            tuple(str(column[1]) for column in columns),
            self._con,
        )

    def adds_years(self, query: str) -> bool:
        """Whether a query names no year, although a table of it has rows of several years.

        Its sums and counts are then over all of these years.

        Args:
            query: one that :meth:`answer` has answered.
        """
        if re.search(r"\byear\b", query, re.IGNORECASE):
            return False
        tables = list(tables_of(self._con, query))
        found = self._con.execute(
            "select count(*) from duckdb_columns() where database_name = 'lake' "
            "and column_name = 'year' and list_contains(?, table_name)",
            [tables],
        ).fetchone()
        return found != (0,)


@contextlib.contextmanager
def open_session(
    settings: Settings, store: Store, snapshot_id: int | None = None
) -> Iterator[Session]:
    """Open a connection for queries.

    Args:
        snapshot_id: read the lake as of the edition that was made from this snapshot, or as of
            the newest snapshot if None.

    Raises:
        Unreachable: the store or the catalogue can't be reached.
    """
    with reader(settings, store, snapshot_id) as con:
        views = _without_personal_columns()
        if snapshot_id is not None:
            views |= _records_of_edition(con, snapshot_id)
        _restrict(con, settings, views)
        yield Session(con)


def _without_personal_columns() -> dict[tuple[str, str], str]:
    """Schema and table → the query that replaces it, for tables with personal columns."""
    return {
        ("raw", name): f"select * exclude ({', '.join(columns)}) from lake.raw.{name}"
        for name, columns in PERSONAL_COLUMNS.items()
    }


def _records_of_edition(
    con: duckdb.DuckDBPyConnection, snapshot_id: int
) -> dict[tuple[str, str], str]:
    """Schema and table → the query that replaces it, for the records about an edition.

    They are read from the newest snapshot, without the rows about later snapshots.
    """
    [(newest,)] = con.execute("select max(snapshot_id) from ducklake_snapshots('lake')").fetchall()
    until = f"at (version => {newest}) where snapshot_id <= {int(snapshot_id)}"
    editions = f"select year, edition from lake.publication.editions {until}"
    return {
        ("quality", "gate_results"): f"select * from lake.quality.gate_results {until}",
        ("publication", "editions"): f"select * from lake.publication.editions {until}",
        ("publication", "figure_revisions"): (
            f"select * from lake.publication.figure_revisions at (version => {newest}) "
            f"semi join ({editions}) using (year, edition)"
        ),
    }


def _restrict(
    con: duckdb.DuckDBPyConnection, settings: Settings, views: Mapping[tuple[str, str], str]
) -> None:
    """Restrict the connection.

    Args:
        views: schema and table → the query whose rows are shown instead.
    """
    tables: list[tuple[str, str]] = con.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'lake'"
    ).fetchall()
    path: list[str] = []
    for schema in SCHEMAS:
        replaced = [name for of, name in views if of == schema and (schema, name) in tables]
        if replaced:
            con.execute(f"create schema memory.{schema}")
            path.append(f"memory.{schema}")  # First, so that raw.objects is the view.
        for name in replaced:
            con.execute(f"create view memory.{schema}.{name} as {views[schema, name]}")
        if any(of == schema for of, _ in tables):
            path.append(f"lake.{schema}")
    con.execute(f"set search_path = {quoted(','.join(path))}")
    folders = [
        quoted(f"{data_path(settings)}{schema}/{table}/")
        for schema, table in tables
        if table != CONTACTS
    ]
    con.execute("set python_enable_replacements = false")
    con.execute(f"set allowed_directories = [{', '.join(folders)}]")
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")


def _unique(names: list[str]) -> tuple[str, ...]:
    """The names, a repeated one with a number: ``n``, ``n_2``. Formats compare without case."""
    made: list[str] = []
    seen: set[str] = set()
    for name in names:
        candidate, number = name, 1
        while candidate.casefold() in seen:
            number += 1
            candidate = f"{name}_{number}"
        seen.add(candidate.casefold())
        made.append(candidate)
    return tuple(made)


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    """Report errors of the query itself as :class:`UsageError`; others are faults of the lake."""
    try:
        yield
    except (
        duckdb.ProgrammingError,
        duckdb.DataError,
        duckdb.NotSupportedError,
        duckdb.PermissionException,
    ) as error:
        raise UsageError(f"sql: {error}") from None


def _run(con: duckdb.DuckDBPyConnection, call: Callable[[], _T]) -> _T:
    """Run a call of DuckDB in a second thread, so that Ctrl-C is heard while it runs.

    Python runs signal handlers between two steps of its main thread, and a call of DuckDB is one
    step. The calls of one connection still follow each other.

    Raises:
        UsageError: the query has an error.
        KeyboardInterrupt: it was stopped.
    """
    result: Future[_T] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:
            result.set_exception(error)

    # A daemon, because a query that doesn't listen must not keep the process.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        with _usage_errors():
            return result.result()
    except KeyboardInterrupt:
        for _ in range(_INTERRUPTS):
            con.interrupt()
            thread.join(_INTERRUPT_SECONDS)
            if not thread.is_alive():
                break
        raise

"""How a run reaches Dagster's storage: with connections that are kept.

Dagster opens and closes a connection for each query. A run of `national_year` stores 1,147 events
with 4,200 connections. For 60 units that was 10 of 38 s of CPU with SQLite, where an SQLAlchemy
engine is made as well, and 18 of 45 s with PostgreSQL, whose server took 18 s more. A third of the
events say what is planned; they are stored at once.

Belongs here: the connections to the storage. Doesn't belong here: what is stored, and the choice of
the storage (`infra/dagster.yaml`, `in_process`).
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, inspect

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.events.log import EventLogEntry

__all__ = ["PooledSqliteEventLogStorage", "keep_connections"]

#: Seconds for which a connection to PostgreSQL is used again. The events of a stage follow each
#: other within milliseconds. A connection that was idle during a stage may be lost, because the
#: server was restarted, and Dagster doesn't try a query again.
_RECYCLE_SECONDS = 1
#: Connections beyond the first that a storage may open, for its threads.
_MORE_CONNECTIONS = 5
#: Milliseconds for one query; a run's own take a few.
_QUERY_MILLISECONDS = 60_000

#: Databases that are kept open: the index, the run that is under way, and two more for a daemon
#: that reads the runs before it.
_KEPT_ENGINES = 4


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's event log in SQLite, one pool of connections for each database.

    Files and tables are those of Dagster's class, so a home can change between the two.

    `dagster.yaml` names this class as `event_log_storage`; its `base_dir` is the home of Dagster.
    """

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._engines_lock = threading.Lock()
        self._batch = threading.local()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> PooledSqliteEventLogStorage:
        # The folder that Dagster's default storage has.
        return cls(str(Path(config_value["base_dir"]) / "history" / "runs"), inst_data)

    def run_connection(self, run_id: str | None = None) -> Any:
        create = super().run_connection
        return self._pooled(str(run_id), lambda: create(run_id))

    def index_connection(self) -> AbstractContextManager[Connection]:
        return self._pooled("index", super().index_connection)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in one transaction of each database."""
        with contextlib.ExitStack() as transactions:
            self._batch.transactions, self._batch.connections = transactions, {}
            transactions.callback(self._batch.__dict__.clear)
            super().store_event_batch(events)

    def has_table(self, table_name: str) -> bool:
        with self.index_connection() as connection:
            return inspect(connection).has_table(table_name)

    @contextlib.contextmanager
    def _pooled(
        self, shard: str, create: Callable[[], AbstractContextManager[Connection]]
    ) -> Iterator[Connection]:
        """A connection in the transaction of this thread's batch, or in one of its own."""
        batch = self._batch.__dict__
        if not batch:
            with self._transaction(shard, create) as connection:
                yield connection
            return
        if shard not in batch["connections"]:
            transaction = self._transaction(shard, create)
            batch["connections"][shard] = batch["transactions"].enter_context(transaction)
        yield batch["connections"][shard]

    @contextlib.contextmanager
    def _transaction(
        self, shard: str, create: Callable[[], AbstractContextManager[Connection]]
    ) -> Iterator[Connection]:
        """A transaction in a database; Dagster's own connection creates the tables first."""
        with self._engines_lock:
            engine = self._engines.pop(shard, None)
            if engine is None:
                with create():
                    pass
                engine = create_engine(
                    self.conn_string_for_shard(shard),
                    connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
                )
            self._engines[shard] = engine
            if len(self._engines) > _KEPT_ENGINES:
                self._engines.popitem(last=False)[1].dispose()
        with engine.begin() as connection:
            yield connection

    def _close_all(self) -> None:
        with self._engines_lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()

    def wipe(self) -> None:
        self._close_all()  # before the files are removed
        super().wipe()

    def dispose(self) -> None:
        self._close_all()
        super().dispose()


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Use connections to PostgreSQL again, for the process of a run; other storages have no need.

    It is what Dagster's web server does for its own process.
    """
    instance.optimize_for_webserver(
        statement_timeout=_QUERY_MILLISECONDS,
        pool_recycle=_RECYCLE_SECONDS,
        max_overflow=_MORE_CONNECTIONS,
    )

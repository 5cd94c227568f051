"""The catalogue in PostgreSQL: its connection parameters and its locks.

Belongs here: everything that only a PostgreSQL catalogue needs. The password is passed to libpq
and to a DuckDB secret and nowhere else; error messages name host, port and database. libpq's
variables for a password (``PGPASSWORD``, ``PGPASSFILE``) work as well. Doesn't belong here:
attaching the catalogue in DuckDB (``attach``).
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from orchestration.core.errors import Unreachable, UsageError
from orchestration.core.settings import Settings

__all__ = [
    "await_catalogue",
    "connection_string",
    "count_connections",
    "exclusive_lock",
    "password",
    "shown",
]

#: 10 s: how long a stage waits for PostgreSQL to restart, which takes some seconds with recovery.
#: A longer wait would look like a hanging command to a user who gave a wrong port.
_RESTART_SECONDS = 10.0
#: Messages of the server or the network during a restart. Other errors are permanent.
_TRANSIENT_ERRORS = (
    "connection refused",
    "starting up",
    "shutting down",
    "not yet accepting",
    "recovery mode",
    "server closed the connection",
    "timeout expired",
)
#: Firewalls drop a connection that is idle for some minutes, and the lock's connection is idle for
#: a whole run. With these values a lost peer is noticed after a minute. (libpq, "Connection
#: Parameters")
_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
#: The keys of the advisory locks: "tongbao" in ASCII plus a number, to differ from the keys of
#: other programs in the database.
_LOCKS = {
    name: int.from_bytes(b"tongbao", "big") + n for n, name in enumerate(("writer", "publisher"))
}


def _parameters(settings: Settings) -> dict[str, str]:
    """libpq's connection parameters: those of the URL, and defaults for the others.

    Raises:
        UsageError: libpq can't read the URL.
    """
    try:
        given: dict[str, str] = parse_dsn(settings.catalog)
    except psycopg2.ProgrammingError:  # Its message would repeat the URL.
        raise UsageError("TONGBAO_CATALOG is not a valid postgresql:// URL") from None
    return {**_DEFAULTS, "application_name": f"tongbao@{socket.gethostname()}", **given}


def password(settings: Settings) -> str | None:
    """The URL's password, or None."""
    return _parameters(settings).get("password")


def connection_string(settings: Settings) -> str:
    """The connection string for DuckDB, without the password."""
    return str(make_dsn(**{k: v for k, v in _parameters(settings).items() if k != "password"}))


def shown(settings: Settings) -> str:
    """The catalogue's name for messages, without user and password."""
    parts = _parameters(settings)
    host, port = parts.get("host", "localhost"), parts.get("port", "5432")
    return f"postgresql://{host}:{port}/{parts.get('dbname', '')}"


def _connect(settings: Settings) -> Any:
    """Connect to the server, in addition to DuckDB's connection; waits while it restarts.

    Raises:
        Unreachable: there is no such server or database, or it refuses the connection.
    """
    deadline = time.monotonic() + _RESTART_SECONDS
    while True:
        try:
            connection = psycopg2.connect(**_parameters(settings))
            connection.autocommit = True
            return connection
        except psycopg2.OperationalError as error:
            message = str(error)
            is_transient = any(words in message.lower() for words in _TRANSIENT_ERRORS)
            if not is_transient or time.monotonic() > deadline:
                reason = message.strip().splitlines()[0].rpartition("failed: ")[2]
                raise Unreachable(f"lakehouse catalogue {shown(settings)}: {reason}") from None
            time.sleep(0.5)


def await_catalogue(settings: Settings) -> None:
    """Wait until the server accepts connections.

    Raises:
        Unreachable: it doesn't within some seconds, or it refuses the connection.
    """
    _connect(settings).close()


def count_connections(settings: Settings) -> tuple[int, int]:
    """Return how many connections the server has, and how many it allows to this role.

    Raises:
        Unreachable: it can't be reached, or refuses the connection.
    """
    with contextlib.closing(_connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select (select sum(numbackends) from pg_stat_database), "
            "current_setting('max_connections')::int "
            "- current_setting('superuser_reserved_connections')::int"
        )
        used, limit = cursor.fetchone()
        return int(used), int(limit)


@contextlib.contextmanager
def exclusive_lock(
    settings: Settings, name: str, doing: str, wait_seconds: float
) -> Iterator[None]:
    """Hold an advisory lock, which PostgreSQL releases when the connection ends.

    Args:
        name: ``writer`` or ``publisher``.
        doing: what the holder does, for the error message of others.
        wait_seconds: how long to wait for another holder.

    Raises:
        Unreachable: another host or process holds the lock, or the connection was lost while
            this process held it.
    """
    with contextlib.closing(_connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute("set application_name = %s", [f"tongbao {name} {socket.gethostname()}"])
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(cursor, name):
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"another run is {doing} (catalogue {shown(settings)})"
                    f"{_holder(cursor, name)}: wait for it to end"
                )
            time.sleep(0.2)
        yield
        try:
            cursor.execute("select 1")
        except psycopg2.Error:
            raise Unreachable(
                f"lakehouse catalogue {shown(settings)}: the connection was lost while this run "
                "wrote, and with it the lock against other writers: run it again"
            ) from None


def _try_lock(cursor: Any, name: str) -> bool:
    cursor.execute("select pg_try_advisory_lock(%s)", [_LOCKS[name]])
    return bool(cursor.fetchone()[0])


def _holder(cursor: Any, name: str) -> str:
    """The lock's holder and since when, as text; "" if this role may not see it."""
    cursor.execute(
        "select application_name, to_char(backend_start at time zone 'UTC', 'HH24:MI') "
        "from pg_locks join pg_stat_activity using (pid) "
        "where locktype = 'advisory' and granted and (classid::bigint << 32 | objid::bigint) = %s "
        "and database = (select oid from pg_database where datname = current_database())",
        [_LOCKS[name]],
    )
    row = cursor.fetchone()
    return f" ({row[0]}, since {row[1]} UTC)" if row and row[0] else ""

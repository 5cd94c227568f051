"""The catalogue in PostgreSQL: how it is reached, and the lock of its one writer.

Belongs here: what only a PostgreSQL catalogue needs. A password goes to libpq and to a DuckDB
secret and nowhere else: an error line names host, port and database. libpq's own ways to give
one (``PGPASSWORD``, ``PGPASSFILE``) work as well.
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

__all__ = ["alone", "await_catalogue", "connection_string", "password", "shown"]

#: A restart of PostgreSQL with its recovery takes some seconds: a stage that starts just then
#: waits for it. Longer, and a person with a wrong port would think that nothing happens.
_RESTART_SECONDS = 10.0
#: What the server or the network says while it restarts; anything else won't mend itself.
_PASSING = (
    "connection refused",
    "starting up",
    "shutting down",
    "not yet accepting",
    "recovery mode",
    "server closed the connection",
    "timeout expired",
)
#: Firewalls forget a connection that says nothing for some minutes; the lock's says nothing for a
#: whole run. A peer that has gone is noticed after a minute. (libpq, "Connection Parameters")
_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
#: "tongbao" in ASCII, and the number after it: no other program's locks in the database.
_LOCKS = {
    name: int.from_bytes(b"tongbao", "big") + n for n, name in enumerate(("writer", "publisher"))
}


def _parameters(settings: Settings) -> dict[str, str]:
    """The URL's parts by libpq's names, and what it leaves open.

    Raises:
        UsageError: it is no URL that libpq can read.
    """
    try:
        given: dict[str, str] = parse_dsn(settings.catalog)
    except psycopg2.ProgrammingError:  # its text repeats the URL
        raise UsageError("TONGBAO_CATALOG is no postgresql:// URL that can be read") from None
    return {**_DEFAULTS, "application_name": f"tongbao@{socket.gethostname()}", **given}


def password(settings: Settings) -> str | None:
    """The URL's password, or None: for DuckDB's secret."""
    return _parameters(settings).get("password")


def connection_string(settings: Settings) -> str:
    """How DuckDB reaches the catalogue, without the password."""
    return str(make_dsn(**{k: v for k, v in _parameters(settings).items() if k != "password"}))


def shown(settings: Settings) -> str:
    """The catalogue's name for people: no user, no password."""
    parts = _parameters(settings)
    host, port = parts.get("host", "localhost"), parts.get("port", "5432")
    return f"postgresql://{host}:{port}/{parts.get('dbname', '')}"


def _connect(settings: Settings) -> Any:
    """A connection of our own beside DuckDB's; waits for a server that restarts.

    Raises:
        Unreachable: there is no such server or database, or it refuses.
    """
    deadline = time.monotonic() + _RESTART_SECONDS
    while True:
        try:
            connection = psycopg2.connect(**_parameters(settings))
            connection.autocommit = True
            return connection
        except psycopg2.OperationalError as error:
            said = str(error)
            passing = any(words in said.lower() for words in _PASSING)
            if not passing or time.monotonic() > deadline:
                reason = said.strip().splitlines()[0].rpartition("failed: ")[2]
                raise Unreachable(f"lakehouse catalogue {shown(settings)}: {reason}") from None
            time.sleep(0.5)


def await_catalogue(settings: Settings) -> None:
    """Return once the server answers.

    Raises:
        Unreachable: it doesn't, or refuses.
    """
    _connect(settings).close()


@contextlib.contextmanager
def alone(settings: Settings, name: str, doing: str, wait_seconds: float) -> Iterator[None]:
    """Hold an advisory lock, which PostgreSQL frees when its holder is gone.

    Args:
        name: ``writer`` or ``publisher``.
        doing: what its holder does, for those who don't get it.
        wait_seconds: for another holder to end.

    Raises:
        Unreachable: another host or process holds it, or the server went away meanwhile.
    """
    with contextlib.closing(_connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute("set application_name = %s", [f"tongbao {name} {socket.gethostname()}"])
        deadline = time.monotonic() + wait_seconds
        while not _locked(cursor, name):
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
                f"lakehouse catalogue {shown(settings)}: the server went away while this run "
                "wrote, and with it the lock that keeps others out: run it again"
            ) from None


def _locked(cursor: Any, name: str) -> bool:
    cursor.execute("select pg_try_advisory_lock(%s)", [_LOCKS[name]])
    return bool(cursor.fetchone()[0])


def _holder(cursor: Any, name: str) -> str:
    """Who holds the lock and since when, as far as this role may see it."""
    cursor.execute(
        "select application_name, to_char(backend_start at time zone 'UTC', 'HH24:MI') "
        "from pg_locks join pg_stat_activity using (pid) "
        "where locktype = 'advisory' and granted and (classid::bigint << 32 | objid::bigint) = %s "
        "and database = (select oid from pg_database where datname = current_database())",
        [_LOCKS[name]],
    )
    row = cursor.fetchone()
    return f" ({row[0]}, since {row[1]} UTC)" if row and row[0] else ""

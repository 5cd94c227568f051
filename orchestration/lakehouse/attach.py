"""Connects DuckDB to the lake: extensions, the S3 secret, one writer at a time, pinned readers.

Belongs here: connections and the locks of a home. The catalogue is a SQLite file by default, or
PostgreSQL; with both, other processes can read while a run writes, and no query stops a run. A
DuckDB file as catalogue would lock readers out. Doesn't belong here: tables and queries.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import duckdb
from botocore.exceptions import BotoCoreError, ClientError

from orchestration.core.errors import TongbaoError, Unreachable, UsageError
from orchestration.core.settings import Settings
from orchestration.storage import ATTEMPTS, FIRST_PAUSE, S3Config, Store, without_user

__all__ = [
    "data_path",
    "open_lake",
    "publisher",
    "quoted",
    "reader",
    "without_pandas",
    "writer",
]

#: How long a command waits for another writer. A single commit takes seconds; a longer wait means
#: that another run is in progress, and the command reports that instead of waiting for it.
_WAIT_SECONDS = 10.0
#: How long to wait between two attempts: a person doesn't notice it.
_PAUSE_SECONDS = 0.2
#: How often the keys of a connection are renewed: several times within the ten minutes for which
#: keys stay valid (``Access.KEYS_VALID``), as one attempt may fail.
_RENEWAL_SECONDS = 60.0


def _extensions(settings: Settings) -> tuple[str, str, str]:
    catalogue = "postgres_scanner" if settings.catalog_is_postgres else "sqlite_scanner"
    return "httpfs", "ducklake", catalogue


def _extension_file(settings: Settings, name: str) -> Path:
    """The path of an extension: in the folder of the settings, otherwise in its wheel.

    Raises:
        UsageError: the folder has no such file.
        TongbaoError: the wheel is not installed.
    """
    if settings.extension_dir:
        path = settings.extension_dir / f"{name}.duckdb_extension"
        if not path.is_file():
            raise UsageError(
                f"TONGBAO_EXTENSION_DIR: there is no {path}: put the official extension of DuckDB "
                f"{duckdb.__version__} for this platform there, unpacked"
            )
        return path
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is None or not spec.submodule_search_locations:
        raise TongbaoError(f"the wheel duckdb-extension-{name} is not installed")
    root = Path(spec.submodule_search_locations[0])
    return root / f"extensions/v{duckdb.__version__}/{name}.duckdb_extension"


def _load_extensions(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Load the extensions; DuckDB checks the signatures of those that come from a folder.

    Raises:
        UsageError: a file of the folder is missing, not signed, or of another version or platform.
        TongbaoError: a wheel is not installed.
    """
    for name in _extensions(settings):
        path = _extension_file(settings, name)
        try:
            con.load_extension(str(path))
        except duckdb.Error as error:
            if settings.extension_dir is None:
                raise
            reason = " ".join(str(error).split())[:300]
            raise UsageError(f"TONGBAO_EXTENSION_DIR: {path.name}: {reason}") from None
    con.execute("set allow_unsigned_extensions = false")


def data_path(settings: Settings) -> str:
    """The URL prefix of the lake's data files."""
    return f"s3://{settings.lake_bucket}/data/"


def quoted(text: str) -> str:
    """A text as SQL literal, for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


@contextlib.contextmanager
def open_lake(
    settings: Settings, store: Store, *, read_only: bool, snapshot_id: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB connection with the catalogue attached as ``lake``.

    Args:
        read_only: True for readers. To write, use :func:`writer`, which also takes the lock.
        snapshot_id: read every table as of this snapshot (readers only).

    Raises:
        Unreachable: the catalogue is locked, can't be reached or doesn't exist yet.
    """
    is_file = not settings.catalog_is_postgres
    if is_file and read_only and not Path(settings.catalog).exists():
        raise Unreachable(
            f"there is no lakehouse yet ({settings.catalog} does not exist): run 'tongbao intake'"
        )
    scratch = settings.make_home() / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    if is_file:
        Path(settings.catalog).parent.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(
        config={
            # The wheels of the extensions are installed with their hashes checked, as DuckDB's own
            # is. Checking the signatures too would hash 90 MB each time that a lake is opened.
            "allow_unsigned_extensions": "false" if settings.extension_dir else "true",
            "autoinstall_known_extensions": "false",
            "memory_limit": f"{settings.max_lake_memory}B",
            "temp_directory": str(scratch),
            "preserve_insertion_order": "true",
        }
    )
    stack = contextlib.ExitStack()
    try:
        con.execute("set timezone = 'UTC'")
        # A slow query would print a progress bar into the output of 'tongbao … --json'.
        con.execute("set enable_progress_bar = false")
        _load_extensions(con, settings)
        stack.enter_context(_store_access(con, store, settings.lake_bucket))
        # No inlining: it would store small inserts in the catalogue, also those of raw with
        # contact data and whole objects (an object of 11 MB added 58 MB to the catalogue and
        # 290 MB to each later commit). In PostgreSQL each inlined table would need a grant for
        # the analysts' role.
        options = [
            f"DATA_PATH {quoted(data_path(settings))}",
            "DATA_INLINING_ROW_LIMIT 0",
        ]
        if is_file:
            target = f"ducklake:sqlite:{settings.catalog}"
        else:
            from orchestration.lakehouse import postgres

            postgres.await_catalogue(settings)
            target = f"ducklake:postgres:{postgres.connection_string(settings)}"
            if password := postgres.password(settings):
                con.execute(f"create secret catalogue (type postgres, password {quoted(password)})")
                options.append("META_SECRET 'catalogue'")
        if read_only:
            options.append("READ_ONLY")
        elif is_file:
            # SQLite's write-ahead log, which the file keeps from then on: readers see the state at
            # the start of their transaction, and a commit doesn't wait for them (without the log it
            # fails after five seconds). The log needs shared memory, so a local disk. Python's
            # sqlite3 must not set it: closing its connection would drop the locks that DuckDB's own
            # SQLite holds on the file in this process.
            options.append("META_JOURNAL_MODE 'WAL'")
        if snapshot_id is not None:
            options.append(f"SNAPSHOT_VERSION {int(snapshot_id)}")
        if is_file and read_only:
            _roll_back(Path(settings.catalog))
        _attach(con, settings, f"attach {quoted(target)} as lake ({', '.join(options)})")
        yield con
    except (duckdb.IOException, duckdb.HTTPException) as error:
        raise Unreachable(
            f"lakehouse {_shown(settings)}: {_reason(error)}{_through(store, error)}"
        ) from error
    except duckdb.TransactionException as error:
        raise Unreachable(f"lakehouse catalogue {_shown(settings)}: {_reason(error)}") from error
    except duckdb.Error as error:
        if "database is locked" in str(error):
            raise Unreachable(
                f"lakehouse catalogue {_shown(settings)}: {_reason(error)}"
            ) from error
        raise
    finally:
        stack.close()
        con.close()


def _attach(con: duckdb.DuckDBPyConnection, settings: Settings, statement: str) -> None:
    """Attach the catalogue; wait for those who keep a SQLite file from getting its log.

    Only the first writer after an earlier release waits: the log can't begin while a query reads.

    Raises:
        Unreachable: the catalogue can't be reached, or it is still read after ``_WAIT_SECONDS``.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            con.execute(statement)
            return
        except duckdb.Error as error:
            reason = _reason(error)
            is_locked = "database is locked" in reason
            if is_locked and time.monotonic() < deadline:
                time.sleep(_PAUSE_SECONDS)
                continue
            if is_locked:
                reason = (
                    "another process reads it, and a catalogue of an earlier release gets its "
                    "write-ahead log only while nobody does: end the query and run this again"
                )
            raise Unreachable(f"lakehouse catalogue {_shown(settings)}: {reason}") from None


def _roll_back(catalog: Path) -> None:
    """Roll back the unfinished transaction of a writer that was killed during its commit.

    SQLite does this when a database is opened for writing, but not when it is opened read-only.
    Nothing is rolled back while the writer is alive, because it holds a lock. A catalogue with a
    write-ahead log needs none of it: only those of earlier releases have a journal.
    """
    if Path(f"{catalog}-journal").exists():
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(catalog)) as database,
        ):
            database.execute("select count(*) from sqlite_master").fetchone()


def _shown(settings: Settings) -> str:
    """The catalogue's name for messages, without password."""
    if not settings.catalog_is_postgres:
        return settings.catalog
    from orchestration.lakehouse import postgres

    return postgres.shown(settings)


def _through(store: Store, error: Exception) -> str:
    """The proxy, if there is one and the error is one of HTTP, for the message."""
    proxy = store.config.proxy
    return f" (proxy {without_user(proxy)})" if proxy and "HTTP" in str(error) else ""


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


@contextlib.contextmanager
def _store_access(con: duckdb.DuckDBPyConnection, store: Store, bucket: str) -> Iterator[None]:
    """Give the connection the store's access as the other clients have it, and renew its keys."""
    for setting in _http_settings(store.config):
        con.execute(setting)
    con.execute(_secret(store, bucket))
    if not store.access.are_keys_renewed:
        yield
        return
    ended = threading.Event()

    def renew() -> None:
        with con.cursor() as own:
            while not ended.wait(_RENEWAL_SECONDS):
                # The next attempt comes long before the keys expire.
                with contextlib.suppress(BotoCoreError, ClientError):
                    own.execute(_secret(store, bucket))

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _http_settings(config: S3Config) -> Iterator[str]:
    """The statements that set up the HTTP client of DuckDB."""
    yield "set enable_server_cert_verification = true"
    if config.ca_bundle:
        yield f"set ca_cert_file = {quoted(config.ca_bundle)}"
    if config.proxy:
        parts = urlsplit(config.proxy)
        yield f"set http_proxy = {quoted(without_user(config.proxy))}"
        if parts.username:
            yield f"set http_proxy_username = {quoted(unquote(parts.username))}"
            yield f"set http_proxy_password = {quoted(unquote(parts.password or ''))}"
    # As many attempts as the other clients, with the same pauses (see storage.store).
    yield f"set http_retries = {ATTEMPTS - 1}"
    yield f"set http_retry_wait_ms = {round(FIRST_PAUSE * 1000)}"
    yield "set http_retry_backoff = 2"


def _secret(store: Store, bucket: str) -> str:
    config, keys = store.config, store.access.keys()
    parts = [
        "type s3",
        f"key_id {quoted(keys.access_key_id)}",
        f"secret {quoted(keys.secret_access_key)}",
        f"region {quoted(config.region)}",
        f"endpoint {quoted(config.host)}",
        f"url_style {quoted('vhost' if config.has_virtual_host(bucket) else 'path')}",
        f"use_ssl {'true' if config.uses_tls else 'false'}",
    ]
    if keys.session_token:
        parts.append(f"session_token {quoted(keys.session_token)}")
    return f"create or replace secret store ({', '.join(parts)})"


@contextlib.contextmanager
def reader(
    settings: Settings, store: Store, snapshot_id: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a read-only connection with ``USE lake``, so that ``marts.dim_region`` resolves."""
    with open_lake(settings, store, read_only=True, snapshot_id=snapshot_id) as con:
        con.execute("use lake")
        yield con


@contextlib.contextmanager
def writer(settings: Settings, store: Store) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the only writing connection; a second writer waits for some seconds, then gives up.

    Raises:
        Unreachable: another run is writing, or the catalogue can't be reached.
    """
    with (
        _exclusive_lock(settings, "writer", "writing to the lakehouse"),
        open_lake(settings, store, read_only=False) as con,
    ):
        yield con


@contextlib.contextmanager
def without_pandas() -> Iterator[None]:
    """Keep DuckDB from importing pandas, which takes longer than a trace.

    DuckDB compares each parameter of a query with pandas' NaT, if pandas can be imported.
    """
    if "pandas" in sys.modules:
        yield
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["pandas"]


@contextlib.contextmanager
def publisher(settings: Settings) -> Iterator[None]:
    """Hold the lock for publishing, correcting and cleaning up editions.

    Two publications at the same time would delete each other's files. The lock is taken before
    :func:`writer`, never inside it.

    Raises:
        Unreachable: another run is publishing.
    """
    with _exclusive_lock(settings, "publisher", "publishing"):
        yield


@contextlib.contextmanager
def _exclusive_lock(settings: Settings, name: str, doing: str) -> Iterator[None]:
    """Hold a lock file of the home; the system releases it however the process ends."""
    path = settings.make_home() / f"{name}.lock"
    with path.open("a+") as lock:
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unreachable(
                        f"another run is {doing} ({path} is locked): wait for it to end"
                    ) from None
                time.sleep(_PAUSE_SECONDS)
        if settings.catalog_is_postgres:  # Other hosts have other homes.
            from orchestration.lakehouse import postgres

            with postgres.exclusive_lock(settings, name, doing, _WAIT_SECONDS):
                yield
        else:
            yield

"""The catalogue in PostgreSQL: one writer for all hosts, restarts, and no password in messages."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from orchestration import lakehouse
from orchestration.core.errors import Unreachable, UsageError
from orchestration.core.settings import PROJECT_ROOT, Settings
from orchestration.doctor import State, examine
from orchestration.lakehouse import attach
from orchestration.storage import Store
from tests.fixtures.topology import Topology, topology

#: Needs a PostgreSQL server.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    with topology(tmp_path_factory.mktemp("catalogue")) as running:
        Store(running.s3.config).ensure_buckets(["landing", "lake", "publication"])
        yield running


@pytest.fixture
def catalogue(servers: Topology) -> Iterator[Settings]:
    """Settings of one host; after the test PostgreSQL is started again if it is stopped."""
    yield Settings(
        home=Path(servers.environment["TONGBAO_HOME"]),
        catalog=servers.environment["TONGBAO_CATALOG"],
        uses_local_store=False,
    )
    if not servers.postgres.running:
        servers.postgres.start()


@pytest.fixture
def store(servers: Topology) -> Store:
    return Store(servers.s3.config)


def _insert(settings: Settings, store: Store, n: int) -> None:
    with lakehouse.writer(settings, store) as con:
        con.execute("create table if not exists lake.main.n (n integer)")
        con.execute(f"insert into lake.main.n values ({n})")


def _numbers(settings: Settings, store: Store) -> list[int]:
    with lakehouse.reader(settings, store) as con:
        return [row[0] for row in con.execute("select n from main.n order by n").fetchall()]


def test_writers_on_two_hosts_exclude_each_other(
    catalogue: Settings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach, "_WAIT_SECONDS", 0.5)
    other = replace(catalogue, home=tmp_path / "other")
    with lakehouse.writer(catalogue, store) as con:
        con.execute("create or replace table lake.main.n as select 1 as n")
        with pytest.raises(Unreachable) as error, lakehouse.writer(other, store):
            pass
        assert _numbers(other, store) == [1]  # Readers don't wait.
    assert "another run is writing to the lakehouse (catalogue postgresql://127.0.0.1" in str(
        error.value
    )
    assert "tongbao writer" in str(error.value)
    with lakehouse.writer(other, store) as con:
        con.execute("drop table lake.main.n")


def test_the_lock_of_a_killed_writer_is_released(
    servers: Topology, catalogue: Settings, store: Store, tmp_path: Path
) -> None:
    program = (
        "from orchestration import lakehouse; from orchestration.core.settings import Settings; "
        "from orchestration.storage import Store, resolve_s3; settings = Settings.from_env()\n"
        "with lakehouse.writer(settings, Store(*resolve_s3(settings))) as con:\n"
        "    con.execute('begin'); con.execute('create table lake.main.half (n integer)')\n"
        "    print('writing', flush=True); input()"
    )
    environment = servers.environment | {"TONGBAO_HOME": str(tmp_path / "other")}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.kill()
    with lakehouse.writer(catalogue, store) as con:
        tables = con.execute(
            "select count(*) from duckdb_tables() where table_name = 'half'"
        ).fetchone()
    assert tables == (0,)


def test_the_doctor_sees_the_catalogue_and_its_connections(
    servers: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in servers.environment.items():
        monkeypatch.setenv(name, value)
    found = {each.name: each for each in examine().findings}
    assert found["catalogue"].state == found["connections"].state == State.OK
    used, limit = re.findall(r"\d+", found["connections"].seen)
    assert 0 < int(used) < int(limit)
    monkeypatch.setattr("orchestration.doctor.lake._FREE_CONNECTIONS", int(limit))
    assert "max_connections" in {e.name: e for e in examine().findings}["connections"].advice
    monkeypatch.setenv("PGPASSWORD", "wrong")
    wrong = servers.environment["TONGBAO_CATALOG"].replace(
        "postgresql://pipeline", "postgresql://x"
    )
    monkeypatch.setenv("TONGBAO_CATALOG", wrong)
    found = {each.name: each for each in examine().findings}
    assert found["catalogue"].state is State.FAULT
    assert found["connections"].state is found["lake files"].state is State.SKIPPED


def test_a_stage_waits_for_a_restarting_server(
    servers: Topology, catalogue: Settings, store: Store
) -> None:
    _insert(catalogue, store, 1)
    servers.postgres.stop()
    starting = threading.Timer(1.0, servers.postgres.start)
    starting.start()
    try:
        assert 1 in _numbers(catalogue, store)
    finally:
        starting.join()


def test_a_transaction_is_rolled_back_if_the_server_is_killed(
    servers: Topology, catalogue: Settings, store: Store
) -> None:
    _insert(catalogue, store, 1)
    before = _numbers(catalogue, store)

    def write() -> None:
        with lakehouse.writer(catalogue, store) as con:
            con.execute("begin")
            con.execute("insert into lake.main.n values (99)")
            servers.postgres.kill()
            con.execute("commit")

    with pytest.raises(Unreachable) as error:
        write()
    assert servers.passwords["pipeline"] not in str(error.value)
    servers.postgres.start()
    assert _numbers(catalogue, store) == before
    _insert(catalogue, store, 2)
    assert sorted([*before, 2]) == _numbers(catalogue, store)


def test_a_lost_lock_is_reported(servers: Topology, catalogue: Settings, store: Store) -> None:
    def write() -> None:
        with lakehouse.writer(catalogue, store):
            servers.postgres.kill()
            servers.postgres.start()

    with pytest.raises(Unreachable, match="and with it the lock"):
        write()


def test_no_rows_are_inlined_in_the_catalogue(
    servers: Topology, catalogue: Settings, store: Store
) -> None:
    with lakehouse.writer(catalogue, store) as con:
        lakehouse.ensure_tables(con)
        con.execute("insert into lake.raw.registration_contacts (contact_phone) values ('1')")
        secrets = con.execute("select secret_string from duckdb_secrets()").fetchall()
        databases = con.execute("select path from duckdb_databases()").fetchall()
    with contextlib.closing(psycopg2.connect(catalogue.catalog)) as connection:
        cursor = connection.cursor()
        cursor.execute("select tablename from pg_tables where tablename like '%inlined%'")
        assert cursor.fetchall() == [("ducklake_inlined_data_tables",)]
    assert servers.passwords["pipeline"] not in f"{secrets}{databases}{catalogue}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("pipeline:", "pipeline:WRONG"), "password authentication failed"),
        (("/tongbao", "/elsewhere"), 'database "elsewhere" does not exist'),
        (("127.0.0.1", "no-such-host.invalid"), "could not translate host name"),
    ],
)
def test_errors_about_the_url_do_not_show_its_password(
    servers: Topology, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    url = servers.environment["TONGBAO_CATALOG"].replace(*change)
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "sql", "select 1"],
        env=servers.environment | {"TONGBAO_CATALOG": url, "TONGBAO_HOME": str(tmp_path)},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert message in done.stderr
    assert done.stderr.startswith("tongbao: lakehouse catalogue postgresql://")
    assert len(done.stderr.splitlines()) == 1
    assert servers.passwords["pipeline"] not in done.stderr


def test_an_invalid_url_is_not_repeated_in_the_error(tmp_path: Path, store: Store) -> None:
    settings = Settings(home=tmp_path, catalog="postgresql://u:se cret@[[/")
    with pytest.raises(UsageError) as error, lakehouse.reader(settings, store):
        pass
    assert "se cret" not in str(error.value)

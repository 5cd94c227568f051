"""Failure drills: after any failure at any moment the next run ends as if nothing had happened.

A drill is a year from submissions to edition with failures at random moments, drawn from its seed:
the worker, the store, the catalogue's server, Dagster's daemon or code location is killed; the disk
is full; the store answers with 503, slowly or incompletely; the clock jumps. Runs are repeated
until one succeeds; the last are two runs at once. Then the catalogue is restored from a dump made
during the drill. Expected are the tables and bytes of an undisturbed run, never an incomplete
edition, and that ``tongbao lake maintain`` finds and deletes all orphans.

``make drills`` runs one seed of each drill or, with ``DRILLS=all``, ten. ``make test`` doesn't run
them, because they would make it a quarter longer.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from orchestration import lakehouse, stages
from orchestration.core.errors import Unreachable
from orchestration.core.settings import Settings
from orchestration.defs.serve import store_environment
from orchestration.demo import generate
from orchestration.storage import Store
from tests.conftest import clean_environment
from tests.fixtures.command import Command, start
from tests.fixtures.faulty_store import Faults, faulty_store
from tests.fixtures.progress import no_progress
from tests.fixtures.state import orphans, state_of, torn_edition
from tests.fixtures.topology import Postgres, S3Server, Topology, topology

#: Every kind of failure in one year, with each catalogue.
pytestmark = pytest.mark.drills

YEAR = 2024
NOW = "2024-12-15T08:00:00+08:00"
#: Seeds of each drill (with SQLite, PostgreSQL, Dagster's processes): one, five minutes; or ten.
_SEEDS = 10 if os.environ.get("DRILLS") == "all" else 1

#: Progress lines of a run, in order; the work between two of them is a stretch.
_MARKS = (
    r"",
    r"intake: \d+ objects listed",
    r"transform 2023: ",
    r"transform 2024: ",
    r"receipts 2024: ",
    r"gate 2024: ",
    r"publish 2024: 11 bulletins",
    r"publish 2024: 44 bulletins",
    r"publish 2024: \d+ figures and claims",
    r"publish 2024: edition 1, ",
)
_STRETCHES = len(_MARKS) - 1
#: A run takes a minute alone, and several minutes with other runs on two cores.
_PATIENCE = 600.0


# -- home and servers ---------------------------------------------------------------------------


@dataclass
class Site:
    """A home and its servers.

    Attributes:
        postgres: None if the catalogue is a file.
        was_behind: whether a run was made with a clock that was behind.
    """

    home: Path
    s3: S3Server
    postgres: Postgres | None
    runs: int = 0
    was_behind: bool = False

    @property
    def settings(self) -> Settings:
        """The settings of its commands."""
        catalog = self.postgres.url("tongbao") if self.postgres else self.home / "catalog.sqlite"
        return Settings(home=self.home, catalog=str(catalog), uses_local_store=False)

    @property
    def ws(self) -> stages.Workspace:
        """A workspace in the test's process."""
        return stages.Workspace(self.settings, Store(self.s3.config))

    @property
    def has_lake(self) -> bool:
        """Whether the catalogue exists."""
        asked = "select 1 from {} where {} = 'ducklake_metadata'"
        if self.postgres is None:
            if not Path(self.settings.catalog).exists():
                return False
            with contextlib.closing(sqlite3.connect(self.settings.catalog)) as database:
                return bool(database.execute(asked.format("sqlite_master", "name")).fetchall())
        with contextlib.closing(psycopg2.connect(self.postgres.url("tongbao"))) as connection:
            cursor = connection.cursor()
            cursor.execute(asked.format("pg_tables", "tablename"))
            return bool(cursor.fetchall())

    def tongbao(self, *arguments: str, now: str = NOW, store: Store | None = None) -> Command:
        """Start a command with a new log."""
        self.runs += 1
        environment = clean_environment(
            self.home,
            {
                **store_environment(self.settings, store or Store(self.s3.config)),
                "TONGBAO_CATALOG": self.settings.catalog,
                "TONGBAO_NOW": now,
            },
        )
        return start(list(arguments), environment, self.home / f"run-{self.runs}.log")

    def run(self, *arguments: str, now: str = NOW) -> Command:
        """Run a command that must succeed."""
        command = self.tongbao(*arguments, now=now)
        assert command.wait(_PATIENCE) == 0, command.said[-3000:]
        return command

    def difference(self, undisturbed: Undisturbed) -> list[str]:
        """Tables and objects that differ from an undisturbed run.

        Runs with a clock that was behind made digests of earlier days; today's digest is compared
        if there is one.
        """
        ended = dict(state_of(self.ws).items() ^ undisturbed.state.items())
        of_days = {name for name in ended if "/digest." in name} | {"publication.receipt_pages"}
        return sorted(ended.keys() - of_days if self.was_behind else ended)

    def dump(self, to: Path) -> None:
        """Dump the catalogue like the nightly backup."""
        to.unlink(missing_ok=True)
        if self.postgres is None:
            with (
                contextlib.closing(sqlite3.connect(self.settings.catalog)) as source,
                contextlib.closing(sqlite3.connect(to)) as target,
            ):
                source.backup(target)
            return
        self._postgres("pg_dump", "--format=custom", f"--file={to}", "--dbname=tongbao")

    def restore(self, dump: Path) -> None:
        """Restore the catalogue; the buckets stay unchanged."""
        if self.postgres is None:
            shutil.copy(dump, self.settings.catalog)
            return
        with contextlib.closing(psycopg2.connect(self.postgres.url())) as connection:
            connection.autocommit = True
            connection.cursor().execute("drop database tongbao with (force)")
            connection.cursor().execute("create database tongbao")
        self._postgres("pg_restore", "--exit-on-error", "--dbname=tongbao", str(dump))

    def _postgres(self, program: str, *arguments: str) -> None:
        assert self.postgres is not None
        environment = {
            **self.postgres.environment,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.postgres.port),
            "PGUSER": "postgres",
            "PGPASSWORD": self.postgres.password,
        }
        subprocess.run([str(self.postgres.bin / program), *arguments], env=environment, check=True)


@contextlib.contextmanager
def _site(folder: Path, landing: Path, with_postgres: bool) -> Iterator[Site]:
    shutil.copytree(landing, folder / "s3")
    (folder / "home").mkdir()
    with contextlib.ExitStack() as stack:
        s3 = S3Server(folder, folder / "s3")
        stack.callback(s3.kill)
        s3.start()
        postgres = None
        if with_postgres:
            # Not under the test's folder, to which PostgreSQL's user has no access.
            cluster = Path(tempfile.mkdtemp(prefix="tongbao-postgres-"))
            stack.callback(shutil.rmtree, cluster, ignore_errors=True)
            postgres = Postgres(cluster)
            stack.callback(postgres.kill)
            postgres.start()
            with contextlib.closing(psycopg2.connect(postgres.url())) as connection:
                connection.autocommit = True
                connection.cursor().execute("create database tongbao")
        site = Site(folder / "home", s3, postgres)
        site.ws.store.ensure_buckets(("landing", "lake", "publication"))
        yield site


@dataclass
class Undisturbed:
    """A run without failures.

    Attributes:
        landing: the served folder before the run, to be copied.
        seconds: duration of each stretch.
        state: digests of tables and objects after the run.
    """

    landing: Path
    seconds: list[float]
    state: dict[str, str]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Run the smallest nation that passes the gate: 32 units, one per province."""
    folder = tmp_path_factory.mktemp("undisturbed")
    made = Settings(home=folder / "made", catalog=str(folder / "made" / "catalog.sqlite"))
    with stages.open_workspace(made) as ws:
        generate(
            ws.store, made, year=YEAR, scale=0.001, seed=5, faults="none", progress=no_progress
        )
    landing = folder / "made" / "s3"
    with _site(folder, landing, with_postgres=False) as site:
        command = site.tongbao("run", "--year", str(YEAR))
        times = [time.monotonic()]
        for mark in _MARKS[1:]:
            assert _reaches(command, mark), command.said[-3000:]
            times.append(time.monotonic())
        assert command.wait(_PATIENCE) == 0, command.said[-3000:]
        seconds = [after - before for before, after in itertools.pairwise(times)]
        assert orphans(site.ws) == set()
        return Undisturbed(landing, seconds, state_of(site.ws))


def _passed(command: Command, mark: str) -> bool:
    return re.search(mark, command.said) is not None


def _reaches(command: Command, mark: str) -> bool:
    """Wait until a run prints ``mark``; return False if it ends before."""
    deadline = time.monotonic() + _PATIENCE
    while not _passed(command, mark):
        assert time.monotonic() < deadline, command.said[-3000:]
        if not command.running:
            return _passed(command, mark)
        time.sleep(0.02)
    return True


# -- failures -----------------------------------------------------------------------------------

#: A failure during a running command; ``rest`` is the random source of the seed.
Strike = Callable[[Site, Command, random.Random], None]


def _kill_worker(_: Site, command: Command, __: random.Random) -> None:
    command.kill()


def _fill_disk(_: Site, command: Command, __: random.Random) -> None:
    command.fill_the_disk()


def _kill_store(site: Site, _: Command, rest: random.Random) -> None:
    site.s3.kill()
    time.sleep(rest.uniform(0, 2))
    site.s3.start()


def _kill_postgres(site: Site, _: Command, rest: random.Random) -> None:
    assert site.postgres is not None
    site.postgres.kill()
    time.sleep(rest.uniform(0, 2))
    site.postgres.start()


def _restart_postgres_in_a_transaction(site: Site, command: Command, _: random.Random) -> None:
    """Restart it like an administrator, at the next moment at which a transaction writes."""
    assert site.postgres is not None
    writing = (
        "select count(*) from pg_stat_activity "
        "where backend_xid is not null and pid <> pg_backend_pid()"
    )
    with contextlib.closing(psycopg2.connect(site.postgres.url())) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        while command.running:
            cursor.execute(writing)
            if cursor.fetchone() != (0,):
                break
    site.postgres.stop()
    site.postgres.start()


_STRIKES: dict[str, Strike] = {
    "the worker is killed": _kill_worker,
    "the disk is full": _fill_disk,
    "the store is killed": _kill_store,
    "PostgreSQL is killed": _kill_postgres,
    "PostgreSQL is restarted in a transaction": _restart_postgres_in_a_transaction,
}
_STORM = "the store answers 503, slowly or by half"
_CLOCK = "the clock jumps and the worker is killed"


@dataclass(frozen=True)
class Incident:
    """A failure, the stretch of a run in which it happens, and the position in it (0 to 1)."""

    kind: str
    stretch: int
    share: float


def _incidents(rest: random.Random, with_postgres: bool) -> list[Incident]:
    """One failure of each kind, each in another stretch, in the order of a run."""
    kinds = [*_STRIKES, _STORM, _CLOCK]
    if not with_postgres:
        kinds = [kind for kind in kinds if "PostgreSQL" not in kind]
    stretches = rest.sample(range(_STRETCHES), len(kinds))
    found = [Incident(k, s, rest.random()) for k, s in zip(kinds, stretches, strict=True)]
    return sorted(found, key=lambda incident: incident.stretch)


@dataclass
class _Weather:
    """Faults of a proxy: while active, it spoils a third of the responses."""

    rest: random.Random
    stormy: bool = False
    spoiled: list[str] = field(default_factory=list)

    def __call__(self, method: str, path: str) -> str | None:
        if not self.stormy or self.rest.random() > 1 / 3:
            return None
        ill = self.rest.choice(["refuse", "slow", "cut", "lose"])
        self.spoiled.append(f"{ill} {method} {path}")
        return ill


def _strike(site: Site, incident: Incident, seconds: list[float], rest: random.Random) -> None:
    """Start a run, cause the failure, and check how the run ends."""
    weather = _Weather(random.Random(rest.random()))  # noqa: S311
    now = NOW
    if incident.kind == _CLOCK:
        jump = timedelta(hours=rest.uniform(-14 * 24, 14 * 24))
        site.was_behind |= jump < timedelta()
        now = (datetime.fromisoformat(NOW) + jump).isoformat()
    with contextlib.ExitStack() as stack:
        store = None
        if incident.kind == _STORM:
            faults = Faults(storm=weather)
            store = stack.enter_context(faulty_store(Store(site.s3.config), faults))
        command = site.tongbao("run", "--year", str(YEAR), now=now, store=store)
        stack.callback(command.kill)
        # Or a later mark, because work of the former run is not repeated.
        mark, next_mark = "|".join(_MARKS[incident.stretch :]), _MARKS[incident.stretch + 1]
        # With a clock before the cut-off the gate blocks, as it needs an intake after the cut-off.
        is_there = _reaches(command, mark) or incident.kind == _CLOCK
        if not is_there and "nothing to do" in command.said:
            # The former failure came so late that its run had published.
            return
        assert is_there, f"{incident}: {command.said[-3000:]}"
        until = time.monotonic() + incident.share * seconds[incident.stretch]
        while command.running and time.monotonic() < until and not _passed(command, next_mark):
            time.sleep(0.01)
        if incident.kind in _STRIKES:
            _STRIKES[incident.kind](site, command, rest)
        elif incident.kind == _STORM:
            weather.stormy = True
            until = time.monotonic() + 3
            # It lasts longer if the run sends no requests to the store meanwhile.
            while command.running and (time.monotonic() < until or not weather.spoiled):
                time.sleep(0.05)
            weather.stormy = False
        else:
            command.kill()
        # If the run survives it, it is killed before the next failure's stretch.
        _reaches(command, next_mark)
        if command.running:
            command.kill()
        _ended_well(command, incident)
    if incident.kind == _STORM:
        assert weather.spoiled, incident
    assert torn_edition(site.ws, YEAR) is None, incident
    try:
        with lakehouse.reader(site.settings, site.ws.store) as con:
            con.execute("from snapshots()").fetchall()
    except Unreachable:
        assert not site.has_lake, incident


def _ended_well(command: Command, incident: Incident | str) -> None:
    """Check that a run that was not killed ends with a line about the failure and the next step."""
    code = command.wait(_PATIENCE)
    allowed = {0, 1, 4, -9} | ({3} if _CLOCK in str(incident) else set())
    assert code in allowed, f"{incident}: exit {code}: {command.said[-3000:]}"
    if code in {1, 3, 4}:
        last = command.said.rstrip().splitlines()[-1]
        assert last.startswith("tongbao: "), f"{incident}: {command.said[-3000:]}"
        assert "Traceback" not in command.said, f"{incident}: {command.said[-3000:]}"
        if "PostgreSQL" in str(incident):
            assert "postgres:" not in last, last  # no password


# -- drills -------------------------------------------------------------------------------------


def _seeds() -> list[tuple[int, bool]]:
    if _SEEDS == 1:
        return [(0, False), (1, True)]
    return [(seed, kind) for seed in range(_SEEDS) for kind in (False, True)]


@pytest.mark.parametrize(
    ("seed", "with_postgres"),
    _seeds(),
    ids=lambda value: (
        ("postgres" if value else "sqlite") if isinstance(value, bool) else str(value)
    ),
)
def test_after_any_failure_the_next_run_completes(
    tmp_path: Path, undisturbed: Undisturbed, seed: int, with_postgres: bool
) -> None:
    rest = random.Random(f"{seed} {with_postgres}")  # noqa: S311
    incidents = _incidents(rest, with_postgres)
    dumped_after = rest.randrange(len(incidents))
    dump = tmp_path / "catalogue.dump"
    with _site(tmp_path, undisturbed.landing, with_postgres) as site:
        for number, incident in enumerate(incidents):
            _strike(site, incident, undisturbed.seconds, rest)
            if number == dumped_after and site.has_lake:
                site.dump(dump)
        _two_at_once(site, rest, undisturbed)
        assert site.run("run", "--year", str(YEAR)).said.count("nothing to do")
        assert site.difference(undisturbed) == []
        if dump.exists():
            _restored_with_newer_files(site, dump, undisturbed)
        _upkeep(site)
        assert site.difference(undisturbed) == []
        site.run("verify", "--year", str(YEAR))


@pytest.mark.parametrize("seed", range(_SEEDS))
def test_dagster_s_own_processes_are_killed(
    tmp_path: Path, undisturbed: Undisturbed, seed: int
) -> None:
    """Daemon and code location (with the worker) are killed while a backfill is under way.

    Only the servers are started again. The daemon continues the backfill, detects that the run is
    dead and starts it again.
    """
    rest = random.Random(f"dagster {seed}")  # noqa: S311
    shutil.copytree(undisturbed.landing, tmp_path / "s3")
    with topology(tmp_path, {"TONGBAO_NOW": NOW}) as servers:
        ws = stages.Workspace(
            Settings(
                home=tmp_path / "home",
                catalog=servers.environment["TONGBAO_CATALOG"],
                uses_local_store=False,
            ),
            Store(servers.s3.config),
        )
        servers.dagster()
        servers.backfill("national_year", [str(YEAR)])
        # A run is started again at most twice, so the code location is killed twice.
        victims = [servers.daemon, servers.code_location, servers.daemon, servers.code_location]
        rest.shuffle(victims)
        for victim in victims:
            _until(servers, {"STARTED", "SUCCESS"})
            time.sleep(rest.uniform(0, sum(undisturbed.seconds) / 2))
            victim.kill()
            assert torn_edition(ws, YEAR) is None
            time.sleep(rest.uniform(0, 3))
            victim.start()
        _until(servers, {"SUCCESS"})
        assert torn_edition(ws, YEAR) is None
        assert state_of(ws) == undisturbed.state


def _until(servers: Topology, states: set[str]) -> None:
    """Wait until the newest run is in one of the states, and no other is under way.

    In two cases Dagster gives up on a dead run: if the code location dies again while the run is
    started again, and if the daemon dies before it has started the run again and then considers
    the backfill finished. The alarm is active, and somebody starts the run as it says.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        runs = servers.runs()
        if runs and _is_given_up(servers, runs[0]):
            servers.backfill("national_year", [str(YEAR)])
            while len(servers.runs()) == len(runs) and time.monotonic() < deadline:
                time.sleep(0.5)
        if runs and runs[0]["status"] in states:
            assert [r["status"] for r in runs].count("STARTED") <= 1
            return
        assert time.monotonic() < deadline, (runs, servers.daemon.log.read_text()[-3000:])
        time.sleep(0.5)


def _is_given_up(servers: Topology, run: dict[str, Any]) -> bool:
    if run["status"] != "FAILURE":
        return False
    if run["tags"].get("dagster/will_retry") == "false":
        return True
    # A run that was started again after the end of its backfill is independent of it.
    backfill = run["tags"].get("dagster/backfill")
    if backfill is None or not servers.is_over(backfill):
        return False
    # The daemon starts runs again within two of its intervals of five seconds.
    time.sleep(15)
    return bool(servers.runs()[0]["runId"] == run["runId"])


def _two_at_once(site: Site, rest: random.Random, undisturbed: Undisturbed) -> None:
    """Start two runs, the second later: one succeeds, the other succeeds or says why not."""
    first = site.tongbao("run", "--year", str(YEAR))
    time.sleep(rest.uniform(0, sum(undisturbed.seconds) / 2))
    second = site.tongbao("run", "--year", str(YEAR))
    codes = {first.wait(_PATIENCE), second.wait(_PATIENCE)}
    assert 0 in codes
    assert codes <= {0, 4}, first.said[-1500:] + second.said[-1500:]
    for command in (first, second):
        if command.wait(0) == 4:
            assert "another run is" in command.said
    assert torn_edition(site.ws, YEAR) is None


def _restored_with_newer_files(site: Site, dump: Path, undisturbed: Undisturbed) -> None:
    """With an older catalogue and the current buckets the edition stays as published."""
    prefix = f"editions/{YEAR}/edition-1/"
    before = [(i.key, i.etag, i.last_modified) for i in site.ws.store.list("publication", prefix)]
    site.restore(dump)
    command = site.tongbao("run", "--year", str(YEAR))
    if command.wait(_PATIENCE):  # The restored catalogue gives new snapshot ids.
        assert command.wait(0) == 1, command.said[-3000:]
        assert "publication refused: edition 1" in command.said, command.said[-3000:]
    after = [(i.key, i.etag, i.last_modified) for i in site.ws.store.list("publication", prefix)]
    assert after == before
    assert site.difference(undisturbed) == []


def _upkeep(site: Site) -> None:
    """Files left by killed runs are found by a dry run and deleted by the next run."""
    later = (datetime.now(UTC) + timedelta(days=10)).isoformat()
    lost = orphans(site.ws)
    would = json.loads(
        site.run("lake", "maintain", "--dry-run", "--json", now=later).said.splitlines()[-1]
    )
    [named] = [f["names"] for f in would["findings"] if "orphaned" in f["what"]]
    assert set(named) == lost
    assert orphans(site.ws) == lost
    site.run("lake", "maintain", now=later)
    assert orphans(site.ws) == set()


@pytest.mark.parametrize(("mode", "log"), [("wal", "wal"), ("delete", "journal")])
def test_a_reader_rolls_back_a_killed_commit(tmp_path: Path, mode: str, log: str) -> None:
    """SQLite can't if opened read-only; then 'tongbao sql' would fail until the next run.

    Catalogues of earlier releases have a rollback journal until they are written again.
    """
    settings = Settings(home=tmp_path, catalog=str(tmp_path / "catalog.sqlite"))
    with stages.open_workspace(settings) as ws:
        with lakehouse.writer(settings, ws.store) as con:
            lakehouse.ensure_tables(con)
            snapshot = lakehouse.current_snapshot(con)
        writing = tmp_path / "writing.sqlite"
        shutil.copy(settings.catalog, writing)
        with contextlib.closing(sqlite3.connect(writing, isolation_level=None)) as database:
            database.execute(f"pragma journal_mode = {mode}")
            database.execute(
                "pragma cache_size = 2"
            )  # A part of the commit is in the file already.
            database.execute("begin immediate")
            database.execute("update ducklake_snapshot set snapshot_id = snapshot_id + 1000")
            database.execute("create table spill as select zeroblob(500000) as x")
            shutil.copy(writing, settings.catalog)
            shutil.copy(f"{writing}-{log}", f"{settings.catalog}-{log}")
        with lakehouse.reader(settings, ws.store) as con:
            assert lakehouse.current_snapshot(con) == snapshot

"""``infra/backup.sh`` with real servers: it restores what it saved and overwrites nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from orchestration.core.settings import PROJECT_ROOT, Settings
from orchestration.lakehouse import reader, writer
from orchestration.observing import last_backup
from orchestration.storage import Store, open_workspace
from tests.fixtures.topology import Postgres, S3Server, postgres_bin, postgres_server, rclone

#: PostgreSQL, and its dumps.
pytestmark = pytest.mark.slow

BUCKETS = ("landing", "lake", "publication")


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


def _empty_databases(postgres: Postgres) -> None:
    with contextlib.closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        for name in ("tongbao", "dagster"):
            connection.cursor().execute(f"drop database if exists {name} with (force)")
            connection.cursor().execute(f"create database {name}")


@contextlib.contextmanager
def _s3(folder: Path) -> Iterator[S3Server]:
    (folder / "s3").mkdir(parents=True)
    server = S3Server(folder, folder / "s3")
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _backup(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script with exactly this environment."""
    command = [str(PROJECT_ROOT / "infra/backup.sh"), *words]
    path = f"{postgres_bin()}:{Path(rclone()).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "RCLONE_CONFIG": os.devnull, **environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    secrets = {environment.get(name) for name in ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY")}
    assert not any(secret and secret in done.stdout + done.stderr for secret in secrets)
    return done


def _servers(postgres: Postgres, s3: S3Server, kept: Path) -> dict[str, str]:
    return {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres.port),
        "PGUSER": "postgres",
        "PGPASSWORD": postgres.password,
        "AWS_ENDPOINT_URL_S3": str(s3.config.endpoint),
        "AWS_ACCESS_KEY_ID": s3.config.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.config.secret_access_key,
        "TONGBAO_BACKUP": str(kept),
    }


def _insert(settings: Settings, store: Store, first: int) -> None:
    with writer(settings, store) as con:
        con.execute("create table if not exists lake.main.n (n bigint)")
        con.execute(f"insert into lake.main.n select range from range({first}, {first + 5000})")


def _count(settings: Settings, store: Store) -> int:
    with reader(settings, store) as con:
        row = con.execute("select count(distinct n) from main.n").fetchone()
    return int(row[0]) if row else 0


def test_a_backup_is_restored(postgres: Postgres, tmp_path: Path) -> None:
    _empty_databases(postgres)
    kept = tmp_path / "kept"
    (kept / "catalogue/20200101T000000Z").mkdir(parents=True)
    settings = Settings(
        home=tmp_path / "home", catalog=postgres.url("tongbao"), uses_local_store=False
    )
    with _s3(tmp_path / "old") as s3:
        store = Store(s3.config)
        servers = _servers(postgres, s3, kept)
        store.ensure_buckets(BUCKETS)
        store.put("landing", "plan/a.json", b"first")
        store.put("publication", "editions/2024/latest.json", b"1")
        _insert(settings, store, 0)
        first = _backup("save", **servers)
        assert first.returncode == 0, first.stderr
        assert "dropped catalogue/20200101T000000Z" in first.stdout
        stamp = first.stdout.split()[-1]
        recorded = last_backup(settings, store)
        assert recorded is not None
        assert f"{recorded:%Y%m%dT%H%M%SZ}" == stamp
        # After the dump: a file that the saved catalogue doesn't know, a replaced object and a lost
        # object.
        _insert(settings, store, 5000)
        store.put("landing", "plan/a.json", b"second!")
        store.delete("publication", ["editions/2024/latest.json"])
        second = _backup("save", **servers)
        assert second.returncode == 0, second.stderr
    assert [path.read_bytes() for path in (kept / "replaced").rglob("a.json")] == [b"first"]
    assert f"{stamp}/" in _backup("list", TONGBAO_BACKUP=str(kept)).stdout.split()

    with _s3(tmp_path / "new") as s3:
        store = Store(s3.config)
        servers = _servers(postgres, s3, kept)
        refused = _backup("restore", stamp, **servers)
        assert refused.returncode == 1
        assert "restore into an empty one" in refused.stderr
        _empty_databases(postgres)
        restored = _backup("restore", stamp, **servers)
        assert restored.returncode == 0, restored.stderr
        assert store.get("landing", "plan/a.json") == b"second!"
        assert store.get("publication", "editions/2024/latest.json") == b"1"
        # The lake has the state of the dump, although the bucket is newer, and can be written.
        assert _count(settings, store) == 5000
        _insert(settings, store, 9000)
        assert _count(settings, store) == 10000


def test_a_home_with_sqlite_is_restored_into_an_empty_one(tmp_path: Path) -> None:
    kept, lost = tmp_path / "kept", Settings.from_env({"TONGBAO_HOME": str(tmp_path / "住所 1")})
    with open_workspace(lost) as ws:
        ws.store.put("landing", "plan/a b.json", b"first")
        _insert(lost, ws.store, 0)
    environment = {"TONGBAO_BACKUP": str(kept)}
    saved = _backup("save", **environment, TONGBAO_HOME=str(lost.home))
    assert saved.returncode == 0, saved.stderr
    stamp = saved.stdout.split()[-1]
    environment["TONGBAO_HOME"] = str(lost.home)
    for more, said in (
        ({}, "move it away"),
        ({"TONGBAO_BACKUP": "nowhere:kept"}, "the backup can't be read"),
        ({"PATH": "/usr/bin:/bin"}, "there is no rclone"),
    ):
        refused = _backup("restore", stamp, **environment | more)
        assert refused.returncode != 0
        assert said in refused.stderr
    shutil.rmtree(lost.home)
    restored = _backup("restore", stamp, **environment)
    assert restored.returncode == 0, restored.stderr
    with open_workspace(lost) as ws:
        assert ws.store.get("landing", "plan/a b.json") == b"first"
        assert _count(lost, ws.store) == 5000
        _insert(lost, ws.store, 9000)
        assert _count(lost, ws.store) == 10000


def test_two_backups_in_the_same_second_are_both_kept(postgres: Postgres, tmp_path: Path) -> None:
    _empty_databases(postgres)
    kept = tmp_path / "kept"
    # A clock that returns the same second at the first reads.
    (tmp_path / "bin").mkdir()
    clock = tmp_path / "bin/date"
    clock.write_text(
        '#!/bin/sh\ncase "$*" in *--date*) ;; *) [ -e "$0.read" ] || { touch "$0.read"\n'
        "echo 20261214T230000Z; exit; };; esac\n"
        f'exec {shutil.which("date")} "$@"\n'
    )
    clock.chmod(0o755)
    taken = kept / "catalogue/20261214T230000Z/tongbao.dump"
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"the earlier one's")
    with _s3(tmp_path / "old") as s3:
        Store(s3.config).ensure_buckets(BUCKETS)
        environment = _servers(postgres, s3, kept)
        path = f"{clock.parent}:{postgres_bin()}:{Path(rclone()).parent}:{os.environ['PATH']}"
        saved = _backup("save", **environment, PATH=path)
    assert saved.returncode == 0, saved.stderr
    assert (clock.parent / "date.read").exists()
    stamp = saved.stdout.split()[-1]
    assert stamp != "20261214T230000Z"
    assert (kept / "catalogue" / stamp / "SHA256SUMS").exists()
    assert taken.read_bytes() == b"the earlier one's"


def test_an_empty_bucket_is_no_error(postgres: Postgres, tmp_path: Path) -> None:
    _empty_databases(postgres)
    with _s3(tmp_path / "old") as s3:
        store = Store(s3.config)
        store.ensure_buckets(BUCKETS)
        store.put("landing", "plan/a.json", b"first")
        saved = _backup("save", **_servers(postgres, s3, tmp_path / "kept"))
        assert saved.returncode == 0, saved.stderr
    with _s3(tmp_path / "new") as s3:
        stamp = saved.stdout.split()[-1]
        restored = _backup("restore", stamp, **_servers(postgres, s3, tmp_path / "kept"))
        assert restored.returncode == 0, restored.stderr
        assert "the bucket publication was empty whenever it was saved" in restored.stdout
        assert Store(s3.config).get("landing", "plan/a.json") == b"first"


@pytest.mark.parametrize(
    ("words", "kept", "code", "says"),
    [
        ((), "kept", 2, "usage: backup.sh"),
        (("save", "now"), "kept", 2, "usage: backup.sh"),
        (("save",), "", 2, "TONGBAO_BACKUP is not set"),
        (("save",), "kept", 1, "Connection refused"),
        (("restore", "20200101T000000Z"), "kept", 1, "'backup.sh list' shows"),
    ],
)
def test_wrong_usage_is_reported(
    words: tuple[str, ...], kept: str, code: int, says: str, tmp_path: Path
) -> None:
    folder = str(tmp_path / kept) if kept else ""
    done = _backup(*words, TONGBAO_BACKUP=folder, PGHOST="127.0.0.1", PGPORT="1")
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert list(tmp_path.iterdir()) == []

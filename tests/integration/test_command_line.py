"""The command line: exit codes, one clear line for each error, no stack trace."""

from __future__ import annotations

import fcntl
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from orchestration import stages
from orchestration.core.settings import Settings
from tests.conftest import Tongbao
from tests.fixtures.landing import Landing


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The error message: the only line that isn't progress."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("[")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["intake"], {}, "Missing option '--year'"),
        (["intake", "--year", "twenty"], {}, "Invalid value for '--year'"),
        (["no-such-command"], {}, "No such command"),
        (["run", "--year", "2024", "--until", "never"], {}, "Invalid value for '--until'"),
        (["intake", "--year", "2099"], {}, "the reporting calendar has no year 2099"),
        (["intake", "--year", "2024"], {"TONGBAO_NOW": "yesterday"}, "TONGBAO_NOW"),
        (["intake", "--year", "2024"], {"TONGBAO_NOW": "2024-12-15T08:00:00"}, "needs an offset"),
        (["intake", "--year", "2024"], {"TONGBAO_CATALOG": "mysql://x"}, "TONGBAO_CATALOG"),
        (["intake", "--year", "2024"], {"TONGBAO_MAX_OBJECT_BYTES": "0"}, "TONGBAO_MAX_OBJECT"),
        (["demo", "--year", "2023"], {}, "2022"),
    ],
)
def test_a_wrong_argument_or_setting_exits_2(
    tongbao: Tongbao, arguments: list[str], environment: dict[str, str], message: str
) -> None:
    done = tongbao(*arguments, **environment)
    assert done.returncode == 2, done.stderr
    assert message in _one_line(done)


def test_a_store_that_cannot_be_reached_exits_4(tongbao: Tongbao) -> None:
    started = time.monotonic()
    done = tongbao(
        "intake",
        "--year",
        "2024",
        AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{_free_port()}",
        AWS_ACCESS_KEY_ID="someone",
        AWS_SECRET_ACCESS_KEY="not-to-be-seen",
        AWS_REGION="us-east-1",
    )
    assert done.returncode == 4
    assert "object storage http://127.0.0.1" in _one_line(done)
    assert "not-to-be-seen" not in done.stdout + done.stderr
    # It retries, but not for minutes.
    assert time.monotonic() - started < 60


def test_wrong_credentials_exit_4(ws: stages.Workspace, tongbao: Tongbao) -> None:
    done = tongbao(
        "intake",
        "--year",
        "2024",
        AWS_ENDPOINT_URL_S3=str(ws.store.config.endpoint),
        AWS_ACCESS_KEY_ID="someone-else",
        AWS_SECRET_ACCESS_KEY="not-to-be-seen",
        AWS_REGION="us-east-1",
    )
    assert done.returncode == 4, done.stderr
    assert "not-to-be-seen" not in _one_line(done)


def test_a_catalogue_that_another_run_writes_exits_4(
    ws: stages.Workspace, landing: Landing, tongbao: Tongbao
) -> None:
    landing.unit("T05-110000-0001")
    stages.intake(ws, 2024, run_id="x", progress=lambda _: None)
    locks = list(ws.settings.home.rglob("*.lock"))
    assert locks
    with locks[0].open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        done = tongbao("transform", "--year", "2024")
    assert done.returncode == 4, done.stderr
    assert "writ" in _one_line(done)


def test_a_broken_dagster_storage_is_reported(tongbao: Tongbao, tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    (home / "history").mkdir(parents=True)
    (home / "history" / "runs.db").write_bytes(b"no database" * 100)
    (home / "dagster.yaml").touch()
    done = tongbao("run", "--year", "2024", DAGSTER_HOME=str(home))
    assert done.returncode == 4, done.stderr
    message = _one_line(done)
    assert "the storage of Dagster's runs" in message
    assert "file is not a database" in message


def test_errors_of_destructors_are_not_printed() -> None:
    """A workbook that a full disk cut off is closed again by its destructor."""
    broken = """
import click
from orchestration.cli import main

class Workbook:
    def __del__(self):
        raise ValueError("and again")

@main.command()
def boom():
    workbook = Workbook()
    raise OSError(28, "No space left on device")

main(["boom"])
"""
    done = subprocess.run(
        [sys.executable, "-c", broken], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "No space left on device" in _one_line(done)


def test_a_missing_lake_or_mart_is_reported_with_the_command_that_makes_it(
    tongbao: Tongbao,
) -> None:
    done = tongbao("sql", "select 1")
    assert done.returncode == 4
    assert "run 'tongbao intake'" in _one_line(done)
    assert tongbao("intake", "--year", "2024").returncode == 0
    done = tongbao("gate", "--year", "2024")
    assert done.returncode == 1
    assert "run 'tongbao transform --year 2024'" in _one_line(done)


def test_sql_is_read_only_and_answers_in_json(
    ws: stages.Workspace, landing: Landing, tongbao: Tongbao, tmp_path: Path
) -> None:
    landing.unit("T05-110000-0001")
    landing.performance("T05-110000-0001", {"C_04": "1,234.5"})
    stages.intake(ws, 2024, run_id="x", progress=lambda _: None)
    done = tongbao("sql", "select document_id, value_number from raw.performance_values", "--json")
    assert json.loads(done.stdout) == [
        {"document_id": "d000003", "value_number": "1234.5000000000"}
    ]
    done = tongbao("sql", "selec 1")
    assert done.returncode == 2
    assert "syntax error" in _one_line(done)
    copy = f"copy (select 1) to '{tmp_path}/x.csv'"
    for query in ("delete from raw.objects", copy, "select 1; select 2"):
        done = tongbao("sql", query)
        assert done.returncode == 2
        assert "only reads" in _one_line(done)
    assert not (tmp_path / "x.csv").exists()
    assert tongbao("sql", "select count(*) as n from raw.objects").stdout.split() == ["n", "3"]


def test_every_command_has_help(tongbao: Tongbao) -> None:
    commands = (
        "demo", "run", "intake", "transform", "receipts", "gate", "publish", "sql", "up", "check",
        "template", "alarm", "tables", "describe",
    )  # fmt: skip
    for command in commands:
        done = tongbao(command, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: tongbao ")


_READER = """
import sys, time
from importlib.resources import files
import duckdb
catalog = sys.argv[1]
con = duckdb.connect()
for name in ("ducklake", "sqlite_scanner", "httpfs"):
    wheel = files(f"duckdb_extension_{name}")
    con.load_extension(str(wheel / f"extensions/v{duckdb.__version__}/{name}.duckdb_extension"))
con.execute(f"create secret (type s3, key_id '{sys.argv[2]}', secret '{sys.argv[3]}', "
            f"endpoint '{sys.argv[4]}', use_ssl false, url_style 'path')")
con.execute(f"attach 'ducklake:sqlite:{catalog}' as lake (read_only)")
print("ready", flush=True)
seen = set()
end = time.monotonic() + float(sys.argv[5])
while time.monotonic() < end:
    row = con.execute(
        "select (select count(*) from lake.raw.documents), "
        "(select count(*) from lake.raw.objects), "
        "(select coalesce(sum(documents_accepted), 0) from lake.raw.objects)"
    ).fetchone()
    seen.add((row[0], int(row[2])))
print("seen", sorted(seen))
"""


@pytest.mark.slow
def test_the_lake_is_read_from_plain_duckdb_while_a_run_writes(
    ws: stages.Workspace, landing: Landing, tmp_path: Path
) -> None:
    landing.unit("T05-110000-0001")
    stages.intake(ws, 2024, run_id="first", progress=lambda _: None)
    settings: Settings = ws.settings
    config = ws.store.config
    script = tmp_path / "reader.py"
    script.write_text(_READER)
    reader = subprocess.Popen(
        [
            sys.executable, str(script), settings.catalog,
            config.access_key_id, config.secret_access_key,
            str(config.endpoint).removeprefix("http://"), "8",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert reader.stdout is not None
    assert reader.stdout.readline().strip() == "ready", reader.stderr and reader.stderr.read()
    for round_ in range(4):
        for number in range(30):
            landing.unit(f"T05-110000-{100 + round_ * 30 + number:04d}")
        stages.intake(ws, 2024, run_id=f"r{round_}", progress=lambda _: None)
    out, err = reader.communicate(timeout=60)
    assert reader.returncode == 0, err
    seen: list[tuple[Any, Any]] = eval(out.removeprefix("seen "))  # noqa: S307
    # Every read saw a complete commit: documents agree with the objects that hold them.
    assert len(seen) >= 2
    assert [pair for pair in seen if pair[0] != pair[1]] == []

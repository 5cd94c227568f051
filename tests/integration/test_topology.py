"""The production topology on one machine: a year through the daemon and its schedules."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from orchestration import lakehouse
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.core.settings import PROJECT_ROOT, Settings
from orchestration.storage import Store
from tests.fixtures.topology import S3Server, Topology, topology

#: Needs real servers and daemons that process a whole year.
pytestmark = pytest.mark.slow

#: The evening before the cut-off, and a time shortly before the publication schedule's tick.
EVENING = datetime(2024, 12, 14, 23, 0, tzinfo=SHANGHAI)
MORNING = datetime(2024, 12, 15, 5, 59, 50, tzinfo=SHANGHAI)
#: A run takes half a minute on two idle cores; after ten times that it hangs.
_RUN_SECONDS = 300.0

#: Reads the marts until its stdin is closed, and prints the results.
_ANALYST = """
import json, select, sys
from orchestration import lakehouse
from orchestration.core.settings import Settings
from orchestration.storage import Store, resolve_s3
settings = Settings.from_env()
store = Store(*resolve_s3(settings))
seen = []
while not select.select([sys.stdin], [], [], 0.2)[0]:
    with lakehouse.reader(settings, store) as con:
        seen.append(con.execute("select count(*) from marts.fct_unit_indicator").fetchone()[0])
print(json.dumps(seen))
"""


def _ended(servers: Topology, job: str) -> dict[str, str]:
    """Wait until the only run of a job succeeds, and return its tags."""
    deadline = time.monotonic() + _RUN_SECONDS
    with contextlib.closing(
        psycopg2.connect(servers.postgres.url("dagster", "dagster", servers.passwords["dagster"]))
    ) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        while True:
            cursor.execute("select run_id, status from runs where pipeline_name = %s", [job])
            runs = cursor.fetchall()
            if runs and runs[0][1] in ("SUCCESS", "FAILURE", "CANCELED"):
                break
            assert time.monotonic() < deadline, (runs, servers.daemon.log.read_text()[-3000:])
            time.sleep(0.5)
        assert [status for _, status in runs] == ["SUCCESS"], servers.code_location.log.read_text()[
            -3000:
        ]
        cursor.execute("select key, value from run_tags where run_id = %s", [runs[0][0]])
        return dict(cursor.fetchall())


@contextlib.contextmanager
def _analyst_reading(servers: Topology) -> Iterator[list[int]]:
    """Run an analyst's process that reads repeatedly; the list has its results afterwards."""
    only = [f"lake/data/{name}" for name in ("marts", "quality", "publication")]
    s3 = S3Server(servers.folder, servers.folder / "s3", "s3-analyst", only=only)
    seen: list[int] = []
    try:
        s3.start()
        environment = servers.environment | {
            "TONGBAO_HOME": str(servers.folder / "analyst"),
            "TONGBAO_CATALOG": servers.postgres.url(
                "tongbao", "analyst", servers.passwords["analyst"]
            ),
            "AWS_ENDPOINT_URL_S3": str(s3.config.endpoint),
            "AWS_ACCESS_KEY_ID": s3.config.access_key_id,
            "AWS_SECRET_ACCESS_KEY": s3.config.secret_access_key,
        }
        with subprocess.Popen(
            [sys.executable, "-c", _ANALYST],
            env=environment,
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield seen
                answer, _ = process.communicate(timeout=60)
                seen += json.loads(answer)
            finally:
                process.kill()
    finally:
        s3.stop()


def _demo(servers: Topology, scale: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "orchestration.cli", "demo"),
            *("--year", "2024", "--scale", scale),
        ],
        env=servers.environment,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_year_runs_through_the_daemon_and_is_published_on_the_day(tmp_path: Path) -> None:
    with topology(tmp_path, clock=EVENING) as servers:
        _demo(servers, "0.005")
        servers.dagster()

        # The sensor starts a collection for the objects that have landed.
        tags = _ended(servers, "collect")
        assert tags["dagster/sensor_name"] == "new_submissions"
        assert tags["dagster/partition"] == "2024"
        store = Store(servers.s3.config)
        assert store.list("publication", "editions/") == []

        # The clock moves to the morning; the daemon itself evaluates the schedule.
        servers.daemon.stop()
        servers.set_clock(MORNING)
        with _analyst_reading(servers) as seen:
            servers.daemon.start()
            tags = _ended(servers, "national_year")
        assert tags["dagster/schedule_name"] == "publication_day"
        assert len(seen) > 3
        assert len(set(seen)) == 1
        assert seen[0] > 0

        latest = json.loads(store.get("publication", "editions/2024/latest.json"))
        manifest = store.get("publication", "editions/2024/edition-1/manifest.json")
        settings = Settings(
            home=tmp_path / "home",
            catalog=servers.environment["TONGBAO_CATALOG"],
            uses_local_store=False,
        )
        with lakehouse.reader(settings, store) as con:
            [edition] = lakehouse.edition_rows(con, 2024)
        assert latest["edition"] == edition["edition"] == 1
        assert edition["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
        assert edition["published_at"].strftime("%Y-%m-%d %H") == "2024-12-14 22"  # 06:00 Beijing

        runs = {(run["jobName"], run["status"]) for run in servers.runs()}
        assert runs >= {("collect", "SUCCESS"), ("national_year", "SUCCESS")}
        assert {status for _, status in runs} == {"SUCCESS"}

        for server in (servers.webserver, servers.daemon, servers.code_location):
            server.stop()
        assert servers.left() == []
        logs = "".join(path.read_text(errors="replace") for path in tmp_path.glob("*.log"))
        secrets = [*servers.passwords.values(), servers.s3.config.secret_access_key]
        assert [secret for secret in secrets if secret in logs] == []
    assert not servers.s3.running
    assert not servers.postgres.running


def test_past_years_are_filled_in_from_the_ui_in_any_order(tmp_path: Path) -> None:
    """Two backfills, launched as the page of a job's partitions does, with no other runs."""
    between_the_years = "2025-03-01T08:00:00+08:00"
    with topology(tmp_path, {"TONGBAO_NOW": between_the_years}) as servers:
        _demo(servers, "0.002")
        servers.dagster()
        settings = Settings(
            home=tmp_path / "home",
            catalog=servers.environment["TONGBAO_CATALOG"],
            uses_local_store=False,
        )
        store = Store(servers.s3.config)
        for wanted, built in (({"2024"}, {2023, 2024}), ({"2023", "2025"}, {2023, 2024, 2025})):
            backfill = servers.backfill("collect", sorted(wanted, reverse=True))
            runs = _backfilled(servers, backfill, len(wanted))
            assert {run["tags"]["dagster/partition"] for run in runs} == wanted
            with lakehouse.reader(settings, store) as con:
                found = {y for y in range(2023, 2031) if lakehouse.transform_record(con, y)}
                assert found == built
                [[units]] = con.execute(
                    "select count(*) from marts.fct_unit_year where year = 2023"
                ).fetchall()
                assert units > 0
        assert len(servers.runs()) == 3


def _backfilled(servers: Topology, backfill: str, count: int) -> list[dict[str, Any]]:
    """Wait until the runs of a backfill succeed."""
    deadline = time.monotonic() + _RUN_SECONDS
    while True:
        runs = [run for run in servers.runs() if run["tags"].get("dagster/backfill") == backfill]
        states = [run["status"] for run in runs]
        assert not {"FAILURE", "CANCELED"} & set(states), servers.code_location.log.read_text()
        if states == ["SUCCESS"] * count:
            return runs
        assert time.monotonic() < deadline, (states, servers.daemon.log.read_text()[-3000:])
        time.sleep(1)

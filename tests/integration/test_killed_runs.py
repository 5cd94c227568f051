"""A run whose process was killed is found and blocks no other run; sensors that fail are told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin
from dagster._core.remote_origin import RemoteRepositoryOrigin as RepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._utils.error import SerializableErrorInfo

from orchestration import alarms, stages
from orchestration.alarms.conditions import tick_conditions
from orchestration.core.settings import Settings
from orchestration.defs.in_process import fail_dead_runs, prepare_dagster_home
from orchestration.defs.run_process import HOST, process_tags
from orchestration.defs.sensors import _failing_ticks
from orchestration.defs.serve import store_environment
from tests.conftest import clean_environment
from tests.fixtures.landing import Landing

#: A command with a run under way: it says so, and waits.
RUN = """
import sys
import dagster as dg
from orchestration.defs.run_process import process_tags

@dg.op
def wait():
    print("under way", flush=True)
    sys.stdin.read()

@dg.job
def command():
    wait()

with dg.DagsterInstance.get() as instance:
    command.execute_in_process(instance=instance, tags=process_tags())
"""


@pytest.fixture
def instance(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", "")
    prepare_dagster_home(settings)
    with dg.DagsterInstance.get() as opened:
        yield opened


@pytest.fixture
def command(instance: dg.DagsterInstance) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN],
        env=os.environ | {"DAGSTER_HOME": instance.root_directory},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "under way\n"
    yield process
    process.kill()
    process.wait()


def test_a_run_of_a_killed_command_is_failed_and_another_is_not(
    instance: dg.DagsterInstance, command: subprocess.Popen[str]
) -> None:
    launcher = instance.run_launcher
    assert launcher.supports_check_run_worker_health

    def health() -> str:
        [run] = instance.get_runs()
        return launcher.check_run_worker_health(run).status.value

    fail_dead_runs(instance)
    assert health() == "RUNNING"
    command.send_signal(signal.SIGKILL)
    # Its parent has not waited for it yet.
    os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
    assert health() == "NOT_FOUND"
    command.wait()
    assert health() == "NOT_FOUND"
    fail_dead_runs(instance)
    [run] = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.FAILURE


def test_a_process_of_another_host_or_container_may_be_alive(instance: dg.DagsterInstance) -> None:
    @dg.job
    def command() -> None:
        pass

    gone = process_tags() | {"tongbao/process_started": "another-boot 1"}
    for tags, expected in (
        (gone, "NOT_FOUND"),
        (gone | {HOST: "another-host pid:[1]"}, "RUNNING"),
        (process_tags(), "RUNNING"),
        ({}, "RUNNING"),
    ):
        run = instance.create_run_for_job(command, tags=tags)
        assert instance.run_launcher.check_run_worker_health(run).status.value == expected, tags


@pytest.mark.slow
def test_the_daemon_frees_a_killed_run_when_it_is_started_again(
    ws: stages.Workspace, landing: Landing, instance: dg.DagsterInstance
) -> None:
    landing.unit("T05-110000-0001")
    environment = clean_environment(
        ws.settings.home,
        store_environment(ws.settings, ws.store) | {"DAGSTER_HOME": instance.root_directory},
    )
    with subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "run", "--year", "2024"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as command:
        _wait_for(instance, dg.DagsterRunStatus.STARTED)
        os.killpg(command.pid, signal.SIGKILL)
    with subprocess.Popen(
        [
            str(Path(sys.executable).parent / "dagster-daemon"),
            *("run", "-m", "orchestration.definitions"),
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as daemon:
        _wait_for(instance, dg.DagsterRunStatus.FAILURE)
        os.killpg(daemon.pid, signal.SIGKILL)


def _wait_for(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    """Wait until the only run has this status."""
    # A machine under load takes long to import; the daemon itself looks every ten seconds.
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if [run.status for run in instance.get_runs()] == [status]:
            return
        time.sleep(0.2)
    raise AssertionError([run.status for run in instance.get_runs()])


def test_a_sensor_that_fails_for_minutes_is_an_alarm(instance: dg.DagsterInstance) -> None:
    now = datetime.now(UTC)
    origin = RemoteInstigatorOrigin(
        repository_origin=RepositoryOrigin(
            code_location_origin=InProcessCodeLocationOrigin(
                loadable_target_origin=LoadableTargetOrigin(module_name="m")
            ),
            repository_name="r",
        ),
        instigator_name="new_submissions",
    )
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING)
    instance.add_instigator_state(state)

    def tick(minutes_ago: int, status: TickStatus, error: str = "") -> None:
        instance.create_tick(
            TickData(
                instigator_origin_id=origin.get_id(),
                instigator_name="new_submissions",
                instigator_type=InstigatorType.SENSOR,
                status=status,
                timestamp=(now - timedelta(minutes=minutes_ago)).timestamp(),
                selector_id=state.selector_id,
                run_ids=[],
                error=SerializableErrorInfo(error, [], error.partition(":")[0]) if error else None,
            )
        )

    tick(9, TickStatus.SUCCESS)
    assert _failing_ticks(instance) == []
    tick(6, TickStatus.FAILURE, "Unreachable: Unreachable: object storage")
    tick(2, TickStatus.FAILURE, "KeyError: 'x'")
    [failing] = _failing_ticks(instance)
    assert (failing.name, failing.error) == ("new_submissions", "KeyError")
    assert tick_conditions([failing], failing.since + timedelta(minutes=4)) == []
    [condition] = tick_conditions([failing], now)
    assert (condition.kind.code, condition.subject) == ("ticks-fail", "new_submissions")
    tick(0, TickStatus.SKIPPED)
    assert _failing_ticks(instance) == []
    assert isinstance(failing, alarms.TickState)

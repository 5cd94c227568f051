"""The publication job as the schedule starts it: its intake, its retries, its messages."""

from __future__ import annotations

import fcntl
import threading
import time
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from orchestration import lakehouse, stages
from orchestration.core.reporting_calendar import period_of
from orchestration.definitions import defs
from orchestration.defs.assets import common
from orchestration.lakehouse import attach
from tests.conftest import Environment
from tests.fixtures.landing import Landing

#: Complete Dagster runs with waits and retries.
pytestmark = pytest.mark.slow

UNIT = "T05-440000-0001"


def _run(
    job: str, instance: dg.DagsterInstance, until: dg.AssetKey | None = None
) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key="2024",
        raise_on_error=False,
        asset_selection=[until] if until else None,
    )


def _steps(result: dg.ExecuteInProcessResult, kind: dg.DagsterEventType) -> list[str | None]:
    return [event.step_key for event in result.all_events if event.event_type == kind]


def test_a_blocked_publication_names_the_causes_and_is_not_retried_at_once(
    ws: stages.Workspace, landing: Landing, environment: Environment
) -> None:
    landing.unit(UNIT)
    landing.performance(UNIT, {"C_04": 1}, report=None)
    before = replace(ws.settings, fixed_now=period_of(2024).cutoff_at - timedelta(minutes=10))
    stages.intake(replace(ws, settings=before), 2024, run_id="r", progress=lambda _: None)
    # Submitted in the last second before the cut-off, after the last intake.
    landing.performance(
        "T05-440000-0001",
        {"C_04": 2},
        name="last.json",
        submitted_at="2024-12-14T23:59:59+08:00",
        report=None,
    )
    environment(ws, "2024-12-15T06:00:00+08:00")
    with dg.DagsterInstance.ephemeral() as instance:
        result = _run("national_year", instance)
    assert not result.success
    assert _steps(result, dg.DagsterEventType.STEP_UP_FOR_RETRY) == []
    [failed] = [e for e in result.all_events if e.event_type == dg.DagsterEventType.STEP_FAILURE]
    assert failed.step_key == "quality__gate_results"
    failure = failed.step_failure_data.user_failure_data
    assert failure is not None
    message = failure.description or ""
    lines = message.splitlines()
    assert lines[0].startswith("The gate blocks 2024 (snapshot ")
    assert any("Every region has expected units: observed 31, must be ≤ 0" in x for x in lines)
    assert "北京" in message
    assert "'tongbao run --year 2024'" in lines[-1]
    assert "An intake ran after the cut-off" not in message
    with lakehouse.reader(ws.settings, ws.store) as con:
        listed = lakehouse.last_intake_at(con, 2024, period_of(2024).publishes_at)
        assert listed is not None
        assert listed >= period_of(2024).cutoff_at
        [value] = con.execute(
            f"select value from marts.fct_unit_indicator where unit_code = '{UNIT}' "
            "and indicator_code = 'C_04' and year = 2024"
        ).fetchone() or (None,)
        assert value == 2
    assert ws.store.list("publication", "editions/") == []


def test_steps_are_retried_until_the_lake_is_reachable(
    ws: stages.Workspace, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(ws, "2024-12-15T06:00:00+08:00")
    monkeypatch.setattr(attach, "_WAIT_SECONDS", 0)
    monkeypatch.setattr(common, "WAITS", (0, 0, 0, 0.5, 0.5, 0.5))
    ws.settings.home.mkdir(parents=True, exist_ok=True)
    with (
        (ws.settings.home / "writer.lock").open("a+") as lock,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        results: list[dg.ExecuteInProcessResult] = []
        running = threading.Thread(target=lambda: results.append(_run("intake_year", instance)))
        running.start()
        deadline = time.monotonic() + 60
        retried = dg.EventRecordsFilter(event_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)
        while len(instance.get_event_records(retried)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        fcntl.flock(lock, fcntl.LOCK_UN)
        running.join(60)
        [result] = results
    assert result.success
    assert 2 <= len(_steps(result, dg.DagsterEventType.STEP_UP_FOR_RETRY)) <= 6


def test_an_unreachable_store_fails_the_run_with_its_error(
    ws: stages.Workspace, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(ws, "2024-12-15T06:00:00+08:00")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setattr(common, "WAITS", (0, 0))
    with dg.DagsterInstance.ephemeral() as instance:
        result = _run("intake_year", instance)
    assert not result.success
    assert len(_steps(result, dg.DagsterEventType.STEP_UP_FOR_RETRY)) == 2
    [failed] = [e for e in result.all_events if e.event_type == dg.DagsterEventType.STEP_FAILURE]
    error = failed.step_failure_data.error
    assert error is not None
    assert "127.0.0.1:9" in error.to_string()
    assert "Unreachable" in error.to_string()

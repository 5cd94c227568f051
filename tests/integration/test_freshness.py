"""Alarms about missing progress: waiting objects, missing intakes and transforms."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from orchestration import alarms, lakehouse, stages
from orchestration.definitions import defs
from orchestration.defs.in_process import run_in_process
from orchestration.observing.metrics import write_backups
from tests.conftest import Environment
from tests.fixtures.landing import Landing

_ARRIVED = datetime(2024, 11, 20, 2, 0, tzinfo=UTC)


def _at(ws: stages.Workspace, moment: datetime) -> stages.Workspace:
    return replace(ws, settings=replace(ws.settings, fixed_now=moment))


def _codes(ws: stages.Workspace, moment: datetime) -> dict[str, alarms.Condition]:
    found = alarms.lake_conditions(_at(ws, moment), moment)
    assert not {each.key for each in found.active} & found.inactive
    return {each.kind.code: each for each in found.active}


def _age(ws: stages.Workspace) -> None:
    """Set the arrival time of all landed objects to the same moment."""
    for path in (ws.settings.home / "s3" / "landing").rglob("*.json"):
        os.utime(path, (_ARRIVED.timestamp(), _ARRIVED.timestamp()))


def _intake(ws: stages.Workspace, moment: datetime) -> None:
    stages.intake(_at(ws, moment), 2024, run_id="r", progress=lambda _: None)


def test_a_backup_that_is_too_old_is_reported(ws: stages.Workspace) -> None:
    with lakehouse.writer(ws.settings, ws.store) as con:
        lakehouse.ensure_tables(con)
    assert "backup-overdue" not in _codes(ws, _ARRIVED)  # None was ever recorded.
    ws.store.put("lake", "backup.json", b'{"stamp": "20241120T020000Z"}\n')
    assert "backup-overdue" not in _codes(ws, _ARRIVED + timedelta(hours=31, minutes=59))
    overdue = _codes(ws, _ARRIVED + timedelta(hours=32))["backup-overdue"]
    assert (overdue.since, overdue.kind.severity) == (_ARRIVED, "critical")
    metrics = write_backups(ws.settings, ws.store).read_text()
    assert f"tongbao_backup_timestamp_seconds {_ARRIVED.timestamp():.9g}" in metrics
    ws.store.put("lake", "backup.json", b"{}")
    assert "backup-overdue" not in _codes(ws, _ARRIVED + timedelta(hours=32))


def test_missing_progress_is_reported(ws: stages.Workspace, landing: Landing) -> None:
    assert _codes(ws, _ARRIVED) == {}  # No stage has run yet.
    landing.unit("T05-110000-0001")
    _intake(ws, _ARRIVED)
    landing.unit("T05-440000-0001")
    landing.unit("T05-440000-0002")
    _age(ws)
    # A new server, because the first one remembers when it got the files.
    with stages.open_workspace(ws.settings) as again:
        minutes = timedelta(minutes=1)
        assert _codes(again, _ARRIVED + 14 * minutes) == {}
        waiting = _codes(again, _ARRIVED + 15 * minutes)["submissions-waiting"]
        assert waiting.since == _ARRIVED
        # Two units' registrations and reviews; the first unit's are taken in, whenever aged.
        assert waiting.affected == alarms.Affected({"440000": 4}, "objects", (), 4)
        _intake(again, _ARRIVED + 20 * minutes)
        assert _codes(again, _ARRIVED + 60 * minutes) == {}
        late = _codes(again, _ARRIVED + timedelta(hours=2, minutes=20))
        assert set(late) == {"transform-overdue"}
        later = _ARRIVED + timedelta(hours=26, minutes=20)
        assert set(_codes(again, later - minutes)) == {"transform-overdue"}
        assert set(_codes(again, later)) == {"transform-overdue", "intake-overdue"}
        # The collection has closed: no intake is due, but the bulletins are.
        closed = datetime(2024, 12, 15, 1, 0, tzinfo=UTC)
        assert _codes(again, closed) == {}


def test_the_sensor_reports_every_change_of_a_check(
    ws: stages.Workspace,
    landing: Landing,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each change of state is stored, in addition to the check's results in runs.

    Dagster stores one event without a run for each check and partition, and refuses the second.
    """
    home = ws.settings.home / "dagster"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    landing.unit("T05-110000-0001")
    _age(ws)
    intake = _ARRIVED.isoformat()
    environment(ws, intake)
    run_in_process(defs, 2024, "intake", progress=lambda _: None)
    key = dg.AssetCheckKey(dg.AssetKey(["raw", "objects"]), "fresh")
    cursor, passed = None, []
    with dg.DagsterInstance.get() as instance:
        # The last intake is more than a day old, then recent, and both once more.
        for hours in (27, 0, 27, 0):
            monkeypatch.setenv("TONGBAO_NOW", (_ARRIVED + timedelta(hours=hours)).isoformat())
            context = dg.build_sensor_context(
                instance=instance, cursor=cursor, repository_def=defs.get_repository_def()
            )
            tick = defs.resolve_sensor_def("watch").evaluate_tick(context)
            cursor = tick.cursor
            for event in tick.asset_events:
                instance.report_runless_asset_event(event)  # as the daemon does
            assert tick.asset_events
            passed += [e.passed for e in tick.asset_events if e.asset_check_key == key]
        assert passed == [False, True, False, True]
        history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    assert [each.status.value for each in history] == [
        "SUCCEEDED", "FAILED", "SUCCEEDED", "FAILED", "SUCCEEDED",
    ]  # fmt: skip
    assert [bool(each.run_id) for each in history] == [False] * 4 + [True]
    assert {each.partition for each in history} == {None}

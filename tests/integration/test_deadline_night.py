"""The deadline night: many objects at once and a faulty store; each counts exactly once.

Each test makes the listing and the reading of the bucket differ in one way.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration import lakehouse, stages
from orchestration.core.errors import Unreachable
from tests.fixtures.faulty_store import Faults, faulty_store
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

UNITS = [f"T05-440000-{number:04d}" for number in range(1, 9)]


def _intake(ws: stages.Workspace) -> stages.IntakeSummary:
    return stages.intake(ws, 2024, run_id="r", progress=no_progress)


def _counted(ws: stages.Workspace) -> dict[str, Any]:
    """The C_04 values taken in, of all versions, by unit."""
    found: dict[str, list[str]] = {}
    with lakehouse.reader(ws.settings, ws.store) as con:
        for unit, value in con.execute(
            "select unit_code, value_text from lake.raw.performance_values "
            "where indicator_code = 'C_04' order by all"
        ).fetchall():
            found.setdefault(unit, []).append(value)
    return found


@pytest.fixture
def filled(landing: Landing) -> Landing:
    for number, unit in enumerate(UNITS):
        landing.unit(unit)
        landing.performance(unit, {"C_04": number}, name=f"{unit}.json", report=None)
    return landing


ALL = {unit: [str(number)] for number, unit in enumerate(UNITS)}


@pytest.mark.usefixtures("filled")
def test_an_object_that_cannot_be_read_is_taken_in_by_the_next_run(
    ws: stages.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.storage.store.FIRST_PAUSE", 0)
    with (
        faulty_store(ws.store, Faults(never={f"{UNITS[2]}.json"})) as store,
        pytest.raises(Unreachable, match=f"1 of .* could not be read.*{UNITS[2]}"),
    ):
        _intake(replace(ws, store=store))
    assert _counted(ws) == {unit: value for unit, value in ALL.items() if unit != UNITS[2]}
    assert _intake(ws).fetched == 1
    assert _counted(ws) == ALL


@pytest.mark.usefixtures("filled")
def test_bodies_cut_short_and_reset_connections(ws: stages.Workspace) -> None:
    faults = Faults(cut={UNITS[1]: 1, UNITS[3]: 2}, reset={UNITS[5]: 1})
    with faulty_store(ws.store, faults) as store:
        _intake(replace(ws, store=store))
    assert _counted(ws) == ALL


def test_a_key_overwritten_between_list_and_get(ws: stages.Workspace, filled: Landing) -> None:
    key = f"performance/year=2024/province=440000/{UNITS[0]}.json"
    document = json.loads(ws.store.get("landing", key))
    document |= {"document_id": "new", "values": {"C_04": 99}}
    changed: list[str] = []

    def overwrite(path: str) -> None:
        if f"{UNITS[0]}.json" in path and not changed:
            changed.append(path)
            filled.put(key, document)

    with faulty_store(ws.store, Faults(before_get=overwrite)) as store:
        _intake(replace(ws, store=store))
    assert changed
    assert _counted(ws) == ALL | {UNITS[0]: ["99"]}
    # The lake records the ETag that was read, so nothing is read again.
    assert _intake(ws).fetched == 0


@pytest.mark.usefixtures("filled")
def test_a_key_deleted_between_list_and_get(ws: stages.Workspace) -> None:
    key = f"performance/year=2024/province=440000/{UNITS[0]}.json"

    def delete(path: str) -> None:
        if f"{UNITS[0]}.json" in path:
            ws.store.delete("landing", [key])

    with faulty_store(ws.store, Faults(before_get=delete)) as store:
        _intake(replace(ws, store=store))
    assert UNITS[0] not in _counted(ws)
    assert _intake(ws).fetched == 0


def test_objects_that_arrive_while_intake_lists(ws: stages.Workspace, filled: Landing) -> None:
    late_unit = "T05-440000-0099"
    arrived: list[str] = []

    def arrive(_: str) -> None:
        if not arrived:
            arrived.append(late_unit)
            filled.unit(late_unit)
            filled.performance(late_unit, {"C_04": 7}, name="arrived.json", report=None)

    with faulty_store(ws.store, Faults(before_get=arrive)) as store:
        _intake(replace(ws, store=store))
    assert late_unit not in _counted(ws)
    _intake(ws)
    assert _counted(ws) == ALL | {late_unit: ["7"]}


@pytest.mark.slow
def test_a_key_overwritten_and_restored(ws: stages.Workspace, filled: Landing) -> None:
    """An earlier version uploaded again changes nothing: the version submitted last counts."""
    key = f"performance/year=2024/province=440000/{UNITS[0]}.json"
    first = ws.store.get("landing", key)
    second = json.loads(first) | {
        "document_id": "second",
        "submitted_at": "2024-11-02T09:00:00+08:00",
        "values": {"C_04": 50},
    }
    _intake(ws)
    filled.put(key, second)
    _intake(ws)
    filled.put(key, first)
    _intake(ws)
    assert _counted(ws) == ALL | {UNITS[0]: ["0", "50"]}
    stages.transform(ws, 2024, run_id="r", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        [row] = con.execute(
            "select value from lake.marts.fct_unit_indicator "
            f"where unit_code = '{UNITS[0]}' and indicator_code = 'C_04'"
        ).fetchall()
    assert row[0] == 50


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("days", [-400, 400])
def test_a_wrong_clock_does_not_change_what_is_taken_in(ws: stages.Workspace, days: int) -> None:
    wrong = replace(ws.settings, fixed_now=datetime.now(UTC) + timedelta(days=days))
    _intake(replace(ws, settings=wrong))
    assert _counted(ws) == ALL
    assert _intake(ws).fetched == 0


@pytest.mark.slow
def test_thousands_at_once_each_counted_once(ws: stages.Workspace) -> None:
    """More objects than a batch holds, uploaded in two waves."""
    many = 4_500

    def documents(start: int, end: int) -> Any:
        for number in range(start, end):
            unit = f"T05-{(11 + number % 2) * 10000}-{number:06d}"
            document = {
                "document_id": f"d{number}",
                "submitted_at": "2024-12-14T23:59:59+08:00",
                "unit_code": unit,
                "year": 2024,
                "values": {"C_04": number},
            }
            province = unit.split("-")[1]
            key = f"performance/year=2024/province={province}/{number}.json"
            yield key, json.dumps(document).encode()

    ws.store.put_many("landing", documents(0, many))
    assert _intake(ws).fetched == many
    ws.store.put_many("landing", documents(many, many + 100))
    assert _intake(ws).fetched == 100
    counted = _counted(ws)
    assert len(counted) == many + 100
    assert all(len(values) == 1 for values in counted.values())
    receipts = ws.store.list("publication", "receipts/year=2024/")
    assert len(receipts) == many + 100


def test_a_file_name_that_is_not_utf8_gets_a_receipt(ws: stages.Workspace, filled: Landing) -> None:
    """The store lists the file under a replacement name, under which it can't be read."""
    del filled
    folder = ws.settings.home / "s3" / "landing" / "performance" / "year=2024" / "province=440000"
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff\xfename.json")).write_bytes(b"{}")
    # A running server may not see a file added to its folder, so a new server lists it.
    with stages.open_workspace(ws.settings) as again:
        done = _intake(again)
        assert done.by_status["rejected"] == 1
        assert _counted(again) == ALL
        with lakehouse.reader(again.settings, again.store) as con:
            [code] = con.execute(
                "select code from lake.quality.submission_errors where object_key like '%bad%'"
            ).fetchall()
        assert code == ("E015",)
        assert [i for i in again.store.list("publication", "receipts/") if "bad" in i.key]
        assert _intake(again).fetched == 0

"""A run that finds nothing to do: what it asks, what it answers, and what it doesn't import."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestration import lakehouse, stages
from orchestration.core.versions import code_versions
from tests.conftest import Environment, run_command
from tests.fixtures.landing import Landing

YEAR = 2024
UNIT = "T05-440000-0007"


def _quiet(_: str) -> None: ...


@pytest.fixture
def built(ws: stages.Workspace, landing: Landing) -> stages.Workspace:
    """A unit with a report file, taken in and built."""
    landing.unit(UNIT)
    landing.performance(UNIT, {"C_04": 12}, report=landing.report(f"440000/{UNIT}/report.pdf"))
    stages.intake(ws, YEAR, run_id="r", progress=_quiet)
    stages.transform(ws, YEAR, run_id="r", progress=_quiet)
    return ws


def _repeat(ws: stages.Workspace, until: str) -> dict[str, Any] | None:
    return stages.repeat(ws, YEAR, until, run_id="again", progress=_quiet)


def _record(ws: stages.Workspace, **gate: Any) -> None:
    """A verdict about the year's marts, and an edition of them."""
    with lakehouse.writer(ws.settings, ws.store) as con:
        snapshot_id = lakehouse.transform_snapshot(con, YEAR)
        row = {"year": YEAR, "run_id": "r", "snapshot_id": snapshot_id, "suite": "national"}
        row |= {"expectation": "tasks_complete", "severity": "critical", "success": True}
        row |= dict.fromkeys(("observed", "threshold", "reason", "detail"), "x")
        lakehouse.record_gate(con, [row | {"waived_by": None} | gate], code_versions())
        edition = {"year": YEAR, "edition": 1, "snapshot_id": snapshot_id, **code_versions()}
        edition |= {"published_at": datetime(2024, 12, 15, tzinfo=UTC), "manifest_sha256": "0"}
        if not lakehouse.edition_rows(con, YEAR):
            lakehouse.record_edition(con, edition | {"supersedes": None, "reason": None})


def test_a_run_repeats_what_it_said_only_where_nothing_has_changed(
    built: stages.Workspace,
    landing: Landing,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ws = built

    def is_done(until: str) -> bool:
        return stages._nothing_to_do(ws, YEAR, stages._STAGES[until]) is not None

    def changes(until: str, change: Callable[[], Any], undo: Callable[[], Any]) -> bool:
        assert is_done(until)
        change()
        try:
            return not is_done(until)
        finally:
            undo()

    listings = []
    with monkeypatch.context() as patch:
        listed = ws.store.prefixes
        patch.setattr(ws.store, "prefixes", lambda *place: listings.append(place) or listed(*place))
        said = _repeat(ws, "transform")
    assert listings.count(("landing", "")) == 1, "the landing bucket is listed once"
    assert said is not None
    assert [*said] == ["run_id", "year", "intake", "transform"]
    assert (said["intake"].listed, said["intake"].fetched) == (3, 0)
    assert [each.built for each in said["transform"]] == [False]
    assert not is_done("gate"), "nothing was judged"
    _record(ws)
    assert is_done("gate")
    assert is_done("publish")

    key = "assessment/year=2024/province=440000/new.json"
    assert changes(
        "intake", lambda: landing.put(key, b"{}"), lambda: ws.store.delete("landing", [key])
    )
    (report,) = ws.store.list("landing", "attachments/")
    body = ws.store.get("landing", report.key)
    assert changes(
        "intake",
        lambda: ws.store.put("landing", report.key, body + b"more"),
        lambda: ws.store.put("landing", report.key, body),
    )
    # Other figures: the marts are stale. Other pages: the gate judges again, the marts stand.
    for version, until in (("figures_version", "transform"), ("edition_version", "gate")):
        with monkeypatch.context() as patch:
            if version == "figures_version":
                patch.setattr("orchestration.lakehouse.transform.figures_version", lambda: "other")
            patch.setattr(stages, "code_versions", lambda v=version: code_versions() | {v: "o"})
            assert not is_done(until)
            assert is_done("intake")
    _record(ws, run_id="blocks", success=False)
    assert not is_done("gate"), "what blocks is judged again"
    _record(ws, run_id="waived", success=False, waived_by="处长")
    assert not is_done("gate"), "a waiver counts until a day"
    _record(ws, run_id="passes")
    assert is_done("publish")

    # The command says it without Dagster, dbt and Great Expectations.
    environment(ws)
    for name in ("orchestration.definitions", "orchestration.defs.in_process"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    settings = {
        "AWS_ENDPOINT_URL_S3": str(ws.store.config.endpoint),
        "AWS_ACCESS_KEY_ID": ws.store.config.access_key_id,
        "AWS_SECRET_ACCESS_KEY": ws.store.config.secret_access_key,
        "AWS_REGION": "us-east-1",
    }
    home = ws.settings.home
    again = ["run", "--year", str(YEAR), "--until", "gate", "--json"]
    done = run_command(again, home, home, settings)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["gate"]["judged"] is False
    assert "was judged before and let through" in done.stderr


def test_the_first_look_after_the_cut_off_is_work(ws: stages.Workspace, landing: Landing) -> None:
    landing.unit(UNIT)
    assert stages._nothing_to_do(ws, YEAR, stages._STAGES["intake"]) is None, "there is no lake"
    stages.intake(ws, YEAR, run_id="r", progress=_quiet)
    assert stages._nothing_to_do(ws, YEAR, stages._STAGES["intake"]) is not None
    with lakehouse.writer(ws.settings, ws.store) as con:
        con.execute("update lake.raw.intake_runs set listed_at = timestamp '2024-12-01'")
    assert stages._nothing_to_do(ws, YEAR, stages._STAGES["intake"]) is None

"""A waiver from its signing to its expiry: gate, record, edition."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration import lakehouse, stages
from orchestration.core.errors import GateBlocked
from orchestration.core.versions import code_versions
from orchestration.gate import waivers
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

YEAR = 2024


def _at(ws: stages.Workspace, now: str) -> stages.Workspace:
    """The same workspace, as another process would open it at that time."""
    return stages.Workspace(replace(ws.settings, fixed_now=datetime.fromisoformat(now)), ws.store)


def _gate(ws: stages.Workspace, run_id: str) -> stages.GateSummary:
    return stages.gate(ws, YEAR, run_id=run_id, progress=no_progress)


def _recorded(ws: stages.Workspace) -> list[dict[str, Any]]:
    snapshot_id = stages._marts_snapshot(ws, YEAR)
    with lakehouse.reader(ws.settings, ws.store) as con:
        return lakehouse.gate_rows(con, YEAR, snapshot_id, code_versions())


def _sign(path: Path, rows: list[dict[str, Any]], until: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, waivers.COLUMNS)
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {
                    "year": YEAR,
                    "suite": row["suite"],
                    "expectation": row["expectation"],
                    "scope": "*",
                    "signed_off_by": "王某",
                    "office": "职成司",
                    "reason": "试运行年度",
                    "signed_on": "2024-12-15",
                    "valid_until": until,
                }
            )


@pytest.mark.slow
def test_a_waiver_is_valid_until_its_last_day(
    ws: stages.Workspace, landing: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "waivers.csv"
    _sign(file, [], "2024-12-15")
    monkeypatch.setattr(waivers, "FILE", file)
    landing.unit("T05-440000-0007")
    landing.performance("T05-440000-0007", {"C_04": 100})
    night = _at(ws, "2024-12-15T00:30:00+08:00")
    stages.intake(night, YEAR, run_id="r", progress=no_progress)
    stages.transform(night, YEAR, run_id="r", progress=no_progress)

    # A year with a single unit is blocked, and the record says so.
    first = _gate(night, "first")
    assert first.blocked
    failed = [row for row in first.rows if not row["success"] and row["severity"] == "critical"]

    # With waivers for the same findings the gate passes, and the record says so.
    _sign(file, failed, "2024-12-15")
    second = _gate(night, "second")
    assert not second.blocked
    assert not lakehouse.blocks(_recorded(ws))
    assert {row["waived_by"] for row in _recorded(ws) if not row["success"]} >= {"职成司王某"}
    assert any("waived by 王某 (职成司)" in line for line in second.lines)

    # After their expiry publication judges again and is blocked; the record is replaced.
    late = _at(ws, "2024-12-16T00:00:00+08:00")
    with pytest.raises(GateBlocked) as blocked:
        stages.publish(late, YEAR, run_id="late", progress=no_progress)
    assert any("expired: waived by 王某" in line for line in blocked.value.lines)
    assert lakehouse.blocks(_recorded(ws))
    # The same holds in one workspace whose gate passed shortly before.
    _gate(night, "third")
    crossing = stages.Workspace(late.settings, ws.store, night.decisions)
    with pytest.raises(GateBlocked):
        stages.publish(crossing, YEAR, run_id="third", progress=no_progress)

    # With new waivers it is published, and the bulletin names signatory, reason and last day.
    _sign(file, failed, "2024-12-20")
    assert not _gate(late, "fourth").blocked
    done = stages.publish(late, YEAR, run_id="fourth", progress=no_progress)
    bulletin = Path(done.folder, "national", "bulletin.html").read_text(encoding="utf-8")
    report = Path(done.folder, "quality", "index.html").read_text(encoding="utf-8")
    text = "职成司王某2024-12-15签批，有效期至2024-12-20：试运行年度"
    assert text in bulletin
    assert text in report
    assert "✗ 阻断" not in report

    # Each judgement is recorded once.
    with lakehouse.reader(ws.settings, ws.store) as con:
        repeated = con.execute(
            "select run_id, suite, expectation from lake.quality.gate_results "
            "group by all having count(*) > 1"
        ).fetchall()
    assert repeated == []

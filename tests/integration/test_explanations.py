"""Explanations of warnings: in the landing zone, the receipt, the warehouse and the gate."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestration import lakehouse, stages
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

UNIT, OTHER = "T05-440000-0007", "T05-440000-0008"
#: RC_16 warns: C_05 is above twice C_04. RC_11 blocks: C_05 is not the sum of its parts.
WARNED = {"C_04": 100, "C_05": 300, "C_06": 100, "C_07": 100, "C_08": 100}
BLOCKED = {"C_04": 100, "C_05": 90, "C_06": 1, "C_07": 1, "C_08": 1}


def _explain(landing: Landing, unit: str, rule: str, text: str, **more: Any) -> str:
    return landing.document(
        "explanation", province="440000", unit_code=unit, rule_id=rule, text=text, **more
    )


def _run(ws: stages.Workspace) -> list[tuple[Any, ...]]:
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    stages.transform(ws, 2024, run_id="r", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        return con.execute(
            "select unit_code, code, severity, explanation from lake.quality.submission_errors "
            "where code in ('RC_16', 'RC_11', 'W306', 'W301', 'E117') order by all"
        ).fetchall()


def test_a_warning_is_explained_and_an_error_is_not(ws: stages.Workspace, landing: Landing) -> None:
    for unit in (UNIT, OTHER):
        landing.unit(unit)
    landing.performance(UNIT, WARNED, name="warned.json")
    landing.performance(OTHER, BLOCKED)
    assert _run(ws) == [
        (UNIT, "RC_16", "warning", None),
        (OTHER, "RC_11", "error", None),
    ]
    _explain(landing, UNIT, "RC_16", "上年结转", submitted_at="2024-11-02T09:00:00+08:00")
    _explain(landing, UNIT, "RC_16", "上年结转资金", submitted_at="2024-11-03T09:00:00+08:00")
    # Too late, about an error, about a rule that doesn't fire, about a rule that doesn't exist.
    _explain(landing, UNIT, "RC_16", "逾期", submitted_at="2024-12-15T00:00:00+08:00")
    _explain(landing, OTHER, "RC_11", "说明", submitted_at="2024-11-03T09:00:00+08:00")
    _explain(landing, UNIT, "RC_17", "说明", submitted_at="2024-11-03T09:00:00+08:00")
    _explain(landing, UNIT, "RC_99", "说明", submitted_at="2024-11-03T09:00:00+08:00")
    assert _run(ws) == [
        (UNIT, "E117", "error", None),
        (UNIT, "RC_16", "warning", "上年结转资金"),
        (UNIT, "W301", "warning", None),
        (UNIT, "W306", "warning", None),
        (OTHER, "RC_11", "error", None),
        (OTHER, "W306", "warning", None),
    ]
    receipt = json.loads(
        ws.store.get("publication", "receipts/year=2024/province=440000/warned.json.receipt.json")
    )
    [warning] = [item for item in receipt["errors"] if item["code"] == "RC_16"]
    assert warning["explanation"] == "上年结转资金"
    assert "C_04=100，C_05=300" in warning["message_zh"]


def _receipt(ws: stages.Workspace, name: str) -> list[dict[str, Any]]:
    key = f"receipts/year=2024/province=440000/{name}.receipt.json"
    errors: list[dict[str, Any]] = json.loads(ws.store.get("publication", key))["errors"]
    return errors


@pytest.mark.slow
def test_explanations_of_intakes_warnings_and_of_values_corrected_later(
    ws: stages.Workspace, landing: Landing
) -> None:
    """Warnings of intake can be explained too; an explanation without a warning gets W306."""
    landing.unit(UNIT)
    landing.performance(UNIT, WARNED, name="report.json")
    landing.assessment(UNIT, 81.25, name="score.json")
    _explain(landing, UNIT, "RC_16", "上年结转", name="why.json")
    # Of two submitted at the same time the greater document_id counts; the other gets no finding.
    for code in ("W118", "W208", "W118"):
        _explain(landing, UNIT, code, f"说明{code}", name=f"{code}.json")
    _run(ws)
    with lakehouse.reader(ws.settings, ws.store) as con:
        found = con.execute(
            "select code, count(*) = count(explained_by), min(explanation), max(explained_by) "
            "from lake.quality.submission_errors group by code order by code"
        ).fetchall()
    assert found == [
        ("RC_16", True, "上年结转", "d000005"),
        ("W118", True, "说明W118", "d000008"),
        ("W208", True, "说明W208", "d000007"),
    ]
    assert [error["explained_by"] for error in _receipt(ws, "score.json")] == ["d000008"]
    assert _receipt(ws, "why.json") == []

    landing.performance(
        UNIT, WARNED | {"C_04": 300}, name="report.json", submitted_at="2024-11-05T09:00:00+08:00"
    )
    assert (UNIT, "W306", "warning", None) in _run(ws)
    [error] = _receipt(ws, "why.json")
    assert (error["code"], error["explained_by"], error["explanation"]) == ("W306", None, None)


@pytest.mark.slow
def test_a_failed_rule_names_all_its_operands(ws: stages.Workspace, landing: Landing) -> None:
    """Also last year's value and the target, which are in no document of this year."""
    landing.unit(UNIT, year=2023)
    landing.performance(UNIT, {"C_04": 100}, year=2023, name="before.json")
    landing.plan(UNIT, {"2024": {"C_04": 50}}, submitted_at="2024-08-01T09:00:00+08:00")
    landing.performance(UNIT, {"C_04": 1000000 // 2}, name="now.json")
    _run(ws)
    with lakehouse.reader(ws.settings, ws.store) as con:
        found = dict(
            con.execute(
                "select code, message_zh from lake.quality.submission_errors "
                "where year = 2024 and code in ('RC_20', 'RC_21')"
            ).fetchall()
        )
    assert "C_04=500000，目标C_04=50" in found["RC_20"]
    assert "C_04=500000，上年C_04=100" in found["RC_21"]


@pytest.mark.slow
def test_a_lake_of_an_earlier_version_gets_the_new_columns(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    with lakehouse.writer(ws.settings, ws.store) as con:
        con.execute("alter table lake.quality.submission_errors drop column explanation")
        con.execute("alter table lake.quality.submission_errors drop column explained_by")
        con.execute("alter table lake.raw.performances drop column location")
        # Columns added again have another position; rows are inserted by name.
        con.execute("alter table lake.raw.explanations drop column unit_code")
        con.execute("alter table lake.raw.performance_values drop column value_text")
        con.execute("alter table lake.quality.gate_results drop column waived_by")
    landing.performance(UNIT, WARNED)
    _explain(landing, UNIT, "RC_16", "上年结转")
    assert (UNIT, "RC_16", "warning", "上年结转") in _run(ws)
    with lakehouse.writer(ws.settings, ws.store) as con:
        row = {"year": 2024, "run_id": "r", "snapshot_id": 1, "severity": "critical"}
        row |= {"suite": "s", "expectation": "e", "success": False, "waived_by": "处长"}
        row |= dict.fromkeys(("observed", "threshold", "reason", "detail"), "x")
        versions = {"figures_version": "f", "edition_version": "e"}
        lakehouse.record_gate(con, [row], versions)
        assert lakehouse.gate_rows(con, 2024, 1, versions) == [row | versions]
        assert not lakehouse.gate_rows(con, 2024, 1, versions | {"edition_version": "another"})

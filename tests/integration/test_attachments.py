"""Report files that documents name: their presence and content, from landing to receipt."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from orchestration import lakehouse, stages
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

UNIT = "T05-440000-0007"
OWN = f"attachments/year=2024/province=440000/{UNIT}/"
PDF = b"%PDF-1.7\n%\n"


def _intake_and_transform(ws: stages.Workspace) -> stages.IntakeSummary:
    done = stages.intake(ws, 2024, run_id="r", progress=no_progress)
    stages.transform(ws, 2024, run_id="r", progress=no_progress)
    return done


def _findings(ws: stages.Workspace) -> list[tuple[Any, ...]]:
    with lakehouse.reader(ws.settings, ws.store) as con:
        return con.execute(
            "select document_id, code, location, value from lake.quality.submission_errors "
            "where year = 2024 and code like 'E4%' order by all"
        ).fetchall()


def _sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_each_fault_of_a_report_file_has_its_code(ws: stages.Workspace, landing: Landing) -> None:
    landing.unit(UNIT)
    cases: dict[str, tuple[str, bytes | None, str | None, str | None]] = {
        # name: key, body in the store, sha256 in the document, finding
        "sound": (OWN + "a.pdf", PDF, _sha(PDF), None),
        "sha256-in-capitals": (OWN + "a.pdf", PDF, _sha(PDF).upper(), None),
        "no-sha256": (OWN + "a.pdf", PDF, None, None),
        "missing": (OWN + "b.pdf", None, _sha(PDF), "E401"),
        "other-content": (OWN + "c.pdf", PDF + b"x", _sha(PDF), "E402"),
        "a-program": (OWN + "d.pdf", b"MZ" + PDF[5:], None, "E403"),
        "unknown-extension": (OWN + "d.exe", PDF, _sha(PDF), "E403"),
        "empty": (OWN + "e.pdf", b"", _sha(b""), "E404"),
        "of-another-unit": (OWN.replace("0007", "0008") + "f.pdf", PDF, _sha(PDF), "E406"),
        "path-trick": (OWN + "../../x.pdf", None, None, "E401"),
        "outside": ("performance/year=2024/province=440000/sound.json", None, None, "E406"),
    }
    for number, (name, (key, body, sha, _)) in enumerate(cases.items()):
        if body is not None:
            landing.put(key, body)
        report = {"object_key": key, "sha256": sha, "pages": 1}
        at = f"2024-11-01T09:00:{number:02d}+08:00"
        landing.performance(UNIT, {"C_04": 1}, name=f"{name}.json", report=report, submitted_at=at)
    done = _intake_and_transform(ws)
    assert done.reports == len({key for key, body, _, _ in cases.values() if body is not None})
    found = {value: code for _, code, location, value in _findings(ws) if location}
    assert {location for _, _, location, _ in _findings(ws)} == {"/report/object_key"}
    expected = {key: code for key, _, _, code in cases.values() if code}
    assert found == expected
    receipt = ws.store.get(
        "publication", "receipts/year=2024/province=440000/missing.json.receipt.json"
    )
    content = json.loads(receipt)
    assert content["status"] == "accepted_with_errors"
    [error] = [each for each in content["errors"] if each["code"] == "E401"]
    assert "上传" in error["message_zh"]
    assert error["value"] == OWN + "b.pdf"


@pytest.mark.slow
def test_a_file_may_land_after_its_document_and_change(
    ws: stages.Workspace, landing: Landing
) -> None:
    landing.unit(UNIT)
    key = OWN + "report.pdf"
    report = {"object_key": key, "sha256": _sha(PDF), "pages": 1}
    landing.performance(UNIT, {"C_04": 1}, report=report)
    assert _intake_and_transform(ws).reports == 0
    assert [code for _, code, _, _ in _findings(ws)] == ["E401"]
    landing.put(key, PDF)
    assert _intake_and_transform(ws).reports == 1
    assert _findings(ws) == []
    assert _intake_and_transform(ws).reports == 0
    landing.put(key, PDF + b"changed")
    assert _intake_and_transform(ws).reports == 1
    assert [code for _, code, _, _ in _findings(ws)] == ["E402"]
    ws.store.delete("landing", [key])
    _intake_and_transform(ws)
    assert [code for _, code, _, _ in _findings(ws)] == ["E401"]


@pytest.mark.slow
def test_the_size_limit_is_a_setting(ws: stages.Workspace, landing: Landing) -> None:
    object.__setattr__(ws.settings, "max_attachment_bytes", 1000)
    larger = UNIT[:-1] + "2"
    for unit, size in ((UNIT, 1000), (larger, 1001)):
        landing.unit(unit)
        report = landing.report(f"province=440000/{unit}", body=PDF.ljust(size))
        landing.performance(unit, {"C_04": 1}, report=report)
    _intake_and_transform(ws)
    [(_, code, _, key)] = _findings(ws)
    assert code == "E405"
    assert larger in key

"""The demo year: it is repeatable and marked as synthetic; its evaluation of rules."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from typing import Any

import pytest

from orchestration import stages
from orchestration.core.catalogue import load_catalogue
from orchestration.demo import DemoSummary, generate
from orchestration.demo.faults import BROKEN_OBJECTS, REJECTED_DOCUMENTS
from orchestration.demo.rules import Expression
from orchestration.demo.truth import decimal_text, round_quotient
from orchestration.demo.world import build_world


def _make(ws: stages.Workspace, **changes: Any) -> DemoSummary:
    wanted: dict[str, Any] = {"year": 2024, "scale": 0.01, "seed": 7, "faults": "default"} | changes
    return generate(ws.store, ws.settings, progress=lambda _: None, **wanted)


def _objects(ws: stages.Workspace) -> dict[str, bytes]:
    listing = ws.store.list("landing")
    return {fetched.info.key: fetched.body for fetched in ws.store.get_many("landing", listing)}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(ws: stages.Workspace) -> None:
    first = _make(ws)
    objects = _objects(ws)
    truth = (ws.settings.home / "demo" / "truth-2024.json").read_bytes()
    assert len(objects) == first.objects
    _make(ws, seed=8)
    # Objects of the first demo that the second didn't write are deleted; other objects stay.
    ws.store.put("landing", "registration/year=2024/province=110000/mine.json", b"{}")
    assert _objects(ws).keys() != objects.keys()
    _make(ws)
    mine = {"registration/year=2024/province=110000/mine.json": b"{}"}
    assert _objects(ws) == objects | mine
    assert (ws.settings.home / "demo" / "truth-2024.json").read_bytes() == truth


def test_every_document_is_marked_synthetic_and_has_a_fictitious_contact(
    ws: stages.Workspace,
) -> None:
    _make(ws, faults="none")
    for key, body in _objects(ws).items():
        if key.startswith("attachments/"):
            assert b"Synthetic" in body
            continue
        for line in body.decode().splitlines():
            document = json.loads(line)
            assert document["synthetic"] is True
            if "contact" in document:
                assert document["contact"]["email"].endswith("@example.invalid")


def test_every_report_named_in_a_document_exists(ws: stages.Workspace) -> None:
    import hashlib

    _make(ws, faults="none")
    objects = _objects(ws)
    reports = [
        json.loads(body)["report"]
        for key, body in objects.items()
        if key.startswith("performance/year=2024/")
    ]
    assert reports
    for report in reports:
        assert hashlib.sha256(objects[report["object_key"]]).hexdigest() == report["sha256"]


def _truth(ws: stages.Workspace) -> dict[str, Any]:
    """The expected marts, without what depends on the objects that documents came in."""
    truth = json.loads((ws.settings.home / "demo" / "truth-2024.json").read_text())
    for year in truth["years"].values():
        del year["objects"]
        for finding in year["findings"]:
            del finding["object_key"]
        year["findings"].sort(key=json.dumps)
    return dict(truth)


def _documents(objects: dict[str, bytes]) -> list[bytes]:
    """The objects' lines, and whole objects of other formats."""
    lines = [
        body.splitlines() if key.endswith((".json", ".jsonl")) else [body]
        for key, body in objects.items()
    ]
    return sorted(line for each in lines for line in each)


def test_a_bulk_demo_has_the_same_documents_in_fewer_objects_and_the_same_truth(
    ws: stages.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _make(ws)
    truth, documents = _truth(ws), _documents(_objects(ws))
    # So few that provinces have more than one object.
    monkeypatch.setattr(sys.modules[generate.__module__], "_PER_OBJECT", 3)
    bulk = _make(ws, bulk=True)
    objects = _objects(ws)
    assert _documents(objects) == documents
    assert _truth(ws) == truth
    assert (plain.units, plain.documents) == (bulk.units, bulk.documents)
    whole = [key for key in objects if key.startswith("performance/") and "performances-" in key]
    assert any(key.endswith("-2.jsonl") for key in whole)
    assert all(objects[key].count(b"\n") <= 3 for key in whole)
    # The keys of the findings are those of the objects.
    for year in json.loads((ws.settings.home / "demo" / "truth-2024.json").read_text())[
        "years"
    ].values():
        assert {finding["object_key"] for finding in year["findings"]} <= objects.keys()


def test_a_demo_without_reports_has_none(ws: stages.Workspace) -> None:
    _make(ws, bulk=True, reports=False)
    keys = _objects(ws).keys()
    assert not [key for key in keys if key.endswith("/report.pdf")]


def test_scale_1_has_about_12000_units_in_every_province_and_task() -> None:
    world = build_world(load_catalogue(), 2024, 1.0, 7)
    assert 11_500 <= len(world.units) <= 12_500
    cells = {(unit.province_code, unit.task_code) for unit in world.units}
    assert len(cells) == 32 * 11


def test_kinds_of_faults_have_known_error_codes() -> None:
    known = load_catalogue().error_codes
    assert {code for code, _ in REJECTED_DOCUMENTS.values()} <= known.keys()
    assert {code for code, _, _ in BROKEN_OBJECTS.values()} <= known.keys()


@pytest.mark.parametrize(
    ("text", "values", "fires"),
    [
        ("A_1 <= A_2", {"A_1": 3, "A_2": 2}, True),
        ("A_1 <= A_2", {"A_1": 2, "A_2": 2}, False),
        ("A_1 <= A_2", {"A_1": 3}, False),
        ("A_1 / A_2 <= 1", {"A_1": 3, "A_2": 0}, False),
        ("not (A_1 = 0 and A_2 > 0)", {"A_1": 0, "A_2": 1}, True),
        ("not (A_1 = 0 and A_2 > 0)", {"A_1": 0}, False),
        # false or null is null; false and null is false
        ("A_1 > 1 or A_2 > 1", {"A_1": 0}, False),
        ("A_1 > 1 and A_2 > 1", {"A_1": 0}, True),
        ("abs(A_1 - A_2) <= 0.01", {"A_1": Fraction(1, 100), "A_2": 0}, False),
        ("abs(A_1 - A_2) <= 0.01", {"A_1": Fraction(11, 1000), "A_2": 0}, True),
    ],
)
def test_a_rule_fires_only_if_it_is_definitely_false(
    text: str, values: dict[str, Any], fires: bool
) -> None:
    assert Expression(text).is_false(values) is fires


def test_every_rule_of_the_seed_can_be_evaluated() -> None:
    for rule in load_catalogue().rules.values():
        assert Expression(rule.expression).names


def test_quotients_are_rounded_half_away_from_zero() -> None:
    assert [round_quotient(n, 2) for n in (1, 3, -1, -3)] == [1, 2, -1, -2]
    assert round_quotient(1, 0) is None
    assert decimal_text(-1_500_000) == "-1.500000"

"""Parsing one object: which documents are accepted or rejected, with which code and location."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestration.intake.checks import check_document
from orchestration.intake.contracts import SCHEMA_FOLDER, Return, json_schemas
from orchestration.intake.documents import WITHHELD, ParsedObject, parse_object
from orchestration.intake.formats import Limits
from orchestration.intake.places import place_of

UNIT = "T05-440000-0007"
LIMITS = Limits(expanded_bytes=2**24, rows=10_000)
RECEIVED = datetime(2024, 12, 1, tzinfo=UTC)
PERFORMANCE = {
    "document_type": "performance",
    "schema_version": 1,
    "document_id": "d1",
    "submitted_at": "2024-12-01T10:00:00+08:00",
    "unit_code": UNIT,
    "year": 2024,
    "values": {"C_04": 10, "T05_06": "是"},
    "report": {"object_key": "attachments/x.pdf", "sha256": "0" * 64, "pages": 3},
    "highlight": "经验",
}
REGISTRATION = {
    "document_id": "r1",
    "submitted_at": "2023-08-01T00:00:00Z",
    "unit_code": UNIT,
    "unit_name": "示例学校",
    "task_code": "T05",
    "province_code": "440000",
    "level": "provincial",
    "lead_organisation": {"name": "示例学校", "type": "vocational_school"},
    "members": [{"name": "示例企业", "type": "enterprise"}],
    "contact": {"name": "某", "phone": "000", "email": "a@example.invalid"},
}


def parse(document: Any, kind: str = "performance", province: str = "440000") -> ParsedObject:
    key = f"{kind}/year=2024/province={province}/a.json"
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse_object(place_of(key, 2024), key, body, LIMITS, RECEIVED)


def codes(parsed: ParsedObject) -> list[tuple[str, str]]:
    return [(finding.code, finding.location) for finding in parsed.findings]


def test_a_valid_document_has_no_findings() -> None:
    parsed = parse(PERFORMANCE)
    assert codes(parsed) == []
    [document] = parsed.documents
    assert document.unit_code == UNIT
    assert [(code, read.number) for code, read in document.values] == [
        ("C_04", "10"),
        ("T05_06", "1"),
    ]


@pytest.mark.parametrize("kind", ["performance", "plan"])
def test_a_key_of_any_length_is_shown_in_part(kind: str) -> None:
    keys = ["C" * 1_000_000 + end for end in "ab"]
    values = dict.fromkeys(keys, "?") | {"C_04": 35}
    fields = {"values": values} if kind == "performance" else {"targets": {"2024": values}}
    parsed = parse({**PERFORMANCE, "document_type": kind, **fields}, kind)
    [document] = parsed.documents
    read = [code for code, _ in document.values] or [code for _, code, _ in document.targets]
    assert len(set(read)) == 3
    assert max(map(len, read)) < 80
    place = place_of(f"{kind}/year=2024/province=440000/a.json", 2024)
    found = [*parsed.findings, *check_document(place, document, RECEIVED)]
    assert all(len(str(each)) < 2_000 for each in found)


def test_every_spelling_of_a_time_keeps_its_offset() -> None:
    for spelling in ("2024-12-14T16:00:00Z", "2024-12-14T11:00:00-05:00"):
        [document] = parse(PERFORMANCE | {"submitted_at": spelling}).documents
        assert document.model.submitted_at in {
            "2024-12-14T16:00:00+00:00",
            "2024-12-14T11:00:00-05:00",
        }


@pytest.mark.parametrize(
    ("change", "code", "location"),
    [
        ({"submitted_at": "2024-12-01 10:00"}, "E112", "/submitted_at"),
        ({"submitted_at": 1733018400}, "E112", "/submitted_at"),
        ({"document_id": "x" * 65}, "E113", "/document_id"),
        ({"document_id": None}, "E101", "/document_id"),
        ({"document_id": 5}, "E102", "/document_id"),
        ({"schema_version": 2}, "E110", "/schema_version"),
        ({"year": 2023}, "E104", "/year"),
        ({"year": "about 2024"}, "E116", "/year"),
        ({"unit_code": "T05-440000"}, "E106", "/unit_code"),
        ({"unit_code": "T99-440000-0001"}, "E106", "/unit_code"),
        ({"unit_code": "T05-330000-0001"}, "E105", "/unit_code"),
        ({"document_type": "plan"}, "E107", "/document_type"),
        ({"values": [1, 2]}, "E102", "/values"),
    ],
)
def test_a_mistake_rejects_the_document(change: dict[str, Any], code: str, location: str) -> None:
    parsed = parse(PERFORMANCE | change)
    assert parsed.documents == []
    assert parsed.total == 1
    assert codes(parsed) == [(code, location)]
    assert parsed.findings[0].severity == "error"
    assert parsed.findings[0].message_zh
    assert "{" not in parsed.findings[0].message_zh.replace(json.dumps(change), "")


@pytest.mark.parametrize("name", ["document_id", "submitted_at", "unit_code", "year", "values"])
def test_a_missing_field_rejects_the_document(name: str) -> None:
    document = {key: value for key, value in PERFORMANCE.items() if key != name}
    assert codes(parse(document)) == [("E101", f"/{name}")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"highlight": "长" * 501}, "E113"),
        ({"report": {"object_key": "", "pages": 3}}, "E101"),
        ({"report": "attachments/x.pdf"}, "E102"),
    ],
)
def test_a_wrong_optional_field_does_not_reject_the_document(
    change: dict[str, Any], code: str
) -> None:
    parsed = parse(PERFORMANCE | change)
    assert [finding.code for finding in parsed.findings] == [code]
    assert parsed.findings[0].severity == "warning"
    [document] = parsed.documents
    assert document.values


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"a":', "E001"),
        (b"\xff\xfe\x00", "E003"),
        (b"[" * 10_000, "E004"),
        (b"", "E007"),
        (b"[]", "E007"),
        (b'{"a": 1, "a": 1}', "E008"),
        (b"\x00", "E001"),
        (b"null", "E102"),
        (b'"text"', "E102"),
    ],
)
def test_an_object_that_cannot_be_read(body: bytes, code: str) -> None:
    parsed = parse(body)
    assert parsed.documents == []
    assert [finding.code for finding in parsed.findings] == [code]


@pytest.mark.parametrize(
    "key",
    [
        "performance/a.json",
        "nonsense/year=2024/province=440000/a.json",
        "performance/year=2024/province=999999/a.json",
        "performance/year=24/province=440000/a.json",
        "a.json",
    ],
)
def test_a_key_outside_the_layout(key: str) -> None:
    parsed = parse_object(place_of(key, 2024), key, b"{}", LIMITS, RECEIVED)
    assert codes(parsed) == [("E006", "")]


def test_an_unsupported_format_is_rejected() -> None:
    key = "performance/year=2024/province=440000/a.exe"
    assert codes(parse_object(place_of(key, 2024), key, b"MZ", LIMITS, RECEIVED)) == [("E005", "")]


def test_only_the_ministry_recognises_and_sends_nothing_else() -> None:
    review = {
        "document_id": "v1",
        "submitted_at": "2024-01-01T00:00:00+08:00",
        "unit_code": UNIT,
        "stage": "national_recognition",
        "decision": "approved",
        "decided_on": "2024-01-01",
    }
    assert codes(parse(review, "review", "000000")) == []
    assert codes(parse(review, "review", "440000")) == [("E111", "/stage")]
    assert codes(parse(PERFORMANCE, "performance", "000000")) == [("E111", "")]
    assert codes(parse(review | {"stage": "removal"}, "review", "440000")) == []
    assert codes(parse(review | {"decided_on": "1 May"}, "review", "000000")) == [
        ("E116", "/decided_on")
    ]


def test_a_contact_is_never_repeated() -> None:
    """A finding about a contact names its location and never its value."""
    phone = "13900000000"
    spoilt = REGISTRATION | {"contact": {"name": [phone], "phone": {"a": phone}, "email": 1.5}}
    bodies = [
        parse(spoilt, "registration"),
        parse(REGISTRATION | {"contact": phone}, "registration"),
        parse([[phone]], "registration"),
        parse(b'{"contact": {"phone": "' + phone.encode() + b'",}}', "registration"),
    ]
    for parsed in bodies:
        assert parsed.findings
        for found in parsed.findings:
            finding_text = f"{found.value} {found.message_zh} {found.message_en}"
            assert phone not in finding_text
            assert WITHHELD in finding_text


def test_registration() -> None:
    assert codes(parse(REGISTRATION, "registration")) == []
    assert codes(parse(REGISTRATION | {"level": "national"}, "registration")) == [
        ("E103", "/level")
    ]
    assert codes(parse(REGISTRATION | {"task_code": "T06"}, "registration")) == [
        ("E115", "/task_code")
    ]
    assert codes(parse(REGISTRATION | {"province_code": "330000"}, "registration")) == [
        ("E105", "/province_code")
    ]
    assert codes(parse(REGISTRATION | {"members": "a;b"}, "registration")) == [("E102", "/members")]


def test_plan_targets_are_read_one_by_one() -> None:
    plan = {
        "document_id": "p1",
        "submitted_at": "2024-01-01T00:00:00+08:00",
        "unit_code": UNIT,
        "targets": {"2024": {"C_04": "1,000", "C_05": "约300", "C_06": None}},
    }
    parsed = parse(plan, "plan")
    assert codes(parsed) == [("E201", "/targets/2024/C_05")]
    [document] = parsed.documents
    assert [(year, code, read.number) for year, code, read in document.targets] == [
        (2024, "C_04", "1000"),
        (2024, "C_05", None),
    ]
    assert codes(parse(plan | {"targets": {"next": {}}}, "plan"))[0][0] == "E103"


@pytest.mark.parametrize(
    ("score", "code"), [(101, "E114"), (-1, "E114"), ("高", "E116"), (88.25, "W118")]
)
def test_assessment_scores(score: object, code: str) -> None:
    assessment = {
        "document_id": "a1",
        "submitted_at": "2024-12-10T00:00:00+08:00",
        "unit_code": UNIT,
        "year": 2024,
        "score": score,
        "grade": "good",
    }
    parsed = parse(assessment, "assessment")
    assert codes(parsed) == [(code, "/score")]
    assert len(parsed.documents) == (1 if code == "W118" else 0)


def test_one_bad_document_does_not_reject_the_others() -> None:
    lines = [PERFORMANCE, {**PERFORMANCE, "document_id": "d2", "year": 2020}]
    body = "\n".join(json.dumps(line) for line in lines).encode()
    parsed = parse(body)
    assert parsed.total == 2
    assert len(parsed.documents) == 1
    assert codes(parsed) == [("E104", "/1/year")]


def test_the_published_schemas_equal_those_of_the_code() -> None:
    published = {path.name: path.read_text("utf-8") for path in SCHEMA_FOLDER.glob("*.json")}
    assert published == json_schemas()


RETURN = {
    "document_id": "b1",
    "submitted_at": "2024-11-01T10:00:00+08:00",
    "unit_code": UNIT,
    "year": 2024,
    "returns_document_id": "d1",
    "reason": "请核对经费，电话 13800138000",
    "due_on": "2024-11-15",
}


@pytest.mark.parametrize("sender", ["440000", "000000"])
def test_the_province_and_the_ministry_return_documents(sender: str) -> None:
    parsed = parse(RETURN, "return", sender)
    assert codes(parsed) == [("W126", "")]
    [document] = parsed.documents
    assert isinstance(document.model, Return)
    assert document.model.reason == "请核对经费，电话 〔联系方式略〕"


def test_a_return_names_a_document_or_the_return_that_it_withdraws() -> None:
    assert codes(parse(RETURN, "return", "110000")) == [("E105", "/unit_code")]
    for name in ("returns_document_id", "reason"):
        assert codes(parse(RETURN | {name: None}, "return")) == [("E061", "")]
    withdrawal = {name: RETURN[name] for name in ("document_id", "submitted_at", "unit_code")}
    withdrawal |= {"year": 2024, "withdraws_document_id": "b1"}
    assert codes(parse(withdrawal, "return")) == []


VERIFICATION = {
    "document_id": "v1",
    "submitted_at": "2025-04-20T10:00:00+08:00",
    "unit_code": "T05-440000-0007",
    "year": 2024,
    "verified_on": "2025-04-18",
    "result": "unsound",
    "findings": "现场清点少于填报数",
    "requirement": "按清点数更正",
    "due_on": "2025-06-30",
}


@pytest.mark.parametrize("sender", ["440000", "000000"])
def test_the_province_and_the_ministry_verify_data(sender: str) -> None:
    assert codes(parse(VERIFICATION, "verification", sender)) == []
    closed = VERIFICATION | {"closed_on": "2025-06-01"}
    assert codes(parse(closed, "verification", sender)) == []


def test_a_verification_says_what_is_wrong_what_to_do_and_by_when() -> None:
    for name in ("findings", "requirement", "due_on"):
        parsed = parse(VERIFICATION | {name: None}, "verification")
        assert codes(parsed) == [("E064", "")]
    sound = {
        name: VERIFICATION[name]
        for name in VERIFICATION
        if name not in ("findings", "requirement", "due_on")
    } | {"result": "sound"}
    assert codes(parse(sound, "verification")) == []


def test_nothing_is_due_or_closed_before_the_verification() -> None:
    for name in ("due_on", "closed_on"):
        parsed = parse(VERIFICATION | {name: "2025-04-17"}, "verification")
        assert codes(parsed) == [("E065", f"/{name}")]


CONFIRMATION = {
    "document_id": "c1",
    "submitted_at": "2024-12-14T10:00:00+08:00",
    "province_code": "440000",
    "year": 2024,
    "task_code": None,
    "statistician": "王某某",
    "reviewer": "李某某",
    "responsible": "赵某某",
    "signed_on": "2024-12-13",
    "document_digest": "9f" * 32,
    "scan": {"object_key": "attachments/year=2024/province=440000/c.pdf", "sha256": "0" * 64},
}


def test_a_province_confirms_its_data_and_no_name_is_quoted() -> None:
    assert codes(parse(CONFIRMATION, "confirmation")) == []
    assert codes(parse(CONFIRMATION | {"task_code": "T05"}, "confirmation")) == []
    assert codes(parse(CONFIRMATION | {"task_code": "T77"}, "confirmation")) == [
        ("E103", "/task_code")
    ]
    assert codes(parse(CONFIRMATION, "confirmation", "000000"))[0] == ("E111", "")
    assert codes(parse(CONFIRMATION, "confirmation", "110000")) == [("E105", "/province_code")]
    wrong = CONFIRMATION | {"reviewer": ["李某某"], "responsible": "赵某某" * 200}
    findings = parse(wrong, "confirmation").findings
    assert {(finding.code, finding.location) for finding in findings} == {
        ("E102", "/reviewer"),
        ("E113", "/responsible"),
    }
    assert not any("某" in repr(finding) for finding in findings)


EDITORIAL = {
    "document_id": "t1",
    "submitted_at": "2024-12-14T10:00:00+08:00",
    "bulletin": "440000",
    "year": 2024,
    "section": "总体情况",
    "text": "各单位按时报送。",
}


@pytest.mark.parametrize(
    ("bulletin", "sender", "code"),
    [
        ("440000", "440000", None),
        ("national", "000000", None),
        ("T05", "000000", None),
        ("national", "440000", "E111"),
        ("T05", "440000", "E111"),
        ("110000", "440000", "E111"),
        ("440000", "000000", "E111"),
        ("T77", "000000", "E103"),
    ],
)
def test_who_writes_for_which_bulletin(bulletin: str, sender: str, code: str | None) -> None:
    parsed = parse(EDITORIAL | {"bulletin": bulletin}, "editorial", sender)
    assert codes(parsed) == ([(code, "/bulletin")] if code else [])

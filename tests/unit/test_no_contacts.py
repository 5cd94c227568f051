"""No finding and no published field of a document shows a contact, wherever somebody wrote it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import STRUCK
from orchestration.intake.contracts import MODELS, Part
from orchestration.intake.documents import ParsedObject
from tests.fixtures.objects import parse

WRITTEN = "王老师13800138000、０１０－６６０９６１１４、wang@example.edu.cn、44010619900101123X"
SECRETS = ("13800138000", "6609", "６６０９", "wang@", "19900101")
CONTACT = {"name": "王老师", "phone": "66096114", "email": "wang@example.edu.cn"}
REGISTRATION: dict[str, Any] = {
    "document_id": "r1",
    "submitted_at": "2024-08-01T00:00:00+08:00",
    "unit_code": "T05-440000-0007",
    "unit_name": "示例学校",
    "task_code": "T05",
    "province_code": "440000",
    "city_name": "广州市",
    "level": "provincial",
    "category": "",
    "lead_organisation_name": "示例学校",
    "lead_organisation_type": "vocational_school",
    "members": "示例企业:enterprise",
    "contact_name": CONTACT["name"],
    "contact_phone": CONTACT["phone"],
    "contact_email": CONTACT["email"],
}
FULL: dict[str, Any] = {
    "document_id": "d",
    "submitted_at": "2024-11-01T09:00:00+08:00",
    "unit_code": "T05-440000-0007",
    "year": 2024,
    "unit_name": "示例学校",
    "level": "school",
    "stage": "warning",
    "decision": "approved",
    "decided_on": "2024-11-01",
    "values": {"C_04": 1},
    "targets": {"2024": {"C_04": 1}},
    "score": 90,
    "grade": "good",
    "task_code": "T05",
    "rule_id": "W208",
    "text": "说明",
    "returns_document_id": "d0",
    "reason": "退回",
    "statistician": "甲",
    "reviewer": "乙",
    "responsible": "丙",
    "signed_on": "2024-11-01",
    "document_digest": "0" * 64,
    "bulletin": "440000",
    "section": "概况",
    "report": {"object_key": "a.pdf"},
    "lead_organisation": {"name": "学校", "type": "enterprise"},
    "members": [{"name": "企业", "type": "enterprise"}],
    "evidence": [{"object_key": "a.pdf", "title": "材料"}],
    "scan": {"object_key": "a.pdf"},
}


def _published(part: Part) -> Iterator[Any]:
    """Yield the texts of a document, except those that stay in ``raw``."""
    hidden = {"object_key", "sha256", "targets", *getattr(part, "personal_fields", ())}
    for name, value in part:
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, Part):
                yield from _published(each)
            elif name not in hidden:
                yield each


def shown(parsed: ParsedObject) -> list[str]:
    """The secrets in findings and in published fields."""
    texts: list[Any] = [each.__dict__ for each in parsed.findings]
    for document in parsed.documents:
        texts += [*_published(document.model), *document.values, *document.targets]
    return [secret for secret in SECRETS for text in texts if secret in str(text)]


def _with(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of a content with another value at a path."""
    copy = json.loads(json.dumps(content))
    place = copy
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return copy


_PARTS = [
    ("report", "object_key"), ("report", "sha256"), ("report", "pages"),
    ("lead_organisation", "name"), ("lead_organisation", "type"),
    ("members", 0, "name"), ("members", 0, "type"), ("evidence", 0, "title"),
    ("evidence", 0, "sha256"), ("scan", "sha256"), ("values", "C_04"), ("values", WRITTEN),
    ("targets", WRITTEN), ("targets", "2024", "C_04"), ("targets", "2024", WRITTEN),
]  # fmt: skip


@pytest.mark.parametrize("kind", list(MODELS))
def test_a_contact_in_any_field_of_any_document(kind: str) -> None:
    fields = [(name,) for name in MODELS[kind].model_fields]
    for path in [*fields, *(path for path in _PARTS if path[0] in MODELS[kind].model_fields)]:
        for value in (WRITTEN, f"{'长' * 190}{WRITTEN}", [WRITTEN], {WRITTEN: WRITTEN}):
            body = json.dumps(_with(FULL, path, value)).encode()
            assert shown(parse("json", body, kind)) == [], (path, value)


def _table(header: list[str], cells: list[str], **options: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, **options).writerows([header, cells])
    return text.getvalue().encode()


def _orders() -> Iterator[list[str]]:
    """Yield orders of a registration's columns: the contract's, reversed, contacts elsewhere."""
    names = list(REGISTRATION)
    yield names
    yield names[::-1]
    for at in range(0, len(names) - 3, 3):
        rest = [name for name in names if not name.startswith("contact")]
        yield [*rest[:at], "contact_name", "contact_phone", "contact_email", *rest[at:]]


@pytest.mark.parametrize("names", list(_orders()))
@pytest.mark.parametrize("shift", [-2, -1, 1, 2])
def test_a_shifted_registration_shows_no_contact(names: list[str], shift: int) -> None:
    cells = [REGISTRATION[name] for name in names]
    shifted = [*[""] * shift, *cells] if shift > 0 else [*cells[-shift:], *[""] * -shift]
    parsed = parse("csv", _table(names, shifted), "registration")
    assert parsed.findings
    told = [each.__dict__ for each in parsed.findings]
    assert [c for c in CONTACT.values() for each in told if c in str(each)] == []


def test_a_contact_in_the_names_of_a_table() -> None:
    columns = ["document_id", "submitted_at", "unit_code", "year", "indicator_code", "value"]
    cells = ["d", "2024-11-01T09:00:00+08:00", "T05-440000-0007", "2024", "C_04", "1"]
    for name, cell in ((WRITTEN, WRITTEN), ("x", WRITTEN), (WRITTEN, "x")):
        assert shown(parse("csv", _table([*columns, name], [*cells, cell]))) == []
        assert shown(parse("csv", _table(columns, [*cells, cell]))) == []
    for at, _ in enumerate(cells):
        changed = [*cells[:at], WRITTEN, *cells[at + 1 :]]
        assert shown(parse("csv", _table(columns, changed))) == []


@pytest.mark.parametrize("gap", range(0, 70, 7))
def test_a_contact_near_an_error_in_json_is_not_cut_in_two(gap: int) -> None:
    for text in (f'{{"a": "{WRITTEN}"{" " * gap}oops', f'{{"a": oops{" " * gap}"{WRITTEN}"'):
        [finding] = parse("json", text.encode()).findings
        assert finding.code == "E001"
        digits = "".join(each for each in finding.value or "" if each.isdigit())
        assert len(digits) < 7


def test_a_contact_entered_as_a_value_is_an_error_that_does_not_quote_it() -> None:
    values = dict.fromkeys(("C_04", "C_05"), 13800138000)
    parsed = parse("json", json.dumps(FULL | {"values": values}).encode())
    found = [(each.code, each.value) for each in parsed.findings if each.indicator_code in values]
    assert found == [("E201", STRUCK)] * 2


def test_figures_and_codes_are_left() -> None:
    values = dict.fromkeys(("C_04", "C_05"), 20000138000)
    parsed = parse("json", json.dumps(FULL | {"values": values}).encode())
    quoted = [each.value for each in parsed.findings if each.indicator_code in values]
    assert quoted == ["20000138000"] * 2
    about_values = [each for each in parsed.findings if each.indicator_code]
    assert {each.unit_code for each in about_values} == {"T05-440000-0007"}
    assert all(code in load_catalogue().indicators for code in values)

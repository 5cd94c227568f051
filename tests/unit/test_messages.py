"""Messages: an officer's words for what, where, what was seen and what to do."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.core.catalogue import load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.intake import problems
from orchestration.intake.contracts import MODELS
from orchestration.intake.findings import Finding, finding
from orchestration.intake.problems import field_names
from tests.fixtures.objects import parse

#: Words that Chinese messages may hold: formats, programs and names that people type as they are.
_WORDS = {
    *("JSON", "json", "jsonl", "CSV", "csv", "XLSX", "xlsx", "xls", "ods", "Parquet", "parquet"),
    *("Excel", "WPS", "Word", "PDF", "pdf", "ofd", "docx", "doc", "wps", "Strict", "Open", "XML"),
    *("HTML", "LibreOffice", "OpenDocument"),
    *("UTF", "GB18030", "ISO", "sha256", "year", "province", "attachments"),
}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
#: Codes, instants and names of formats that messages give as examples.
_EXAMPLES = re.compile(
    r"T[0-9]{2}-[0-9]{6}-[0-9]{4}|T[0-9]{2}_[0-9]{2}|C_[0-9]{2}|[0-9T:+\-]{20,}|\*\.xlsx"
)
#: Signs of a regular expression or of another notation of programs.
_PATTERN = re.compile(r"[\^$\\|*]|\[[^\]]*-[^\]]*\]|\{[0-9]")


def _strange(text: str) -> list[str]:
    """What an officer can't be expected to read in a Chinese message."""
    plain = _EXAMPLES.sub("", re.sub(r"\{[a-z_]+\}", "", text))
    words = set(_WORD.findall(plain)) - _WORDS
    return sorted(words | set(_PATTERN.findall(plain)))


@pytest.mark.parametrize("code", list(load_catalogue().error_codes))
def test_a_chinese_message_holds_no_english(code: str) -> None:
    row = load_catalogue().error_codes[code]
    for text in (row.message_zh, row.fix_zh):
        assert _strange(text) == []
        assert re.search("[\u4e00-\u9fff]", text)


@pytest.mark.parametrize("code", list(load_catalogue().error_codes))
def test_both_languages_say_the_same_of_a_finding(code: str) -> None:
    row = load_catalogue().error_codes[code]
    chinese, english = (
        set(re.findall(r"\{([a-z_]+)\}", message)) for message in (row.message_zh, row.message_en)
    )
    assert chinese == english
    # What to do is the same for every finding of a code.
    assert "{" not in row.fix_zh + row.fix_en


#: Values of which each field refuses some.
_WRONG: list[Any] = [
    1, -1, 1.5, 2**40, True, "x", "长" * 30_000, "2024", [], ["x"], [{}], [{"name": 1}], {},
    {"9": 1}, "\ud800",
    {"2024": "x"}, {"20240": {}}, {"object_key": 1, "sha256": "zz", "pages": "x"}, {"pages": 1},
    {"name": [], "type": "x"}, {"name": "长" * 400, "type": []},
]  # fmt: skip
_RIGHT: dict[str, Any] = {
    "document_id": "d",
    "submitted_at": "2024-11-01T09:00:00+08:00",
    "unit_code": "T05-440000-0007",
    "year": 2024,
}


def _findings_of_fields() -> Iterator[tuple[str, str, Finding]]:
    """Yield document type, field and finding of every wrong value of every field, and of none."""
    for kind, model in MODELS.items():
        for field in model.model_fields:
            for value in (*_WRONG, None):
                found = parse("json", json.dumps(_RIGHT | {field: value}).encode(), kind).findings
                yield from ((kind, field, each) for each in found)


@pytest.fixture(scope="module")
def told() -> list[tuple[str, str, Finding]]:
    seen: set[str] = set()
    known = problems.PROBLEMS

    class Recorded(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            seen.add(name)
            return super().get(name, default)

    problems.PROBLEMS = Recorded(known)
    try:
        found = list(_findings_of_fields())
    finally:
        problems.PROBLEMS = known
    # Every type of validation error has its words, and no words are left unused.
    assert seen == set(known)
    return found


def test_no_message_about_a_field_shows_a_library_or_a_pattern(
    told: list[tuple[str, str, Finding]],
) -> None:
    codes = {*DOCUMENT_TYPES, *load_catalogue().tasks}
    codes |= {row.code for row in load_catalogue().code_labels}
    for kind, field, each in told:
        # In brackets is the name that the sender gave in place of a year.
        message = re.sub("目标值（[^）]*）", "目标值", each.message_zh)
        for code in sorted(codes, key=len, reverse=True):
            message = message.replace(code, "")
        for text in (each.value, each.indicator_code):
            message = message.replace(text or "\0", "")
        assert _strange(message) == [], (kind, field, each)
        for text in (each.message_zh, each.message_en):
            assert not re.search(r"(?i)pydantic|input should|valid |string_|ctx|error", text)


def test_a_message_about_a_field_says_its_name_and_what_was_seen(
    told: list[tuple[str, str, Finding]],
) -> None:
    for kind, field, each in told:
        if each.code in {"E102", "E103", "E113", "E116"}:
            assert f"“{field_names(kind, [field])[0][:2]}" in each.message_zh, each
        if each.code in {"E102", "E103", "E106", "E110", "E112", "E114", "E116"}:
            assert each.value
            assert each.value in each.message_zh


@pytest.mark.parametrize("kind", list(MODELS))
def test_every_field_of_a_contract_has_a_chinese_name(kind: str) -> None:
    def names(model: Any, outer: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, field in model.model_fields.items():
            yield (*outer, name)
            for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
                for inner in (part, *getattr(part, "__args__", ())):
                    if hasattr(inner, "model_fields"):
                        yield from names(inner, (*outer, name))

    found = {".".join(path): field_names(kind, path)[0] for path in names(MODELS[kind], ())}
    assert {name: label for name, label in found.items() if _strange(label)} == {}
    assert len(set(found.values())) == len(found)


def test_items_of_lists_are_counted_from_one() -> None:
    assert field_names("registration", ["members", 0, "name"]) == (
        "成员单位名称（第1项）",
        "members.0.name",
    )
    assert field_names("plan", ["targets", "20x4"]) == ("目标值（20x4）", "targets.20x4")
    # A name that a sender chose may hold a contact.
    assert "13800138000" not in "".join(field_names("plan", ["targets", "13800138000"]))
    assert len(field_names("plan", ["targets", "长" * 1000])[0]) < 100


def test_allowed_codes_have_their_names() -> None:
    body = json.dumps(_RIGHT | {"score": 90, "grade": "A"}).encode()
    [error] = parse("json", body, "assessment").findings
    assert error.message_zh.startswith(
        "字段“考核等次”的内容不在允许范围内：A；应为优秀（excellent）、良好（good）、"
        "合格（pass）、不合格（fail）。"
    )
    assert "excellent, good, pass, fail" in error.message_en


def test_columns_of_the_seed_are_in_the_messages() -> None:
    path = Path(problems.__file__).parents[2] / "dbt_project" / "seeds" / "error_codes.csv"
    with path.open(encoding="utf-8", newline="") as rows:
        listed = [row["code"] for row in csv.DictReader(rows)]
    assert len(listed) == len(set(listed))
    assert all(finding(code).message_zh for code in listed)

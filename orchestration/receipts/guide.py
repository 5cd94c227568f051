"""The guide for those who send documents: each type with its fields, an example, each message.

Everything is taken from the contracts: the models of ``intake.contracts``, the seeds with the
headings and labels that a table may have, and the messages. The examples are in ``examples.json``.

Belongs here: the content of the page. Doesn't belong here: forms (``forms``) and the checks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.core.catalogue import Catalogue, load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES, Sender
from orchestration.core.reporting_calendar import SHANGHAI, moment, period_of
from orchestration.intake.contracts import MODELS
from orchestration.receipts.rendering import WORDS, templates

__all__ = ["document_examples", "sender_guide"]

_EXAMPLES = Path(__file__).with_name("examples.json")
_SENDERS = {Sender.PROVINCE: "省级教育行政部门（本省前缀下）", Sender.MINISTRY: "教育部（000000）"}


@dataclass(frozen=True)
class _Field:
    """A field of a document type, as a row of the page.

    Attributes:
        name: in JSON; a part of a field has both names, ``report.sha256``.
        headings: names of the column in a table, joined; empty if no table has it.
        accepts: what its values must be, in Chinese.
        example: from the example document, as JSON.
    """

    name: str
    label: str
    headings: str
    is_required: bool
    accepts: str
    example: str


def document_examples() -> dict[str, dict[str, Any]]:
    """Document type → a document that intake accepts, with every field."""
    examples: dict[str, dict[str, Any]] = json.loads(_EXAMPLES.read_text(encoding="utf-8"))
    return examples


def sender_guide(year: int) -> bytes:
    """Make the page, in Chinese.

    Raises:
        UsageError: the calendar has no such year.
    """
    catalogue, examples = load_catalogue(), document_examples()
    types = [
        (
            about,
            "、".join(_SENDERS[sender] for sender in sorted(about.senders)),
            list(_fields(catalogue, about.name, examples[about.name])),
            json.dumps(examples[about.name], ensure_ascii=False, indent=2),
        )
        for about in DOCUMENT_TYPES.values()
    ]
    page = templates().get_template("guide.html.j2")
    return page.render(
        year=year,
        synthetic=False,
        cutoff=moment(period_of(year).cutoff_at),
        zone=SHANGHAI,
        words=WORDS,
        catalogue=catalogue,
        types=types,
    ).encode()


def _fields(catalogue: Catalogue, name: str, example: Mapping[str, Any]) -> Iterator[_Field]:
    schema = MODELS[name].model_json_schema()
    labels = {
        each.column_name: each.label_zh
        for document_type in ("*", name)
        for each in catalogue.table_columns
        if each.document_type == document_type and each.kind != "note"
    }
    further = {
        each.field_name: each.label for each in catalogue.field_labels if each.document_type == name
    }
    for field, described in schema["properties"].items():
        required = field in schema.get("required", ())
        parts = _parts(schema, described)
        yield _Field(
            field,
            labels.get(field) or further.get(field) or field,
            _headings(field, labels),
            required,
            _accepts(catalogue, field, described, has_parts=bool(parts)),
            _shown(example.get(field)),
        )
        for part, about in parts.items():
            column = f"{field}_{part}"
            value = example.get(field)
            inner = (value[0] if isinstance(value, list) else value) if value else {}
            yield _Field(
                f"{field}.{part}",
                labels.get(column) or further.get(column) or part,
                _headings(column, labels),
                part in _required_parts(schema, described),
                _accepts(catalogue, column, about, has_parts=False),
                _shown(inner.get(part)),
            )


def _headings(column: str, labels: Mapping[str, str]) -> str:
    return f"{column}、{labels[column]}" if column in labels else ""


def _shown(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _choices(described: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The alternatives of a field without null."""
    return [each for each in described.get("anyOf", [described]) if each.get("type") != "null"]


def _model(schema: Mapping[str, Any], described: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of the object that a field, or each item of its list, is; else empty."""
    [choice] = _choices(described)
    reference = choice.get("items", choice).get("$ref", "")
    found: Mapping[str, Any] = schema.get("$defs", {}).get(reference.rpartition("/")[2], {})
    return found


def _parts(schema: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_model(schema, described).get("properties", {}))


def _required_parts(schema: Mapping[str, Any], described: Mapping[str, Any]) -> list[str]:
    return list(_model(schema, described).get("required", ()))


def _accepts(
    catalogue: Catalogue, column: str, described: Mapping[str, Any], *, has_parts: bool
) -> str:
    """What a field accepts, in Chinese."""
    [choice] = _choices(described)
    if has_parts:
        return "列表" if choice.get("type") == "array" else "对象，见下列各项"
    if "enum" in choice or "const" in choice:
        values = choice.get("enum", [choice.get("const")])
        return "；".join(_with_labels(catalogue, column, value) for value in values)
    if choice.get("format") == "date-time":
        return "ISO 8601时间，须带时区，如2024-12-01T09:00:00+08:00"
    if choice.get("format") == "date":
        return "日期，如2024-12-01"
    kinds = choice.get("type", "string")
    if "boolean" in kinds:
        return "true或false"
    if "object" in kinds:
        return "指标代码到数值（是否类填1或0、是或否；代码列表用;连接）"
    if "minimum" in choice:
        return f"{choice['minimum']}—{choice['maximum']}的数"
    if "integer" in kinds or "number" in kinds:
        return "整数"
    if "pattern" in choice:
        return "文字，格式同示例"
    longest = choice.get("maxLength")
    return f"文字，不超过{longest}字" if longest else "文字"


def _with_labels(catalogue: Catalogue, column: str, value: Any) -> str:
    """A value with the labels that a table may have instead."""
    labels = [
        each.label
        for each in catalogue.code_labels
        if each.column_name == column and each.code == value
    ]
    return f"{value}（{'、'.join(labels)}）" if labels else str(value)

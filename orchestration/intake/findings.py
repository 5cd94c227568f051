"""Findings: one error or warning, as in receipts and in ``quality.submission_errors``.

Belongs here: filling the message templates of ``error_codes.csv``. dbt fills the same templates
for the findings of the warehouse, so both give the same messages. Doesn't belong here: the checks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple, Self, TypedDict

from orchestration.core.catalogue import Indicator, load_catalogue
from orchestration.core.contacts import struck, struck_id
from orchestration.intake.text import escape_invisible

__all__ = [
    "COUNTED",
    "MAX_VALUE",
    "WITHHELD",
    "About",
    "Draft",
    "Finding",
    "Findings",
    "counted",
    "draft",
    "finding",
    "indicator_fields",
    "quoted",
]

#: The code of the finding that counts those left out.
COUNTED = "E050"
#: Values are shown as received, cut at 200 characters (contract §1, "Receipts and rejects").
MAX_VALUE = 200
#: Replaces a value that a receipt must not quote, because contact data stays in ``raw``.
WITHHELD = "（不予引用，可能含联系人信息 withheld: may hold contact data）"
#: Characters searched for contacts: striking out shortens a text, so more is read than is shown.
_SEARCHED = 20 * MAX_VALUE
#: Codes whose value is a number of bytes.
_SIZE_CODES = {"E002", "E003", "E011"}


class About(TypedDict):
    """The document and unit that a finding is about."""

    document_id: str | None
    unit_code: str | None


@dataclass(frozen=True)
class Finding:
    """A row of ``quality.submission_errors`` without the columns of its object."""

    code: str
    severity: str
    location: str
    message_zh: str
    message_en: str
    value: str | None = None
    document_id: str | None = None
    unit_code: str | None = None
    indicator_code: str | None = None
    #: Of a warning: the id of the document that explains it, and its text.
    explained_by: str | None = None
    explanation: str | None = None


class Draft(NamedTuple):
    """A finding without its texts, which cost most of its making: of many, few are kept.

    Attributes:
        location, value, document_id, unit_code: as given; contacts are not struck out yet.
        fields: further placeholders of the messages.
    """

    code: str
    severity: str
    location: str = ""
    value: str | None = None
    document_id: str | None = None
    unit_code: str | None = None
    indicator_code: str | None = None
    fields: Mapping[str, str] = MappingProxyType({})

    def made(self) -> Finding:
        """The finding, with its messages and without contacts."""
        row = load_catalogue().error_codes[self.code]
        shown = self.value if self.value is None else escape_invisible(self.value)
        if shown is not None:
            is_id = self.value == self.document_id
            shown = _without_contacts(self.code, shown, is_id, self.indicator_code)[:MAX_VALUE]
        fields = {name: struck(text) for name, text in self.fields.items()}
        unit_code = self.unit_code and struck(self.unit_code)
        fields |= {"value": shown or "", "unit_code": unit_code or ""}
        english = fields | {
            name.removesuffix("_en"): text for name, text in fields.items() if name.endswith("_en")
        }
        return Finding(
            code=self.code,
            severity=self.severity,
            location=struck(self.location),
            message_zh=f"{_filled(row.message_zh, fields)}。{row.fix_zh}",
            message_en=f"{_filled(row.message_en, english)}. {row.fix_en}",
            value=shown,
            document_id=self.document_id and struck_id(self.document_id),
            unit_code=unit_code,
            indicator_code=self.indicator_code,
        )


def _filled(template: str, placeholders: Mapping[str, str]) -> str:
    for name, text in placeholders.items():
        template = template.replace("{" + name + "}", text)
    return template


class Findings(list[Finding]):
    """The first findings about an object, and how many more there were.

    Attributes:
        limit: most findings that are kept.
        left_out: the number of the others, by code and severity.
    """

    def __init__(self, limit: int, findings: Iterable[Finding | Draft] = ()) -> None:
        super().__init__()
        self.limit = limit
        self.left_out: Counter[tuple[str, str]] = Counter()
        self.extend(findings)

    def append(self, item: Finding | Draft) -> None:
        """Keep a finding, or count it; only for one that is kept the messages are made."""
        if len(self) < self.limit:
            super().append(item.made() if isinstance(item, Draft) else item)
        else:
            self.left_out[item.code, item.severity] += 1

    def extend(self, items: Iterable[Finding | Draft]) -> None:
        """Keep or count each finding."""
        for item in items:
            self.append(item)

    def __iadd__(self, items: Iterable[Finding | Draft]) -> Self:  # type: ignore[misc,override]
        self.extend(items)
        return self


def counted(
    listed: Iterable[Finding], left_out: Mapping[tuple[str, str], int], limit: int
) -> Finding:
    """The finding that replaces those left out: how many there are of each code, listed or not."""
    numbers = Counter(each.code for each in listed)
    for (code, _), number in left_out.items():
        numbers[code] += number
    severities = {severity for _, severity in left_out}
    return finding(
        COUNTED,
        value="; ".join(f"{code} {number}" for code, number in sorted(numbers.items())),
        limit=str(limit),
        severity="error" if "error" in severities else "warning",
    )


def draft(
    code: str,
    location: str = "",
    *,
    value: str | None = None,
    document_id: str | None = None,
    unit_code: str | None = None,
    indicator_code: str | None = None,
    severity: str | None = None,
    **fields: str,
) -> Draft:
    """Draft a finding with the severity of its error code.

    Args:
        code: a row of ``error_codes.csv``.
        location: JSON Pointer, or sheet and cell, in the object.
        value: as received; contacts are struck out of it and of all other texts.
        severity: replaces the code's own severity.
        fields: further placeholders of the message template; ``NAME_en`` replaces ``NAME`` in the
            English one.
    """
    severity = severity or load_catalogue().error_codes[code].severity
    return Draft(code, severity, location, value, document_id, unit_code, indicator_code, fields)


def finding(code: str, location: str = "", **arguments: Any) -> Finding:
    """Make a finding; the arguments are those of :func:`draft`."""
    return draft(code, location, **arguments).made()


def _without_contacts(code: str, value: str, is_id: bool, indicator_code: str | None) -> str:
    """A finding's value without contacts; sizes are left alone: they can look like numbers."""
    if indicator_code or code in _SIZE_CODES:
        return value  # ``read_value`` has already struck contacts out of an indicator's value
    return struck_id(value) if is_id else struck(value[:_SEARCHED])


def quoted(value: Any) -> str:
    """A value of any type as a finding quotes it."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, TypeError, ValueError):
        return type(value).__name__


def indicator_fields(indicator: Indicator) -> dict[str, str]:
    """The placeholders of an indicator: code with name, bounds without trailing zeros."""
    return {
        "indicator": f"{indicator.code} {indicator.name_zh}",
        "indicator_en": f"{indicator.code} {indicator.name_en}",
        "min": _bound_text(indicator.hard_min),
        "max": _bound_text(indicator.hard_max),
    }


def _bound_text(number: Decimal | None) -> str:
    return "" if number is None else f"{number.normalize():f}"

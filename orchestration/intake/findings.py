"""Findings: one mistake, as the receipt and ``quality.submission_errors`` say it.

Belongs here: filling the templates of ``error_codes.csv``. dbt fills the same templates for
what only the warehouse can see, so the words are the same whoever found it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypedDict

from orchestration.core.catalogue import Indicator, load_catalogue
from orchestration.core.contacts import struck
from orchestration.intake.text import shown as visibly

__all__ = ["MAX_VALUE", "About", "Finding", "finding", "indicator_fields"]

#: Values are shown as received, cut at 200 characters (contract §1, "Receipts and rejects").
MAX_VALUE = 200
#: Contacts become shorter when they are struck out: what is looked at is longer than what is shown.
_STRUCK_IN = 20 * MAX_VALUE
#: Codes whose value is a number of bytes.
_SIZES = {"E002", "E003", "E011"}


class About(TypedDict):
    """What a finding is about."""

    document_id: str | None
    unit_code: str | None


@dataclass(frozen=True)
class Finding:
    """A row of ``quality.submission_errors`` but for the object's own columns."""

    code: str
    severity: str
    location: str
    message_zh: str
    message_en: str
    value: str | None = None
    document_id: str | None = None
    unit_code: str | None = None
    indicator_code: str | None = None
    #: A warning's: the document in which its unit explains it, and the explanation.
    explained_by: str | None = None
    explanation: str | None = None


def finding(
    code: str,
    location: str = "",
    *,
    value: str | None = None,
    document_id: str | None = None,
    unit_code: str | None = None,
    indicator_code: str | None = None,
    severity: str | None = None,
    **fields: str,
) -> Finding:
    """A finding with the words of its error code.

    Args:
        code: a row of ``error_codes.csv``.
        location: JSON Pointer into the object.
        value: as received; contacts are struck out of it.
        fields: what else the template names.
    """
    row = load_catalogue().error_codes[code]
    shown = value if value is None else visibly(value)
    # Contacts are struck out of what somebody wrote: not of ids and sizes, nor once more of
    # values, of which ``read_value`` leaves those that are numbers.
    if shown is not None and not (indicator_code or value == document_id or code in _SIZES):
        shown = struck(shown[:_STRUCK_IN])
    shown = shown and shown[:MAX_VALUE]
    fields |= {"value": shown or "", "unit_code": unit_code or ""}
    english = fields | {"indicator": fields.get("indicator_en", fields.get("indicator", ""))}

    def fill(template: str, words: dict[str, str]) -> str:
        for name, text in words.items():
            template = template.replace("{" + name + "}", text)
        return template

    return Finding(
        code=code,
        severity=severity or row.severity,
        location=location,
        message_zh=f"{fill(row.message_zh, fields)}。{row.fix_zh}",
        message_en=f"{fill(row.message_en, english)}. {row.fix_en}",
        value=shown,
        document_id=document_id,
        unit_code=unit_code,
        indicator_code=indicator_code,
    )


def indicator_fields(indicator: Indicator) -> dict[str, str]:
    """What templates say of an indicator: code with name, and bounds without trailing zeros."""
    return {
        "indicator": f"{indicator.code} {indicator.name_zh}",
        "indicator_en": f"{indicator.code} {indicator.name_en}",
        "min": _bound(indicator.hard_min),
        "max": _bound(indicator.hard_max),
    }


def _bound(number: Decimal | None) -> str:
    return "" if number is None else f"{number.normalize():f}"

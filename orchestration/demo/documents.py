"""Documents as the platform writes them into the landing bucket: JSON, JSON lines, PDF reports.

Every document has ``"synthetic": true``.

Belongs here: fields and bytes of documents (contract §1). Doesn't belong here: their values.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

from orchestration.demo.values import MILLION, Value

__all__ = [
    "BEIJING",
    "OddValue",
    "RawToken",
    "Submission",
    "common_fields",
    "iso_time",
    "json_lines",
    "json_text",
    "performance",
    "report_pdf",
]

#: Minutes east of UTC.
BEIJING = 480


class RawToken(str):
    """A JSON token that is written unchanged, e.g. ``1e400`` or ``NaN``."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class OddValue:
    """A value that is written in an unusual way.

    Attributes:
        raw: the value in the document.
        meaning: the value that it stands for; None if it can't be read without guessing.
        is_missing: whether it is null or blank.
    """

    raw: Any
    meaning: Value | None = None
    is_missing: bool = False


@dataclass(slots=True)
class Submission:
    """A performance document.

    Attributes:
        submitted_at: seconds since 1970 UTC.
        offset: offset of the written time, in minutes east of UTC.
        values: in the order of the task's codes; None if the indicator is left out.
        extra: further codes and values.
        report: key and sha256 of the report file, or None.
    """

    unit_code: str
    year: int
    document_id: str
    submitted_at: int
    values: list[Value | OddValue | None]
    offset: int = BEIJING
    extra: list[tuple[str, Any]] = field(default_factory=list)
    report: tuple[str, str] | None = None
    highlight: str | None = None


@cache
def _zone(offset: int) -> timezone:
    return timezone(timedelta(minutes=offset)) if offset else UTC


def iso_time(seconds: int, offset: int = BEIJING) -> str:
    """A time as ISO 8601 text with offset.

    Args:
        seconds: since 1970 UTC.
        offset: in minutes east of UTC.
    """
    return datetime.fromtimestamp(seconds, _zone(offset)).isoformat()


def json_text(document: Any) -> str:
    """A document as JSON text; :class:`RawToken` values are written unchanged."""
    raws: list[str] = []

    def unraw(value: Any) -> Any:
        if isinstance(value, RawToken):
            raws.append(str(value))
            return f"\x00{len(raws) - 1}\x00"
        if isinstance(value, dict):
            return {key: unraw(each) for key, each in value.items()}
        return value

    values = document.get("values")
    has_raw = isinstance(values, dict) and any(isinstance(v, RawToken) for v in values.values())
    text = json.dumps(unraw(document) if has_raw else document, ensure_ascii=False)
    for index, token in enumerate(raws):
        text = text.replace(f'"\\u0000{index}\\u0000"', token)
    return text


def json_lines(documents: list[str]) -> bytes:
    """Documents as JSON lines."""
    return ("\n".join(documents) + "\n").encode()


def common_fields(kind: str, document_id: str, submitted_at: str, year: int) -> dict[str, Any]:
    """The fields that all documents have in common."""
    return {
        "document_type": kind,
        "schema_version": 1,
        "document_id": document_id,
        "submitted_at": submitted_at,
        "year": year,
        "synthetic": True,
    }


def plain_value(value: Value) -> Any:
    """A value as a JSON value."""
    if isinstance(value, tuple):
        return ";".join(value)
    return value // MILLION if value % MILLION == 0 else value / MILLION


def performance(submission: Submission, codes: tuple[str, ...]) -> dict[str, Any]:
    """A performance document."""
    values: dict[str, Any] = {}
    for code, value in zip(codes, submission.values, strict=True):
        if isinstance(value, int):
            # For numbers of this size the float has the same six decimals.
            values[code] = value // MILLION if value % MILLION == 0 else value / MILLION
        elif isinstance(value, OddValue):
            values[code] = value.raw
        elif value is not None:
            values[code] = ";".join(value)
    values.update(submission.extra)
    report = submission.report
    return {
        **common_fields(
            "performance",
            submission.document_id,
            iso_time(submission.submitted_at, submission.offset),
            submission.year,
        ),
        "unit_code": submission.unit_code,
        "values": values,
        "report": {"object_key": report[0], "sha256": report[1], "pages": 1} if report else None,
        "highlight": submission.highlight,
    }


#: Placeholder for the text of a report; its length is fixed, because PDF contains byte offsets.
_PLACEHOLDER = b"@" * 60


def _pdf_template() -> bytes:
    """A one-page PDF 1.4."""
    stream = b"BT /F1 14 Tf 60 760 Td (%s) Tj ET" % _PLACEHOLDER
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    body = b"%PDF-1.4\n"
    table = b"0000000000 65535 f \n"
    for number, each in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(body)
        body += b"%d 0 obj%s endobj\n" % (number, each)
    trailer = b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n" % len(body)
    return body + b"xref\n0 6\n" + table + trailer + b"%%EOF\n"


_PDF = _pdf_template()


def report_pdf(text: str) -> tuple[bytes, str]:
    """A small report file and its sha256 in hex.

    Args:
        text: its content; ASCII, cut at 60 characters.
    """
    body = _PDF.replace(_PLACEHOLDER, text[:60].encode("ascii").ljust(60))
    return body, hashlib.sha256(body).hexdigest()

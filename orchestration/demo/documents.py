"""Documents as the platform lands them: JSON, JSON lines, a PDF report.

Belongs here: fields and bytes (contract §1). Doesn't belong here: what the documents say.
Every document says ``"synthetic": true``.
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
    "Odd",
    "Raw",
    "Submission",
    "common",
    "dump",
    "lines",
    "moment",
    "performance",
    "report_pdf",
]

#: Minutes east of UTC.
BEIJING = 480


class Raw(str):
    """A JSON token written as it is (``1e400``, ``NaN``)."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Odd:
    """A value that isn't written plainly.

    Attributes:
        raw: as it stands in the document.
        means: what it means; None where it can't be read without guessing.
        is_missing: null or blank: nothing was given.
    """

    raw: Any
    means: Value | None = None
    is_missing: bool = False


@dataclass(slots=True)
class Submission:
    """A performance document.

    Attributes:
        submitted_at: seconds since 1970 UTC.
        offset: minutes east of UTC in which that is written.
        values: in the order of the task's codes; None where the indicator is left out.
        extra: codes and values beside those.
        report: key and sha256 of the report file, or None.
    """

    unit_code: str
    year: int
    document_id: str
    submitted_at: int
    values: list[Value | Odd | None]
    offset: int = BEIJING
    extra: list[tuple[str, Any]] = field(default_factory=list)
    report: tuple[str, str] | None = None
    highlight: str | None = None


@cache
def _zone(offset: int) -> timezone:
    return timezone(timedelta(minutes=offset)) if offset else UTC


def moment(seconds: int, offset: int = BEIJING) -> str:
    """ISO 8601 with offset."""
    return datetime.fromtimestamp(seconds, _zone(offset)).isoformat()


def dump(document: Any) -> str:
    """One document as JSON text; :class:`Raw` tokens stand as they are."""
    raws: list[str] = []

    def unraw(value: Any) -> Any:
        if isinstance(value, Raw):
            raws.append(str(value))
            return f"\x00{len(raws) - 1}\x00"
        if isinstance(value, dict):
            return {key: unraw(each) for key, each in value.items()}
        return value

    values = document.get("values")
    has_raw = isinstance(values, dict) and any(isinstance(v, Raw) for v in values.values())
    text = json.dumps(unraw(document) if has_raw else document, ensure_ascii=False)
    for index, token in enumerate(raws):
        text = text.replace(f'"\\u0000{index}\\u0000"', token)
    return text


def lines(documents: list[str]) -> bytes:
    """JSON lines."""
    return ("\n".join(documents) + "\n").encode()


def common(kind: str, document_id: str, submitted_at: str, year: int) -> dict[str, Any]:
    """The fields that all documents have."""
    return {
        "document_type": kind,
        "schema_version": 1,
        "document_id": document_id,
        "submitted_at": submitted_at,
        "year": year,
        "synthetic": True,
    }


def shown(value: Value) -> Any:
    """A value as a plain JSON value."""
    if isinstance(value, tuple):
        return ";".join(value)
    return value // MILLION if value % MILLION == 0 else value / MILLION


def performance(submission: Submission, codes: tuple[str, ...]) -> dict[str, Any]:
    """A performance document."""
    values: dict[str, Any] = {}
    for code, value in zip(codes, submission.values, strict=True):
        if isinstance(value, int):
            # A quotient of this size is exact to the last digit that JSON shows.
            values[code] = value // MILLION if value % MILLION == 0 else value / MILLION
        elif isinstance(value, Odd):
            values[code] = value.raw
        elif value is not None:
            values[code] = ";".join(value)
    values.update(submission.extra)
    report = submission.report
    return {
        **common(
            "performance",
            submission.document_id,
            moment(submission.submitted_at, submission.offset),
            submission.year,
        ),
        "unit_code": submission.unit_code,
        "values": values,
        "report": {"object_key": report[0], "sha256": report[1], "pages": 1} if report else None,
        "highlight": submission.highlight,
    }


#: Where the text of a report goes: of fixed length, so that offsets don't move.
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
    """A tiny report file about ``text`` (ASCII, 60 characters at most) and its sha256."""
    body = _PDF.replace(_PLACEHOLDER, text[:60].encode("ascii").ljust(60))
    return body, hashlib.sha256(body).hexdigest()

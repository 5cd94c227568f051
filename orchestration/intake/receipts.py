"""Receipts: the JSON answer to every landing object (contract §1).

Belongs here: the content and the key of a receipt. A receipt is a pure function of the object and
its findings, so writing it twice gives the same bytes. Doesn't belong here: readable receipt pages
(``orchestration.receipts``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import orjson

from orchestration.core.settings import Settings
from orchestration.intake.findings import COUNTED, Finding, Findings, counted
from orchestration.storage import Store

__all__ = [
    "ReceiptSubject",
    "held_back",
    "receipt",
    "receipt_content",
    "receipt_key",
    "refresh_receipts",
    "status_of",
    "within_limit",
]


#: Documents that are taken in and not accepted: the unit is not registered yet; no value counts.
_HELD_BACK = {"E109", "E062"}


@dataclass(frozen=True)
class ReceiptSubject:
    """The object that a receipt is about.

    Attributes:
        size: in bytes.
        documents: the number of documents in the object.
        rejected: how many of them break their contract.
    """

    object_key: str
    etag: str
    sha256: str | None
    size: int
    year: int
    province_code: str
    documents: int
    rejected: int


def receipt_key(year: int, province_code: str, name: str) -> str:
    """The key, in the publication bucket, of a landing object's receipt."""
    return f"receipts/year={year:04d}/province={province_code}/{name}.receipt.json"


def status_of(documents: int, rejected: int, findings: Sequence[Finding]) -> str:
    """The status of an object: ``rejected`` if no document counts, else by what was left out.

    Codes that begin with E say that something was left out, even where that is only a warning.
    """
    if documents == 0 or rejected >= documents:
        return "rejected"
    if any(item.severity == "error" or item.code.startswith("E") for item in findings):
        return "accepted_with_errors"
    return "accepted"


def held_back(findings: Iterable[Finding]) -> set[str]:
    """The documents that are taken in and not accepted."""
    return {item.document_id for item in findings if item.code in _HELD_BACK and item.document_id}


def receipt_content(subject: ReceiptSubject, findings: Sequence[Finding]) -> dict[str, Any]:
    """The content of a receipt (contract §1, "Receipts and rejects")."""
    rejected = min(subject.documents, subject.rejected + len(held_back(findings)))
    errors = sum(1 for item in findings if item.severity == "error")
    return {
        "object_key": subject.object_key,
        "etag": subject.etag,
        "sha256": subject.sha256,
        "size": subject.size,
        "year": subject.year,
        "province_code": subject.province_code,
        "status": status_of(subject.documents, rejected, findings),
        "counts": {
            "documents": subject.documents,
            "accepted": subject.documents - rejected,
            "rejected": rejected,
            "errors": errors,
            "warnings": len(findings) - errors,
        },
        "errors": [
            {
                "code": item.code,
                "severity": item.severity,
                "where": item.location,
                "document_id": item.document_id,
                "unit_code": item.unit_code,
                "indicator_code": item.indicator_code,
                "message_zh": item.message_zh,
                "message_en": item.message_en,
                "value": item.value,
                "explained_by": item.explained_by,
                "explanation": item.explanation,
            }
            for item in sorted(findings, key=_sort_key)
        ],
    }


def within_limit(
    subject: ReceiptSubject, findings: Iterable[Finding], limit: int
) -> tuple[ReceiptSubject, list[Finding]]:
    """The first findings, and the one that counts those left out; documents held back stay counted.

    Args:
        findings: all of them, or those that intake kept, with its count of the others.
    """
    ordered = sorted(findings, key=_sort_key)
    counts = [each for each in ordered if each.code == COUNTED]
    listed = Findings(limit, (each for each in ordered if each.code != COUNTED))
    if listed.left_out and not counts:
        counts = [counted(listed, listed.left_out, limit)]
    unlisted = held_back(ordered) - held_back(listed)
    return replace(subject, rejected=subject.rejected + len(unlisted)), [*listed, *counts]


def receipt(subject: ReceiptSubject, findings: Sequence[Finding]) -> bytes:
    """The receipt's bytes (UTF-8 JSON)."""
    content = receipt_content(subject, findings)
    try:
        return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # lone surrogates: JSON allows them as escapes, UTF-8 doesn't
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        return text.encode("utf-8", "replace")


def _sort_key(item: Finding) -> tuple[str, str, str, str]:
    return (item.document_id or "", item.location, item.code, item.value or "")


_CHANGED_OBJECTS = """
with old as (
    select {columns} from lake.quality.submission_errors where year = $year
), new as (
    select {columns} from build.quality.submission_errors where year = $year
), changed as (
    (select * from old except all select * from new)
    union all
    (select * from new except all select * from old)
)
select distinct object_key, etag from changed
"""
_FINDING_COLUMNS = (
    "object_key, etag, code, severity, location, message_zh, message_en, value, "
    "document_id, unit_code, indicator_code, explained_by, explanation"
)


def refresh_receipts(
    con: duckdb.DuckDBPyConnection,
    store: Store,
    settings: Settings,
    year: int,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> int:
    """Rewrite the receipts of objects whose findings the new build has changed.

    Comparisons with last year, late documents and unexpected units are known only once the
    warehouse is built. Call this before the build is committed, so that a run killed in between
    repeats it.

    Args:
        con: a connection with ``lake`` and the build file (as ``build``) attached.

    Returns:
        the number of receipts written.
    """
    con.execute(
        "create or replace temp table changed_objects as "
        + _CHANGED_OBJECTS.format(columns=_FINDING_COLUMNS),
        {"year": year},
    )
    subjects = con.execute(
        "select o.object_key, o.etag, o.sha256, o.size, o.year, o.province_code, "
        "o.documents_total, o.documents_rejected, o.receipt_name "
        "from lake.raw.objects o join changed_objects using (object_key, etag) "
        # An overwritten key has one receipt: that of its newest object.
        "qualify row_number() over (partition by o.object_key "
        "order by o.last_modified desc, o.etag desc) = 1 order by o.object_key"
    ).fetchall()
    if not subjects:
        return 0
    rows = con.execute(
        f"select {_FINDING_COLUMNS} from build.quality.submission_errors "
        "join changed_objects using (object_key, etag) where year = $year",
        {"year": year},
    ).fetchall()
    findings: dict[tuple[str, str], list[Finding]] = {}
    for row in rows:
        findings.setdefault((row[0], row[1]), []).append(Finding(*row[2:13]))
    progress(f"receipts: {len(subjects)} to rewrite")

    def items() -> Iterable[tuple[str, bytes]]:
        for *columns, name in subjects:
            subject = ReceiptSubject(*columns)
            found = findings.get((subject.object_key, subject.etag), [])
            body = receipt(*within_limit(subject, found, settings.max_findings))
            yield receipt_key(subject.year, subject.province_code, name), body

    return store.put_many(settings.publication_bucket, items())

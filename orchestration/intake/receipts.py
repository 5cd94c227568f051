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

from orchestration.core.contacts import STRUCK
from orchestration.core.settings import Settings
from orchestration.intake.findings import Draft, Finding
from orchestration.storage import Store

__all__ = [
    "ReceiptSubject",
    "held_back",
    "receipt",
    "receipt_content",
    "receipt_key",
    "refresh_receipts",
    "same_object",
    "status_of",
]


#: Documents that are taken in and not accepted: the unit is not registered yet; no value counts.
_HELD_BACK = {"E109", "E062"}


@dataclass(frozen=True)
class ReceiptSubject:
    """The object that a receipt is about.

    Attributes:
        object_key: its key without contacts, as in ``quality.submission_errors``.
        size: in bytes.
        documents: the number of documents in the object.
        rejected: how many of them break their contract.
        values: the number of values and targets that are read and not excluded; None where they
            are not counted.
    """

    object_key: str
    etag: str
    sha256: str | None
    size: int
    year: int
    province_code: str
    documents: int
    rejected: int
    values: int | None = None


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


def held_back(findings: Iterable[Finding | Draft]) -> set[str]:
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
            "values": subject.values,
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


def same_object(raw: str, published: str) -> str:
    """The SQL condition that a row of ``raw`` and a published one are about the same object.

    A published key has no contacts; what was struck out of it is told apart by the ETag.

    Args:
        raw, published: aliases of relations with ``object_key`` and ``etag``.
    """
    return (
        f"{raw}.etag = {published}.etag and ({raw}.object_key = {published}.object_key "
        f"or contains({published}.object_key, '{STRUCK}'))"
    )


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
_HELD_BACK_DOCUMENTS = f"""
create or replace temp table held_back_documents as
select distinct object_key, etag, document_id
from build.intermediate.int_findings join changed_objects using (object_key, etag)
where year = $year and code in ({", ".join(f"'{code}'" for code in sorted(_HELD_BACK))})
"""
#: A row for each value or target that is read and not excluded.
_VALUES = """
with accepted as (
    select object_key, etag, document_key, document_type, province_code, document_id
    from build.intermediate.int_documents
    semi join changed_objects using (object_key, etag)
    anti join held_back_documents using (object_key, etag, document_id)
)
select object_key, etag
from accepted join build.intermediate.int_judged_values as judged using (document_key)
anti join build.intermediate.int_rule_exclusions using (document_key, indicator_code)
where judged.finding_code is null
union all
select accepted.object_key, accepted.etag
from accepted join build.raw.plan_targets as target using (province_code, document_id)
where accepted.document_type = 'plan' and target.target_number is not null
"""


def _number_by_version(con: duckdb.DuckDBPyConnection, query: str) -> dict[tuple[str, str], int]:
    """The number of a query's rows by key and ETag of their object."""
    counted = f"select object_key, etag, count(*) from ({query}) group by object_key, etag"
    return {(key, etag): number for key, etag, number in con.execute(counted).fetchall()}


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
        "select changed.object_key, o.etag, o.sha256, o.size, o.year, o.province_code, "
        "o.documents_total, o.documents_rejected, o.receipt_name "
        "from lake.raw.objects o join changed_objects as changed "
        f"on {same_object('o', 'changed')} "
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
    con.execute(_HELD_BACK_DOCUMENTS, {"year": year})
    all_held_back = _number_by_version(con, "select object_key, etag from held_back_documents")
    values = _number_by_version(con, _VALUES)
    progress(f"receipts: {len(subjects)} to rewrite")

    def items() -> Iterable[tuple[str, bytes]]:
        for *columns, name in subjects:
            subject = ReceiptSubject(*columns)
            version = subject.object_key, subject.etag
            found = findings.get(version, [])
            # The receipt adds the documents held back that it lists.
            unlisted = all_held_back.get(version, 0) - len(held_back(found))
            subject = replace(
                subject, rejected=subject.rejected + unlisted, values=values.get(version, 0)
            )
            yield receipt_key(subject.year, subject.province_code, name), receipt(subject, found)

    return store.put_many(settings.publication_bucket, items())

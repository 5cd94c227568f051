"""The readable page of an object: the content of its JSON receipt.

Belongs here: the digest of the data behind each object's page, and the page's content. Doesn't
belong here: writing pages (``run``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb

from orchestration.core.contacts import struck
from orchestration.intake.findings import Finding
from orchestration.intake.receipts import (
    ReceiptSubject,
    receipt_content,
    receipt_key,
    same_object,
)
from orchestration.receipts.changes import Page, changed_keys_table

__all__ = ["list_object_pages", "object_page_contents"]

#: The newest version of each key, with a digest of everything that its page prints.
_OBJECTS = f"""
with newest as (
    select * from lake.raw.objects where year = $year
    qualify row_number() over (
        partition by object_key order by last_modified desc, etag desc
    ) = 1
),
findings as (
    select object_key, etag, count(*) as number,
        bit_xor(md5_number(concat_ws('|', code, severity, location, coalesce(value, ''),
            message_zh, coalesce(explanation, ''), coalesce(document_id, '')))) as digest
    from lake.quality.submission_errors where year = $year group by object_key, etag
)
select o.object_key, o.etag, o.sha256, o.size, o.year, o.province_code, o.documents_total,
    o.documents_rejected, o.receipt_name,
    concat_ws(':', o.etag, o.documents_total, o.documents_rejected, f.number, f.digest) as digest
from newest as o left join findings as f on {same_object("o", "f")}
order by o.object_key
"""
_FINDINGS = """
select object_key, etag, code, severity, location, message_zh, message_en, value, document_id,
    unit_code, indicator_code, explained_by, explanation
from lake.quality.submission_errors join changed_keys on object_key = key where year = $year
"""


def list_object_pages(con: duckdb.DuckDBPyConnection, year: int) -> dict[str, Page]:
    """Return the pages of all objects of a year, by key in the publication bucket."""
    found: dict[str, Page] = {}
    for key, *subject, name, digest in con.execute(_OBJECTS, {"year": year}).fetchall():
        about = ReceiptSubject(struck(key), *subject)
        key = receipt_key(about.year, about.province_code, name).removesuffix(".json") + ".html"
        found[key] = Page(about.province_code, digest, about)
    return found


def object_page_contents(
    con: duckdb.DuckDBPyConnection, year: int, pages: dict[str, Page]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield key and template content of each of these pages."""
    findings: dict[tuple[str, str], list[Finding]] = {}
    with changed_keys_table(con, {page.subject.object_key for page in pages.values()}):
        for row in con.execute(_FINDINGS, {"year": year}).fetchall():
            findings.setdefault((row[0], row[1]), []).append(Finding(*row[2:]))
    for key, page in pages.items():
        about: ReceiptSubject = page.subject
        content = receipt_content(about, findings.get((about.object_key, about.etag), []))
        content["errors"].sort(key=lambda item: str(item["severity"]))
        yield key, {"receipt": content}

"""Writes the readable receipts of a year whose data have changed.

Pages are written first and then recorded in one transaction. A run that is killed in between
writes the same bytes again.

Belongs here: the order of these steps. Doesn't belong here: the pages' content (``objects``,
``units``, ``digests``, ``reports``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import duckdb

from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.core.settings import Settings
from orchestration.core.versions import digest_of, figures_version, project_files
from orchestration.lakehouse.snapshots import set_commit_message
from orchestration.lakehouse.tables import OTHER_TABLES, insert_rows
from orchestration.receipts.changes import Page, changed_pages, record_pages
from orchestration.receipts.digests import (
    CODE_LABEL,
    COUNTS,
    SHEETS,
    Digest,
    digest_workbook,
    province_digests,
)
from orchestration.receipts.objects import list_object_pages, object_page_contents
from orchestration.receipts.rendering import common_page_content, templates
from orchestration.receipts.reports import list_report_pages
from orchestration.receipts.signable import record_signable, save_signable
from orchestration.receipts.units import list_unit_pages, unit_page_contents
from orchestration.storage import Store, open_transfers

__all__ = ["ReceiptsSummary", "write_pages"]

#: Pages in a batch; 2,000 pages of some 10 kB each take 20 MB of memory.
_BATCH_PAGES = 2_000


@dataclass
class ReceiptsSummary:
    """The result of writing a year's pages.

    Attributes:
        objects, units, provinces: number of pages written about each; 0 if none has changed.
    """

    year: int
    objects: int = 0
    units: int = 0
    provinces: int = 0

    @property
    def lines(self) -> list[str]:
        """Lines to print on a terminal."""
        return [
            f"receipts {self.year}: pages of {self.objects} objects, {self.units} units and "
            f"{self.provinces} provinces written"
        ]


def write_pages(
    con: duckdb.DuckDBPyConnection,
    store: Store,
    settings: Settings,
    year: int,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> ReceiptsSummary:
    """Write the pages of a year that are new or changed.

    Args:
        con: the writing connection to the lake, with the year's marts.

    Raises:
        Unreachable: the store fails.
    """
    day = settings.now().astimezone(SHANGHAI).date()
    if _pages_stand(con, year, day):
        return ReceiptsSummary(year)
    shared = common_page_content(con, year)
    new_objects = changed_pages(con, year, list_object_pages(con, year))
    new_units = changed_pages(con, year, list_unit_pages(con, year))
    latest = _latest_digest_days(con, year, day)
    digest_pages = {
        f"receipts/year={year}/province={digest.province_code}/digest.html": Page(
            digest.province_code,
            _page_digest(digest, latest.get(digest.province_code, day)),
            digest,
        )
        for digest in province_digests(con, year, day)
    }
    # The comparison takes the day of the last digest, so that a new day alone changes no page. A
    # page that was written under a wrong clock has another day and is written again.
    new_digests = {
        key: Page(page.province_code, _page_digest(page.subject, day), page.subject)
        for key, page in changed_pages(con, year, digest_pages).items()
    }
    summary = ReceiptsSummary(year, len(new_objects), len(new_units), len(new_digests))
    new_reports = changed_pages(con, year, dict(list_report_pages(year, shared)))
    written = {**new_objects, **new_units, **new_digests, **new_reports}
    if not written:
        return summary

    signable: list[dict[str, Any]] = []

    def render_pages() -> Iterator[tuple[str, bytes]]:
        for name, contents in (
            ("object.html.j2", object_page_contents(con, year, new_objects)),
            ("unit.html.j2", unit_page_contents(con, year, new_units)),
        ):
            template = templates().get_template(name)
            for key, content in contents:
                yield key, template.render(**shared, **content).encode("utf-8", "replace")
        for key, page in new_reports.items():
            yield key, page.subject
        template = templates().get_template("digest.html.j2")
        for key, page in new_digests.items():
            digest: Digest = page.subject
            page_text = template.render(
                **shared, digest=digest, counts=COUNTS, sheets=SHEETS, code_label=CODE_LABEL
            )
            body, book = page_text.encode("utf-8", "replace"), digest_workbook(digest, year)
            signable.extend(_signable_rows(year, digest, body, book))
            for name in (key, key.replace("digest.", f"digest-{day}.")):
                yield name, body
                yield name.replace(".html", ".xlsx"), book

    total = 0
    with open_transfers(store, len(written)) as transfers:
        pending = None
        batch: list[tuple[str, bytes]] = []
        for item in render_pages():
            batch.append(item)
            if len(batch) == _BATCH_PAGES:
                if pending:
                    total += pending.result()
                pending = transfers.put_many(settings.publication_bucket, batch)
                batch = []
        if pending:
            total += pending.result()
        total += transfers.put_many(settings.publication_bucket, batch).result()
    if signable:
        save_signable(store, settings, year, day, signable)
    con.execute("begin")
    record_pages(con, year, written)
    _record_daily_digests(con, year, [page.subject for page in new_digests.values()])
    record_signable(con, signable)
    set_commit_message(con, "receipts", year, day=str(day), code=_code_version())
    con.execute("commit")
    progress(f"receipts {year}: {total} files written for {len(written)} pages")
    return summary


@cache
def _code_version() -> str:
    """The version of the code that makes pages, and of what they print from the catalogue."""
    return f"{figures_version()} {digest_of(project_files(folders=['orchestration/receipts']))}"


def _pages_stand(con: duckdb.DuckDBPyConnection, year: int, day: date) -> bool:
    """Whether the pages were written by this code after the last intake and transform.

    Then no page has changed, and their data need not be read. Pages that were written under a wrong
    clock don't stand: after ``day``, or before a digest of another day up to it.
    """
    found = con.execute(
        """
        with commits as (
            select snapshot_id, commit_extra_info ->> '$.kind' as kind,
                commit_extra_info ->> '$.year' as year, commit_extra_info ->> '$.day' as day,
                commit_extra_info ->> '$.code' as code
            from lake.snapshots()
        )
        select day, code from commits
        where kind = 'receipts' and year = $year and snapshot_id > (
            select max(snapshot_id) from commits where kind in ('intake', 'transform')
        )
        order by snapshot_id desc limit 1
        """,
        {"year": str(year)},
    ).fetchone()
    if found is None or found[1] != _code_version():
        return False
    latest = max(_latest_digest_days(con, year, day).values(), default=date.min)
    return latest <= date.fromisoformat(found[0]) <= day


def _signable_rows(year: int, digest: Digest, page: bytes, book: bytes) -> list[dict[str, Any]]:
    """Return the rows of ``publication.signable_digests`` for a digest.

    A province may give the code that is printed, or the sha256 of the file that it signed.
    """
    digests = (digest.code, *(hashlib.sha256(body).hexdigest() for body in (page, book)))
    return [
        {
            "year": year,
            "province_code": digest.province_code,
            "day": digest.day,
            "document_digest": each,
            "task_code": task_code,
            "figures_digest": figures,
        }
        for each in digests
        for task_code, figures in digest.figures.items()
    ]


def _latest_digest_days(con: duckdb.DuckDBPyConnection, year: int, until: date) -> dict[str, date]:
    """Return province code → last day up to ``until`` that has a digest."""
    return dict(
        con.execute(
            "select province_code, max(day) from lake.publication.daily_digests "
            "where year = ? and day <= ? group by province_code",
            [year, until],
        ).fetchall()
    )


def _page_digest(digest: Digest, day: date) -> str:
    """Return the day of a province's page and a hash of the rest of its content."""
    text = json.dumps(
        [digest.counts, digest.lists], ensure_ascii=False, sort_keys=True, default=str
    )
    return f"{day} {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _record_daily_digests(con: duckdb.DuckDBPyConnection, year: int, written: list[Digest]) -> None:
    """Replace the rows of these digests in ``publication.daily_digests``."""
    for digest in written:
        con.execute(
            "delete from lake.publication.daily_digests "
            "where year = ? and province_code = ? and day = ?",
            [year, digest.province_code, digest.day],
        )
    rows = [
        {"year": year, "province_code": digest.province_code, "day": digest.day}
        | {name: digest.counts[name] for name in COUNTS}
        for digest in written
    ]
    if rows:
        name = "publication.daily_digests"
        insert_rows(con, name, OTHER_TABLES[name].table_of(rows))

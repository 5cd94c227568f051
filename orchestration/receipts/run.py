"""Writing the readable receipts of a year: those whose data have changed, and no others.

Belongs here: the order of things. Pages are written first and then noted in one transaction: a
run killed in between writes the same bytes again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import duckdb
import pyarrow as pa

from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.core.settings import Settings
from orchestration.lakehouse.tables import OTHER_TABLES, insert_rows
from orchestration.receipts.changes import Page, changed, record
from orchestration.receipts.digests import COUNTS, SHEETS, Digest, digests, workbook_of
from orchestration.receipts.objects import object_pages, objects
from orchestration.receipts.rendering import shared_by_pages, templates
from orchestration.receipts.units import unit_pages, units
from orchestration.storage import Store, open_carrier

__all__ = ["ReceiptsSummary", "write_pages"]

#: Pages that are in memory at once: 2,000 of some 10 kB each.
_BATCH = 2_000


@dataclass
class ReceiptsSummary:
    """What was written.

    Attributes:
        objects, units, provinces: pages written; 0 where all stood already.
    """

    year: int
    objects: int = 0
    units: int = 0
    provinces: int = 0

    @property
    def lines(self) -> list[str]:
        """What a terminal shows."""
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
    shared = shared_by_pages(con, year)
    new_objects = changed(con, year, objects(con, year))
    new_units = changed(con, year, units(con, year))
    latest = _latest_days(con, year, day)
    standing = {
        f"receipts/year={year}/province={digest.province_code}/digest.html": Page(
            digest.province_code, _digest(digest, latest.get(digest.province_code, day)), digest
        )
        for digest in digests(con, year, day)
    }
    # Nothing new, no new page. But one of a clock that was ahead or behind isn't of the day on
    # which something new was last seen, and is written anew.
    new_digests = {
        key: Page(page.province_code, _digest(page.subject, day), page.subject)
        for key, page in changed(con, year, standing).items()
    }
    summary = ReceiptsSummary(year, len(new_objects), len(new_units), len(new_digests))
    written = {**new_objects, **new_units, **new_digests}
    if not written:
        return summary

    def rendered() -> Iterator[tuple[str, bytes]]:
        for name, contents in (
            ("object.html.j2", object_pages(con, year, new_objects)),
            ("unit.html.j2", unit_pages(con, year, new_units)),
        ):
            template = templates().get_template(name)
            for key, content in contents:
                yield key, template.render(**shared, **content).encode("utf-8", "replace")
        template = templates().get_template("digest.html.j2")
        for key, page in new_digests.items():
            digest: Digest = page.subject
            body = template.render(**shared, digest=digest, counts=COUNTS, sheets=SHEETS)
            book = workbook_of(digest, year)
            for name in (key, key.replace("digest.", f"digest-{day}.")):
                yield name, body.encode("utf-8", "replace")
                yield name.replace(".html", ".xlsx"), book

    total = 0
    with open_carrier(store, len(written)) as carrier:
        waiting = None
        batch: list[tuple[str, bytes]] = []
        for item in rendered():
            batch.append(item)
            if len(batch) == _BATCH:
                if waiting:
                    total += waiting.result()
                waiting = carrier.put_many(settings.publication_bucket, batch)
                batch = []
        if waiting:
            total += waiting.result()
        total += carrier.put_many(settings.publication_bucket, batch).result()
    con.execute("begin")
    record(con, year, written)
    _record_days(con, year, [page.subject for page in new_digests.values()])
    con.execute(
        "call lake.set_commit_message('tongbao', ?, extra_info => ?)",
        [f"receipts {year}", json.dumps({"kind": "receipts", "year": str(year)})],
    )
    con.execute("commit")
    progress(f"receipts {year}: {total} files written for {len(written)} pages")
    return summary


def _latest_days(con: duckdb.DuckDBPyConnection, year: int, until: date) -> dict[str, date]:
    """Province → the last day, none after ``until``, for which it has a digest."""
    return dict(
        con.execute(
            "select province_code, max(day) from lake.publication.daily_digests "
            "where year = ? and day <= ? group by province_code",
            [year, until],
        ).fetchall()
    )


def _digest(digest: Digest, day: date) -> str:
    """The day of a province's page, and a digest of what else it says."""
    said = json.dumps(
        [digest.counts, digest.lists], ensure_ascii=False, sort_keys=True, default=str
    )
    return f"{day} {hashlib.sha256(said.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _record_days(con: duckdb.DuckDBPyConnection, year: int, written: list[Digest]) -> None:
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
        schema = OTHER_TABLES["publication.daily_digests"]
        table = pa.Table.from_pylist(rows, schema)
        insert_rows(con, "publication.daily_digests", table)

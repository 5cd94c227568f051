"""One intake run: lists, fetches, parses, answers and commits new objects, batch by batch.

Belongs here: the order of the steps, and writing a batch's rows. Doesn't belong here: fetching and
answering objects (``batches``), what depends on other objects or the lake (``settling``).

A batch goes through four steps. Workers parse and check its objects and make the typed rows of
their documents; whatever goes wrong there with one object is that object's receipt. Then documents
are dropped whose id is known already. Then the receipts are written. Then the rows, which include
the list of objects taken in, are committed in one transaction. A run that is killed at any point
repeats what was not committed and writes the same receipts, so nothing is lost or counted twice.
The lake's writer lock keeps two runs apart.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.core.errors import Unreachable
from orchestration.core.reporting_calendar import period_of
from orchestration.core.settings import Settings
from orchestration.intake.attachments import pending_attachments, take_in_attachments
from orchestration.intake.batches import Batch, Item, Reading, terms_of
from orchestration.intake.cluster import not_put, read_on_cluster
from orchestration.intake.findings import Finding
from orchestration.intake.isolation import Isolation
from orchestration.intake.listing import (
    gone_objects,
    list_landing,
    new_objects,
    record_gone_objects,
)
from orchestration.intake.rows import DocumentRows, arrow_table, joined, storable
from orchestration.intake.settling import (
    accept_documents,
    contested_receipts,
    limit_findings,
    name_receipts,
    receipt_object,
)
from orchestration.lakehouse import RAW_TABLES, ensure_tables, last_intake_at
from orchestration.lakehouse.snapshots import set_commit_message
from orchestration.lakehouse.tables import OTHER_TABLES, insert_rows, utc_naive
from orchestration.storage import Store, open_transfers

__all__ = ["IntakeSummary", "idle_intake", "run_intake"]

_log = logging.getLogger(__name__)

#: Most keys that a summary quotes: enough to identify the sender in a few lines.
_KEYS_QUOTED = 5


@dataclass
class IntakeSummary:
    """The outcome of an intake run.

    Attributes:
        listed: number of objects in the landing bucket, of the years listed, without attachments.
        fetched: number of new or changed objects taken in.
        by_status: number of objects by receipt status.
        documents: number of documents taken in.
        errors, warnings: numbers of findings.
        reports: number of new or changed report files inspected.
        unread: the store's error by key, for objects that it failed to return; the next run
            retries them.
        passed_over: keys that can't be used (see :func:`list_landing`); not counted in ``listed``.
    """

    listed: int = 0
    fetched: int = 0
    by_status: dict[str, int] = field(default_factory=dict)
    documents: int = 0
    errors: int = 0
    warnings: int = 0
    reports: int = 0
    unread: dict[str, str] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of objects for the metrics: ``listed``, ``fetched``, and by status."""
        return {"listed": self.listed, "fetched": self.fetched, **self.by_status}

    def listing_line(self, new: int) -> str:
        """The progress line about the listing and its new or changed objects."""
        return f"intake: {self.listed} objects listed, {new} new or changed"

    @property
    def lines(self) -> list[str]:
        """The summary as lines for a terminal."""
        statuses = ", ".join(f"{n} {name}" for name, n in sorted(self.by_status.items()))
        lines = [
            f"intake: {self.listed} objects listed, {self.fetched} fetched ({statuses or 'none'}); "
            f"{self.documents} documents, {self.errors} errors, {self.warnings} warnings; "
            f"{self.reports} report files inspected"
        ]
        if self.passed_over:
            count, named = len(self.passed_over), self.passed_over[:_KEYS_QUOTED]
            more = f" and {count - len(named)} more" if count > len(named) else ""
            lines.append(
                f"intake: {count} keys passed over (an empty segment, '.', '..', a final slash or "
                "a control character: upload them under a plain name): "
                f"{', '.join(map(ascii, named))}{more}"
            )
        return lines


@dataclass
class _BatchRows:
    """A batch's rows, with the types of the lake's columns.

    Attributes:
        tables: rows by table of the lake, in the order in which they are written.
    """

    tables: dict[str, pa.Table]
    documents: DocumentRows


def run_intake(
    con: duckdb.DuckDBPyConnection,
    store: Store,
    settings: Settings,
    *,
    year: int,
    run_id: str,
    progress: Callable[[str], None] = lambda _: None,
) -> IntakeSummary:
    """Take in the new and changed objects of every year up to ``year``.

    Args:
        con: the writing connection to the lake.
        run_id: written to every row as its lineage.

    Raises:
        Unreachable: the store or the catalogue fails, or the engine's cluster can't be reached.
        UsageError: the engine isn't installed, or a setting of it is wrong.
    """
    ensure_tables(con)
    summary = IntakeSummary()
    listed_at = settings.now()
    listing = list_landing(store, settings.landing_bucket, year, summary.passed_over)
    summary.listed = len(listing)
    new = new_objects(con, listing)
    progress(summary.listing_line(len(new)))

    def write(items: list[Item], rows: _BatchRows, receipts_written: Future[int]) -> None:
        """Commit a batch once its receipts are written."""
        receipts_written.result()
        _write_rows(con, rows, items[0].place.year, run_id)
        _add_to_summary(summary, items)

    def commit() -> None:
        set_commit_message(con, "intake", year, run_id=run_id)
        con.execute("commit")

    def await_batch(writing: Future[None]) -> None:
        writing.result()
        progress(f"intake: {summary.fetched} of {len(new)} objects taken in")

    # Batches overlap: one is read, one answered and one written at the same time.
    with (
        open_transfers(store, len(new)) as transfers,
        Isolation(settings, terms := terms_of(settings, run_id)) as isolation,
        ThreadPoolExecutor(1) as writer,
    ):
        writing: Future[None] | None = None
        reading = Reading(settings, store, transfers, isolation, year, summary.unread)
        answered = None
        if settings.engine == "spark":
            answered = partial(read_on_cluster, reading, terms, contested_receipts(con, new, year))
        for batch in reading.batches(new, answered):
            if writing:
                await_batch(writing)
            rows, receipts = _prepare(con, batch, settings, run_id)
            if batch.put:
                receipts = not_put(batch, receipts)
            receipts_written = transfers.put_many(settings.publication_bucket, receipts)
            writing = writer.submit(copy_context().run, write, batch.items, rows, receipts_written)
        if writing:
            await_batch(writing)
        summary.reports = take_in_attachments(
            con,
            store,
            transfers,
            settings,
            year=year,
            run_id=run_id,
            commit=commit,
            progress=progress,
        )
    if summary.unread:
        # The other objects are committed, but a run with a gap is not recorded as an intake.
        key, reason = next(iter(summary.unread.items()))
        raise Unreachable(
            f"{len(summary.unread)} of {len(new)} objects could not be read, the others are taken "
            f"in: {key}: {reason} (run again: only the missing objects are read)"
        )
    found = summary.fetched + summary.reports
    found += record_gone_objects(con, listing, year, run_id=run_id, commit=commit)
    _record_run(con, year, run_id, found, listed_at, settings.now())
    return summary


def idle_intake(
    con: duckdb.DuckDBPyConnection, store: Store, settings: Settings, year: int
) -> IntakeSummary | None:
    """What an intake of ``year`` that writes nothing to the lake would return; only reads.

    Args:
        con: a connection to a lake that has been written to before.

    Returns:
        its summary; None if there is something to take in or to record.

    Raises:
        Unreachable: the store can't be listed.
    """
    summary = IntakeSummary()
    listing = list_landing(store, settings.landing_bucket, year, summary.passed_over)
    summary.listed = len(listing)
    is_pending = (
        _is_first_listing(con, year, settings.now())
        or new_objects(con, listing)
        or any(gone_objects(con, listing, year))
        or any(pending_attachments(con, store, settings, year))
    )
    return None if is_pending else summary


def _is_first_listing(con: duckdb.DuckDBPyConnection, year: int, listed_at: datetime) -> bool:
    """Whether no intake has listed the landing bucket yet, or none since the cut-off."""
    cutoff = period_of(year).cutoff_at
    last = last_intake_at(con, year, listed_at)
    return last is None or last < cutoff <= listed_at


def _record_run(
    con: duckdb.DuckDBPyConnection,
    year: int,
    run_id: str,
    found: int,
    listed_at: datetime,
    finished_at: datetime,
) -> None:
    """Record a finished intake run, unless it found nothing new.

    The first run after the cut-off is recorded even then, because the gate checks that the landing
    bucket was listed after the collection closed.
    """
    if found or _is_first_listing(con, year, listed_at):
        con.execute("begin")
        con.execute(
            "insert into lake.raw.intake_runs (run_id, year, listed_at, finished_at, objects) "
            "values (?, ?, ?, ?, ?)",
            [run_id, year, utc_naive(listed_at), utc_naive(finished_at), found],
        )
        set_commit_message(con, "intake", year, run_id=run_id)
        con.execute("commit")


def _add_to_summary(summary: IntakeSummary, items: list[Item]) -> None:
    """Add a written batch to the summary, and log its rejections and findings."""
    summary.fetched += len(items)
    for item in items:
        summary.by_status[item.status] = summary.by_status.get(item.status, 0) + 1
        summary.documents += item.accepted
        if item.answer.failure:
            place = {"object_key": item.info.key}
            _log.error("an object can't be processed: %s", item.answer.failure, extra=place)
        if item.status == "rejected":
            attributes = {"object_key": item.info.key, "status": item.status}
            _log.info("an object is rejected: see its receipt", extra=attributes)
        for each in item.findings:
            # The value is not logged: it may be a telephone number.
            _log.info(
                "finding",
                extra={
                    "object_key": item.info.key,
                    "document_id": each.document_id,
                    "unit_code": each.unit_code,
                    "code": each.code,
                    "severity": each.severity,
                },
            )
            if each.severity == "error":
                summary.errors += 1
            else:
                summary.warnings += 1


def _prepare(
    con: duckdb.DuckDBPyConnection, batch: Batch, settings: Settings, run_id: str
) -> tuple[_BatchRows, list[tuple[str, bytes]]]:
    """Make a batch's rows and receipts."""
    dropped = accept_documents(con, batch.items)
    name_receipts(con, batch.items)
    for item in batch.items:
        limit_findings(item, settings.max_findings)
    rows = _BatchRows(_object_rows(batch.items, run_id), joined(batch.rows, dropped))
    batch.rows.clear()
    # Folder by folder, as objects are read.
    return rows, sorted(map(receipt_object, batch.items))


def _write_rows(con: duckdb.DuckDBPyConnection, typed: _BatchRows, year: int, run_id: str) -> None:
    """Write a batch's rows, its list of objects included, in one transaction."""
    con.execute("begin")
    try:
        for name, rows in typed.tables.items():
            insert_rows(con, name, rows)
        for name, rows in typed.documents.tables.items():
            insert_rows(con, f"raw.{name}", rows)
        for documents, values, targets in typed.documents.long:
            _insert_long(con, documents, values, targets)
        set_commit_message(con, "intake", year, run_id=run_id)
        con.execute("commit")
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # the error may have ended the transaction
            con.execute("rollback")
        raise


def _object_rows(items: Sequence[Item], run_id: str) -> dict[str, pa.Table]:
    """Make the rows of objects and their findings, by table."""
    objects: list[tuple[Any, ...]] = []
    permanent: list[tuple[Any, ...]] = []
    errors: list[tuple[Any, ...]] = []
    for item in items:
        info, place, answer = item.info, item.place, item.answer
        objects.append(
            (
                storable(info.key),
                info.etag,
                answer.sha256,
                run_id,
                place.year,
                place.province_code,
                place.document_type,
                info.size,
                utc_naive(info.last_modified),
                item.status,
                answer.total,
                answer.total - item.rejected,
                item.rejected,
                storable(item.receipt_name),
                item.body,
            )
        )
        permanent += [(*_finding_row(item, info.key, each), run_id) for each in item.permanent]
        # dbt fills the last two columns: the explanation of a warning.
        errors += [
            (*_finding_row(item, item.shown_key, each), None, None) for each in item.findings
        ]
    name = "quality.submission_errors"
    rows = {
        "raw.objects": arrow_table(objects, RAW_TABLES["objects"].arrow),
        "raw.document_errors": arrow_table(permanent, RAW_TABLES["document_errors"].arrow),
        name: arrow_table(errors, OTHER_TABLES[name].arrow),
    }
    return {name: table for name, table in rows.items() if table.num_rows}


def _finding_row(item: Item, key: str, found: Finding) -> tuple[Any, ...]:
    return (
        item.place.year,
        item.place.province_code,
        storable(key),
        storable(found.document_id),
        storable(found.unit_code),
        storable(found.indicator_code),
        found.code,
        found.severity,
        storable(found.location),
        storable(found.message_zh),
        storable(found.message_en),
        item.info.etag,
        storable(found.value),
    )


def _insert_long(
    con: duckdb.DuckDBPyConnection, documents: pa.Table, values: pa.Table, targets: pa.Table
) -> None:
    """Insert values and targets, one row each, with the lineage of their documents."""
    con.register("long_documents", documents)
    lineage = "object_key, etag, sha256, run_id, year, province_code, document_id, unit_code"
    escaped = "replace(replace(indicator_code, '~', '~0'), '/', '~1')"
    if values.num_rows:
        con.register("long_values", values)
        con.execute(
            f"insert into lake.raw.performance_values ({lineage}, indicator_code, value_text, "
            f"value_kind, value_number, location) select {lineage}, indicator_code, "
            "value_text, value_kind, value_number, "
            f"coalesce(place, pointer || '/values/' || {escaped}) "
            "from long_values join long_documents using (position)"
        )
        con.unregister("long_values")
    if targets.num_rows:
        con.register("long_targets", targets)
        con.execute(
            f"insert into lake.raw.plan_targets ({lineage}, target_year, indicator_code, "
            f"target_text, target_number, location) select {lineage}, target_year, indicator_code, "
            "target_text, target_number, "
            f"coalesce(place, pointer || '/targets/' || target_year || '/' || {escaped}) "
            "from long_targets join long_documents using (position)"
        )
        con.unregister("long_targets")
    con.unregister("long_documents")

"""One intake run: lists, fetches, parses, answers and commits new objects, batch by batch.

Belongs here: the order of the steps, and what depends on other objects or the lake. Doesn't belong
here: what depends on one object alone (``answers``, run by ``isolation``), the content of receipts
(``receipts``).

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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.core.contacts import struck
from orchestration.core.errors import Unreachable
from orchestration.core.reporting_calendar import period_of
from orchestration.core.settings import Settings
from orchestration.intake.answers import Answer, Landed, Terms, unread
from orchestration.intake.attachments import pending_attachments, take_in_attachments
from orchestration.intake.findings import About, Finding, Findings, counted, finding
from orchestration.intake.formats import limits_of
from orchestration.intake.formats.names import is_like
from orchestration.intake.isolation import Answered, Isolation
from orchestration.intake.listing import (
    gone_objects,
    list_landing,
    new_objects,
    record_gone_objects,
)
from orchestration.intake.places import Place, place_of
from orchestration.intake.receipts import (
    ReceiptSubject,
    held_back,
    receipt,
    receipt_key,
    status_of,
)
from orchestration.intake.rows import DocumentRows, arrow_table, joined, storable
from orchestration.lakehouse import RAW_TABLES, ensure_tables, last_intake_at
from orchestration.lakehouse.snapshots import set_commit_message
from orchestration.lakehouse.tables import OTHER_TABLES, insert_rows, utc_naive
from orchestration.storage import Fetched, ObjectInfo, Store, Transfers, open_transfers

__all__ = ["IntakeSummary", "intake_is_pending", "run_intake"]

_log = logging.getLogger(__name__)

#: Bounds of a batch: 4,000 performance objects (10 MiB) give some 80,000 value rows, which fill one
#: Parquet data file of the lake; 12 MiB of bulk files hold some 30,000 documents. Four batches are
#: in memory at once (being read, answered, prepared, written); a larger object is a batch of its
#: own.
_BATCH_OBJECTS = 4_000
_BATCH_BYTES = 12 * 1024 * 1024
#: Most keys that a summary quotes: enough to identify the sender in a few lines.
_KEYS_QUOTED = 5
#: Positions of documents between those of two objects, more than an object can hold documents.
_POSITIONS_PER_OBJECT = 2**32


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
class _Item:
    """An object of a batch, with the results of each step so far."""

    info: ObjectInfo
    place: Place
    body: bytes | None
    answer: Answer
    #: Documents that break their contract or whose id is taken.
    rejected: int = 0
    #: Documents of unknown units, and those of which no value counts.
    held_back: set[str] = field(default_factory=set)
    accepted: int = 0
    #: Values and targets that are read and not excluded, of documents that are not held back.
    values: int = 0
    #: Findings that don't depend on other documents or the catalogue; they are stored.
    permanent: list[Finding] = field(default_factory=list)
    #: Findings that dbt makes again whenever it builds.
    provisional: list[Finding] = field(default_factory=list)
    receipt_name: str = ""

    @property
    def shown_key(self) -> str:
        """The object's key without contacts."""
        return self.answer.shown_key or struck(self.info.key)

    @property
    def findings(self) -> list[Finding]:
        return self.permanent + self.provisional

    @property
    def status(self) -> str:
        total = self.answer.total
        rejected = min(total, self.rejected + len(self.held_back))
        return status_of(total, rejected, self.findings)


@dataclass
class _Batch:
    """Objects that are written together, and the rows of their documents."""

    items: list[_Item]
    rows: list[DocumentRows] = field(default_factory=list)


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
        Unreachable: the store or the catalogue fails.
    """
    ensure_tables(con)
    summary = IntakeSummary()
    listed_at = settings.now()
    listing = list_landing(store, settings.landing_bucket, year, summary.passed_over)
    summary.listed = len(listing)
    new = new_objects(con, listing)
    progress(f"intake: {summary.listed} objects listed, {len(new)} new or changed")

    def write(items: list[_Item], rows: _BatchRows, receipts_written: Future[int]) -> None:
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
        Isolation(settings, _terms(settings, run_id)) as isolation,
        ThreadPoolExecutor(1) as writer,
    ):
        writing: Future[None] | None = None
        reading = _Reading(settings, store, transfers, isolation, year, summary.unread)
        for batch in reading.batches(new):
            if writing:
                await_batch(writing)
            rows, receipts = _prepare(con, batch, settings, run_id)
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


def intake_is_pending(
    con: duckdb.DuckDBPyConnection, store: Store, settings: Settings, year: int
) -> bool:
    """Whether an intake of ``year`` would write anything to the lake; only reads.

    Args:
        con: a connection to a lake that has been written to before.

    Raises:
        Unreachable: the store can't be listed.
    """
    listing = list_landing(store, settings.landing_bucket, year)
    return bool(
        _is_first_listing(con, year, settings.now())
        or new_objects(con, listing)
        or any(gone_objects(con, listing, year))
        or any(pending_attachments(con, store, settings, year))
    )


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


def _terms(settings: Settings, run_id: str) -> Terms:
    schemas = {name: table.arrow for name, table in RAW_TABLES.items()}
    return Terms(limits_of(settings), run_id, schemas)


@dataclass
class _Reading:
    """Fetches new objects and has them answered, batch by batch.

    Attributes:
        year: the year of keys that have none.
        failures: receives the store's error by key, for objects that it failed to return.
    """

    settings: Settings
    store: Store
    transfers: Transfers
    isolation: Isolation
    year: int
    failures: dict[str, str]

    def batches(self, new: Sequence[ObjectInfo]) -> Iterator[_Batch]:
        """Yield the objects with their answers; those over the size limit are not read."""
        unread_items: list[_Item] = []
        readable: list[ObjectInfo] = []
        for info in new:
            answer = self._answer_unread(info)
            if answer is None:
                readable.append(info)
            else:
                unread_items.append(_Item(info, self._place(info), None, answer))
        slow: list[ObjectInfo] = []
        absent: list[ObjectInfo] = []
        if unread_items:
            yield _Batch(unread_items)
        yield from self._answered(readable, absent, slow)
        # When all others have their answers.
        yield from self._answered(slow, absent, None)
        unread_items = list(self._unnameable(absent))
        if unread_items:
            yield _Batch(unread_items)

    def _place(self, info: ObjectInfo) -> Place:
        return place_of(info.key, self.year)

    def _answer_unread(self, info: ObjectInfo) -> Answer | None:
        """The answer to an object that is not read, or None."""
        if not self._place(info).follows_layout:
            return unread(finding("E006", value=info.key))
        if info.size > self.settings.max_object_bytes:
            limit = str(self.settings.max_object_bytes)
            return unread(finding("E002", value=str(info.size), limit=limit))
        return None

    def _answered(
        self, infos: Sequence[ObjectInfo], absent: list[ObjectInfo], slow: list[ObjectInfo] | None
    ) -> Iterator[_Batch]:
        """Yield batches of objects; one is answered while the caller has the one before.

        Args:
            absent: receives the objects that the store doesn't find.
            slow: receives the objects that are slow for their size; None to wait for those.
        """
        answering: tuple[list[Landed], list[Fetched], Future[Answered]] | None = None
        for bodies in self._bodies(infos, absent):
            landed = [self._landed(index, fetched) for index, fetched in enumerate(bodies)]
            answered = self.isolation.answer(landed, patiently=slow is None)
            if answering:
                yield from self._batch(*answering, slow)
            answering = landed, bodies, answered
        if answering:
            yield from self._batch(*answering, slow)

    def _bodies(
        self, infos: Sequence[ObjectInfo], absent: list[ObjectInfo]
    ) -> Iterator[list[Fetched]]:
        """Yield the objects of each batch; the next one is read while the caller has one."""
        parts = list(_batch_parts(infos))
        bucket = self.settings.landing_bucket
        reading = self.transfers.get_many(bucket, parts[0]) if parts else None
        for index, part in enumerate(parts):
            assert reading is not None
            bodies = reading.result()
            if index + 1 < len(parts):
                reading = self.transfers.get_many(bucket, parts[index + 1])
            self.failures |= {f.info.key: f.failure for f in bodies if f.failure is not None}
            returned = {fetched.info.key for fetched in bodies}
            absent += [info for info in part if info.key not in returned]
            yield [fetched for fetched in bodies if fetched.failure is None]

    def _landed(self, index: int, fetched: Fetched) -> Landed:
        info = fetched.info
        return Landed(
            position=index * _POSITIONS_PER_OBJECT,
            key=info.key,
            etag=info.etag,
            last_modified=info.last_modified,
            place=self._place(info),
            body=fetched.body,
        )

    def _batch(
        self,
        landed: list[Landed],
        bodies: list[Fetched],
        answering: Future[Answered],
        slow: list[ObjectInfo] | None,
    ) -> Iterator[_Batch]:
        """Yield the batch of the objects that are answered, unless there are none."""
        answered = answering.result()
        items = []
        for each, fetched in zip(landed, bodies, strict=True):
            answer = answered.answers.get(each.position)
            if answer is not None:
                items.append(_Item(fetched.info, each.place, fetched.body, answer))
            elif slow is not None:
                slow.append(fetched.info)
        if items:
            yield _Batch(items, answered.rows)

    def _unnameable(self, absent: Sequence[ObjectInfo]) -> Iterator[_Item]:
        """Yield the objects that are still listed, although the store doesn't find them.

        The others were deleted since the listing; these have a key that can't be requested.
        """
        folders = {info.key.rpartition("/")[0] + "/" for info in absent}
        bucket = self.settings.landing_bucket
        listed = {each.key for folder in folders for each in self.store.list(bucket, folder)}
        for info in absent:
            if info.key in listed:
                yield _Item(info, self._place(info), None, unread(finding("E015", value=info.key)))


def _batch_parts(infos: Sequence[ObjectInfo]) -> Iterator[list[ObjectInfo]]:
    """Split objects into batches within both bounds; a larger object is a batch of its own."""
    part: list[ObjectInfo] = []
    size = 0
    for info in infos:
        if part and (len(part) >= _BATCH_OBJECTS or size + info.size > _BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(info)
        size += info.size
    if part:
        yield part


def _add_to_summary(summary: IntakeSummary, items: list[_Item]) -> None:
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
    con: duckdb.DuckDBPyConnection, batch: _Batch, settings: Settings, run_id: str
) -> tuple[_BatchRows, list[tuple[str, bytes]]]:
    """Make a batch's rows and receipts."""
    dropped = _accept_documents(con, batch.items)
    _name_receipts(con, batch.items)
    for item in batch.items:
        _limit_findings(item, settings.max_findings)
    rows = _BatchRows(_object_rows(batch.items, run_id), joined(batch.rows, dropped))
    batch.rows.clear()
    return rows, [_receipt_object(item) for item in batch.items]


def _limit_findings(item: _Item, limit: int) -> None:
    """Keep the first findings of an object; one more counts them all, if there are others."""
    if not (item.permanent or item.provisional or item.answer.left_out):
        return
    permanent = Findings(limit, item.permanent)
    provisional = Findings(limit - len(permanent), item.provisional)
    item.permanent, item.provisional = list(permanent), list(provisional)
    left_out = item.answer.left_out + permanent.left_out + provisional.left_out
    if left_out:
        item.permanent.append(counted(item.findings, left_out, limit))


def _receipt_object(item: _Item) -> tuple[str, bytes]:
    """Key and body of an item's receipt."""
    subject = ReceiptSubject(
        object_key=item.shown_key,
        etag=item.info.etag,
        sha256=item.answer.sha256,
        size=item.info.size,
        year=item.place.year,
        province_code=item.place.province_code,
        documents=item.answer.total,
        # The receipt adds the documents held back that it lists.
        rejected=item.rejected + len(item.held_back - held_back(item.findings)),
        values=item.values,
    )
    key = receipt_key(item.place.year, item.place.province_code, item.receipt_name)
    return key, receipt(subject, item.findings)


def _query_wanted(
    con: duckdb.DuckDBPyConnection, query: str, values: set[str]
) -> list[tuple[Any, ...]]:
    """Run ``query``, which joins the table ``wanted`` with one column ``value``."""
    con.register("wanted", pa.table({"value": pa.array(sorted(values), pa.string())}))
    try:
        return con.execute(query).fetchall()
    finally:
        con.unregister("wanted")


#: Content hash by the prefix's province, by document type and id: no sender can make another's
#: document invalid by using its id.
_Seen = dict[tuple[str, str], dict[str, str]]


def _accept_documents(con: duckdb.DuckDBPyConnection, items: list[_Item]) -> set[int]:
    """Decide which documents are taken in, each once, and add the findings about them.

    Returns:
        the positions of the documents that are not.
    """
    documents = [document for item in items for document in item.answer.documents]
    ids = {document.document_id for document in documents}
    seen: _Seen = {}
    for kind, document_id, province, digest in _query_wanted(
        con,
        "select document_type, document_id, province_code, content_sha256 "
        "from lake.raw.documents join wanted on document_id = value",
        ids,
    ):
        seen.setdefault((kind, document_id), {})[province] = digest
    units = {d.unit_code for d in documents if d.unit_code}
    registered: dict[str, str] = dict(
        _query_wanted(
            con,
            "select unit_code, max_by(unit_name, submitted_at) from lake.raw.registrations "
            "join wanted on unit_code = value group by unit_code",
            units,
        )
    )
    return {position for item in items for position in _accept_of_object(item, seen, registered)}


def _accept_of_object(item: _Item, seen: _Seen, registered: dict[str, str]) -> Iterator[int]:
    """Do the work of :func:`_accept_documents` for one object; yield the positions dropped.

    Args:
        seen: updated.
        registered: names of registered units by code; updated.
    """
    answer = item.answer
    item.permanent = [f for f in answer.findings if not _is_provisional(item, f)]
    item.provisional = [f for f in answer.findings if _is_provisional(item, f)]
    item.rejected = answer.total - len(answer.documents)
    if item.shown_key != item.info.key:
        item.permanent.append(finding("W127", value=item.place.name))
    for document in answer.documents:
        about: About = {"document_id": document.document_id, "unit_code": document.unit_code}
        senders = seen.setdefault((item.place.document_type, document.document_id), {})
        former = senders.get(item.place.province_code)
        if former is not None:
            same = former == document.content_sha256
            code = "W117" if same else "E108"
            item.permanent.append(
                finding(code, document.where_id, value=document.document_id, **about)
            )
            item.rejected += 0 if same else 1
            yield document.position
            continue
        if senders:
            item.provisional.append(
                finding("W307", document.where, value=document.document_id, **about)
            )
        senders[item.place.province_code] = document.content_sha256
        item.accepted += 1
        if item.place.document_type == "registration" and document.unit_code:
            registered[document.unit_code] = document.unit_name or ""
        if document.unit_code and document.unit_code not in registered:
            item.held_back.add(document.document_id)
            item.provisional.append(
                finding("E109", document.where, value=document.unit_code, **about)
            )
        name = registered.get(document.unit_code or "")
        if name and document.unit_name and not is_like(document.unit_name, name):
            item.permanent.append(
                finding("W129", document.where, value=document.unit_name, expected=name, **about)
            )
        if not document.has_values:
            item.held_back.add(document.document_id)
        if document.document_id not in item.held_back:
            item.values += document.values
        item.provisional += document.findings


def _is_provisional(item: _Item, found: Finding) -> bool:
    """Whether dbt makes the finding again: unreadable targets depend on the current catalogue."""
    return item.place.document_type == "plan" and found.code == "E201"


def _name_receipts(con: duckdb.DuckDBPyConnection, batch: list[_Item]) -> None:
    """Name receipts after their objects, and keep names of different document types apart.

    The first object with a name gets the contract's plain receipt name; one of another type that
    comes later gets its type as a prefix.
    """
    taken: dict[tuple[int, str, str], str] = {}
    names = {item.place.name for item in batch}
    for year, province, name, key in _query_wanted(
        con,
        "select year, province_code, receipt_name, object_key from lake.raw.objects "
        "join wanted on receipt_name = value",
        names,
    ):
        taken[(year, province, name)] = key
    for item in batch:
        place = item.place
        owner = taken.setdefault((place.year, place.province_code, place.name), item.info.key)
        clash = owner != item.info.key
        item.receipt_name = f"{place.document_type}/{place.name}" if clash else place.name


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


def _object_rows(items: Sequence[_Item], run_id: str) -> dict[str, pa.Table]:
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


def _finding_row(item: _Item, key: str, found: Finding) -> tuple[Any, ...]:
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

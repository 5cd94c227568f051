"""One intake run: lists, fetches, parses, answers and commits new objects, batch by batch.

Belongs here: the order of the steps and the rows of a batch. Doesn't belong here: parsing
(``documents``), checks (``checks``), the content of receipts (``receipts``).

A batch goes through three steps. First its rows are made as Arrow tables, so that no type error can
occur later: an object on which this or anything else fails is answered with a receipt, and the
others are taken in. Then the receipts are written. Then the rows, which include the list of objects
taken in, are committed in one transaction. A run that is killed at any point repeats what was not
committed and writes the same receipts, so nothing is lost or counted twice. The lake's writer lock
keeps two runs apart.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.core.document_types import DOCUMENT_TYPES, Column, ColumnType
from orchestration.core.errors import Unreachable
from orchestration.core.reporting_calendar import period_of
from orchestration.core.settings import Settings
from orchestration.intake.attachments import pending_attachments, take_in_attachments
from orchestration.intake.checks import check_document
from orchestration.intake.documents import (
    ParsedDocument,
    ParsedObject,
    parse_object,
    unprocessable,
)
from orchestration.intake.findings import About, Finding, finding
from orchestration.intake.formats import Cells, Limits, limits_of
from orchestration.intake.listing import list_landing, new_objects
from orchestration.intake.places import Place, place_of
from orchestration.intake.receipts import (
    ReceiptSubject,
    receipt,
    receipt_key,
    rejected_documents,
    status_of,
)
from orchestration.lakehouse import RAW_TABLES, ensure_tables, last_intake_at
from orchestration.lakehouse.snapshots import set_commit_message
from orchestration.lakehouse.tables import OTHER_TABLES, insert_rows, utc_naive
from orchestration.storage import Fetched, ObjectInfo, Store, Transfers, open_transfers

__all__ = ["IntakeSummary", "intake_is_pending", "run_intake"]

_log = logging.getLogger(__name__)

#: Bounds of a batch: 4,000 performance objects (10 MiB) give some 80,000 value rows, which fill one
#: Parquet data file of the lake; 12 MiB of bulk files hold some 30,000 documents. Three batches are
#: in memory at once (being read, parsed, written); a larger object is a batch of its own.
_BATCH_OBJECTS = 4_000
_BATCH_BYTES = 12 * 1024 * 1024
#: Value rows per Arrow table: of a bulk file's million rows, at most this many are in memory twice.
_LONG_ROWS = 50_000
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
                f"intake: {count} keys passed over (an empty segment, '.', '..' or a control "
                f"character: upload them under a plain name): {', '.join(map(ascii, named))}{more}"
            )
        return lines


@dataclass
class _Item:
    """An object of a batch, with the results of each step so far."""

    info: ObjectInfo
    place: Place
    sha256: str | None
    body: bytes | None
    parsed: ParsedObject
    rejected: int = 0
    #: The documents to take in (until their rows are made), and their number.
    accepted: list[ParsedDocument] = field(default_factory=list)
    accepted_count: int = 0
    #: Findings that don't depend on other documents or the catalogue; they are stored.
    permanent: list[Finding] = field(default_factory=list)
    #: Findings that dbt makes again whenever it builds.
    provisional: list[Finding] = field(default_factory=list)
    receipt_name: str = ""
    #: An exception was raised for this object; none of its documents are taken in.
    is_refused: bool = False

    @property
    def findings(self) -> list[Finding]:
        return self.permanent + self.provisional

    @property
    def status(self) -> str:
        total = self.parsed.total
        rejected = rejected_documents(total, self.rejected, self.findings)
        return status_of(total, rejected, self.findings)


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
    del listing
    progress(f"intake: {summary.listed} objects listed, {len(new)} new or changed")

    def write(batch: list[_Item], rows: _BatchRows, receipts_written: Future[int]) -> None:
        """Commit a batch once its receipts are written."""
        receipts_written.result()
        _write_rows(con, rows, batch[0].place.year, run_id)
        _add_to_summary(summary, batch)

    def commit() -> None:
        set_commit_message(con, "intake", year, run_id=run_id)
        con.execute("commit")

    def await_batch(writing: Future[None]) -> None:
        writing.result()
        progress(f"intake: {summary.fetched} of {len(new)} objects taken in")

    # Three batches overlap: the next is read and the previous one written while one is parsed.
    with open_transfers(store, len(new)) as transfers, ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        for batch in _batches(new, settings, store, transfers, year, summary.unread):
            if writing:
                await_batch(writing)
            rows, receipts = _prepare(con, batch, run_id)
            receipts_written = transfers.put_many(settings.publication_bucket, receipts)
            writing = writer.submit(copy_context().run, write, batch, rows, receipts_written)
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
    fetched = summary.fetched + summary.reports
    _record_run(con, year, run_id, fetched, listed_at, settings.now())
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
    return bool(
        _is_first_listing(con, year, settings.now())
        or new_objects(con, list_landing(store, settings.landing_bucket, year))
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
    fetched: int,
    listed_at: datetime,
    finished_at: datetime,
) -> None:
    """Record a finished intake run, unless it found nothing new.

    The first run after the cut-off is recorded even then, because the gate checks that the landing
    bucket was listed after the collection closed.
    """
    if fetched or _is_first_listing(con, year, listed_at):
        con.execute("begin")
        con.execute(
            "insert into lake.raw.intake_runs (run_id, year, listed_at, finished_at, objects) "
            "values (?, ?, ?, ?, ?)",
            [run_id, year, utc_naive(listed_at), utc_naive(finished_at), fetched],
        )
        set_commit_message(con, "intake", year, run_id=run_id)
        con.execute("commit")


def _batches(
    new: Sequence[ObjectInfo],
    settings: Settings,
    store: Store,
    transfers: Transfers,
    year: int,
    failures: dict[str, str],
) -> Iterator[list[_Item]]:
    """Fetch and parse objects; those over the size limit are not read.

    Args:
        failures: receives the store's error by key, for objects that it failed to return.
    """
    places = {info.key: place_of(info.key, year) for info in new}
    limits = limits_of(settings)

    def readable(info: ObjectInfo) -> bool:
        return places[info.key].follows_layout and info.size <= settings.max_object_bytes

    unread = [_unread_item(info, places[info.key], settings) for info in new if not readable(info)]
    parts = list(_batch_parts([info for info in new if readable(info)]))
    reading = transfers.get_many(settings.landing_bucket, parts[0]) if parts else None
    absent: list[ObjectInfo] = []
    for index in range(len(parts)):
        assert reading is not None
        bodies = reading.result()
        if index + 1 < len(parts):
            reading = transfers.get_many(settings.landing_bucket, parts[index + 1])
        failures |= {f.info.key: f.failure for f in bodies if f.failure is not None}
        items = [_parsed_item(f, places[f.info.key], limits) for f in bodies if f.failure is None]
        returned = {fetched.info.key for fetched in bodies}
        absent += [info for info in parts[index] if info.key not in returned]
        yield [*unread, *items]
        unread = []
    # The store didn't find these objects. They were deleted since the listing or, if they are still
    # listed, they have a key that can't be requested.
    folders = {info.key.rpartition("/")[0] + "/" for info in absent}
    listed = {i.key for folder in folders for i in store.list(settings.landing_bucket, folder)}
    for info in absent:
        if info.key in listed:
            parsed = ParsedObject(findings=[finding("E015", value=info.key)])
            unread.append(_Item(info, places[info.key], None, None, parsed))
    if unread:
        yield unread


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


def _unread_item(info: ObjectInfo, place: Place, settings: Settings) -> _Item:
    """The item of an object that is answered without being read."""
    if place.follows_layout:
        limit = str(settings.max_object_bytes)
        parsed = ParsedObject(findings=[finding("E002", value=str(info.size), limit=limit)])
    else:
        parsed = parse_object(place, info.key, b"", limits_of(settings), info.last_modified)
    return _Item(info, place, None, None, parsed)


def _parsed_item(fetched: Fetched, place: Place, limits: Limits) -> _Item:
    info = fetched.info
    parsed = parse_object(place, info.key, fetched.body, limits, info.last_modified)
    digest = hashlib.sha256(fetched.body).hexdigest()
    return _Item(fetched.info, place, digest, fetched.body, parsed)


def _add_to_summary(summary: IntakeSummary, batch: list[_Item]) -> None:
    """Add a written batch to the summary, and log its rejections and findings."""
    summary.fetched += len(batch)
    for item in batch:
        summary.by_status[item.status] = summary.by_status.get(item.status, 0) + 1
        summary.documents += item.accepted_count
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
    con: duckdb.DuckDBPyConnection, batch: list[_Item], run_id: str
) -> tuple[_BatchRows, list[tuple[str, bytes]]]:
    """Make a batch's rows and receipts.

    An object for which an exception is raised is refused. The batch is then prepared again without
    its documents, because findings about other objects may depend on them (duplicate ids).
    """
    while True:
        _accept_documents(con, batch)
        _name_receipts(con, batch)
        try:
            rows = _make_rows(batch, run_id)
            receipts = [_receipt_object(item) for item in batch]
        except Exception:
            refused = [item for item in batch if _refuse_if_it_fails(item, run_id)]
            if not refused:
                raise
            continue
        for item in batch:
            # Free the typed documents: a bulk file holds tens of thousands.
            item.accepted_count = len(item.accepted)
            item.accepted.clear()
            item.parsed.documents.clear()
        return rows, receipts


def _refuse_if_it_fails(item: _Item, run_id: str) -> bool:
    """Refuse the item if its rows or its receipt can't be made; return whether it was refused."""
    if item.is_refused:
        return False
    try:
        _make_rows([item], run_id)
        _receipt_object(item)
    except Exception as error:
        _refuse(item, error)
    return item.is_refused


def _refuse(item: _Item, error: Exception) -> None:
    item.parsed = unprocessable(item.info.key, error)
    item.is_refused = True


def _receipt_object(item: _Item) -> tuple[str, bytes]:
    """Key and body of an item's receipt."""
    subject = ReceiptSubject(
        object_key=item.info.key,
        etag=item.info.etag,
        sha256=item.sha256,
        size=item.info.size,
        year=item.place.year,
        province_code=item.place.province_code,
        documents=item.parsed.total,
        rejected=item.rejected,
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


def _accept_documents(con: duckdb.DuckDBPyConnection, batch: list[_Item]) -> None:
    """Decide which documents are taken in, each id once, and add the findings about them."""
    documents = [document for item in batch for document in item.parsed.documents]
    ids = {document.model.document_id for document in documents}
    seen: dict[str, str] = dict(
        _query_wanted(
            con,
            "select document_id, content_sha256 from lake.raw.documents "
            "join wanted on document_id = value",
            ids,
        )
    )
    units = {d.unit_code for d in documents if d.unit_code}
    registered = {
        row[0]
        for row in _query_wanted(
            con,
            "select distinct unit_code from lake.raw.registrations "
            "join wanted on unit_code = value",
            units,
        )
    }
    for item in batch:
        try:
            _accept_object_documents(item, seen, registered)
        except Exception as error:
            _refuse(item, error)
            _accept_object_documents(item, seen, registered)


def _accept_object_documents(item: _Item, seen: dict[str, str], registered: set[str]) -> None:
    """Do the work of :func:`_accept_documents` for one object.

    Args:
        seen: content hash by document id; updated at the end, so that an exception changes nothing.
        registered: registered units; updated likewise.
    """
    own: dict[str, str] = {}
    units: set[str] = set()
    item.accepted = []
    item.permanent = [f for f in item.parsed.findings if not _is_provisional(item, f)]
    item.provisional = [f for f in item.parsed.findings if _is_provisional(item, f)]
    item.rejected = item.parsed.total - len(item.parsed.documents)
    for document in item.parsed.documents:
        model = document.model
        about: About = {"document_id": model.document_id, "unit_code": document.unit_code}
        former = seen.get(model.document_id, own.get(model.document_id))
        if former is not None:
            same = former == document.content_sha256
            code = "W117" if same else "E108"
            item.permanent.append(
                finding(code, document.where.at("document_id"), value=model.document_id, **about)
            )
            item.rejected += 0 if same else 1
            continue
        own[model.document_id] = document.content_sha256
        item.accepted.append(document)
        if item.place.document_type == "registration" and document.unit_code:
            units.add(document.unit_code)
        item.provisional += _provisional_findings(item, document, registered | units)
    seen |= own
    registered |= units


def _is_provisional(item: _Item, found: Finding) -> bool:
    """Whether dbt makes the finding again: unreadable targets depend on the current catalogue."""
    return item.place.document_type == "plan" and found.code == "E201"


def _provisional_findings(
    item: _Item, document: ParsedDocument, registered: set[str]
) -> Iterator[Finding]:
    """Yield the findings that a later registration, plan or catalogue may change."""
    model, unit_code = document.model, document.unit_code
    about: About = {"document_id": model.document_id, "unit_code": unit_code}
    if unit_code and unit_code not in registered:
        yield finding("E109", document.where.at(), value=unit_code, **about)
    yield from check_document(item.place, document)


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


def _storable(value: str | None) -> str | None:
    """Replace lone surrogates, which JSON allows as escapes and no table can store."""
    if value is None or value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def _json_text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _own_cells(document: ParsedDocument, columns: Iterable[Column]) -> Iterator[Any]:
    """Yield the cells of a document in its type's table, after those common to all types."""
    for column in columns:
        value: Any = document
        for name in column.path:
            value = None if value is None else getattr(value, name)
        if column.type is ColumnType.JSON:
            value = _json_text([each.model_dump() for each in value]) if value else None
        yield _storable(value) if isinstance(value, str) else value


@dataclass
class _BatchRows:
    """A batch's rows, with the types of the lake's columns.

    Attributes:
        tables: rows by table of the lake, in the order in which they are written.
        long: triples of documents, their values and their targets, of about ``_LONG_ROWS`` rows.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    long: list[tuple[pa.Table, pa.Table, pa.Table]] = field(default_factory=list)


def _write_rows(con: duckdb.DuckDBPyConnection, typed: _BatchRows, year: int, run_id: str) -> None:
    """Write a batch's rows, its list of objects included, in one transaction."""
    con.execute("begin")
    try:
        for name, rows in typed.tables.items():
            insert_rows(con, name, rows)
        for documents, values, targets in typed.long:
            _insert_long(con, documents, values, targets)
        set_commit_message(con, "intake", year, run_id=run_id)
        con.execute("commit")
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # the error may have ended the transaction
            con.execute("rollback")
        raise


def _make_rows(batch: Sequence[_Item], run_id: str) -> _BatchRows:
    """Make the rows of objects.

    Raises:
        pa.ArrowException: a column's type can't hold a value (also other errors of conversion).
    """
    typed = _BatchRows()
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in RAW_TABLES}
    errors: list[tuple[Any, ...]] = []
    long_documents: list[tuple[Any, ...]] = []
    values: tuple[list[Any], ...] = ([], [], [], [], [], [])
    targets: tuple[list[Any], ...] = ([], [], [], [], [], [])
    for item in batch:
        info, place = item.info, item.place
        lineage = (info.key, info.etag, item.sha256, run_id, place.year, place.province_code)
        rows["objects"].append(
            (
                *lineage,
                place.document_type,
                info.size,
                utc_naive(info.last_modified),
                item.status,
                item.parsed.total,
                item.parsed.total - item.rejected,
                item.rejected,
                item.receipt_name,
                item.body,
            )
        )
        for document in item.accepted:
            model, unit = document.model, document.unit_code
            document_id = _storable(model.document_id)
            kind = place.document_type
            rows["documents"].append((*lineage, document_id, kind, document.content_sha256))
            described = DOCUMENT_TYPES[kind]
            rows[described.raw_table].append(
                (
                    *lineage,
                    document_id,
                    model.submitted_at,
                    model.synthetic,
                    *_own_cells(document, described.columns),
                )
            )
            contact = getattr(model, "contact", None)
            if contact:
                rows["registration_contacts"].append(
                    (
                        *lineage,
                        document_id,
                        unit,
                        _storable(contact.name),
                        _storable(contact.phone),
                        _storable(contact.email),
                    )
                )
            if document.values or document.targets:
                index = len(long_documents)
                where = document.where
                # SQL appends the value's path to the document's JSON Pointer; in tables each value
                # has a cell of its own.
                pointer = None if isinstance(where, Cells) else _storable(where.at())
                places = where.of_keys() if isinstance(where, Cells) else {}
                long_documents.append((index, *lineage, document_id, unit, pointer))
                _extend_columns(
                    values,
                    [
                        (index, _storable(code), _storable(read.text), read.kind, read.number,
                         _storable(places.get(code)))
                        for code, read in document.values
                    ],
                )  # fmt: skip
                _extend_columns(
                    targets,
                    [
                        (index, year, _storable(code), _storable(read.text), read.number,
                         _storable(places.get(f"{year}/{code}")))
                        for year, code, read in document.targets
                    ],
                )  # fmt: skip
                if len(values[0]) + len(targets[0]) >= _LONG_ROWS:
                    typed.long.append(_long_tables(long_documents, values, targets))
                    for column in (long_documents, *values, *targets):
                        column.clear()
        for is_permanent, found in ((True, item.permanent), (False, item.provisional)):
            for each in found:
                row = (
                    place.year,
                    place.province_code,
                    info.key,
                    _storable(each.document_id),
                    _storable(each.unit_code),
                    _storable(each.indicator_code),
                    each.code,
                    each.severity,
                    _storable(each.location),
                    _storable(each.message_zh),
                    _storable(each.message_en),
                    info.etag,
                    _storable(each.value),
                )
                # dbt fills the last two columns: the explanation of a warning.
                errors.append((*row, None, None))
                if is_permanent:
                    rows["document_errors"].append((*row, run_id))
    for name, schema in RAW_TABLES.items():
        if rows[name]:
            typed.tables[f"raw.{name}"] = _arrow_table(rows[name], schema)
    if errors:
        name = "quality.submission_errors"
        typed.tables[name] = _arrow_table(errors, OTHER_TABLES[name])
    if long_documents:
        typed.long.append(_long_tables(long_documents, values, targets))
    return typed


def _extend_columns(columns: tuple[list[Any], ...], rows: list[tuple[Any, ...]]) -> None:
    if rows:
        for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(cells)


def _arrow_table(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True)
    arrays = [
        pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


_LONG_DOCUMENT = pa.schema(
    [
        pa.field("position", pa.int32()),
        *list(RAW_TABLES["performance_values"])[:8],
        pa.field("pointer", pa.string()),
    ]
)


_TEXT = pa.string()
_LONG_VALUES = pa.schema(
    [
        ("position", pa.int32()),
        ("indicator_code", _TEXT),
        ("value_text", _TEXT),
        ("value_kind", _TEXT),
        ("value_number", _TEXT),
        ("place", _TEXT),
    ]
)
_LONG_TARGETS = pa.schema(
    [
        ("position", pa.int32()),
        ("target_year", pa.int32()),
        ("indicator_code", _TEXT),
        ("target_text", _TEXT),
        ("target_number", _TEXT),
        ("place", _TEXT),
    ]
)


def _long_tables(
    documents: list[tuple[Any, ...]],
    values: tuple[list[Any], ...],
    targets: tuple[list[Any], ...],
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Make the Arrow tables of documents, their values and their targets."""
    return (
        _arrow_table(documents, _LONG_DOCUMENT),
        _long_table(values, _LONG_VALUES, "value_number"),
        _long_table(targets, _LONG_TARGETS, "target_number"),
    )


def _long_table(columns: tuple[list[Any], ...], schema: pa.Schema, number: str) -> pa.Table:
    """Make a table from columns; the texts of column ``number`` become DECIMAL(38,10)."""
    arrays = [pa.array(cells, f.type) for cells, f in zip(columns, schema, strict=True)]
    at = schema.get_field_index(number)
    arrays[at] = arrays[at].cast(pa.decimal128(38, 10))
    return pa.Table.from_arrays(arrays, names=schema.names)


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

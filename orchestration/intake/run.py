"""One intake: list, fetch what is new, parse, answer, write, batch by batch.

Belongs here: the order of things and what a batch writes. Each batch is typed first, so that
nothing fails when it is written: an object whose rows can't be typed, or over which anything else
is raised, is answered with a receipt, and the others are taken in. Then its receipts are written,
and then it commits its rows and the manifest in one transaction: a run killed at any point takes
in again what was not committed and writes the same receipts, so nothing is lost or counted
twice. Two runs at once are kept apart by the lake's writer lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

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
from orchestration.intake.listing import Place, list_landing, place_of, unseen
from orchestration.intake.receipts import (
    ReceiptSubject,
    receipt,
    receipt_key,
    rejected_documents,
    status_of,
)
from orchestration.lakehouse import RAW_TABLES, ensure_tables, last_intake_at
from orchestration.lakehouse.tables import OTHER_TABLES, insert_rows
from orchestration.storage import Fetched, ObjectInfo, Store, Transfers, open_transfers

__all__ = ["IntakeSummary", "intake_is_pending", "run_intake"]

_log = logging.getLogger(__name__)

#: A batch ends at either bound: 4,000 performance objects (10 MiB) give some 80,000 value rows, a
#: Parquet file of a good size; 12 MiB of bulk files hold some 30,000 documents. Three batches are
#: in memory at once (read, parsed, written); a larger object is a batch of its own.
_BATCH_OBJECTS = 4_000
_BATCH_BYTES = 12 * 1024 * 1024
#: Values that are gathered before they go to the lake: of a bulk file with a million rows no more
#: than these are in memory twice.
_LONG_ROWS = 50_000
#: Keys that a summary quotes: enough to see whose they are, a few lines of a terminal.
_KEYS_NAMED = 5


@dataclass
class IntakeSummary:
    """What an intake did.

    Attributes:
        listed: objects in the landing bucket (of the years looked at, without attachments).
        fetched: objects read, all of them new or changed.
        by_status: how many objects of each receipt status.
        documents: documents that keep their contract and were taken in.
        errors, warnings: findings.
        reports: report files that were looked at, new or changed.
        unread: objects that the store would not give, with its reason; the next run tries again.
        passed_over: keys that can't be used (see :func:`list_landing`); not counted as listed.
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
        """Objects, for the metrics: ``listed``, ``fetched``, and by status."""
        return {"listed": self.listed, "fetched": self.fetched, **self.by_status}

    @property
    def lines(self) -> list[str]:
        """What a terminal shows."""
        statuses = ", ".join(f"{n} {name}" for name, n in sorted(self.by_status.items()))
        lines = [
            f"intake: {self.listed} objects listed, {self.fetched} fetched ({statuses or 'none'}); "
            f"{self.documents} documents, {self.errors} errors, {self.warnings} warnings; "
            f"{self.reports} report files looked at"
        ]
        if self.passed_over:
            count, named = len(self.passed_over), self.passed_over[:_KEYS_NAMED]
            more = f" and {count - len(named)} more" if count > len(named) else ""
            lines.append(
                f"intake: {count} keys passed over (an empty segment, '.', '..' or a control "
                f"character: upload them under a plain name): {', '.join(map(ascii, named))}{more}"
            )
        return lines


@dataclass
class _Item:
    """An object on its way through a batch."""

    info: ObjectInfo
    place: Place
    sha256: str | None
    body: bytes | None
    parsed: ParsedObject
    rejected: int = 0
    #: Documents that are taken in, until they are written; and how many they are.
    kept: list[ParsedDocument] = field(default_factory=list)
    taken: int = 0
    #: Findings that hold whatever the catalogue says; the others are judged anew by dbt.
    lasting: list[Finding] = field(default_factory=list)
    passing: list[Finding] = field(default_factory=list)
    receipt_name: str = ""
    #: Something was raised over it: nothing of it is taken in.
    is_refused: bool = False

    @property
    def findings(self) -> list[Finding]:
        return self.lasting + self.passing

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
    """Take in what is new under every year up to ``year``.

    Args:
        con: the writing connection to the lake.
        run_id: lineage of every row written.

    Raises:
        Unreachable: the store or the catalogue fails.
    """
    ensure_tables(con)
    summary = IntakeSummary()
    listed_at = settings.now()
    listing = list_landing(store, settings.landing_bucket, year, summary.passed_over)
    summary.listed = len(listing)
    new = unseen(con, listing)
    del listing
    progress(f"intake: {summary.listed} objects listed, {len(new)} new or changed")

    def write(batch: list[_Item], typed: _Typed, answered: Future[int]) -> None:
        """Commit a batch once its receipts are written."""
        answered.result()
        _write(con, typed, batch[0].place.year, run_id)
        _add(summary, batch)

    def commit() -> None:
        _message(con, "intake", year, run_id)
        con.execute("commit")

    def say(written: Future[None]) -> None:
        written.result()
        progress(f"intake: {summary.fetched} of {len(new)} objects taken in")

    # While a batch is parsed, the one before it is answered and committed and the next is read.
    with open_transfers(store, len(new)) as transfers, ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        for batch in _batches(new, settings, store, transfers, year, summary.unread):
            if writing:
                say(writing)
            typed, receipts = _prepare(con, batch, run_id)
            answered = transfers.put_many(settings.publication_bucket, receipts)
            writing = writer.submit(copy_context().run, write, batch, typed, answered)
        if writing:
            say(writing)
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
        # Everything else is committed; a run with a gap doesn't count as a look at the bucket.
        key, reason = next(iter(summary.unread.items()))
        raise Unreachable(
            f"{len(summary.unread)} of {len(new)} objects could not be read, the others are taken "
            f"in: {key}: {reason} (run again: only what is missing is read)"
        )
    fetched = summary.fetched + summary.reports
    _record_run(con, year, run_id, fetched, listed_at, settings.now())
    return summary


def intake_is_pending(
    con: duckdb.DuckDBPyConnection, store: Store, settings: Settings, year: int
) -> bool:
    """Whether an intake of ``year`` would write anything to the lake. Reads only.

    Args:
        con: a connection to a lake that has been written to before.

    Raises:
        Unreachable: the store can't be listed.
    """
    return bool(
        _is_first_look(con, year, settings.now())
        or unseen(con, list_landing(store, settings.landing_bucket, year))
        or any(pending_attachments(con, store, settings, year))
    )


def _is_first_look(con: duckdb.DuckDBPyConnection, year: int, listed_at: datetime) -> bool:
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
    """Note that an intake ended, where that says something new.

    A run that found nothing writes nothing, but for the first one after the cut-off: the gate
    asks whether the landing bucket was looked at after the collection closed.
    """
    if fetched or _is_first_look(con, year, listed_at):
        con.execute("begin")
        con.execute(
            "insert into lake.raw.intake_runs (run_id, year, listed_at, finished_at, objects) "
            "values (?, ?, ?, ?, ?)",
            [run_id, year, _plain(listed_at), _plain(finished_at), fetched],
        )
        _message(con, "intake", year, run_id)
        con.execute("commit")


def _plain(moment: datetime) -> datetime:
    """In UTC without zone, as tables keep instants."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _message(con: duckdb.DuckDBPyConnection, kind: str, year: int, run_id: str) -> None:
    con.execute(
        "call lake.set_commit_message('tongbao', ?, extra_info => ?)",
        [f"{kind} {year}", json.dumps({"kind": kind, "year": str(year), "run_id": run_id})],
    )


def _batches(
    new: Sequence[ObjectInfo],
    settings: Settings,
    store: Store,
    transfers: Transfers,
    year: int,
    failures: dict[str, str],
) -> Iterator[list[_Item]]:
    """Fetch and parse; objects over the size limit are never read.

    Args:
        failures: filled with what the store would not give.
    """
    places = {info.key: place_of(info.key, year) for info in new}
    limits = limits_of(settings)

    def readable(info: ObjectInfo) -> bool:
        return places[info.key].follows_layout and info.size <= settings.max_object_bytes

    unread = [_unread(info, places[info.key], settings) for info in new if not readable(info)]
    parts = list(_parts([info for info in new if readable(info)]))
    reading = transfers.get_many(settings.landing_bucket, parts[0]) if parts else None
    absent: list[ObjectInfo] = []
    for index in range(len(parts)):
        assert reading is not None
        bodies = reading.result()
        if index + 1 < len(parts):
            reading = transfers.get_many(settings.landing_bucket, parts[index + 1])
        failures |= {f.info.key: f.failure for f in bodies if f.failure is not None}
        items = [_item(f, places[f.info.key], limits) for f in bodies if f.failure is None]
        came = {fetched.info.key for fetched in bodies}
        absent += [info for info in parts[index] if info.key not in came]
        yield [*unread, *items]
        unread = []
    # Listed and not there: deleted since, or (still listed) under a name that can't be asked for.
    folders = {info.key.rpartition("/")[0] + "/" for info in absent}
    listed = {i.key for folder in folders for i in store.list(settings.landing_bucket, folder)}
    for info in absent:
        if info.key in listed:
            parsed = ParsedObject(findings=[finding("E015", value=info.key)])
            unread.append(_Item(info, places[info.key], None, None, parsed))
    if unread:
        yield unread


def _parts(infos: Sequence[ObjectInfo]) -> Iterator[list[ObjectInfo]]:
    """Objects in batches, each within both bounds (a larger object is a batch of its own)."""
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


def _unread(info: ObjectInfo, place: Place, settings: Settings) -> _Item:
    """An object that is answered without being read."""
    if place.follows_layout:
        limit = str(settings.max_object_bytes)
        parsed = ParsedObject(findings=[finding("E002", value=str(info.size), limit=limit)])
    else:
        parsed = parse_object(place, info.key, b"", limits_of(settings), info.last_modified)
    return _Item(info, place, None, None, parsed)


def _item(fetched: Fetched, place: Place, limits: Limits) -> _Item:
    info = fetched.info
    parsed = parse_object(place, info.key, fetched.body, limits, info.last_modified)
    digest = hashlib.sha256(fetched.body).hexdigest()
    return _Item(fetched.info, place, digest, fetched.body, parsed)


def _add(summary: IntakeSummary, batch: list[_Item]) -> None:
    """Count a batch that is written."""
    summary.fetched += len(batch)
    for item in batch:
        summary.by_status[item.status] = summary.by_status.get(item.status, 0) + 1
        summary.documents += item.taken
        if item.status == "rejected":
            said = {"object_key": item.info.key, "status": item.status}
            _log.info("an object is rejected: see its receipt", extra=said)
        for each in item.findings:
            # Never the value: it may be somebody's telephone number.
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
) -> tuple[_Typed, list[tuple[str, bytes]]]:
    """A batch's rows and receipts, ready to be written.

    An object over which anything is raised is refused, and the batch prepared again without its
    documents: what was said of the others may have depended on them (an id counts once).
    """
    while True:
        _settle_documents(con, batch)
        _settle_receipt_names(con, batch)
        try:
            typed = _type(batch, run_id)
            receipts = [_receipt(item) for item in batch]
        except Exception:
            refused = [item for item in batch if _refuse_if_it_fails(item, run_id)]
            if not refused:
                raise
            continue
        for item in batch:
            # Typed ones are let go: a bulk file holds tens of thousands.
            item.taken = len(item.kept)
            item.kept.clear()
            item.parsed.documents.clear()
        return typed, receipts


def _refuse_if_it_fails(item: _Item, run_id: str) -> bool:
    """Whether the item's rows or its receipt can't be made: then it is refused."""
    if item.is_refused:
        return False
    try:
        _type([item], run_id)
        _receipt(item)
    except Exception as error:
        _refuse(item, error)
    return item.is_refused


def _refuse(item: _Item, error: Exception) -> None:
    item.parsed = unprocessable(item.info.key, error)
    item.is_refused = True


def _receipt(item: _Item) -> tuple[str, bytes]:
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


def _known(con: duckdb.DuckDBPyConnection, query: str, values: set[str]) -> list[tuple[Any, ...]]:
    """Rows of ``query`` for the ``wanted`` values (a table of one column ``value``)."""
    con.register("wanted", pa.table({"value": pa.array(sorted(values), pa.string())}))
    try:
        return con.execute(query).fetchall()
    finally:
        con.unregister("wanted")


def _settle_documents(con: duckdb.DuckDBPyConnection, batch: list[_Item]) -> None:
    """Decide which documents are taken in: an id once, and say what is seen about them."""
    documents = [document for item in batch for document in item.parsed.documents]
    ids = {document.model.document_id for document in documents}
    seen: dict[str, str] = dict(
        _known(
            con,
            "select document_id, content_sha256 from lake.raw.documents "
            "join wanted on document_id = value",
            ids,
        )
    )
    units = {d.unit_code for d in documents if d.unit_code}
    registered = {
        row[0]
        for row in _known(
            con,
            "select distinct unit_code from lake.raw.registrations "
            "join wanted on unit_code = value",
            units,
        )
    }
    for item in batch:
        try:
            _settle(item, seen, registered)
        except Exception as error:
            _refuse(item, error)
            _settle(item, seen, registered)


def _settle(item: _Item, seen: dict[str, str], registered: set[str]) -> None:
    """As :func:`_settle_documents`, for one object.

    Args:
        seen: content by document id; the object's own are added, once nothing has been raised.
        registered: units; likewise.
    """
    own: dict[str, str] = {}
    units: set[str] = set()
    item.kept = []
    item.lasting = [f for f in item.parsed.findings if not _is_passing(item, f)]
    item.passing = [f for f in item.parsed.findings if _is_passing(item, f)]
    item.rejected = item.parsed.total - len(item.parsed.documents)
    for document in item.parsed.documents:
        model = document.model
        about: About = {"document_id": model.document_id, "unit_code": document.unit_code}
        former = seen.get(model.document_id, own.get(model.document_id))
        if former is not None:
            same = former == document.content_sha256
            code = "W117" if same else "E108"
            item.lasting.append(
                finding(code, document.where.at("document_id"), value=model.document_id, **about)
            )
            item.rejected += 0 if same else 1
            continue
        own[model.document_id] = document.content_sha256
        item.kept.append(document)
        if item.place.document_type == "registration" and document.unit_code:
            units.add(document.unit_code)
        item.passing += _passing(item, document, registered | units)
    seen |= own
    registered |= units


def _is_passing(item: _Item, found: Finding) -> bool:
    """Unreadable targets are judged by dbt, like values: with the catalogue of the day."""
    return item.place.document_type == "plan" and found.code == "E201"


def _passing(item: _Item, document: ParsedDocument, registered: set[str]) -> Iterator[Finding]:
    """What holds as things stand: a later registration, plan or catalogue may change it."""
    model, unit_code = document.model, document.unit_code
    about: About = {"document_id": model.document_id, "unit_code": unit_code}
    if unit_code and unit_code not in registered:
        yield finding("E109", document.where.at(), value=unit_code, **about)
    yield from check_document(item.place, document)


def _settle_receipt_names(con: duckdb.DuckDBPyConnection, batch: list[_Item]) -> None:
    """Name receipts after the object; where two document types use one name, both are kept.

    The first to come has the plain name of the contract, a later one of another type is told
    apart by its type.
    """
    taken: dict[tuple[int, str, str], str] = {}
    names = {item.place.name for item in batch}
    for year, province, name, key in _known(
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


def _text(value: str | None) -> str | None:
    """Lone surrogates (JSON allows them as escapes) can't be stored: replaced, not lost."""
    if value is None or value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def _dump(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _report(model: Any) -> tuple[Any, ...]:
    report = model.report
    key, sha, pages = (
        (report.object_key, report.sha256, report.pages) if report else (None, None, None)
    )
    return _text(key), sha, pages, _text(model.highlight)


def _own_columns(kind: str, document: ParsedDocument) -> tuple[Any, ...]:
    """The columns of a type's table after those that all documents have."""
    model: Any = document.model
    unit = document.unit_code
    if kind == "registration":
        lead = model.lead_organisation
        members = [m.model_dump() for m in model.members] if model.members else None
        return (
            unit,
            _text(model.unit_name),
            unit.partition("-")[0] if unit else None,
            _text(model.city_name),
            model.level,
            _text(model.category),
            _text(lead.name) if lead else None,
            lead.type if lead else None,
            _text(_dump(members)),
        )
    if kind == "plan":
        evidence = [e.model_dump() for e in model.evidence] if model.evidence else None
        return unit, _text(_dump(evidence))
    if kind == "review":
        return (
            unit,
            model.stage,
            model.decision,
            model.decided_on,
            _text(model.authority),
            _text(model.note),
        )
    if kind == "performance":
        return (unit, *_report(model), _text(document.where.at()))
    if kind == "assessment":
        return unit, model.score, model.grade, _text(model.comment)
    if kind == "explanation":
        return unit, _text(model.rule_id), _text(model.text)
    return (model.task_code, *_report(model))


_TABLE_OF = {
    "registration": "registrations",
    "plan": "plans",
    "review": "reviews",
    "performance": "performances",
    "assessment": "assessments",
    "provincial_summary": "provincial_summaries",
    "explanation": "explanations",
}


@dataclass
class _Typed:
    """A batch's rows, as the lake's columns hold them.

    Attributes:
        tables: rows by table of the lake, in the order in which they are written.
        long: documents with their values and their targets, a few tens of thousands each.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    long: list[tuple[pa.Table, pa.Table, pa.Table]] = field(default_factory=list)


def _write(con: duckdb.DuckDBPyConnection, typed: _Typed, year: int, run_id: str) -> None:
    """The batch's rows and its part of the manifest, in one transaction."""
    con.execute("begin")
    try:
        for name, rows in typed.tables.items():
            insert_rows(con, name, rows)
        for documents, values, targets in typed.long:
            _insert_long(con, documents, values, targets)
        _message(con, "intake", year, run_id)
        con.execute("commit")
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # the transaction may be gone with its cause
            con.execute("rollback")
        raise


def _type(batch: Sequence[_Item], run_id: str) -> _Typed:
    """The rows of objects; raises what Arrow raises where a column can't hold one of them."""
    typed = _Typed()
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
                info.last_modified.astimezone(UTC).replace(tzinfo=None),
                item.status,
                item.parsed.total,
                item.parsed.total - item.rejected,
                item.rejected,
                item.receipt_name,
                item.body,
            )
        )
        for document in item.kept:
            model, unit = document.model, document.unit_code
            document_id = _text(model.document_id)
            kind = place.document_type
            rows["documents"].append((*lineage, document_id, kind, document.content_sha256))
            rows[_TABLE_OF[kind]].append(
                (
                    *lineage,
                    document_id,
                    model.submitted_at,
                    model.synthetic,
                    *_own_columns(kind, document),
                )
            )
            contact = getattr(model, "contact", None)
            if contact:
                rows["registration_contacts"].append(
                    (
                        *lineage,
                        document_id,
                        unit,
                        _text(contact.name),
                        _text(contact.phone),
                        _text(contact.email),
                    )
                )
            if document.values or document.targets:
                index = len(long_documents)
                where = document.where
                # A pointer is made from the document's in SQL; a cell has a place of its own.
                pointer = None if isinstance(where, Cells) else _text(where.at())
                places = where.of_keys() if isinstance(where, Cells) else {}
                long_documents.append((index, *lineage, document_id, unit, pointer))
                _extend(
                    values,
                    [
                        (index, _text(code), _text(read.text), read.kind, read.number,
                         _text(places.get(code)))
                        for code, read in document.values
                    ],
                )  # fmt: skip
                _extend(
                    targets,
                    [
                        (index, year, _text(code), _text(read.text), read.number,
                         _text(places.get(f"{year}/{code}")))
                        for year, code, read in document.targets
                    ],
                )  # fmt: skip
                if len(values[0]) + len(targets[0]) >= _LONG_ROWS:
                    typed.long.append(_long(long_documents, values, targets))
                    for column in (long_documents, *values, *targets):
                        column.clear()
        for stage, found in ((True, item.lasting), (False, item.passing)):
            for each in found:
                row = (
                    place.year,
                    place.province_code,
                    info.key,
                    _text(each.document_id),
                    _text(each.unit_code),
                    _text(each.indicator_code),
                    each.code,
                    each.severity,
                    _text(each.location),
                    _text(each.message_zh),
                    _text(each.message_en),
                    info.etag,
                    _text(each.value),
                )
                # What a unit says of a warning is known when the warehouse is built.
                errors.append((*row, None, None))
                if stage:
                    rows["document_errors"].append((*row, run_id))
    for name, schema in RAW_TABLES.items():
        if rows[name]:
            typed.tables[f"raw.{name}"] = _table(rows[name], schema)
    if errors:
        name = "quality.submission_errors"
        typed.tables[name] = _table(errors, OTHER_TABLES[name])
    if long_documents:
        typed.long.append(_long(long_documents, values, targets))
    return typed


def _extend(columns: tuple[list[Any], ...], rows: list[tuple[Any, ...]]) -> None:
    if rows:
        for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(cells)


def _table(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
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


def _long(
    documents: list[tuple[Any, ...]],
    values: tuple[list[Any], ...],
    targets: tuple[list[Any], ...],
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Values and targets with the documents that hold them, numbers cast from their text."""
    return (
        _table(documents, _LONG_DOCUMENT),
        _numbered(values, _LONG_VALUES, "value_number"),
        _numbered(targets, _LONG_TARGETS, "target_number"),
    )


def _numbered(columns: tuple[list[Any], ...], schema: pa.Schema, number: str) -> pa.Table:
    arrays = [pa.array(cells, f.type) for cells, f in zip(columns, schema, strict=True)]
    at = schema.get_field_index(number)
    arrays[at] = arrays[at].cast(pa.decimal128(38, 10))
    return pa.Table.from_arrays(arrays, names=schema.names)


def _insert_long(
    con: duckdb.DuckDBPyConnection, documents: pa.Table, values: pa.Table, targets: pa.Table
) -> None:
    """Values and targets: one row each, lineage joined on."""
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

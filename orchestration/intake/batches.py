"""Batches of an intake: new objects are fetched and answered, in the order of the listing.

Belongs here: which objects are read, the bounds of a batch, and the objects that are slow or that
the store doesn't return. Doesn't belong here: what depends on other objects or the lake
(``settling``), and the order of an intake's steps (``run``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from orchestration.core.contacts import struck
from orchestration.core.settings import Settings
from orchestration.intake.answers import Answer, Landed, Terms, unread
from orchestration.intake.findings import Finding, finding
from orchestration.intake.formats import limits_of
from orchestration.intake.isolation import Answered, Isolation
from orchestration.intake.places import Place, place_of
from orchestration.intake.receipts import status_of
from orchestration.intake.rows import DocumentRows
from orchestration.lakehouse import RAW_TABLES
from orchestration.storage import Fetched, ObjectInfo, Store, Transfers

__all__ = ["Batch", "Item", "Reading", "batch_parts", "terms_of"]

#: Bounds of a batch: 4,000 performance objects (10 MiB) give some 80,000 value rows, which fill one
#: Parquet data file of the lake; 12 MiB of bulk files hold some 30,000 documents. Four batches are
#: in memory at once (being read, answered, prepared, written); a larger object is a batch of its
#: own.
_BATCH_OBJECTS = 4_000
_BATCH_BYTES = 12 * 1024 * 1024
#: Positions of documents between those of two objects, more than an object can hold documents.
_POSITIONS_PER_OBJECT = 2**32


@dataclass
class Item:
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
class Batch:
    """Objects that are written together, and the rows of their documents.

    Attributes:
        put: SHA-256 by key of the receipts that an executor has put.
    """

    items: list[Item]
    rows: list[DocumentRows] = field(default_factory=list)
    put: dict[str, str] = field(default_factory=dict)


def terms_of(settings: Settings, run_id: str) -> Terms:
    schemas = {name: table.arrow for name, table in RAW_TABLES.items()}
    return Terms(limits_of(settings), run_id, schemas)


#: What yields batches of objects, and fills the lists of those that are absent and slow.
Answering = Callable[[Sequence[ObjectInfo], list[ObjectInfo], list[ObjectInfo]], Iterator[Batch]]


@dataclass
class Reading:
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

    def batches(
        self, new: Sequence[ObjectInfo], answered: Answering | None = None
    ) -> Iterator[Batch]:
        """Yield the objects with their answers; those over the size limit are not read.

        Args:
            answered: used for the objects that are read, instead of :meth:`answered`.
        """
        unread_items: list[Item] = []
        readable: list[ObjectInfo] = []
        for info in new:
            answer = self._answer_unread(info)
            if answer is None:
                readable.append(info)
            else:
                unread_items.append(Item(info, self._place(info), None, answer))
        slow: list[ObjectInfo] = []
        absent: list[ObjectInfo] = []
        if unread_items:
            yield Batch(unread_items)
        yield from (answered or self.answered)(readable, absent, slow)
        # When all others have their answers.
        yield from self.answered(slow, absent, None)
        unread_items = list(self._unnameable(absent))
        if unread_items:
            yield Batch(unread_items)

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

    def answered(
        self, infos: Sequence[ObjectInfo], absent: list[ObjectInfo], slow: list[ObjectInfo] | None
    ) -> Iterator[Batch]:
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
        parts = list(batch_parts(infos))
        reading = self._read(parts[0]) if parts else None
        for index, part in enumerate(parts):
            assert reading is not None
            bodies = {fetched.info.key: fetched for fetched in reading.result()}
            if index + 1 < len(parts):
                reading = self._read(parts[index + 1])
            absent += [info for info in part if info.key not in bodies]
            read = [bodies[info.key] for info in part if info.key in bodies]
            self.failures |= {f.info.key: f.failure for f in read if f.failure is not None}
            yield [fetched for fetched in read if fetched.failure is None]

    def _read(self, part: Sequence[ObjectInfo]) -> Future[list[Fetched]]:
        """Read a batch's objects in the order of their keys.

        A server that keeps objects in folders, as the local one does, looks through a folder again
        when it comes back to it after a second; objects came in from all provinces by turns.
        """
        by_key = sorted(part, key=lambda info: info.key)
        return self.transfers.get_many(self.settings.landing_bucket, by_key)

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
    ) -> Iterator[Batch]:
        """Yield the batch of the objects that are answered, unless there are none."""
        answered = answering.result()
        items = []
        for each, fetched in zip(landed, bodies, strict=True):
            answer = answered.answers.get(each.position)
            if answer is not None:
                items.append(Item(fetched.info, each.place, fetched.body, answer))
            elif slow is not None:
                slow.append(fetched.info)
        if items:
            yield Batch(items, answered.rows)

    def _unnameable(self, absent: Sequence[ObjectInfo]) -> Iterator[Item]:
        """Yield the objects that are still listed, although the store doesn't find them.

        The others were deleted since the listing; these have a key that can't be requested.
        """
        folders = {info.key.rpartition("/")[0] + "/" for info in absent}
        bucket = self.settings.landing_bucket
        listed = {each.key for folder in folders for each in self.store.list(bucket, folder)}
        for info in absent:
            if info.key in listed:
                yield Item(info, self._place(info), None, unread(finding("E015", value=info.key)))


def batch_parts(infos: Sequence[ObjectInfo]) -> Iterator[list[ObjectInfo]]:
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

"""Reads the objects of an intake on a Spark cluster instead of this machine.

The listing is split into the batches of a local intake. An executor fetches the objects of a batch,
answers each in a bounded child process (``isolation``), puts the receipts that the objects have on
their own, and returns the batch. Here, in the order of the listing, everything that depends on
other objects is settled as in a local intake; receipts that it changes are put again before the
batch is committed. So rows, findings and receipts are the same.

Not on the executors: objects that are slow for their size, because the time for all of them is the
run's (``max_run_seconds``), and receipts whose name two objects share, because the order of putting
decides.

Belongs here: a batch's way to an executor and back. Doesn't belong here: reading and answering
(``batches``), Spark (``lakehouse.engine``).
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace

from orchestration.core.catalogue import Catalogue, load_catalogue, use_catalogue
from orchestration.core.errors import TongbaoError, UsageError, error_with
from orchestration.core.settings import Settings
from orchestration.core.versions import figures_version
from orchestration.intake.answers import Terms
from orchestration.intake.batches import Batch, Reading, batch_parts
from orchestration.intake.isolation import Isolation
from orchestration.intake.settling import receipt_alone
from orchestration.lakehouse.build import build_file
from orchestration.lakehouse.engine import run_on_executors
from orchestration.storage import ObjectInfo, S3Config, Store, open_transfers

__all__ = ["not_put", "read_batch", "read_on_cluster"]


@dataclass(frozen=True)
class _Run:
    """What all tasks of a run have in common.

    Attributes:
        settings: without the catalogue and everything that only this machine uses.
        figures_version: of this machine's code.
    """

    settings: Settings
    store: S3Config
    terms: Terms
    catalogue: Catalogue
    year: int
    figures_version: str


@dataclass
class _Read:
    """What an executor returns for a batch.

    Attributes:
        error: the exit code and the message of an error, or None.
    """

    batches: list[Batch] = field(default_factory=list)
    absent: list[ObjectInfo] = field(default_factory=list)
    slow: list[ObjectInfo] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    error: tuple[int, str] | None = None


def read_on_cluster(
    reading: Reading,
    terms: Terms,
    contested: Set[str],
    infos: Sequence[ObjectInfo],
    absent: list[ObjectInfo],
    slow: list[ObjectInfo],
) -> Iterator[Batch]:
    """Yield batches of objects, as ``Reading`` does, read and answered by executors.

    Args:
        reading: of this run; its failures are added to.
        contested: keys of objects whose receipt may have the name of another one's.
        absent: receives the objects that the store doesn't find.
        slow: receives the objects that are slow for their size.

    Raises:
        UsageError: the engine isn't installed, or a setting of it is wrong.
        Unreachable: the cluster, or the store from an executor, can't be reached.
    """
    settings = reading.settings
    run = _Run(
        replace(settings, catalog="", webhook_urls=(), heartbeat_url=None, mail=None),
        reading.store.config,
        terms,
        load_catalogue(),
        reading.year,
        figures_version(),
    )
    tasks = [
        pickle.dumps((run, part, contested & {info.key for info in part}))
        for part in batch_parts(infos)
    ]
    if not tasks:
        return
    folder = build_file(settings).parent / "spark-intake"
    for result in run_on_executors(folder, read_batch, tasks):
        read: _Read = pickle.loads(result)  # noqa: S301
        if read.error:
            exit_code, message = read.error
            raise error_with(exit_code, f"on an executor: {message}")
        absent += read.absent
        slow += read.slow
        reading.failures |= read.failures
        yield from read.batches


def read_batch(task: bytes) -> bytes:
    """Read the objects of a batch; runs on an executor.

    A repeated task puts the same receipts.
    """
    run, part, contested = pickle.loads(task)  # noqa: S301
    try:
        read = _read(run, part, contested)
    except TongbaoError as error:
        read = _Read(error=(error.exit_code, str(error)))
    return pickle.dumps(read, pickle.HIGHEST_PROTOCOL)


def _read(run: _Run, part: Sequence[ObjectInfo], contested: Set[str]) -> _Read:
    if run.figures_version != figures_version():
        raise UsageError(
            "PYSPARK_PYTHON: the cluster's workers have another version of this package: install "
            "the same one on all machines"
        )
    use_catalogue(run.catalogue)
    read = _Read()
    store = Store(run.store)
    with (
        # A child process for the transfers would import the executor's main module.
        open_transfers(store, objects=0) as transfers,
        # Spark gives a task one core.
        Isolation(run.settings, run.terms, workers=1) as isolation,
    ):
        reading = Reading(run.settings, store, transfers, isolation, run.year, read.failures)
        for batch in reading.answered(part, read.absent, read.slow):
            receipts = [
                receipt_alone(item, run.settings.max_findings)
                for item in batch.items
                if item.info.key not in contested
            ]
            transfers.put_many(run.settings.publication_bucket, receipts).result()
            batch.put = {key: _digest(body) for key, body in receipts}
            read.batches.append(batch)
    return read


def not_put(batch: Batch, receipts: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The receipts of a batch that its executor has not put, or put with other bytes."""
    return [(key, body) for key, body in receipts if batch.put.get(key) != _digest(body)]


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()

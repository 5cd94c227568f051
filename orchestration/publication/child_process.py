"""The child process of a publication, which works while the parent renders documents.

It compares the edition with the former one and makes open data, SDMX and trace pages. This is
mostly Python code, so two threads of one process would wait for each other at the interpreter lock.

Belongs here: starting and ending the child process, its task and its answers. Doesn't belong here:
how the comparison and the files are made (``changes``, ``bulletin``, ``trace``).
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import signal
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.connection import Connection
from typing import Any

from duckdb import DuckDBPyConnection

from orchestration import lakehouse
from orchestration.bulletin import open_data, sdmx_files
from orchestration.core.errors import TongbaoError
from orchestration.core.settings import Settings
from orchestration.publication.changes import Changes, compare_snapshots
from orchestration.storage import S3Config, Store
from orchestration.trace.digests import page_digests
from orchestration.trace.pages import trace_pages

__all__ = ["ChildFiles", "ChildProcess", "ChildTask", "half_reader", "start_child_process"]


@contextlib.contextmanager
def half_reader(settings: Settings, store: Store, snapshot_id: int) -> Iterator[DuckDBPyConnection]:
    """Open ``lakehouse.reader`` with half of its threads, because parent and child both read."""
    with lakehouse.reader(settings, store, snapshot_id) as con:
        # DuckDB's default respects the CPU limit of a container; os.cpu_count() does not.
        [(threads,)] = con.execute("select current_setting('threads')").fetchall()
        con.execute(f"set threads = {max(1, threads // 2)}")
        yield con


@dataclass(frozen=True)
class ChildTask:
    """The input of the child process.

    Attributes:
        config: access to the store.
        snapshot_id: the snapshot of the edition.
        edition: the number of the edition.
        before: the snapshot of the edition that is corrected, or None for edition 1.
        reason: the reason of the correction.
    """

    settings: Settings
    config: S3Config
    year: int
    snapshot_id: int
    edition: int = 1
    before: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class ChildFiles:
    """The files that the child process made.

    Attributes:
        files: path below the edition → bytes, of open data, SDMX and trace pages.
        digests: path → digest of every trace page that has one, whether or not it was made now.
    """

    files: dict[str, bytes]
    digests: dict[str, str]


class ChildProcess:
    """The parent's handle of a running child process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send_former_digests(self, former: Mapping[str, str]) -> None:
        """Tell the child which trace pages the former edition has.

        The child waits for this before it makes trace pages, and skips those whose digest is the
        same. Call it from another thread than the one that reads answers: when both directions of
        the pipe are full, both ends block.

        Args:
            former: path → digest.
        """
        with contextlib.suppress(OSError):  # The child ended: reading its answer raises that.
            self._connection.send(dict(former))

    @cached_property
    def changes(self) -> Changes | None:
        """The comparison with the former edition, or None for edition 1. Blocks until it is there.

        Raises:
            TongbaoError: the child process ended without an answer.
            Exception: whatever was raised in the child.
        """
        changes: Changes | None = self._receive()
        return changes

    @cached_property
    def made(self) -> ChildFiles:
        """The files. Blocks until they are there.

        Raises:
            TongbaoError, Exception: as for :attr:`changes`.
        """
        _ = self.changes  # The child sends this answer first.
        made: ChildFiles = self._receive()
        return made

    def _receive(self) -> Any:
        try:
            succeeded, answer = self._connection.recv()
        except (EOFError, OSError):
            raise TongbaoError(
                "the process that compares editions and makes open data, SDMX and trace pages "
                "ended before its answer"
            ) from None
        if not succeeded:
            raise answer
        return answer


def _answers(task: ChildTask, connection: Connection) -> Iterator[Changes | ChildFiles | None]:
    """Do the task and yield the answers in the order in which the parent reads them."""
    store, year, now = Store(task.config), task.year, task.snapshot_id
    with half_reader(task.settings, store, now) as con:
        yield (
            None
            if task.before is None
            else compare_snapshots(con, year, task.before, now, task.reason)
        )
        files = open_data(con, year, task.edition) | sdmx_files(con, year)
        digests = page_digests(con, year)
        former = connection.recv()
        same = {path for path, digest in digests.items() if former.get(path) == digest}
        files |= trace_pages(con, year, same)
    yield ChildFiles(files, {p: digest for p, digest in digests.items() if p in same or p in files})


def _run_child(
    task: ChildTask,
    connection: Connection,
    gc_thresholds: tuple[int, int, int],
) -> None:
    """Run in the child process; it ends when the parent has closed its end of the pipe.

    Args:
        gc_thresholds: the parent's thresholds of garbage collection, taken over here.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(*gc_thresholds)

    def send(succeeded: bool, answer: Changes | ChildFiles | Exception | None) -> None:
        with contextlib.suppress(OSError):  # The parent has ended.
            connection.send((succeeded, answer))

    try:
        for answer in _answers(task, connection):
            send(True, answer)
    except EOFError:
        return
    except Exception as error:
        error.add_note(traceback.format_exc())
        send(False, error)


@contextlib.contextmanager
def start_child_process(task: ChildTask) -> Iterator[ChildProcess]:
    """Start the child process; leaving the context ends it, whether or not it has finished."""
    context = multiprocessing.get_context("spawn")
    connection, child_end = context.Pipe()
    process = context.Process(
        target=_run_child, args=(task, child_end, gc.get_threshold()), daemon=True
    )
    process.start()
    child_end.close()
    try:
        yield ChildProcess(connection)
    finally:
        connection.close()
        process.terminate()
        process.join()

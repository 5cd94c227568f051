"""What of an edition is made in a process of its own, while the documents are made.

The comparison with the edition before, open data and trace pages: none of it needs a document, and
as all of it is mostly Python, two threads would wait for each other's lock. Belongs here: that
process, what it is told and what it answers. Doesn't belong here: what it makes (``changes``,
``bulletin``, ``trace``).
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
from orchestration.bulletin import open_data
from orchestration.core.errors import TongbaoError
from orchestration.core.settings import S3Config, Settings
from orchestration.publication.changes import Changes, changes_of
from orchestration.storage import Store
from orchestration.trace.digests import page_digests
from orchestration.trace.pages import trace_pages

__all__ = ["Beside", "Made", "Task", "process_beside", "reader"]


@contextlib.contextmanager
def reader(settings: Settings, store: Store, snapshot_id: int) -> Iterator[DuckDBPyConnection]:
    """As ``lakehouse.reader``, with half of the threads: two processes read at once."""
    with lakehouse.reader(settings, store, snapshot_id) as con:
        # DuckDB's own number knows the limit of a container.
        [(threads,)] = con.execute("select current_setting('threads')").fetchall()
        con.execute(f"set threads = {max(1, threads // 2)}")
        yield con


@dataclass(frozen=True)
class Task:
    """What it is made from.

    Attributes:
        snapshot_id: of the edition.
        before: the snapshot of the edition that is corrected, or None.
        reason: of the correction.
    """

    settings: Settings
    config: S3Config
    year: int
    snapshot_id: int
    before: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Made:
    """What was made.

    Attributes:
        files: path below the edition → bytes, of open data and trace pages.
        digests: path → digest of every trace page that has one, made now or not.
    """

    files: dict[str, bytes]
    digests: dict[str, str]


class Beside:
    """The other process, as the one that started it sees it."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def leave_out(self, standing: Mapping[str, str]) -> None:
        """Tell it which trace pages stand, path → digest: those of the same digest aren't made.

        It waits for this before it makes any. Not from the thread that asks for answers: a pipe
        that is full both ways stands still.
        """
        with contextlib.suppress(OSError):  # it ended: whoever asks for an answer is told
            self._line.send(dict(standing))

    @cached_property
    def changes(self) -> Changes | None:
        """What changed since the edition before, if there is one. Waits, as ``made`` does.

        Raises:
            TongbaoError: what went wrong there, or that the process was ended.
        """
        changes: Changes | None = self._answer()
        return changes

    @cached_property
    def made(self) -> Made:
        """The files.

        Raises:
            TongbaoError: as of :attr:`changes`.
        """
        _ = self.changes  # answers come in this order
        made: Made = self._answer()
        return made

    def _answer(self) -> Any:
        try:
            done, answer = self._line.recv()
        except (EOFError, OSError):
            raise TongbaoError(
                "the process that compares editions and makes open data and trace pages "
                "ended before its answer"
            ) from None
        if not done:
            raise answer
        return answer


def _work(task: Task, line: Connection) -> Iterator[Changes | Made | None]:
    """What it answers, one after the other."""
    store, year, now = Store(task.config), task.year, task.snapshot_id
    with reader(task.settings, store, now) as con:
        yield None if task.before is None else changes_of(con, year, task.before, now, task.reason)
        files = open_data(con, year)
        digests = page_digests(con, year)
        standing = line.recv()
        same = {path for path, digest in digests.items() if standing.get(path) == digest}
        files |= trace_pages(con, year, same)
    yield Made(files, {p: digest for p, digest in digests.items() if p in same or p in files})


def _serve(
    task: Task,
    line: Connection,
    collecting: tuple[int, int, int],
    checked: frozenset[tuple[str, int, int]],
) -> None:
    """The other process: it ends where the one that started it has ended.

    Args:
        collecting: thresholds of the garbage collection; who started it has its reasons for them.
        checked: ``lakehouse.checked_extensions`` there.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(*collecting)
    lakehouse.take_as_checked(checked)

    def send(done: bool, answer: Changes | Made | Exception | None) -> None:
        with contextlib.suppress(OSError):  # who would read it has ended
            line.send((done, answer))

    try:
        for answer in _work(task, line):
            send(True, answer)
    except EOFError:
        return
    except Exception as error:
        error.add_note(traceback.format_exc())
        send(False, error)


@contextlib.contextmanager
def process_beside(task: Task) -> Iterator[Beside]:
    """Start making; what was started ends with this context, finished or not."""
    context = multiprocessing.get_context("spawn")
    line, other_end = context.Pipe()
    known = gc.get_threshold(), lakehouse.checked_extensions()
    process = context.Process(target=_serve, args=(task, other_end, *known), daemon=True)
    process.start()
    other_end.close()
    try:
        yield Beside(line)
    finally:
        line.close()
        process.terminate()
        process.join()

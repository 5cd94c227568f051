"""Open data and trace pages, made in a process of their own while the documents are made.

Both halves are mostly Python: in two threads they wait for each other's lock. Belongs here: that
process, what it is told and what it answers. Doesn't belong here: what the files say
(``bulletin``, ``trace``).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection

from orchestration import lakehouse
from orchestration.bulletin import open_data
from orchestration.errors import TongbaoError
from orchestration.settings import S3Config, Settings
from orchestration.storage import Store
from orchestration.trace.digests import page_digests
from orchestration.trace.pages import trace_pages

__all__ = ["Beside", "Task", "data_and_traces"]


@dataclass(frozen=True)
class Task:
    """What is to be made: for the year from the snapshot, with a lakehouse and its store."""

    settings: Settings
    config: S3Config
    year: int
    snapshot_id: int


#: Path → bytes of the files made; path → digest of every trace page that has one.
Made = tuple[dict[str, bytes], dict[str, str]]


class Beside:
    """The other process, as the one that started it sees it."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def leave_out(self, standing: Mapping[str, str]) -> None:
        """Tell it which trace pages stand, path → digest: those of the same digest aren't made.

        It is told late because the former edition is read meanwhile; it waits for this.
        """
        with contextlib.suppress(OSError):  # it ended: ``answer`` says so
            self._line.send(dict(standing))

    def answer(self) -> Made:
        """Wait for the end.

        Raises:
            TongbaoError: what went wrong there, or that the process was ended.
        """
        try:
            done, answer = self._line.recv()
        except (EOFError, OSError):
            raise TongbaoError(
                "the process that makes open data and trace pages ended before its answer"
            ) from None
        if not done:
            raise answer
        return answer


def _make(task: Task, line: Connection) -> Made:
    store = Store(task.config)
    with lakehouse.reader(task.settings, store, task.snapshot_id) as con:
        files = open_data(con, task.year)
        digests = page_digests(con, task.year)
        standing = line.recv()
        same = {path for path, digest in digests.items() if standing.get(path) == digest}
        files |= trace_pages(con, task.year, same)
    return files, {path: digest for path, digest in digests.items() if path in same | files.keys()}


def _serve(task: Task, line: Connection) -> None:
    """The other process: it ends where the one that started it has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer: tuple[bool, Made | Exception]
    try:
        answer = True, _make(task, line)
    except EOFError:
        return
    except Exception as error:
        error.add_note(traceback.format_exc())
        answer = False, error
    with contextlib.suppress(OSError):
        line.send(answer)


@contextlib.contextmanager
def data_and_traces(task: Task) -> Iterator[Beside]:
    """Start making; what was started ends with this context, finished or not."""
    context = multiprocessing.get_context("spawn")
    line, other_end = context.Pipe()
    process = context.Process(target=_serve, args=(task, other_end), daemon=True)
    process.start()
    other_end.close()
    try:
        yield Beside(line)
    finally:
        line.close()
        process.terminate()
        process.join()

"""Bounded worker processes: run functions on what senders wrote, and survive whatever happens.

A task that hangs, takes too much memory or crashes its interpreter ends one worker and nothing
else. ``concurrent.futures`` gives up its whole pool when a worker dies. Its workers, like those of
``multiprocessing`` and ``pebble``, import the main module (Dagster, in a run), and each new one
pays for its imports again. Hence these few lines: one process that forks (``worker_process``), and
a connection of its own for each worker, so that a worker that dies leaves no lock and no half
message to the others.

Belongs here: starting and ending workers, handing out tasks. Doesn't belong here: what the tasks do
and which are tried again (``isolation``).
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing import Pipe, reduction
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Self

from orchestration.core.errors import TongbaoError
from orchestration.intake.worker_process import OUT_OF_MEMORY

__all__ = ["Cause", "Died", "Task", "Workers", "workers_of_many_runs"]

#: Libraries in a worker start no threads, which forking forbids, and reserve no memory beyond what
#: they use, because the limit counts what is reserved.
_ENVIRONMENT = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
#: Seconds within which the process ends when it is asked to.
_END_SECONDS = 5
#: Most forkers that are kept: one with the usual limits, one with those of a test.
_MOST_KEPT = 2


class Cause(StrEnum):
    """Why a worker died."""

    SECONDS = "seconds"
    CLOCK = "clock"
    MEMORY = "memory"
    CRASH = "crash"


#: Cause by the exit status of a worker; any other is a crash.
_CAUSES = {
    -signal.SIGPROF: Cause.SECONDS,
    -signal.SIGALRM: Cause.CLOCK,
    OUT_OF_MEMORY: Cause.MEMORY,
}


@dataclass(frozen=True)
class Task:
    """A function to run in a worker.

    Attributes:
        function: importable by its name.
        arguments: what it is called with; they cross to the worker pickled, as does the result.
        seconds: CPU seconds after which the worker is ended.
        clock: seconds by the clock after which it is ended, in case it waits for nothing.
        needs_fresh: it runs in a worker that has done nothing before.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    seconds: float
    clock: float
    needs_fresh: bool = False


@dataclass(frozen=True)
class Died:
    """The result of a task that ended its worker.

    Attributes:
        was_fresh: the worker had done nothing before, so that only this task can be the reason.
        computed: CPU seconds of the worker in all, with those of its children that have ended.
    """

    cause: Cause
    was_fresh: bool
    computed: float


#: What a pool calls in the process that forks, before it forks.
_Preparation = tuple[Callable[..., None], tuple[Any, ...]]


@dataclass
class _Worker:
    pid: int
    connection: Connection
    tasks_done: int = 0


class _Forker:
    """The process that forks workers, as its parent sees it."""

    def __init__(self, preparation: _Preparation, memory: int) -> None:
        ours, theirs = Pipe()
        command = [sys.executable, "-m", "orchestration.intake.worker_process"]
        arguments = [str(theirs.fileno()), str(memory)]
        with theirs:
            self.process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env=os.environ | _ENVIRONMENT,
                process_group=0,
            )
        ours.send(preparation)
        self._requests = ours
        self._workers: set[int] = set()
        self.preparation = preparation, memory

    def fork(self) -> _Worker:
        """Start a worker."""
        ours, theirs = Pipe()
        with theirs:
            self._requests.send(None)
            reduction.send_handle(self._requests, theirs.fileno(), self.process.pid)
        worker = _Worker(self._requests.recv(), ours)
        self._workers.add(worker.pid)
        return worker

    def end(self, worker: _Worker) -> Died:
        """Wait for a worker that has died, or that ends because its connection is closed."""
        worker.connection.close()
        self._requests.send(worker.pid)
        status, computed = self._requests.recv()
        self._workers.remove(worker.pid)
        cause = _CAUSES.get(status, Cause.CRASH)
        return Died(cause, was_fresh=worker.tasks_done == 0, computed=computed)

    @property
    def has_workers(self) -> bool:
        """Whether a worker has not ended."""
        return bool(self._workers)

    def kill(self) -> None:
        """End it and all workers at once, also from another thread."""
        os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it and all workers."""
        self._requests.close()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
        assert self.process.stdin
        self.process.stdin.close()


@dataclass
class _Kept:
    """Forkers that no pool uses, for the next one with the same preparation."""

    is_on: bool = False
    forkers: list[_Forker] = field(default_factory=list)

    def take(self, preparation: _Preparation, memory: int) -> _Forker:
        for position, forker in enumerate(self.forkers):
            if forker.preparation == (preparation, memory):
                return self.forkers.pop(position)
        return _Forker(preparation, memory)

    def give(self, forker: _Forker) -> None:
        if not self.is_on or forker.has_workers:
            forker.close()
            return
        self.forkers.append(forker)
        if len(self.forkers) > _MOST_KEPT:
            self.forkers.pop(0).close()


_kept = _Kept()


@contextlib.contextmanager
def workers_of_many_runs() -> Iterator[None]:
    """Keep the process that forks workers, for a process that takes in many times, such as tests.

    It costs most of a second to start, and as much memory as its imports while it waits; a run
    takes in once, so it ends with the intake otherwise.
    """
    _kept.is_on = True
    try:
        yield
    finally:
        _kept.is_on = False
        for forker in _kept.forkers:
            forker.close()
        _kept.forkers.clear()


class Workers:
    """A pool of workers; the first task starts it.

    One thread uses it at a time. Ctrl-C in a terminal does not reach the workers.
    """

    def __init__(
        self, prepare: Callable[..., None], arguments: tuple[Any, ...], memory: int
    ) -> None:
        """Describe the pool.

        Args:
            prepare, arguments: called once, before workers are forked, to load what tasks need;
                importable by its name.
            memory: bytes that a worker may use.
        """
        self._preparation = prepare, arguments
        self._memory = memory
        self._forker: _Forker | None = None
        self._idle: list[_Worker] = []
        self._is_stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, tasks: deque[Task], size: int) -> Iterator[tuple[Task, Any]]:
        """Run tasks in parallel; yield each with its result, or :class:`Died`, as they finish.

        Args:
            tasks: taken from the left; the caller may add to them meanwhile.
            size: most workers at a time.

        Raises:
            TongbaoError: the process that forks workers ended.
        """
        try:
            yield from self._run(tasks, size)
        except (EOFError, OSError):
            reason = "was stopped" if self._is_stopped else "ended (see the system's log)"
            message = f"the process that reads objects {reason}; run again"
            raise TongbaoError(message) from None

    def _run(self, tasks: deque[Task], size: int) -> Iterator[tuple[Task, Any]]:
        busy: dict[Connection, tuple[_Worker, Task]] = {}
        while tasks or busy:
            while tasks and len(busy) < size:
                task = tasks.popleft()
                worker = self._worker(task.needs_fresh)
                busy[worker.connection] = worker, task
                bounds = task.seconds, task.clock
                message = pickle.dumps((bounds, task.function, task.arguments), 5)
                with contextlib.suppress(OSError):  # it has died: its end is found below
                    worker.connection.send_bytes(message)
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                worker, task = busy.pop(ready)
                yield task, self._result(worker)

    def stop(self) -> None:
        """End all workers at once, also from another thread than the one in :meth:`run`."""
        self._is_stopped = True
        if self._forker:
            self._forker.kill()

    def close(self) -> None:
        """End all workers, busy ones included."""
        forker, self._forker = self._forker, None
        if forker is None:
            return
        # A forker that has died can't wait for its workers; they ended with it.
        with contextlib.suppress(EOFError, OSError):
            for worker in self._idle:
                forker.end(worker)
        self._idle.clear()
        _kept.give(forker)

    def _worker(self, needs_fresh: bool) -> _Worker:
        """An idle worker, or a new one."""
        if self._idle and not needs_fresh:
            return self._idle.pop()
        if self._is_stopped:
            raise EOFError
        if self._forker is None:
            self._forker = _kept.take(self._preparation, self._memory)
        if self._idle:  # the new one takes its place
            self._forker.end(self._idle.pop())
        return self._forker.fork()

    def _result(self, worker: _Worker) -> Any:
        """What a worker answers; it is idle afterwards, or dead."""
        try:
            answer = pickle.loads(worker.connection.recv_bytes())  # noqa: S301
        except (EOFError, OSError):
            assert self._forker
            return self._forker.end(worker)
        worker.tasks_done += 1
        self._idle.append(worker)
        return answer

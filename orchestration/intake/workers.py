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
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing import Pipe, reduction
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Self

from orchestration.core.errors import TongbaoError
from orchestration.intake.worker_process import OUT_OF_MEMORY

__all__ = ["Cause", "Died", "Task", "Workers", "usable_cores"]

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


@dataclass
class _Worker:
    pid: int
    connection: Connection
    tasks_done: int = 0


def usable_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: Connection | None = None
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
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End all workers, busy ones included."""
        for worker in self._idle:
            worker.connection.close()
        self._idle.clear()
        if self._requests:
            self._requests.close()
            self._requests = None
        if self._process:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            assert self._process.stdin
            self._process.stdin.close()
            self._process = None

    def _worker(self, needs_fresh: bool) -> _Worker:
        """An idle worker, or a new one."""
        if self._idle and not needs_fresh:
            return self._idle.pop()
        if self._idle:  # the new one takes its place
            self._end_of(self._idle.pop())
        if self._is_stopped:
            raise EOFError
        requests = self._started()
        ours, theirs = Pipe()
        with theirs:
            requests.send(None)
            assert self._process
            reduction.send_handle(requests, theirs.fileno(), self._process.pid)
        return _Worker(requests.recv(), ours)

    def _started(self) -> Connection:
        """The connection to the process that forks workers."""
        if self._requests is None:
            ours, theirs = Pipe()
            command = [sys.executable, "-m", "orchestration.intake.worker_process"]
            arguments = [str(theirs.fileno()), str(self._memory)]
            with theirs:
                self._process = subprocess.Popen(
                    [*command, *arguments],
                    stdin=subprocess.PIPE,
                    pass_fds=[theirs.fileno()],
                    env=os.environ | _ENVIRONMENT,
                    process_group=0,
                )
            ours.send(self._preparation)
            self._requests = ours
        return self._requests

    def _result(self, worker: _Worker) -> Any:
        """What a worker answers; it is idle afterwards, or dead."""
        try:
            answer = pickle.loads(worker.connection.recv_bytes())  # noqa: S301
        except (EOFError, OSError):
            return self._end_of(worker)
        worker.tasks_done += 1
        self._idle.append(worker)
        return answer

    def _end_of(self, worker: _Worker) -> Died:
        worker.connection.close()
        assert self._requests
        self._requests.send(worker.pid)
        status, computed = self._requests.recv()
        cause = _CAUSES.get(status, Cause.CRASH)
        return Died(cause, was_fresh=worker.tasks_done == 0, computed=computed)

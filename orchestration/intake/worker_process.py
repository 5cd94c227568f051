"""The process that bounded workers are forked from, and what a worker does.

``workers`` starts it as ``python -m orchestration.intake.worker_process``. It loads what the work
needs, once, and then forks a worker whenever it is asked to: a new worker costs milliseconds, also
after a thousand objects have each ended one. It never runs any work itself and has no threads, so
that forking is safe.

Belongs here: the bounds of a worker (memory, seconds, life of its parent). Doesn't belong here:
what is run (any importable function) and what follows when a worker ends (``workers``).

Usage: ``python -m orchestration.intake.worker_process DESCRIPTOR BYTES``
"""

from __future__ import annotations

import fcntl
import gc
import os
import pickle
import resource
import signal
import sys
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import NoReturn

__all__ = ["OUT_OF_MEMORY", "main"]

#: The exit code of a worker that reached its memory limit.
OUT_OF_MEMORY = 77


def main() -> None:
    """Fork workers and report how they ended, until the parent closes the connection."""
    requests = Connection(int(sys.argv[1]))
    memory = int(sys.argv[2])
    _end_with_parent()
    function, arguments = requests.recv()
    function(*arguments)
    gc.freeze()  # keeps the garbage collector from copying the pages shared with the workers
    workers: set[int] = set()
    while True:
        try:
            request = requests.recv()
        except EOFError:
            break
        if request is None:
            handle = reduction.recv_handle(requests)
            pid = os.fork()
            if not pid:
                requests.close()
                _serve(Connection(handle), memory)
            os.close(handle)
            workers.add(pid)
            requests.send(pid)
        else:
            workers.remove(request)
            _, status, usage = os.wait4(request, 0)
            requests.send((os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime))
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _end_with_parent() -> None:
    """Have the kernel end this process group when the parent ends, whatever a worker is doing.

    The parent holds the other end of standard input and never writes to it. When that end is
    closed, every process of the group gets SIGIO, which ends it.
    """
    fcntl.fcntl(0, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def _serve(connection: Connection, memory: int) -> NoReturn:
    """Run tasks, one after another, until the parent closes the connection.

    Reference counts free nearly all that a task leaves. Looking for cycles takes an eighth of the
    time of a file of a million rows, so that it is done between tasks only; the memory limit bounds
    what one task can leave.
    """
    _limit_memory(memory)
    gc.disable()
    try:
        while True:
            bounds, function, arguments = pickle.loads(connection.recv_bytes())  # noqa: S301
            _limit_seconds(*bounds)
            answer = pickle.dumps(function(*arguments), pickle.HIGHEST_PROTOCOL)
            _limit_seconds(0, 0)
            connection.send_bytes(answer)
            del function, arguments, answer
            gc.collect()
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except (EOFError, OSError):
        os._exit(0)
    except BaseException:
        os._exit(1)


def _limit_memory(memory: int) -> None:
    """Limit the address space so that at most ``memory`` bytes are resident; write no core dump.

    Only Linux has such a limit; elsewhere the bounds of sizes and seconds are what holds.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        size, resident = (int(pages) for pages in file.read().split()[:2])
    limit = (size - resident) * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _limit_seconds(computing: float, waiting: float) -> None:
    """Have the kernel end this process after seconds of CPU, or by the clock; 0 is no limit."""
    signal.setitimer(signal.ITIMER_PROF, computing)
    signal.setitimer(signal.ITIMER_REAL, waiting)


if __name__ == "__main__":
    main()

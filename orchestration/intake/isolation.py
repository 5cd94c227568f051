"""Answers objects in bounded workers, so that no object is another one's matter.

Objects are handed out in chunks. If a chunk ends its worker, each of its objects is tried alone,
and the one that ends its worker again is answered for it. An object that is slow for its size is
first set aside, so that it is tried with all the seconds that one may take when the others have
their answers.

Belongs here: which objects share a task, how long each may take, what is tried again. Doesn't
belong here: the workers (``workers``), the answers (``answers``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from orchestration.core.catalogue import load_catalogue
from orchestration.core.settings import Settings
from orchestration.intake.answers import Answer, Answers, Landed, Terms, answer_objects, prepare
from orchestration.intake.findings import finding
from orchestration.intake.rows import DocumentRows
from orchestration.intake.workers import Cause, Died, Task, Workers, usable_cores

__all__ = ["Answered", "Isolation"]

#: Bounds of a chunk: a worker answers some 2,000 small objects a second, so handing out 100 at a
#: time costs little, and so does repeating them because of one.
_CHUNK_OBJECTS = 100
_CHUNK_BYTES = 256 * 1024
#: CPU seconds for a first try: a second, and what its bytes take at the rate of slow workbooks.
_FIRST_SECONDS = 1.0
_BYTES_PER_SECOND = 200_000
#: By the clock, an object may take this many times its CPU seconds, as other programs run as well.
_CLOCK_FACTOR = 4


@dataclass
class Answered:
    """The outcome for some objects.

    Attributes:
        answers: by the object's position.
        rows: of their documents, in parts.
        slow: objects that are not answered, because they are slow for their size.
    """

    answers: dict[int, Answer] = field(default_factory=dict)
    rows: list[DocumentRows] = field(default_factory=list)
    slow: list[Landed] = field(default_factory=list)


class Isolation:
    """Answers objects in bounded workers, in the background, one call after another."""

    def __init__(self, settings: Settings, terms: Terms) -> None:
        self._settings = settings
        self._terms = terms
        self._workers = Workers(prepare, (load_catalogue(),), settings.max_object_memory)
        self._thread = ThreadPoolExecutor(1)
        #: CPU seconds that the run may still spend on objects that reach their limit.
        self._seconds_left = float(settings.max_run_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind:
            self._workers.stop()
        self._thread.shutdown(cancel_futures=True)
        self._workers.close()

    def answer(self, objects: Sequence[Landed], *, patiently: bool = False) -> Future[Answered]:
        """Answer objects.

        Args:
            patiently: allow each object all the seconds that one may take; otherwise those that
                are slow for their size are set aside.
        """
        return self._thread.submit(self._answer, objects, patiently)

    def _answer(self, objects: Sequence[Landed], patiently: bool) -> Answered:
        answered = Answered()
        chunks = ([each] for each in objects) if patiently else _chunks(objects)
        tasks = deque(self._task(chunk, patiently) for chunk in chunks)
        for task, result in self._workers.run(tasks, usable_cores()):
            chunk: Sequence[Landed] = task.arguments[1]
            if isinstance(result, Answers):
                positions = (each.position for each in chunk)
                answered.answers |= zip(positions, result.answers, strict=True)
                answered.rows.append(result.rows)
            elif len(chunk) > 1:
                tasks.extend(self._task([each], patiently) for each in chunk)
            else:
                self._judge(answered, chunk[0], task, result, tasks)
                if patiently and self._seconds_left <= 0:
                    self._give_up(answered, tasks)
        return answered

    def _task(self, chunk: Sequence[Landed], patiently: bool) -> Task:
        most = self._settings.max_object_seconds
        seconds = most if patiently else min(most, _first_seconds(chunk))
        return Task(answer_objects, (self._terms, chunk), seconds, _CLOCK_FACTOR * most)

    def _judge(
        self, answered: Answered, landed: Landed, task: Task, died: Died, tasks: deque[Task]
    ) -> None:
        """Decide about an object that ended its worker alone."""
        if died.cause is Cause.SECONDS and task.seconds < self._settings.max_object_seconds:
            answered.slow.append(landed)
        elif died.cause in (Cause.SECONDS, Cause.CLOCK):
            seconds = task.seconds if died.cause is Cause.SECONDS else task.clock
            self._seconds_left -= seconds
            answered.answers[landed.position] = _too_slow(seconds)
        elif not died.was_fresh:  # what the worker did before may have used up its memory
            tasks.append(task)
        elif died.cause is Cause.MEMORY:
            limit = str(self._settings.max_object_memory)
            answered.answers[landed.position] = _lost("E053", "out of memory", limit)
        else:
            answered.answers[landed.position] = _lost("E016", "its reader crashed")

    def _give_up(self, answered: Answered, tasks: deque[Task]) -> None:
        """Answer the remaining slow objects with what their first try has shown."""
        for task in tasks:
            [landed] = task.arguments[1]
            answered.answers[landed.position] = _too_slow(_first_seconds([landed]))
        tasks.clear()


def _chunks(objects: Iterable[Landed]) -> Iterator[list[Landed]]:
    """Split objects into chunks within both bounds; a larger object is a chunk of its own."""
    chunk: list[Landed] = []
    size = 0
    for each in objects:
        if chunk and (len(chunk) == _CHUNK_OBJECTS or size + len(each.body) > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += len(each.body)
    if chunk:
        yield chunk


def _first_seconds(chunk: Sequence[Landed]) -> float:
    return _FIRST_SECONDS + sum(len(each.body) for each in chunk) / _BYTES_PER_SECOND


def _too_slow(seconds: float) -> Answer:
    return _lost("E052", "it took too long", f"{seconds:.0f}")


def _lost(code: str, failure: str, limit: str = "") -> Answer:
    """The answer to an object whose reader ended."""
    return Answer(findings=[finding(code, limit=limit)], failure=failure)

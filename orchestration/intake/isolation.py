"""Answers objects in bounded workers, so that no object is another one's matter.

Objects are handed out in chunks. If a chunk ends its worker, each of its objects is tried alone,
and the one that ends its worker again is answered for it. An object that is slow for its size is
first set aside, so that it is tried with all the seconds that one may take when the others have
their answers.

CPU seconds decide whether an object is too slow, because they don't depend on what else the machine
does. The clock only ends what waits for nothing: a worker that computed until the clock ended it
was short of CPU, and its object is tried again with twice the time. On an idle machine, both tries
of the worst object end within a minute: 15 seconds and 40 of CPU, or 15 and 44 by the clock.

Belongs here: which objects share a task, how long each may take, what is tried again. Doesn't
belong here: the workers (``workers``), the answers (``answers``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

from orchestration.core.catalogue import load_catalogue
from orchestration.core.machine import usable_cores
from orchestration.core.settings import Settings
from orchestration.intake.answers import Answer, Answers, Landed, Terms, answer_objects, prepare
from orchestration.intake.findings import Finding, finding
from orchestration.intake.rows import DocumentRows
from orchestration.intake.workers import Cause, Died, Task, Workers

__all__ = ["Answered", "Isolation", "another_try", "bounded_task", "finding_of_death"]

#: Bounds of a chunk: a worker answers some 2,000 small objects a second, so handing out 100 at a
#: time costs little, and so does repeating them because of one.
_CHUNK_OBJECTS = 100
_CHUNK_BYTES = 256 * 1024
#: CPU seconds for a first try: a second, and what its bytes take at the rate of slow workbooks. A
#: Parquet file packs rows ten times as densely: a million in 1.4 MB, which take about ten seconds.
_FIRST_SECONDS = 1.0
_BYTES_PER_SECOND = 200_000
_PARQUET_BYTES_PER_SECOND = 40_000
#: Most CPU seconds for a first try, whatever the size: a million rows take ten. With the default of
#: ``max_object_seconds`` for the second one, both are less than a minute.
_MOST_FIRST_SECONDS = 15.0
#: By the clock, a first try may take its CPU seconds, and this long if they are fewer: a small
#: object is tried with others and alone, which with the second try is less than a minute, too.
#: What the clock ends is only set aside.
_FIRST_CLOCK = 7.5
#: By the clock, an object may take its CPU seconds and a tenth: an idle machine gives nearly all of
#: its time to the two or three processes of a run.
_CLOCK_SHARE = 1.1
#: A worker that used at least this share of its time was short of CPU: with twenty busy processes
#: for each core it would still get as much. One that waits for nothing uses less than a hundredth.
_COMPUTING_SHARE = 0.05


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

    def __init__(self, settings: Settings, terms: Terms, workers: int | None = None) -> None:
        """Describe the workers.

        Args:
            workers: the most at a time; None: one for each core.
        """
        self._size = workers or usable_cores()
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
        for task, result in self._workers.run(tasks, self._size):
            chunk: Sequence[Landed] = task.arguments[1]
            if isinstance(result, Answers):
                positions = (each.position for each in chunk)
                answered.answers |= zip(positions, result.answers, strict=True)
                answered.rows.append(result.rows)
            elif len(chunk) > 1:
                tasks.extend(self._task([each], patiently) for each in chunk)
            else:
                self._judge(answered, chunk[0], task, result, tasks, patiently)
                if patiently and self._seconds_left <= 0:
                    self._give_up(answered, tasks)
        return answered

    def _task(self, chunk: Sequence[Landed], patiently: bool) -> Task:
        task = bounded_task(self._settings, answer_objects, self._terms, chunk)
        if patiently:
            return task
        seconds = min(task.seconds, _first_seconds(chunk))
        clock = max(seconds, _FIRST_CLOCK)
        return replace(task, seconds=seconds, clock=clock, needs_fresh=False)

    def _judge(
        self,
        answered: Answered,
        landed: Landed,
        task: Task,
        died: Died,
        tasks: deque[Task],
        patiently: bool,
    ) -> None:
        """Decide about an object that ended its worker alone."""
        is_slow = died.cause in (Cause.SECONDS, Cause.CLOCK)
        if is_slow and not patiently:
            answered.slow.append(landed)
            return
        again = another_try(task, died)
        if again is not None:
            tasks.appendleft(again)
            return
        if is_slow:
            self._seconds_left -= task.seconds
        found = finding_of_death(died.cause, task, self._settings)
        answered.answers[landed.position] = _lost(found, died.cause)

    def _give_up(self, answered: Answered, tasks: deque[Task]) -> None:
        """Answer the remaining slow objects with what their first try has shown."""
        for task in tasks:
            [landed] = task.arguments[1]
            tried = replace(task, seconds=_first_seconds([landed]))
            found = finding_of_death(Cause.SECONDS, tried, self._settings)
            answered.answers[landed.position] = _lost(found, Cause.SECONDS)
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
    seconds = _FIRST_SECONDS + sum(len(each.body) / _bytes_per_second(each.key) for each in chunk)
    return min(seconds, _MOST_FIRST_SECONDS)


def _bytes_per_second(key: str) -> int:
    is_parquet = key.lower().endswith(".parquet")
    return _PARQUET_BYTES_PER_SECOND if is_parquet else _BYTES_PER_SECOND


def bounded_task(settings: Settings, function: Callable[..., Any], *arguments: Any) -> Task:
    """A task with all the seconds that reading one object may take, in a fresh worker."""
    seconds = settings.max_object_seconds
    return Task(function, arguments, seconds, _CLOCK_SHARE * seconds, needs_fresh=True)


def another_try(task: Task, died: Died) -> Task | None:
    """The task to run again if the object is not to blame for the worker's end, or None."""
    if died.cause in (Cause.MEMORY, Cause.CRASH) and not died.was_fresh:
        return replace(task, needs_fresh=True)  # what the worker did before may have harmed it
    if died.cause is Cause.CLOCK and died.computed >= _COMPUTING_SHARE * task.clock:
        return replace(task, clock=2 * task.clock)
    return None


def finding_of_death(cause: Cause, task: Task, settings: Settings) -> Finding:
    """The finding about an object whose reading ended a worker."""
    if cause is Cause.MEMORY:
        return finding("E053", limit=str(settings.max_object_memory))
    if cause is Cause.CRASH:
        return finding("E016")
    return finding("E052", limit=f"{task.clock if cause is Cause.CLOCK else task.seconds:.0f}")


def _lost(found: Finding, cause: Cause) -> Answer:
    """The answer to an object that ended a worker."""
    return Answer(findings=[found], failure=f"its reader died ({cause})")

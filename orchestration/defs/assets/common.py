"""Shared by the asset modules: the partition, the workspace, running a stage, its listener.

Belongs here: how a run handles a failure, that is, what is retried and how the run fails. Doesn't
belong here: the work of a stage (``orchestration.stages``), alarms (``sensors``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import dagster as dg

from orchestration import stages
from orchestration.core.errors import GateBlocked, Unreachable
from orchestration.core.reporting_calendar import years
from orchestration.core.settings import Settings
from orchestration.defs.run_storage import keep_connections

__all__ = [
    "BLOCKED",
    "LISTENER",
    "REPORTING_YEAR",
    "WORKSPACE_KEY",
    "Listener",
    "failure",
    "run_stage",
]

#: The partitions: the reporting years of the calendar.
REPORTING_YEAR = dg.StaticPartitionsDefinition([str(year) for year in years()])

WORKSPACE_KEY = "workspace"

#: Seconds before each retry of a stage that couldn't reach the store or the catalogue: a restart
#: takes seconds, a failover minutes. After a quarter of an hour the run fails, and an operator is
#: needed.
WAITS = (15, 30, 60, 120, 240, 480)

_Done = TypeVar("_Done", covariant=True)


class _Stage(Protocol[_Done]):
    """A function of ``orchestration.stages``."""

    __name__: str

    def __call__(
        self, ws: stages.Workspace, year: int, *, run_id: str, progress: Callable[[str], None]
    ) -> _Done: ...


@dataclass
class Listener:
    """Receives the progress and results of a job that runs in this process.

    Attributes:
        say: called with each line of progress.
        workspace: an open workspace for the stages; None to let the run open one.
        outcomes: the result of each stage by its name.
    """

    say: Callable[[str], None]
    workspace: stages.Workspace | None = None
    outcomes: dict[str, Any] = field(default_factory=dict)


#: Key in the metadata of a failure that the gate caused; the gate's own alarm reports it.
BLOCKED = "gate_blocks"

LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


class _LazyWorkspace:
    """The workspace of a run, opened by the first stage that needs it."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._opened: stages.Workspace | None = None

    def open(self) -> stages.Workspace:
        listener = LISTENER.get()
        if listener and listener.workspace:
            return listener.workspace
        if self._opened is None:
            self._opened = self._stack.enter_context(stages.open_workspace(Settings.from_env()))
        return self._opened


@dg.resource(description="Settings from the environment and, once needed, an open object store.")
@contextlib.contextmanager
def workspace(context: dg.InitResourceContext) -> Iterator[_LazyWorkspace]:
    """The run's workspace; without a configured store it starts the project's own S3 server."""
    if context.instance and not LISTENER.get():
        # A run in a process of its own; a command has done it before it planned the run.
        keep_connections(context.instance)
    with contextlib.ExitStack() as stack:
        yield _LazyWorkspace(stack)


def run_stage(context: dg.AssetExecutionContext, stage: _Stage[_Done]) -> _Done:
    """Run a stage once on the partition's year; its progress goes to the log and the listener.

    With a listener every error is raised at once. Without one a store or a catalogue that can't be
    reached is retried later. A blocked gate is not retried, because the verdict would be the same.

    Raises:
        RetryRequested: the store or the catalogue can't be reached, and retries are left.
        Failure: the gate blocks, and there is no listener.
        TongbaoError: any other error of the stage.
    """
    listener = LISTENER.get()

    def say(line: str) -> None:
        context.log.info(line)
        if listener:
            listener.say(line)

    year = int(context.partition_key)
    try:
        ws: stages.Workspace = getattr(context.resources, WORKSPACE_KEY).open()
        done = stage(ws, year, run_id=context.run_id, progress=say)
    except Unreachable as error:
        if listener or context.retry_number >= len(WAITS):
            raise
        wait = WAITS[context.retry_number]
        context.log.warning(f"{error}; trying again in {wait} s")
        raise dg.RetryRequested(max_retries=len(WAITS), seconds_to_wait=wait) from error
    except GateBlocked as error:
        raise failure(error) from error
    if listener:
        listener.outcomes[stage.__name__] = done
    return done


def failure(blocked: GateBlocked) -> Exception:
    """The exception for a blocked gate: itself with a listener, otherwise a failure of the run."""
    if LISTENER.get():
        return blocked
    return dg.Failure(blocked.notice, metadata={BLOCKED: True}, allow_retries=False)

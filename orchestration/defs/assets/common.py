"""What the asset modules share: the partition, the workspace, one try of a stage, its listener.

Belongs here: how a run meets a failure: what is tried again and what the run says. Doesn't belong
here: what a stage does, and who is told (sensors).
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

__all__ = [
    "BLOCKED",
    "LISTENER",
    "REPORTING_YEAR",
    "WORKSPACE_KEY",
    "Listener",
    "failure",
    "run_stage",
]

#: The one partition: a reporting year of the calendar.
REPORTING_YEAR = dg.StaticPartitionsDefinition([str(year) for year in years()])

WORKSPACE_KEY = "workspace"

#: Seconds before each new try of a stage that found the store or the catalogue out of reach: a
#: restart is over in seconds, a failover in minutes. After a quarter of an hour somebody has to
#: look, and the failed run says so.
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
    """Whoever runs a job in this process and wants to hear of it (the command line).

    Attributes:
        say: called with each line of progress.
        workspace: open already, for the stages; None: the run opens one.
        outcomes: what each stage returned, by stage.
    """

    say: Callable[[str], None]
    workspace: stages.Workspace | None = None
    outcomes: dict[str, Any] = field(default_factory=dict)


#: In the metadata of a failure: it is the gate that blocks, and the gate's alarm that says so.
BLOCKED = "gate_blocks"

LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


class _Opening:
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
def workspace(_: dg.InitResourceContext) -> Iterator[_Opening]:
    """Open for the time of a run; the project's own S3 server is started when none is set."""
    with contextlib.ExitStack() as stack:
        yield _Opening(stack)


def run_stage(context: dg.AssetExecutionContext, stage: _Stage[_Done]) -> _Done:
    """Try a stage once on the partition's year; its lines go to the run's log and the listener.

    Where somebody listens, every error is theirs at once. Otherwise a store or a catalogue that
    can't be reached is tried again after a while; a blocked gate is not: it would say the same.

    Raises:
        RetryRequested: the store or the catalogue can't be reached, and there are tries left.
        Failure: the gate blocks.
        TongbaoError: whatever else the stage raised.
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
    """A blocked gate as a run's failure, its notice the whole message; as itself to a listener."""
    if LISTENER.get():
        return blocked
    return dg.Failure(blocked.notice, metadata={BLOCKED: True}, allow_retries=False)

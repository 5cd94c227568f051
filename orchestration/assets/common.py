"""What the asset modules share: the partition, the workspace and the listener of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from orchestration import stages
from orchestration.reporting_calendar import years
from orchestration.settings import Settings

__all__ = ["LISTENER", "REPORTING_YEAR", "WORKSPACE_KEY", "Listener", "progress_of", "report"]

#: The one partition: a reporting year of the calendar.
REPORTING_YEAR = dg.StaticPartitionsDefinition([str(year) for year in years()])

WORKSPACE_KEY = "workspace"


@dataclass
class Listener:
    """Whoever runs a job in this process and wants to hear of it (the command line).

    Attributes:
        say: called with each line of progress.
        outcomes: what each stage returned, by stage.
    """

    say: Callable[[str], None]
    outcomes: dict[str, Any] = field(default_factory=dict)


LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@dg.resource(description="Settings from the environment and an open object store.")
@contextlib.contextmanager
def workspace(_: dg.InitResourceContext) -> Iterator[stages.Workspace]:
    """Open for the time of a run; the project's own S3 server is started when none is set."""
    with stages.open_workspace(Settings.from_env()) as opened:
        yield opened


def progress_of(context: dg.AssetExecutionContext) -> Callable[[str], None]:
    """A stage's lines go to the run's log and to the listener, if there is one."""
    listener = LISTENER.get()

    def say(line: str) -> None:
        context.log.info(line)
        if listener:
            listener.say(line)

    return say


def report(stage: str, outcome: Any) -> None:
    """Hand a stage's outcome to the listener, if there is one."""
    listener = LISTENER.get()
    if listener:
        listener.outcomes[stage] = outcome

"""What every stage needs: settings and an open store.

Belongs here: the workspace and opening it. Doesn't belong here: what a stage does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestration.settings import Settings
from orchestration.storage import Store, open_store

if TYPE_CHECKING:
    from orchestration.gate import GateDecision

__all__ = ["Progress", "Workspace", "open_workspace"]

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Workspace:
    """Settings and an open store: what every stage needs.

    Attributes:
        decisions: what the gate decided in this workspace, by year and snapshot, so that the
            publication of a run prints it without judging once more.
    """

    settings: Settings
    store: Store
    decisions: dict[tuple[int, int], GateDecision] = field(default_factory=dict)


@contextlib.contextmanager
def open_workspace(settings: Settings, *, read_only: bool = False) -> Iterator[Workspace]:
    """Open the store for the time of a command.

    Args:
        read_only: for a command that an analyst may use, see :func:`open_store`.

    Raises:
        Unreachable: the store can't be reached.
    """
    with open_store(settings, read_only=read_only) as store:
        yield Workspace(settings, store)

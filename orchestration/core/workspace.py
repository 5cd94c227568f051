"""What every stage needs: settings and an open store.

Belongs here: the workspace as a type. Doesn't belong here: opening it (``storage``) and what a
stage does with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestration.core.settings import Settings

if TYPE_CHECKING:
    from orchestration.gate import GateDecision
    from orchestration.storage import Store

__all__ = ["Progress", "Workspace"]

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

"""The workspace type: settings and an open store, which every stage needs.

Belongs here: the type. Doesn't belong here: opening a workspace (``storage``) and the stages.
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
    """Settings and an open store, which every stage needs.

    Attributes:
        settings: the settings.
        store: the open object store.
        decisions: the gate's decisions in this workspace by (year, snapshot id). Publication in
            the same run prints them without judging again.
    """

    settings: Settings
    store: Store
    decisions: dict[tuple[int, int], GateDecision] = field(default_factory=dict)

"""The sections of the bulletins, one module each.

A section module has ``IN`` (the kinds of bulletin that have the section), ``ORDER`` (its position
among their sections), ``TITLE`` and ``blocks(marts, place)``. Adding a module adds the section;
its number （一、二、…） follows from its position. ``ATTACHED_TO`` names the kinds of bulletin that
have it as an attachment (附件): what is long. A section without blocks is left out. A module that
prints claims of its own has ``CLAIMS``: how they are recomputed (``figures.claims``).

Belongs here: the content of single sections. Doesn't belong here: blocks that several sections
share (``bulletin.parts``) and the assembly of a bulletin (``bulletin.documents``).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

from orchestration.bulletin.content import Block
from orchestration.bulletin.marts import Marts
from orchestration.figures.claims import Recomputations

__all__ = ["Kind", "Place", "SectionModule", "claims_of_sections", "sections_of"]

Kind = Literal["national", "task", "province"]


@dataclass(frozen=True)
class Place:
    """The subject of a bulletin: the nation, a task or a province."""

    kind: Kind
    code: str
    name: str


class SectionModule(Protocol):
    """The interface of a section module."""

    IN: tuple[Kind, ...]
    ORDER: int
    TITLE: str

    def blocks(self, marts: Marts, place: Place) -> list[Block]:
        """Return the section's blocks for a place."""
        ...


@cache
def _modules() -> tuple[SectionModule, ...]:
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(sorted(modules, key=lambda m: (m.ORDER, m.__name__)))


def sections_of(kind: Kind, *, attachments: bool = False) -> list[SectionModule]:
    """Return the sections (or attachments) of a kind of bulletin, in order."""
    return [
        module
        for module in _modules()
        if kind in module.IN and (kind in getattr(module, "ATTACHED_TO", ())) == attachments
    ]


def claims_of_sections() -> Iterator[Recomputations]:
    """Yield how the claims of each section are recomputed."""
    for module in _modules():
        yield getattr(module, "CLAIMS", {})

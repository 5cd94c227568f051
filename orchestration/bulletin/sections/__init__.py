"""The sections of the bulletins: a file each.

A section is a module with ``IN`` (the kinds of bulletin that it stands in), ``ORDER`` (its place
among their sections), ``TITLE`` and ``blocks(marts, place)``. Adding a file adds the section;
its number （一、二、…） comes from its place. A module with ``ATTACHMENT = True`` becomes an
attachment (附件). A section that has no blocks for a place is left out of that bulletin.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

from orchestration.bulletin.content import Block
from orchestration.bulletin.marts import Marts

__all__ = ["Kind", "Place", "SectionModule", "sections_of"]

Kind = Literal["national", "task", "province"]


@dataclass(frozen=True)
class Place:
    """What a bulletin is about: the nation, a task or a province."""

    kind: Kind
    code: str
    name: str


class SectionModule(Protocol):
    """What a module of this package holds."""

    IN: tuple[Kind, ...]
    ORDER: int
    TITLE: str

    def blocks(self, marts: Marts, place: Place) -> list[Block]:
        """What the section says."""
        ...


@cache
def _modules() -> tuple[SectionModule, ...]:
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(sorted(modules, key=lambda m: (m.ORDER, m.__name__)))


def sections_of(kind: Kind, *, attachments: bool = False) -> list[SectionModule]:
    """The sections (or attachments) of a kind of bulletin, in order."""
    return [
        module
        for module in _modules()
        if kind in module.IN and getattr(module, "ATTACHMENT", False) == attachments
    ]

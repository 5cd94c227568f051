"""Tables of the site, whose cells may also be links.

Belongs here: the model of such a table. Doesn't belong here: the tables of bulletins (``content``),
which are also printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestration.bulletin.content import Column, Run

__all__ = ["Grid", "Link"]


@dataclass(frozen=True)
class Link:
    """A table cell with a link."""

    text: str
    href: str


@dataclass(frozen=True)
class Grid:
    """A table like the content model's, whose cells may also be links."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Run | Link, ...], ...]
    note: str = ""
    kind: Literal["table"] = "table"

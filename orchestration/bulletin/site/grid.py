"""Tables of the site, whose cells may also be links.

Belongs here: the model of such a table. Doesn't belong here: the tables of bulletins (``content``),
which are also printed, and all of whose columns are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestration.bulletin.content import Column, Run
from orchestration.bulletin.policy import kept, shown_positions

__all__ = ["Grid", "GridColumn", "Link", "shown_grid"]


@dataclass(frozen=True)
class Link:
    """A table cell with a link."""

    text: str
    href: str


@dataclass(frozen=True)
class GridColumn(Column):
    """A column of the site's tables.

    Attributes:
        source: column of the lake that it shows, ``table.column``; empty if there is no single one.
    """

    source: str = ""


@dataclass(frozen=True)
class Grid:
    """A table like the content model's, whose cells may also be links."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Run | Link, ...], ...]
    note: str = ""
    kind: Literal["table"] = "table"


def shown_grid(
    caption: str,
    columns: Sequence[GridColumn],
    rows: Iterable[tuple[Run | Link, ...]],
    note: str = "",
) -> Grid:
    """Return a table of the columns that may be shown."""
    positions = shown_positions(column.source for column in columns)
    cells = tuple(kept(row, positions) for row in rows)
    return Grid(caption, kept(columns, positions), cells, note)

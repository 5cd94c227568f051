"""Which columns of its tables an edition shows, by the seed ``publication_policy``.

Belongs here: leaving the columns out of a table. Doesn't belong here: who may see what (the seed),
open data and API, which select columns from the lake (``open_data``, ``api``), and the bulletins,
whose content the notice decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from orchestration.core.catalogue import load_catalogue

__all__ = ["is_shown", "kept", "shown_positions"]

_T = TypeVar("_T")


def is_shown(source: str) -> bool:
    """Whether pages and workbooks may show what comes from a column of the lake.

    Args:
        source: ``table.column``; empty for what comes from no single column.
    """
    if not source:
        return True
    table, _, column = source.partition(".")
    return load_catalogue().is_shown(table, column)


def shown_positions(sources: Iterable[str]) -> tuple[int, ...]:
    """Return the positions of the sources that may be shown."""
    return tuple(at for at, source in enumerate(sources) if is_shown(source))


def kept(values: Sequence[_T], positions: Sequence[int]) -> tuple[_T, ...]:
    """Return the values at these positions."""
    return tuple(values[at] for at in positions)

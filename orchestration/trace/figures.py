"""Figure ids: reading one, and the row of the mart that it names.

Belongs here: ``{year}/{mart}/{grain values}/{column}`` and what is said of an id that names
nothing. Doesn't belong here: what stands behind a row (``evidence``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

from orchestration.bulletin.marts import GRAINS
from orchestration.core.errors import UsageError
from orchestration.core.reporting_calendar import period_of
from orchestration.lakehouse.rows import rows_as_dicts

__all__ = ["FigureId", "find_row", "near", "parse_figure", "unknown_row", "where_of"]

_EXAMPLE = "2024/agg_province_task/440000/T05/on_time_rate"


@dataclass(frozen=True)
class FigureId:
    """A figure id, taken apart.

    Attributes:
        key: the grain beside the year: column → value, None for ``-``.
        columns: one, or the two of a difference ``a-b``.
    """

    text: str
    year: int
    table: str
    key: dict[str, str | None]
    columns: tuple[str, ...]

    @property
    def province_code(self) -> str | None:
        """The province, or None for the nation."""
        return self.key.get("province_code")

    @property
    def task_code(self) -> str | None:
        """The task, or None for all of them."""
        task = self.key.get("task_code")
        return None if task == "ALL" else task

    @property
    def indicator_code(self) -> str | None:
        """The indicator of an indicator's mart."""
        return self.key.get("indicator_code")


def near(wanted: str, known: Iterable[str]) -> str:
    """A hint of what may have been meant: ``; did you mean …?``, or what there is."""
    listed = sorted(set(known))
    found = difflib.get_close_matches(wanted, listed, n=3, cutoff=0.6)
    if found:
        return f"; did you mean {' or '.join(found)}?"
    if len(listed) <= 12:
        return f"; there are {', '.join(listed)}"
    return f"; there are {len(listed)}, e.g. {', '.join(listed[:3])}"


def _shown(text: str) -> str:
    kept = "".join(c if c.isprintable() else "?" for c in text)
    return repr(kept if len(kept) <= 120 else kept[:119] + "…")


def parse_figure(text: str) -> FigureId:
    """Take a figure id apart.

    Raises:
        UsageError: it is none; says what is wrong and what is near.
    """
    parts = text.strip().split("/")
    if len(parts) < 3 or not (parts[0].isascii() and parts[0].isdigit() and len(parts[0]) == 4):
        raise UsageError(
            f"{_shown(text)} is no figure: an id is year/mart/keys/column, e.g. {_EXAMPLE} "
            "(data-figure in the HTML bulletins)"
        )
    year, table, *rest = parts
    period_of(int(year))
    if table not in GRAINS:
        raise UsageError(f"figure: no mart {_shown(table)}{near(table, GRAINS)}")
    grain = GRAINS[table]
    if len(rest) != len(grain) + 1:
        form = "/".join((year, table, *(f"<{name}>" for name in grain), "<column>"))
        raise UsageError(f"{_shown(text)} is no figure of {table}: its ids are {form}")
    key = {name: None if part == "-" else part for name, part in zip(grain, rest[:-1], strict=True)}
    columns = tuple(rest[-1].split("-"))
    if len(columns) > 2 or not all(columns):
        raise UsageError(f"{_shown(text)}: {_shown(rest[-1])} is no column and no difference a-b")
    return FigureId(text.strip(), int(year), table, key, columns)


def where_of(figure: FigureId, year: int | None = None) -> tuple[str, dict[str, Any]]:
    """The condition on the mart for the figure's row, and its parameters."""
    terms, values = ["year = $year"], {"year": year or figure.year}
    for name, value in figure.key.items():
        terms.append(f"{name} is not distinct from ${name}")
        values[name] = value  # type: ignore[assignment]
    return " and ".join(terms), values


def find_row(
    con: duckdb.DuckDBPyConnection, figure: FigureId, year: int | None = None
) -> dict[str, Any] | None:
    """The figure's row of the mart (of ``year``, where another is asked for), or None."""
    where, values = where_of(figure, year)
    query = f"select * from lake.marts.{figure.table} where {where}"
    rows = rows_as_dicts(con.execute(query, values))
    return rows[0] if rows else None


def unknown_row(con: duckdb.DuckDBPyConnection, figure: FigureId) -> UsageError:
    """What is said where the marts have no such row."""
    grain = GRAINS[figure.table]
    wanted = "/".join(part or "-" for part in figure.key.values())
    if not grain:
        return UsageError(f"figure: there are no marts of {figure.year} in this snapshot")
    keys = ", ".join(f"coalesce({name}, '-')" for name in grain)
    known = [
        row[0]
        for row in con.execute(
            f"select concat_ws('/', {keys}) from lake.marts.{figure.table} where year = $year",
            {"year": figure.year},
        ).fetchall()
    ]
    if not known:
        return UsageError(f"figure: there are no marts of {figure.year} in this snapshot")
    return UsageError(
        f"figure: {figure.table} of {figure.year} has no row {_shown(wanted)}{near(wanted, known)}"
    )

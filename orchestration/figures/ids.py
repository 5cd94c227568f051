"""Figure ids: makes and parses an id, and finds the mart row that it names.

An id is ``{year}/{mart}/{grain values}/{column}``, with ``-`` for an empty grain value; ``column``
may be a difference ``a-b``.

Belongs here: ids, the look-up of the row, the error for an id that names nothing. Doesn't
belong here: the units and documents behind a row (``trace.evidence``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from orchestration.core.errors import UsageError
from orchestration.core.reporting_calendar import period_of
from orchestration.figures.dictionary import figure_grains
from orchestration.lakehouse.rows import rows_as_dicts

__all__ = [
    "FigureId",
    "figure_id",
    "find_row",
    "parse_figure",
    "row_key",
    "suggestion",
    "unknown_row_error",
]

_EXAMPLE = "2024/agg_province_task/440000/T05/on_time_rate"


@dataclass(frozen=True)
class FigureId:
    """A parsed figure id.

    Attributes:
        text: the id as given.
        key: grain columns without the year, column → value; None for ``-``.
        columns: one column, or the two columns of a difference ``a-b``.
    """

    text: str
    year: int
    table: str
    key: dict[str, str | None]
    columns: tuple[str, ...]

    @property
    def province_code(self) -> str | None:
        """Province code; None for the nation."""
        return self.key.get("province_code")

    @property
    def task_code(self) -> str | None:
        """Task code; None for all tasks."""
        task = self.key.get("task_code")
        return None if task == "ALL" else task

    @property
    def indicator_code(self) -> str | None:
        """Indicator code; None if the mart has no indicator in its grain."""
        return self.key.get("indicator_code")


def row_key(row: Mapping[str, Any], grain: Sequence[str]) -> tuple[str, ...]:
    """Return the values of a mart's grain as they stand in ids: ``-`` for None."""
    return tuple(str(row[name] or "-") for name in grain)


def figure_id(year: int, table: str, key: Sequence[str], column: str) -> str:
    """Return a figure's id.

    Args:
        key: values of the mart's grain without the year.
        column: a column, or a difference ``a-b``.
    """
    return "/".join((str(year), table, *key, column))


def suggestion(wanted: str, known: Iterable[str]) -> str:
    """Return the end of an error message: ``; did you mean …?``, or what there is.

    Args:
        wanted: the unknown name.
        known: all names that exist.
    """
    listed = sorted(set(known))
    found = difflib.get_close_matches(wanted, listed, n=3, cutoff=0.6)
    if found:
        return f"; did you mean {' or '.join(found)}?"
    if len(listed) <= 12:
        return f"; there are {', '.join(listed)}"
    return f"; there are {len(listed)}, e.g. {', '.join(listed[:3])}"


def _printable(text: str) -> str:
    """Return untrusted text for a message: quoted, printable, at most 120 characters."""
    kept = "".join(c if c.isprintable() else "?" for c in text)
    return repr(kept if len(kept) <= 120 else kept[:119] + "…")


def parse_figure(text: str) -> FigureId:
    """Parse a figure id.

    Raises:
        UsageError: the text is no figure id; the message says why and suggests similar names.
    """
    parts = text.strip().split("/")
    if len(parts) < 3 or not (parts[0].isascii() and parts[0].isdigit() and len(parts[0]) == 4):
        raise UsageError(
            f"{_printable(text)} is not a figure id: it must be year/mart/keys/column, e.g. "
            f"{_EXAMPLE} (data-figure in the HTML bulletins)"
        )
    year, table, *rest = parts
    period_of(int(year))
    grains = figure_grains()
    if table not in grains:
        raise UsageError(f"figure: there is no mart {_printable(table)}{suggestion(table, grains)}")
    grain = grains[table]
    if len(rest) != len(grain) + 1:
        form = "/".join((year, table, *(f"<{name}>" for name in grain), "<column>"))
        raise UsageError(f"{_printable(text)} is not a figure id of {table}: these are {form}")
    key = {name: None if part == "-" else part for name, part in zip(grain, rest[:-1], strict=True)}
    columns = tuple(rest[-1].split("-"))
    if len(columns) > 2 or not all(columns):
        raise UsageError(
            f"{_printable(text)}: {_printable(rest[-1])} is neither a column nor a difference a-b"
        )
    return FigureId(text.strip(), int(year), table, key, columns)


def _row_condition(figure: FigureId, year: int | None = None) -> tuple[str, dict[str, Any]]:
    """Return the SQL condition that selects the figure's row of its mart, and its parameters."""
    terms, values = ["year = $year"], {"year": year or figure.year}
    for name, value in figure.key.items():
        terms.append(f"{name} is not distinct from ${name}")
        values[name] = value  # type: ignore[assignment]
    return " and ".join(terms), values


def find_row(
    con: duckdb.DuckDBPyConnection, figure: FigureId, year: int | None = None
) -> dict[str, Any] | None:
    """Return the figure's row of its mart, or None.

    Args:
        year: read the row of this year; the figure's year by default.
    """
    where, values = _row_condition(figure, year)
    query = f"select * from lake.marts.{figure.table} where {where}"
    rows = rows_as_dicts(con.execute(query, values))
    return rows[0] if rows else None


def unknown_row_error(con: duckdb.DuckDBPyConnection, figure: FigureId) -> UsageError:
    """Return the error for a figure whose row is not in the marts, with suggestions."""
    grain = figure_grains()[figure.table]
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
        f"figure: {figure.table} of {figure.year} has no row {_printable(wanted)}"
        f"{suggestion(wanted, known)}"
    )

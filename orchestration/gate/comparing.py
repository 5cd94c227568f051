"""Compares the rows of a frame with the thresholds of its checks, in the database.

Belongs here: the SQL of a comparison. Doesn't belong here: thresholds (``expectations``), the
frames' own SQL (``frames``) and what a result means (``judging``).

Only failing rows leave the database.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from expectations.checks import Check
from orchestration.core.errors import Unreachable
from orchestration.gate.decision import GateBroken
from orchestration.lakehouse.rows import rows_as_dicts

__all__ = ["Comparison", "Row", "compare_frame", "query"]

#: The frame that is being compared; a later one replaces it.
_TABLE = "judged_frame"

Row = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """What the database says of one check.

    Attributes:
        evaluated: the number of judged rows: they have a value and meet the conditions of ``only``.
        worst: the judged value farthest from the threshold; the number of failing rows if the check
            compares two columns; None if nothing was judged.
        failed: the failing rows with all columns of the frame, the worst first.
    """

    evaluated: int
    worst: Any
    failed: list[Row]


def query(
    con: duckdb.DuckDBPyConnection, sql: str, what: str, values: Sequence[Any] = ()
) -> list[Row]:
    """Run a query and return its rows; ``what`` names it in an error message.

    Raises:
        GateBroken: the query fails.
        Unreachable: the lake's files can't be read.
    """
    try:
        return rows_as_dicts(con.execute(sql, list(values)))
    except (duckdb.IOException, duckdb.HTTPException) as error:
        raise Unreachable(f"gate: {what}: the lake can't be read: {error}") from error
    except duckdb.Error as error:
        raise GateBroken(f"gate: {what} can't be computed: {error}") from error


def compare_frame(
    con: duckdb.DuckDBPyConnection,
    frame: str,
    sql: str,
    values: Sequence[Any],
    key: Sequence[str],
    checks: Sequence[Check],
) -> dict[str, Comparison]:
    """Compute a frame and compare it with its checks; return the comparisons by name of the check.

    Args:
        con: a connection that may make temporary tables.
        frame: the frame's name, for error messages.
        sql, values: its query, and the values of the query's parameters.
        key: its key columns; none if it has a single row.
        checks: the checks of this frame.

    Raises:
        GateBroken: a query fails, or the key isn't unique.
        Unreachable: the lake's files can't be read.
    """
    query(con, f"create or replace temp table {_TABLE} as {sql}", f"frame {frame}", values)
    what = f"comparison of frame {frame}"
    keys = ", ".join(_text(column) for column in key)
    counts = [f"count(*) > count(distinct row({keys or 1})) as has_twins"]
    for number, check in enumerate(checks):
        judged = f"filter (where {_is_judged(check)})"
        failing = f"count(*) filter (where {_is_judged(check)} and {_fails(check)})"
        counts += [
            f"count(*) {judged} as evaluated_{number}",
            f"{failing} as failed_{number}",
            f"{failing if check.equals else f'{_worst(check)} {judged}'} as worst_{number}",
        ]
    [found] = query(con, f"select {', '.join(counts)} from {_TABLE}", what)
    if found["has_twins"]:
        raise GateBroken(f"gate: frame {frame} has two rows with the same key")
    return {
        check.name: Comparison(
            found[f"evaluated_{number}"],
            found[f"worst_{number}"],
            _failed(con, check, key, what) if found[f"failed_{number}"] else [],
        )
        for number, check in enumerate(checks)
    }


def _failed(
    con: duckdb.DuckDBPyConnection, check: Check, key: Sequence[str], what: str
) -> list[Row]:
    order = [f"{_distance(check)} desc"] if check.equals is None else []
    order += [_text(column) for column in key]
    sql = f"select * from {_TABLE} where {_is_judged(check)} and {_fails(check)}"
    return query(con, f"{sql} order by {', '.join(order)}" if order else sql, what)


# -- expressions ------------------------------------------------------------------------------


def _text(column: str) -> str:
    """A key column as text; a frame may have a row for values without a province or task."""
    return f"coalesce(cast({column} as varchar), '?')"


def _number(value: float) -> str:
    """A threshold as DOUBLE, not as the DECIMAL that its digits alone would be."""
    return f"cast('{value!r}' as double)"


def _is_judged(check: Check) -> str:
    """The condition for judging a row. If two columns are compared, a value in one is enough."""
    columns = [check.column] if check.equals is None else [check.column, check.equals]
    terms = [
        f"({' or '.join(f'{column} is not null' for column in columns)})",
        *(f"coalesce({column} {op} {_number(number)}, false)" for column, op, number in check.only),
    ]
    return " and ".join(terms)


def _fails(check: Check) -> str:
    """The condition for failing, of a judged row."""
    if check.equals is not None:
        return f"{check.column} is distinct from {check.equals}"
    value = f"cast({check.column} as double)"
    low, high = check.at_least, check.at_most
    terms = [f"{value} < {_number(low)}"] if low is not None else []
    terms += [f"{value} > {_number(high)}"] if high is not None else []
    return f"({' or '.join(terms)})"


def _worst(check: Check) -> str:
    """The aggregate of the judged value; of equal distances that of the frame's first row."""
    return f"arg_max({check.column}, row({_distance(check)}, -rowid))"


def _distance(check: Check) -> str:
    """The distance of a value from the bounds; larger is worse."""
    value = f"cast({check.column} as double)"
    if check.shown == "factor":
        return f"case when {value} > 0 then abs(ln({value})) else {_number(math.inf)} end"
    low, high = check.at_least, check.at_most
    terms = [f"{_number(low)} - {value}"] if low is not None else []
    terms += [f"{value} - {_number(high)}"] if high is not None else []
    return f"greatest({', '.join(terms)})"

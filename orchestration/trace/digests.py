"""What each trace page is made from, as a digest: a page whose digest stands needn't be made again.

Belongs here: the rows that a page may depend on, summed up in the database. Rather a page too
many is made again than one too few: a task's pages share one digest of all that the lake knows of
the task. Doesn't belong here: making the pages (``pages``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import duckdb

from orchestration.catalogue import load_catalogue
from orchestration.trace.evidence import Scope, counting_documents
from orchestration.trace.wording import COUNTED_DOCUMENTS

__all__ = ["page_digests"]

#: Marts with a row's task in it.
_BY_TASK = (
    "fct_unit_indicator", "fct_unit_year", "dim_unit", "unit_watchlist", "agg_national_indicator",
    "agg_province_indicator", "agg_national_task", "agg_province_task", "agg_national_target",
)  # fmt: skip
#: Exclusive or of the rows' 64 bits and their number: no order, a row twice doesn't cancel out.
#: DuckDB's ``hash`` may change with its version: whoever compares compares that as well.
_SUM = "concat_ws(':', bit_xor(hash({row})), count(*))"
#: What a common indicator's page over all tasks says of a unit: no document, no name.
_COUNTED = "row(unit_code, value, target, exclusion_code, submitted_value)"


def page_digests(con: duckdb.DuckDBPyConnection, year: int) -> dict[str, str]:
    """Path below the edition → hex digest, of the pages of tasks and of indicators over all tasks.

    The scorecards' page depends on nearly everything and has none.

    Args:
        con: a reader pinned at the snapshot.
    """
    catalogue = load_catalogue()
    year_row = _sums(
        con, "dim_reporting_year", "'-'", year, "concat_ws('|', cutoff_at, is_synthetic)"
    )
    tasks: dict[str, list[str]] = {}
    for table in _BY_TASK:
        for task, digest in _sums(con, table, "task_code", year).items():
            tasks.setdefault(task, []).append(f"{table}:{digest}")
    query, parameters = counting_documents(con, Scope(year), COUNTED_DOCUMENTS)
    for task, digest in con.execute(
        f"select split_part(subject, '-', 1), {_SUM.format(row='d')} "
        f"from ({query}) as d group by 1",
        parameters,
    ).fetchall():
        tasks.setdefault(task, []).append(f"documents:{digest}")
    counted = _sums(con, "fct_unit_indicator", "indicator_code", year, _COUNTED)
    provinces = _sums(con, "agg_province_indicator", "indicator_code", year)
    nations = _sums(con, "agg_national_indicator", "indicator_code", year)
    expected = _sums(
        con, "fct_unit_year", "'-'", year, "concat_ws('|', unit_code, province_code, task_code)"
    )
    found: dict[str, str] = {}
    for task, code in con.execute(
        "select task_code, indicator_code from lake.marts.agg_national_indicator where year = ?",
        [year],
    ).fetchall():
        if task == "ALL":
            indicator = catalogue.indicators[code]
            behind = (code, indicator.numerator or "", indicator.denominator or "")
            parts = [
                *(counted.get(each, "") for each in behind),
                provinces.get(code, ""),
                nations.get(code, ""),
                *expected.values(),
            ]
        else:
            parts = tasks[task]
        found[f"trace/{task}/{code}.html"] = _digest([*year_row.values(), *parts])
    for task, parts in tasks.items():
        if task != "ALL":
            found[f"trace/{task}/reporting.html"] = _digest([*year_row.values(), *parts])
    return found


def _sums(
    con: duckdb.DuckDBPyConnection,
    table: str,
    key: str,
    year: int,
    row: str = "t",
) -> dict[str, str]:
    rows = con.execute(
        f"select {key}, {_SUM.format(row=row)} from lake.marts.{table} as t where year = ? "
        "group by 1",
        [year],
    ).fetchall()
    return dict(rows)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()

"""What each trace page is made from, as a digest: a page whose digest stands needn't be made again.

Belongs here: the rows that a page may depend on, summed up in the database. Rather a page too
many is made again than one too few. Doesn't belong here: making the pages (``pages``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import duckdb

from orchestration.core.catalogue import load_catalogue
from orchestration.trace.evidence import Scope, counting_documents
from orchestration.trace.wording import COUNTED_DOCUMENTS

__all__ = ["page_digests"]

_BY_INDICATOR = ("task_code", "indicator_code")
#: Of a task's page on reporting: marts with a row's task in it, whole.
_REPORTING = (
    "dim_unit", "fct_unit_year", "agg_national_task", "agg_province_task", "agg_national_target",
)  # fmt: skip
#: Of an indicator's page: what it says of a unit. No name, no document: they are on the page on
#: reporting, so that a new version of a unit's document doesn't touch the indicators it repeats.
_VALUE = "row(unit_code, value, target, exclusion_code, submitted_value)"
_EXPECTED = "row(unit_code, province_code, has_reported, is_on_time)"
#: Sum of the rows' 64 bits, and their number: no order, nothing cancels out. Hashed twice, since
#: DuckDB's hash of a row is linear in that of its last column: two rows that exchange it would sum
#: up to the same. It may change with DuckDB's version: whoever compares compares that as well.
_SUM = "concat_ws(':', sum(hash(hash({row}))), count(*))"


def page_digests(con: duckdb.DuckDBPyConnection, year: int) -> dict[str, str]:
    """Path below the edition → hex digest, of the pages of indicators and on tasks' reporting.

    The scorecards' page depends on nearly everything and has none.

    Args:
        con: a reader pinned at the snapshot.
    """
    catalogue = load_catalogue()
    calendar = _sums(
        con, "dim_reporting_year", ("year",), year, "concat_ws('|', cutoff_at, is_synthetic)"
    )
    values = _sums(con, "fct_unit_indicator", _BY_INDICATOR, year, _VALUE)
    provinces = _sums(con, "agg_province_indicator", _BY_INDICATOR, year)
    nations = _sums(con, "agg_national_indicator", _BY_INDICATOR, year)
    expected = _sums(con, "fct_unit_year", ("task_code",), year, _EXPECTED)
    everywhere = sorted(expected)
    found: dict[str, str] = {}
    for task, code in nations:
        indicator = catalogue.indicators[code]
        behind = [each for each in (code, indicator.numerator, indicator.denominator) if each]
        # The page over all tasks shows those of the tasks, the provinces' rows among them.
        tasks = everywhere if task == "ALL" else [(task,)]
        found[f"trace/{task}/{code}.html"] = _digest(
            calendar.values(),
            [nations[task, code], provinces.get((task, code))],
            (expected.get(key) for key in tasks),
            (provinces.get((*key, code)) for key in tasks),
            (values.get((*key, each)) for key in tasks for each in behind),
        )
    tables = [_sums(con, table, ("task_code",), year) for table in _REPORTING]
    query, parameters = counting_documents(con, Scope(year), COUNTED_DOCUMENTS)
    documents = con.execute(
        f"select split_part(subject, '-', 1), {_SUM.format(row='d')} "
        f"from ({query}) as d group by 1",
        parameters,
    ).fetchall()
    tables.append({(task,): digest for task, digest in documents})
    for key in tables[_REPORTING.index("agg_national_task")]:
        found[f"trace/{key[0]}/reporting.html"] = _digest(
            calendar.values(), (table.get(key) for table in tables)
        )
    return found


def _sums(
    con: duckdb.DuckDBPyConnection,
    table: str,
    keys: Sequence[str],
    year: int,
    row: str = "t",
) -> dict[tuple[str, ...], str]:
    """The keys' values → what sums up their rows."""
    columns = ", ".join(keys)
    rows = con.execute(
        f"select {columns}, {_SUM.format(row=row)} from lake.marts.{table} as t where year = ? "
        "group by all",
        [year],
    ).fetchall()
    return {tuple(key): digest for *key, digest in rows}


def _digest(*parts: Iterable[str | None]) -> str:
    said = "\n".join(str(part) for each in parts for part in each)
    return hashlib.sha256(said.encode()).hexdigest()

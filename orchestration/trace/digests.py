"""Digests of the data behind each trace page: a page whose digest is unchanged is carried over.

Belongs here: the rows that a page may depend on, hashed in the database. A digest may cover more
than its page prints: then an unchanged page is made again, but no changed page is kept. Doesn't
belong here: making the pages (``pages``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import duckdb

from orchestration.core.catalogue import load_catalogue
from orchestration.trace.evidence import Scope, counting_documents
from orchestration.trace.wording import COUNTED_DOCUMENTS

__all__ = ["page_digests"]

_INDICATOR_KEY = ("task_code", "indicator_code")
#: Marts behind a task's reporting page; all of their columns go into its digest.
_REPORTING_MARTS = (
    "dim_unit", "fct_unit_year", "agg_national_task", "agg_province_task", "agg_national_target",
)  # fmt: skip
#: Marts behind the page of a task's units in a province.
_UNIT_MARTS = ("dim_unit", "fct_unit_year")
#: What an indicator's page prints of a unit. Names and documents are on the reporting page, so a
#: new version of a document changes only the indicators whose values differ.
_VALUE_ROW = "row(unit_code, value, target, exclusion_code, submitted_value)"
_EXPECTED_ROW = "row(unit_code, province_code, has_reported, is_on_time)"
#: The sum of the rows' 64-bit hashes, and the number of rows: independent of the order, and equal
#: rows don't cancel out. The hash is taken twice because DuckDB's hash of a row is linear in the
#: hash of its last column: two rows that exchange that column would have the same sum. The hash
#: may change with DuckDB's version, so digests are compared only within one version.
_ROWS_DIGEST = "concat_ws(':', sum(hash(hash({row}))), count(*))"


def page_digests(con: duckdb.DuckDBPyConnection, year: int) -> dict[str, str]:
    """Return page path below the edition → hex digest, for all pages but the scorecards'.

    The scorecard page has no digest: it depends on nearly every row.

    Args:
        con: a reader pinned at the edition's snapshot.
    """
    catalogue = load_catalogue()
    calendar = _digest_by_key(
        con, "dim_reporting_year", ("year",), year, "concat_ws('|', cutoff_at, is_synthetic)"
    )
    values = _digest_by_key(con, "fct_unit_indicator", _INDICATOR_KEY, year, _VALUE_ROW)
    provinces = _digest_by_key(con, "agg_province_indicator", _INDICATOR_KEY, year)
    nations = _digest_by_key(con, "agg_national_indicator", _INDICATOR_KEY, year)
    expected = _digest_by_key(con, "fct_unit_year", ("task_code",), year, _EXPECTED_ROW)
    all_tasks = sorted(expected)
    found: dict[str, str] = {}
    for task, code in nations:
        indicator = catalogue.indicators[code]
        codes = [each for each in (code, indicator.numerator, indicator.denominator) if each]
        # The page of all tasks (ALL) also prints the provinces' rows of each task.
        tasks = all_tasks if task == "ALL" else [(task,)]
        found[f"trace/{task}/{code}.html"] = _combined_digest(
            calendar.values(),
            [nations[task, code], provinces.get((task, code))],
            (expected.get(key) for key in tasks),
            (provinces.get((*key, code)) for key in tasks),
            (values.get((*key, each)) for key in tasks for each in codes),
        )
    documents = _documents_by_subject(con, year)
    tables = [_digest_by_key(con, table, ("task_code",), year) for table in _REPORTING_MARTS]
    for (task,) in tables[_REPORTING_MARTS.index("agg_national_task")]:
        found[f"trace/{task}/reporting.html"] = _combined_digest(
            calendar.values(),
            (table.get((task,)) for table in tables),
            # A summary is about a task and a province.
            (documents.get((task, each, True)) for each in catalogue.regions),
        )
    keys = ("task_code", "province_code")
    tables = [_digest_by_key(con, table, keys, year) for table in _UNIT_MARTS]
    for task, province in tables[_UNIT_MARTS.index("fct_unit_year")]:
        found[f"trace/{task}/{province}.html"] = _combined_digest(
            calendar.values(),
            (table.get((task, province)) for table in tables),
            [documents.get((task, province, False))],
        )
    return found


def _documents_by_subject(
    con: duckdb.DuckDBPyConnection, year: int
) -> dict[tuple[str, str, bool], str]:
    """Return (task, province, whether it is a summary) → digest of the documents that count."""
    query, parameters = counting_documents(con, Scope(year), COUNTED_DOCUMENTS)
    rows = con.execute(
        "select split_part(subject, '-', 1), split_part(subject, '-', 2), "
        f"split_part(subject, '-', 3) = '', {_ROWS_DIGEST.format(row='d')} "
        f"from ({query}) as d group by all",
        parameters,
    ).fetchall()
    return {(task, province, is_summary): digest for task, province, is_summary, digest in rows}


def _digest_by_key(
    con: duckdb.DuckDBPyConnection,
    table: str,
    keys: Sequence[str],
    year: int,
    row: str = "t",
) -> dict[tuple[str, ...], str]:
    """Return the values of ``keys`` → digest of the rows that have them.

    Args:
        row: SQL expression of what is hashed; the whole row by default.
    """
    columns = ", ".join(keys)
    rows = con.execute(
        f"select {columns}, {_ROWS_DIGEST.format(row=row)} from lake.marts.{table} as t "
        "where year = ? group by all",
        [year],
    ).fetchall()
    return {tuple(key): digest for *key, digest in rows}


def _combined_digest(*parts: Iterable[str | None]) -> str:
    """Return the sha256 in hex of several lists of digests; None stands for no rows."""
    text = "\n".join(str(part) for each in parts for part in each)
    return hashlib.sha256(text.encode()).hexdigest()

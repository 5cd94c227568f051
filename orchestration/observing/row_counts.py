"""Row counts: detects tables that have lost rows since yesterday or last year.

The counts of the last earlier day are kept in ``journal.sqlite``. A broken bound stops nothing: the
gate decides about publication.

Belongs here: the bounds and the comparison. Doesn't belong here: notifying somebody (``alarms``).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass
from sqlite3 import Connection

import duckdb

from orchestration.core.reporting_calendar import SHANGHAI, period_of
from orchestration.core.settings import Settings
from orchestration.observing.journal import open_home_database

__all__ = ["BOUNDS", "MAY_SHRINK", "RowCount", "broken_bounds", "check_rows"]


@dataclass(frozen=True)
class Bounds:
    """The largest allowed decrease of a table's rows of one year, as a fraction.

    Attributes:
        day: against the last earlier day.
        year: against the year before, once the collection has closed; None: not compared.
    """

    day: float
    year: float | None


BOUNDS = {
    # Rows that were taken in are never deleted.
    "raw": Bounds(day=0, year=None),
    # 1 % in a day: removals concern single units of 12,000, and the loss of even the smallest
    # province is more. 20 % in a year: units are added by recommendation each year and single ones
    # removed, so a fifth fewer is a loss.
    "marts": Bounds(day=0.01, year=0.2),
}
#: Tables not compared: attachments are those that exist now, and the watchlist gets shorter when
#: units improve.
MAY_SHRINK = {"raw.attachments", "marts.unit_watchlist"}

_TABLE = """
create table if not exists row_counts (
    name text not null, year integer not null, day text not null, rows integer not null,
    before integer not null, last_year integer not null, fell text not null, at text not null,
    primary key (name, year)
)
"""


@dataclass(frozen=True)
class RowCount:
    """The number of rows of a year in a table.

    Attributes:
        name: ``schema.table``.
        day: date of the count, in Beijing.
        rows: number of rows.
        before: rows on the last earlier day, or the maximum so far of the same day.
        last_year: rows of the year before.
        fell: the broken bound, ``day`` or ``year``; empty if both hold.
        at: since when ``fell`` has this value (UTC, ISO 8601).
    """

    name: str
    year: int
    day: str
    rows: int
    before: int
    last_year: int
    fell: str
    at: str


def _open(settings: Settings) -> AbstractContextManager[Connection]:
    return open_home_database(settings.home / "journal.sqlite", _TABLE)


def check_rows(
    con: duckdb.DuckDBPyConnection, settings: Settings, tables: Sequence[str], year: int
) -> list[RowCount]:
    """Count the rows of a year in tables, compare them with the bounds and record the counts.

    Args:
        con: a reader of the lake.
        tables: as ``schema.table``.
    """
    now = settings.now()
    day = f"{now.astimezone(SHANGHAI):%Y-%m-%d}"
    closed = now >= period_of(year).cutoff_at
    counts, last_year = _count_rows(con, tables, year)
    found = []
    with _open(settings) as db:
        former = {
            row[0]: RowCount(*row)
            for row in db.execute("select * from row_counts where year = ?", [year]).fetchall()
        }
        for name in tables:
            rows, was = counts[name], former.get(name)
            before = rows
            if was:
                # Another run on the same day compares with the same number, so that a decrease is
                # reported until the next day.
                before = max(was.before, was.rows) if was.day == day else was.rows
            bounds = BOUNDS[name.partition(".")[0]]
            fell = ""
            if rows < before * (1 - bounds.day):
                fell = "day"
            elif closed and bounds.year is not None:
                fell = "year" if rows < last_year[name] * (1 - bounds.year) else ""
            at = was.at if was and was.fell == fell else now.isoformat()
            found.append(RowCount(name, year, day, rows, before, last_year[name], fell, at))
        db.executemany(
            "insert or replace into row_counts values (?, ?, ?, ?, ?, ?, ?, ?)",
            [astuple(each) for each in found],
        )
    return found


def broken_bounds(settings: Settings) -> list[RowCount]:
    """The counts that broke a bound at the last check."""
    with _open(settings) as db:
        rows = db.execute("select * from row_counts where fell <> '' order by year, name")
        return [RowCount(*row) for row in rows.fetchall()]


def _count_rows(
    con: duckdb.DuckDBPyConnection, tables: Sequence[str], year: int
) -> tuple[dict[str, int], dict[str, int]]:
    """Table → rows of a year, and of the year before.

    They are all rows if the table has no column ``year``, and 0 if it doesn't exist.
    """
    columns: dict[str, set[str]] = {}
    for table, column in con.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() "
        "where database_name = 'lake'"
    ).fetchall():
        columns.setdefault(table, set()).add(column)

    def rows_of(table: str, of_year: int) -> str:
        return (
            f"count(*) filter (where year = {of_year})" if "year" in columns[table] else "count(*)"
        )

    query = " union all ".join(
        f"select '{table}', {rows_of(table, year)}, {rows_of(table, year - 1)} from lake.{table}"
        for table in tables
        if table in columns
    )
    counts, last_year = dict.fromkeys(tables, 0), dict.fromkeys(tables, 0)
    for table, rows, rows_before in con.execute(query).fetchall() if query else []:
        counts[table], last_year[table] = rows, rows_before
    return counts, last_year

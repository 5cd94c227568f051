"""Row counts: is what was there yesterday, or last year, there still?

Belongs here: how much fewer is too few, and comparing. What a table had on the last earlier day is
kept in the journal. It stops nothing: the gate judges what is fit to be published; this is about
rows that have gone missing on the way.
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

__all__ = ["BOUNDS", "MAY_SHRINK", "RowCount", "check_rows", "fallen"]


@dataclass(frozen=True)
class Bounds:
    """How much fewer rows a year of a table may have, as a fraction.

    Attributes:
        day: than on the last earlier day.
        year: than the year before, once the collection has closed; None where years differ.
    """

    day: float
    year: float | None


BOUNDS = {
    # What was taken in stays.
    "raw": Bounds(day=0, year=None),
    # 1 % in a day: a removal takes single units of 12,000 away; the smallest province that goes
    # missing as a whole takes more. 20 % in a year: units are added by recommendation each year
    # and single ones removed; a fifth fewer is something lost.
    "marts": Bounds(day=0.01, year=0.2),
}
#: Report files are known as they stand now, and the watchlist gets shorter when things get better.
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
    """The rows of a year in a table.

    Attributes:
        name: schema and table.
        day: in Beijing, when it was counted.
        before: on the last earlier day on which it was counted, or more of the same day.
        last_year: of the year before.
        fell: ``day`` or ``year``: the bound that is broken; "" where it holds.
        at: since when (UTC, ISO 8601).
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
    """Count the year's rows of these tables (``schema.table``) and compare.

    Args:
        con: a reader of the lake.
    """
    now = settings.now()
    day = f"{now.astimezone(SHANGHAI):%Y-%m-%d}"
    closed = now >= period_of(year).cutoff_at
    counts, last_year = _count(con, tables, year), _count(con, tables, year - 1)
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
                # On the same day the bound stays: a fall stands until the next day and is not
                # forgotten by the next run, a minute later.
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


def fallen(settings: Settings) -> list[RowCount]:
    """The counts that broke their bound when they were last looked at."""
    with _open(settings) as db:
        rows = db.execute("select * from row_counts where fell <> '' order by year, name")
        return [RowCount(*row) for row in rows.fetchall()]


def _count(con: duckdb.DuckDBPyConnection, tables: Sequence[str], year: int) -> dict[str, int]:
    """Rows of a year; all rows where a table has no years; 0 where there is no such table."""
    columns: dict[str, set[str]] = {}
    for table, column in con.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() "
        "where database_name = 'lake'"
    ).fetchall():
        columns.setdefault(table, set()).add(column)
    counts = dict.fromkeys(tables, 0)
    query = " union all ".join(
        f"select '{table}', count(*) from lake.{table}"
        + (f" where year = {int(year)}" if "year" in columns[table] else "")
        for table in tables
        if table in columns
    )
    return counts | (dict(con.execute(query).fetchall()) if query else {})

"""The year's marts as bulletins read them: rows that know where their figures come from.

Belongs here: the only SQL of the bulletins, on a connection pinned at the judged snapshot.
Doesn't belong here: what is said about a row (``sections``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from orchestration.bulletin.content import Figure
from orchestration.bulletin.wording import UNIT_NAME, clean
from orchestration.core.catalogue import Catalogue, Indicator, Region, Task, load_catalogue
from orchestration.core.reporting_calendar import ReportingPeriod, period_of
from orchestration.lakehouse.rows import rows_as_dicts

__all__ = ["GRAINS", "GateNotes", "Marts", "Row", "read_marts"]

#: What is read, and the grain beside the year: it makes the figures' ids.
GRAINS: dict[str, tuple[str, ...]] = {
    "agg_national_indicator": ("task_code", "indicator_code"),
    "agg_national_target": ("task_code", "level", "category"),
    "agg_national_task": ("task_code",),
    "agg_province_indicator": ("province_code", "task_code", "indicator_code"),
    "agg_province_task": ("province_code", "task_code"),
    "dim_reporting_year": (),
    "national_scorecard": (),
    "province_scorecard": ("province_code",),
}


@dataclass(frozen=True)
class Row:
    """A row of a mart.

    Attributes:
        table: the mart.
        key: the year and the other values of its grain.
        data: all columns.
    """

    table: str
    key: tuple[str, ...]
    data: dict[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.data[column]

    def figure(self, column: str, text: Callable[[Any], str]) -> Figure:
        """A column as a figure."""
        return self.written(column, text(self.data[column]))

    def written(self, column: str, text: str) -> Figure:
        """A figure of this row whose text is made elsewhere; ``column`` may be ``a-b``."""
        return Figure("/".join((self.key[0], self.table, *self.key[1:], column)), text)


@dataclass(frozen=True)
class GateNotes:
    """What the gate said, as the bulletins print it.

    Attributes:
        checks: how many expectations were judged.
        warnings: suite and check → a paragraph, for each that warns.
        waived: the same for each that fails and was signed off.
        waived_critical: how many of these would have held publication back.
    """

    checks: int
    warnings: Mapping[str, str]
    waived: Mapping[str, str] = field(default_factory=dict)
    waived_critical: int = 0


@dataclass
class Marts:
    """One year at one snapshot."""

    year: int
    period: ReportingPeriod
    catalogue: Catalogue
    gate: GateNotes
    tables: dict[str, list[Row]]
    #: Expected units that are not on time: province, task, code, name, level, has_reported,
    #: is_counted (late, and taken by a corrected edition).
    absent: list[dict[str, Any]]
    #: Excluded values with the unit's name.
    excluded: list[dict[str, Any]]
    watched: list[dict[str, Any]]
    highlights: list[dict[str, Any]]
    #: Every unit of the year, without contact data; has_reported is None where none is expected.
    units: list[dict[str, Any]]
    #: Warnings about units' submissions: how many there are, how many of them are explained.
    remarks: tuple[int, int]
    #: Headlines that would turn round: scenario, measure, keys, present, alternative, reference.
    flips: list[dict[str, Any]] = field(default_factory=list)
    #: Characters in units' words that no font draws (〓 is printed), with the units' codes.
    undrawn: dict[str, list[str]] = field(default_factory=dict)
    _index: dict[tuple[str, tuple[str, ...]], Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._index = {
            (row.table, row.key[1:]): row for rows in self.tables.values() for row in rows
        }

    @property
    def calendar(self) -> Row:
        """The row of ``dim_reporting_year``."""
        return self.tables["dim_reporting_year"][0]

    @property
    def nation(self) -> Row:
        """The row of ``national_scorecard``."""
        return self.tables["national_scorecard"][0]

    @property
    def tasks(self) -> list[Task]:
        """The key tasks, in order."""
        return list(self.catalogue.tasks.values())

    @property
    def regions(self) -> list[Region]:
        """The regions, in order."""
        return sorted(self.catalogue.regions.values(), key=lambda r: r.display_order)

    def find(self, table: str, *key: str) -> Row | None:
        """A row by its grain."""
        return self._index.get((table, key))

    def row(self, table: str, *key: str) -> Row:
        """A row that is always there."""
        return self._index[table, key]

    def rows(self, table: str, **where: str) -> list[Row]:
        """Rows whose columns have these values, in the order of the marts."""
        return [
            row
            for row in self.tables[table]
            if all(row[column] == value for column, value in where.items())
        ]

    def indicators(self, task_code: str) -> list[Indicator]:
        """The indicators that are printed for a task (``ALL``: the common ones)."""
        wanted = None if task_code == "ALL" else task_code
        return [
            each
            for each in self.catalogue.indicators.values()
            if each.task_code == wanted and each.aggregation != "none"
        ]


def _query_rows(con: duckdb.DuckDBPyConnection, query: str, year: int) -> list[dict[str, Any]]:
    return rows_as_dicts(con.execute(query, {"year": year}))


def _named(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"unit_name": clean(row["unit_name"], UNIT_NAME)} for row in rows]


def read_marts(con: duckdb.DuckDBPyConnection, year: int, gate: GateNotes) -> Marts:
    """Read a year.

    Args:
        con: a reader pinned at the judged snapshot.
    """
    catalogue = load_catalogue()
    order = {code: region.display_order for code, region in catalogue.regions.items()}
    tables: dict[str, list[Row]] = {}
    for table, grain in GRAINS.items():
        found = _query_rows(con, f"select * from lake.marts.{table} where year = $year", year)
        rows = [
            Row(table, (str(year), *(row[name] or "-" for name in grain)), row) for row in found
        ]
        rows.sort(key=lambda row: tuple((order.get(part, 0), part) for part in row.key))
        tables[table] = rows
    in_order = "order by r.display_order, u.unit_code"
    absent = _query_rows(
        con,
        "select u.province_code, u.task_code, u.unit_code, d.unit_name, u.level, u.has_reported, "
        "u.document_id is not null as is_counted "
        "from lake.marts.fct_unit_year u join lake.marts.dim_unit d using (year, unit_code) "
        "join lake.marts.dim_region r on r.province_code = u.province_code "
        f"where u.year = $year and not u.is_on_time {in_order}",
        year,
    )
    excluded = _query_rows(
        con,
        "select u.province_code, u.task_code, u.unit_code, d.unit_name, u.indicator_code, "
        "u.exclusion_code, u.submitted_value "
        "from lake.marts.fct_unit_indicator u join lake.marts.dim_unit d using (year, unit_code) "
        "join lake.marts.dim_region r on r.province_code = u.province_code "
        f"where u.year = $year and u.is_excluded {in_order}, u.indicator_code",
        year,
    )
    watched = _query_rows(
        con,
        "select u.* from lake.marts.unit_watchlist u "
        "join lake.marts.dim_region r on r.province_code = u.province_code "
        f"where u.year = $year {in_order}, u.reason",
        year,
    )
    highlights = _query_rows(
        con,
        "select u.province_code, u.task_code, u.unit_code, d.unit_name, u.highlight, "
        "u.assessment_score "
        "from lake.marts.fct_unit_year u join lake.marts.dim_unit d using (year, unit_code) "
        "where u.year = $year and u.highlight is not null and u.assessment_grade = 'excellent' "
        "order by u.level = 'national' desc, u.assessment_score desc nulls last, u.unit_code",
        year,
    )
    units = _query_rows(
        con,
        "select u.province_code, u.task_code, u.unit_code, u.unit_name, u.city_name, u.level, "
        "u.status, y.has_reported, y.is_on_time, y.assessment_grade "
        "from lake.marts.dim_unit u left join lake.marts.fct_unit_year y using (year, unit_code) "
        "join lake.marts.dim_region r on r.province_code = u.province_code "
        f"where u.year = $year {in_order}",
        year,
    )
    [remarks] = con.execute(
        "select count(*), count(explained_by) from lake.quality.submission_errors "
        "where year = $year and severity = 'warning' and unit_code is not null",
        {"year": year},
    ).fetchall()
    flips = _query_rows(
        con,
        "select s.* from lake.quality.figure_sensitivity s "
        "left join lake.marts.dim_region r on r.province_code = s.province_code "
        "where s.year = $year and s.flips "
        "order by s.scenario, s.measure, s.task_code, s.indicator_code, r.display_order",
        year,
    )
    return Marts(
        year=year,
        period=period_of(year),
        catalogue=catalogue,
        gate=gate,
        tables=tables,
        absent=_named(absent),
        excluded=_named(excluded),
        watched=_named(watched),
        highlights=_named(highlights),
        units=_named(units),
        remarks=remarks,
        flips=flips,
    )

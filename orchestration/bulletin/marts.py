"""Reads a year's marts for the bulletins, as rows that make figures with ids.

Belongs here: the only SQL of the bulletins; the connection is pinned at the judged snapshot.
Doesn't belong here: sentences about a row (``sections``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from orchestration.bulletin.content import Figure
from orchestration.core.catalogue import Catalogue, Indicator, Region, Task, load_catalogue
from orchestration.core.reporting_calendar import ReportingPeriod, period_of
from orchestration.figures.dictionary import figure_grains
from orchestration.figures.ids import figure_id, row_key
from orchestration.figures.printing import figure_text, prose_text
from orchestration.figures.wording import UNIT_NAME, clean
from orchestration.lakehouse.rows import rows_as_dicts

__all__ = ["GateNotes", "Marts", "Row", "read_marts"]


@dataclass(frozen=True)
class Row:
    """A row of a mart.

    Attributes:
        table: name of the mart.
        key: the year, then the other values of the grain; ``-`` for None.
        data: column → value.
    """

    table: str
    key: tuple[str, ...]
    data: dict[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.data[column]

    def text(self, column: str) -> str:
        """Return a column in its unit of print."""
        return figure_text(self.table, self.key[1:], column, self.data[column])

    def figure(self, column: str) -> Figure:
        """Return a column as a figure, in its unit of print."""
        return self.figure_with_text(column, self.text(column))

    def in_prose(self, column: str) -> Figure:
        """Return a column as a figure, as a sentence gives it."""
        text = prose_text(self.table, self.key[1:], column, self.data[column])
        return self.figure_with_text(column, text)

    def figure_with_text(self, column: str, text: str) -> Figure:
        """Return a figure of this row with a given text; ``column`` may be a difference ``a-b``."""
        return Figure(figure_id(int(self.key[0]), self.table, self.key[1:], column), text)


@dataclass(frozen=True)
class GateNotes:
    """The gate's result as the bulletins print it.

    Attributes:
        checks: number of expectations that were judged.
        warnings: suite and check → Chinese paragraph, for each check that warns.
        waived: suite and check → Chinese paragraph, for each failed check that was waived.
        waived_critical: number of waived checks that would have blocked publication.
    """

    checks: int
    warnings: Mapping[str, str]
    waived: Mapping[str, str] = field(default_factory=dict)
    waived_critical: int = 0


@dataclass
class Marts:
    """A year's marts at one snapshot.

    Attributes:
        gate: the gate's result for that snapshot.
        tables: mart → rows.
        absent: expected units that are not on time: province, task, code, name, level,
            ``has_reported``, and ``is_counted`` (late, but counted by a corrected edition).
        excluded: excluded values with the unit's name.
        watched: rows of the watchlist, one for each unit and reason.
        highlights: typical experience of units graded excellent.
        units: all units of the year without contact data; ``has_reported`` and ``category`` are
            None for units that are not expected.
        last_year: the scorecards of the year before.
        remarks: number of warnings about units' submissions, and how many of them are explained.
        flips: rows of ``quality.figure_sensitivity`` whose headline would reverse: scenario,
            measure, keys, present, alternative, reference.
        returned: units of which a document was returned and did not come back: province, task,
            code.
        verifications: rows of ``fct_verification``: what was found, what is still to be put right.
        confirmations: provinces and tasks with the state of the province's confirmation.
        task_ranks: province and task → row of ``agg_task_rank``.
        contradictions: rows of ``quality.contradictions`` with the names of province and unit.
        editorials: rows of ``quality.editorials``: the texts that offices wrote.
        undrawn: character that no font draws (〓 is printed) → codes of the units that use it.
    """

    year: int
    period: ReportingPeriod
    catalogue: Catalogue
    gate: GateNotes
    tables: dict[str, list[Row]]
    absent: list[dict[str, Any]]
    excluded: list[dict[str, Any]]
    watched: list[dict[str, Any]]
    highlights: list[dict[str, Any]]
    units: list[dict[str, Any]]
    remarks: tuple[int, int]
    last_year: list[dict[str, Any]] = field(default_factory=list)
    flips: list[dict[str, Any]] = field(default_factory=list)
    returned: list[dict[str, Any]] = field(default_factory=list)
    verifications: list[dict[str, Any]] = field(default_factory=list)
    confirmations: list[dict[str, Any]] = field(default_factory=list)
    task_ranks: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    contradictions: list[dict[str, Any]] = field(default_factory=list)
    editorials: list[dict[str, Any]] = field(default_factory=list)
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
        """Return a row by its grain without the year, or None."""
        return self._index.get((table, key))

    def row(self, table: str, *key: str) -> Row:
        """Return a row by its grain without the year.

        Raises:
            KeyError: there is no such row.
        """
        return self._index[table, key]

    def rows(self, table: str, **where: str) -> list[Row]:
        """Return the rows whose columns have these values, in the order of their keys."""
        return [
            row
            for row in self.tables[table]
            if all(row[column] == value for column, value in where.items())
        ]

    def indicators(self, task_code: str) -> list[Indicator]:
        """Return the indicators that are printed for a task; ``ALL`` stands for the common ones."""
        wanted = None if task_code == "ALL" else task_code
        return [
            each
            for each in self.catalogue.indicators.values()
            if each.task_code == wanted and each.aggregation != "none"
        ]


def _query_rows(con: duckdb.DuckDBPyConnection, query: str, year: int) -> list[dict[str, Any]]:
    return rows_as_dicts(con.execute(query, {"year": year}))


def _with_clean_names(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"unit_name": clean(row["unit_name"], UNIT_NAME)} for row in rows]


def read_marts(con: duckdb.DuckDBPyConnection, year: int, gate: GateNotes) -> Marts:
    """Read a year's marts.

    Args:
        con: a reader pinned at the judged snapshot.
        gate: the gate's result for that snapshot.
    """
    catalogue = load_catalogue()
    order = {code: region.display_order for code, region in catalogue.regions.items()}
    tables: dict[str, list[Row]] = {}
    for table, grain in figure_grains().items():
        found = _query_rows(con, f"select * from lake.marts.{table} where year = $year", year)
        rows = [Row(table, (str(year), *row_key(row, grain)), row) for row in found]
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
        "u.status, y.category, y.has_reported, y.is_on_time, y.assessment_grade "
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
    last_year = _query_rows(
        con, "select * from lake.marts.province_scorecard where year = $year", year - 1
    )
    flips = _query_rows(
        con,
        "select s.* from lake.quality.figure_sensitivity s "
        "left join lake.marts.dim_region r on r.province_code = s.province_code "
        "where s.year = $year and s.flips "
        "order by s.scenario, s.measure, s.task_code, s.indicator_code, r.display_order",
        year,
    )
    returned = _query_rows(
        con,
        "select distinct province_code, task_code, unit_code from lake.quality.returned_documents "
        "where year = $year and state = 'pending' order by unit_code",
        year,
    )
    verifications = _query_rows(
        con,
        "select * from lake.marts.fct_verification where year = $year "
        "order by unit_code, verified_year, verified_by",
        year,
    )
    confirmations = _query_rows(
        con,
        "select province_code, task_code, state from lake.quality.confirmations "
        "where year = $year order by province_code, task_code",
        year,
    )
    task_ranks = _query_rows(con, "select * from lake.marts.agg_task_rank where year = $year", year)
    contradictions = _query_rows(
        con,
        "select c.*, r.short_name, d.unit_name from lake.quality.contradictions c "
        "join lake.marts.dim_region r on r.province_code = c.province_code "
        "left join lake.marts.dim_unit d on d.year = c.year and d.unit_code = c.unit_code "
        "where c.year = $year order by r.display_order, c.subject, c.contradiction",
        year,
    )
    editorials = _query_rows(
        con,
        "select * from lake.quality.editorials where year = $year order by bulletin, section",
        year,
    )
    return Marts(
        year=year,
        period=period_of(year),
        catalogue=catalogue,
        gate=gate,
        tables=tables,
        absent=_with_clean_names(absent),
        excluded=_with_clean_names(excluded),
        watched=_with_clean_names(watched),
        highlights=_with_clean_names(highlights),
        units=_with_clean_names(units),
        remarks=remarks,
        last_year=last_year,
        flips=flips,
        returned=returned,
        verifications=_with_clean_names(verifications),
        confirmations=confirmations,
        task_ranks={(row["province_code"], row["task_code"]): row for row in task_ranks},
        contradictions=_with_clean_names(contradictions),
        editorials=editorials,
    )

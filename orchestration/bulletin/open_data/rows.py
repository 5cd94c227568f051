"""The rows of the public marts, with a name beside each code.

Which columns, and so which marts, are public is a row of the seed ``publication_policy``.

Belongs here: which columns get a name, reading. Doesn't belong here: the
formats of the files (``formats``) and their descriptions (``package``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import struck
from orchestration.figures.dictionary import (
    ColumnDescription,
    TableDescription,
    mart_descriptions,
)

__all__ = ["OpenTable", "public_tables", "read_table"]


@dataclass(frozen=True)
class _Name:
    """The name of a code, joined to every table that has the code and not yet the name.

    Attributes:
        code: column with the code.
        column: column with the name; ``v_unit_indicator`` describes it.
        join: the dimensions that hold it.
        expression: the name in SQL.
        source: table and column of the name; it is joined only where everyone may have it.
        needs: columns of the table that the join uses.
    """

    code: str
    column: str
    join: str
    expression: str
    source: tuple[str, str]
    needs: tuple[str, ...] = ()


_NAMES = (
    _Name(
        "unit_code",
        "unit_name",
        "left join lake.marts.dim_unit as unit "
        "on unit.year = rows.year and unit.unit_code = rows.unit_code",
        "unit.unit_name",
        ("dim_unit", "unit_name"),
        ("year",),
    ),
    _Name(
        "task_code",
        "task_name",
        "left join lake.marts.dim_task as task on task.task_code = rows.task_code",
        "case when rows.task_code = 'ALL' then '全部任务' else task.task_name end",
        ("dim_task", "task_name"),
    ),
    _Name(
        "province_code",
        "province_name",
        "left join lake.marts.dim_region as region on region.province_code = rows.province_code",
        "region.province_name",
        ("dim_region", "province_name"),
    ),
    _Name(
        "level",
        "level_name",
        "left join lake.marts.dim_level as level on level.level = rows.level",
        "level.name_zh",
        ("dim_level", "name_zh"),
    ),
    _Name(
        "category",
        "category_name",
        "left join lake.marts.dim_category as category "
        "on category.task_code = rows.task_code and category.category = rows.category",
        "coalesce(category.name_zh, rows.category)",
        ("dim_category", "name_zh"),
        ("task_code",),
    ),
    _Name(
        "indicator_code",
        "indicator_name",
        "left join lake.marts.dim_indicator as indicator "
        "on indicator.indicator_code = rows.indicator_code",
        "indicator.name_zh",
        ("dim_indicator", "name_zh"),
    ),
    _Name(
        "exclusion_code",
        "exclusion_name",
        "left join lake.marts.dim_rule as rule on rule.rule_id = rows.exclusion_code "
        "left join lake.marts.dim_code as finding on finding.column_name = 'exclusion_code' "
        "and finding.code = rows.exclusion_code",
        "coalesce(rule.name_zh, finding.name_zh)",
        ("dim_rule", "name_zh"),
    ),
)
#: Dimension → the code that its rows stand for: ``name_zh`` is its name.
_NAMED_AS_ROWS = {
    "dim_category": "category",
    "dim_indicator": "indicator_code",
    "dim_indicator_year": "indicator_code",
    "dim_level": "level",
}
_SYNTHETIC = "is_synthetic"


@dataclass(frozen=True)
class OpenTable:
    """A public mart of a year.

    Attributes:
        about: the mart's description.
        columns: the descriptions of the columns, in the order of ``rows``.
        rows: in the order of the mart's grain; times have the time zone UTC.
    """

    about: TableDescription
    columns: tuple[ColumnDescription, ...]
    rows: pa.Table


def public_tables() -> tuple[str, ...]:
    """The marts with a column that everyone may see, in the order of ``publication_policy``."""
    rows = load_catalogue().policy.values()
    return tuple(dict.fromkeys(row.table_name for row in rows if row.access == "public"))


def read_table(
    con: duckdb.DuckDBPyConnection, name: str, year: int, *, is_synthetic: bool
) -> OpenTable:
    """Read the public columns of the year's rows of a mart; all rows of a mart without a year.

    Args:
        con: a reader of the lake.
        is_synthetic: whether the year has synthetic documents, for tables without this column.
    """
    about = mart_descriptions()[name]
    described = mart_descriptions()
    is_public = load_catalogue().is_public
    columns: list[ColumnDescription] = []
    selected: list[str] = []
    joins: list[str] = []
    for column in about.columns.values():
        if not is_public(name, column.name):
            continue
        columns.append(column)
        selected.append(f"rows.{column.name}")
        for each in _names_of(about, column.name):
            columns.append(described["v_unit_indicator"].columns[each.column])
            selected.append(f"{each.expression} as {each.column}")
            joins.append(each.join)
    if _SYNTHETIC not in about.columns:
        columns.append(described["dim_reporting_year"].columns[_SYNTHETIC])
        selected.append(f"{str(is_synthetic).lower()} as {_SYNTHETIC}")
    where = f"where rows.year = {int(year)}" if "year" in about.columns else ""
    order = ", ".join(f"rows.{key}" for key in about.grain)
    rows = con.execute(
        f"select {', '.join(selected)} from lake.marts.{name} as rows {' '.join(joins)} "
        f"{where} order by {order}"
    ).to_arrow_table()
    for at, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(at, field.name, pc.assume_timezone(rows[at], "UTC"))
        elif field.name == "highlight":
            # Intake strikes them out too: here for lakes that an earlier version filled.
            texts = [text and struck(text) for text in rows[at].to_pylist()]
            rows = rows.set_column(at, field, pa.array(texts, field.type))
    return OpenTable(about, tuple(columns), rows.combine_chunks())


def _names_of(about: TableDescription, code: str) -> Iterator[_Name]:
    """The public name that a code of the table gets, unless the table has it already."""
    is_public = load_catalogue().is_public
    for each in _NAMES:
        is_missing = each.column not in about.columns and _NAMED_AS_ROWS.get(about.name) != code
        fits = is_missing and set(each.needs) <= set(about.columns)
        if each.code == code and fits and is_public(*each.source):
            yield each

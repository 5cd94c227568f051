"""The indicators of all published years in one table: ``data/series.csv`` and ``.parquet``.

A year's rows are those of its newest published edition, as of the snapshot of that edition: what a
later run has changed in the lake and not published is left out.

Belongs here: the rows over years. Doesn't belong here: the tables of one year (``rows``).
"""

from __future__ import annotations

import duckdb

from orchestration.bulletin.open_data.rows import OpenTable
from orchestration.core.catalogue import load_catalogue
from orchestration.figures.dictionary import (
    ColumnDescription,
    TableDescription,
    mart_descriptions,
)

__all__ = ["series_table"]

#: The code of the nation, which the provinces' tables don't have.
_NATION = "000000"
_NATIONAL, _PROVINCIAL = "agg_national_indicator", "agg_province_indicator"
#: Column → the mart that describes it; names of codes are described by ``v_unit_indicator``.
_COLUMNS = {
    "year": "dim_reporting_year",
    "edition": "dim_reporting_year",
    "province_code": _PROVINCIAL,
    "province_name": "v_unit_indicator",
    "task_code": _PROVINCIAL,
    "task_name": "v_unit_indicator",
    "indicator_code": _PROVINCIAL,
    "indicator_name": "v_unit_indicator",
    "unit": "dim_indicator",
    "value": _PROVINCIAL,
    "units_expected": _PROVINCIAL,
    "units_counted": _PROVINCIAL,
    "observation_status": _PROVINCIAL,
    "is_total": _PROVINCIAL,
    "is_series_break": "dim_indicator_year",
    "is_synthetic": "dim_reporting_year",
}
#: Columns of the marts of indicators. An edition that an earlier release made may lack one.
_KEYS = ("task_code", "indicator_code")
_MEASURES = ("value", "units_expected", "units_counted", "observation_status")
_GRAIN = ("year", "province_code", "task_code", "indicator_code")


def series_table(con: duckdb.DuckDBPyConnection, year: int, edition: int) -> OpenTable:
    """Read the indicators of the nation and the provinces, of every year published up to ``year``.

    Args:
        con: a reader pinned at the edition's snapshot, with the lake attached as ``lake``.
        edition: number of the edition that is made, for the rows of ``year``.
    """
    published = con.execute(
        "select year, max(edition), max_by(snapshot_id, edition) from lake.publication.editions "
        "where year < ? group by year order by year",
        [year],
    ).fetchall()
    parts = [_of_year(each, number, f"at (version => {at})") for each, number, at in published]
    parts.append(_of_year(year, edition, ""))
    columns = _public_columns()
    rows = con.execute(
        f"""
        with rows as ({" union all by name ".join(parts)})
        select {", ".join(column.name for column in columns)} from (
            select rows.*, region.province_name, task.task_name,
                indicator.name_zh as indicator_name, indicator.unit,
                rows.task_code = 'ALL' as is_total, years.is_series_break
            from rows
            left join (
                select province_code, province_name from lake.marts.dim_region
                union all select '{_NATION}', '全国'
            ) as region using (province_code)
            left join (
                select task_code, task_name from lake.marts.dim_task
                union all select 'ALL', '全部任务'
            ) as task using (task_code)
            left join lake.marts.dim_indicator as indicator using (indicator_code)
            left join lake.marts.dim_indicator_year as years using (year, indicator_code)
        )
        order by {", ".join(_GRAIN)}
        """
    ).to_arrow_table()
    about = TableDescription(
        "series",
        "粒度：年度×地区×任务×指标：全国（000000）和各省份的指标，含本年度和此前已发布的各年度。",
        "Grain: year x area x task x indicator: the nation (000000) and the provinces, of this "
        "year and the years published before it.",
        _GRAIN,
        has_figures=False,
        columns={column.name: column for column in columns},
    )
    return OpenTable(about, columns, rows.combine_chunks())


def _public_columns() -> tuple[ColumnDescription, ...]:
    """The columns that are public in every mart that they come from."""
    is_public = load_catalogue().is_public
    described = mart_descriptions()
    return tuple(
        described[mart].columns[name]
        for name, mart in _COLUMNS.items()
        if name not in _MEASURES or (is_public(_NATIONAL, name) and is_public(_PROVINCIAL, name))
    )


def _of_year(year: int, edition: int, snapshot: str) -> str:
    """A query of a year's rows, with the columns that the marts had at a snapshot."""
    had = ", ".join(f"'{name}'" for name in (*_KEYS, *_MEASURES))
    of = f"{snapshot} where year = {int(year)}"
    return f"""
        select {int(year)} as year, {int(edition)} as edition, marked.is_synthetic, area.*
        from (
            select '{_NATION}' as province_code, columns(name -> name in ({had}))
            from lake.marts.{_NATIONAL} {of}
            union all by name
            select province_code, columns(name -> name in ({had}))
            from lake.marts.{_PROVINCIAL} {of}
        ) as area
        cross join (select is_synthetic from lake.marts.dim_reporting_year {of}) as marked
        """

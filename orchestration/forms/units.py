"""Reads a province's units for its forms, with last year's values and this year's targets.

Belongs here: the queries. No contact data is read. Doesn't belong here: the form (``form``).
"""

from __future__ import annotations

import duckdb

from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import TongbaoError, UsageError
from orchestration.forms.form import FormUnit

__all__ = ["expected_units"]


def expected_units(
    con: duckdb.DuckDBPyConnection, task_code: str, year: int, province_code: str
) -> list[FormUnit]:
    """Return the expected units in the newest marts up to ``year``, ordered by code.

    Args:
        con: a reader of the lake.

    Raises:
        UsageError: there is no such province.
        TongbaoError: the lake has no marts yet, or the province no unit of the task.
    """
    if province_code not in load_catalogue().regions:
        raise UsageError(f"there is no province {province_code}")
    try:
        units = con.execute(
            "select unit_code, unit_name from lake.marts.dim_unit where is_expected "
            "and task_code = $task and province_code = $province and year = "
            "(select max(year) from lake.marts.dim_unit where year <= $year) order by unit_code",
            {"task": task_code, "province": province_code, "year": year},
        ).fetchall()
        values = con.execute(
            "select unit_code, indicator_code, value from lake.marts.fct_unit_indicator "
            "where year = $year - 1 and task_code = $task and province_code = $province "
            "and value is not null",
            {"task": task_code, "province": province_code, "year": year},
        ).fetchall()
        targets = con.execute(
            "select unit_code, indicator_code, target from lake.marts.fct_unit_indicator "
            "where year = $year and task_code = $task and province_code = $province "
            "and target is not null",
            {"task": task_code, "province": province_code, "year": year},
        ).fetchall()
    except duckdb.CatalogException:
        raise TongbaoError(
            f"the lakehouse has no marts yet: run 'tongbao transform --year {year}'"
        ) from None
    if not units:
        raise TongbaoError(f"province {province_code} has no expected unit of {task_code}")
    found = {code: FormUnit(code, name) for code, name in units}
    for code, indicator, value in values:
        if code in found:
            found[code].previous[indicator] = value
    for code, indicator, target in targets:
        if code in found:
            found[code].targets[indicator] = target
    return list(found.values())

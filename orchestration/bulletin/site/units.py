"""The pages of the units: the search, its data, and a list for each province.

Belongs here: what these pages show of a unit. Doesn't belong here: the units on the watchlist
(``watchlist``), and a unit's documents (``trace``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.bulletin.marts import Marts
from orchestration.bulletin.policy import is_shown, kept, shown_positions
from orchestration.bulletin.site.templates import json_for_script
from orchestration.core.catalogue import Region, Task
from orchestration.figures.numbers import MISSING, count
from orchestration.figures.wording import clean, code_names, level_names

__all__ = ["search_page", "unit_data", "unit_lists"]

#: Reporting states of a unit, in the order of the filter.
_REPORT_STATES = ("按时报送", "逾期报送", "未报送", "不在应报范围")
#: What a page shows of a unit: name, header, column of the lake.
_FIELDS = (
    ("name", "单位名称", "dim_unit.unit_name"),
    ("code", "代码", "dim_unit.unit_code"),
    ("city", "所在市", "dim_unit.city_name"),
    ("level", "级别", "dim_unit.level"),
    ("status", "建设状态", "dim_unit.status"),
    ("report", "报送情况", "fct_unit_year.has_reported"),
    ("grade", "考核等次", "fct_unit_year.assessment_grade"),
)


def _shown_fields() -> dict[str, str]:
    """Name → header of the fields that may be shown."""
    return {name: head for name, head, source in _FIELDS if is_shown(source)}


def _report_state(unit: Mapping[str, Any]) -> int:
    """Return the index of a unit's state in ``_REPORT_STATES``."""
    if unit["has_reported"] is None:
        return 3
    if unit["is_on_time"]:
        return 0
    return 1 if unit["has_reported"] else 2


def _city_name(unit: Mapping[str, Any]) -> str:
    return clean(unit["city_name"], 20) or MISSING


def unit_lists(marts: Marts) -> Iterator[tuple[Region, dict[str, Any]]]:
    """Yield each region with the content of its list: the units of each task as table cells."""
    positions = shown_positions(source for _, _, source in _FIELDS)
    shows_code = "code" in _shown_fields()
    found: dict[tuple[str, str], list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for unit in marts.units:
        cells = (
            unit["unit_name"],
            unit["unit_code"],
            _city_name(unit),
            level_names()[unit["level"]],
            code_names("status")[unit["status"]],
            _REPORT_STATES[_report_state(unit)],
            code_names("assessment_grade").get(unit["assessment_grade"], MISSING),
        )
        anchor = unit["unit_code"] if shows_code else ""
        found[unit["province_code"], unit["task_code"]].append((anchor, kept(cells, positions)))
    heads = tuple(_shown_fields().values())
    for region in marts.regions:
        tasks = [(task, found[region.code, task.code]) for task in marts.tasks]
        listed: list[tuple[Task, Any]] = [(task, units) for task, units in tasks if units]
        yield region, {"region": region, "heads": heads, "tasks": listed}


def unit_data(marts: Marts) -> bytes:
    """Return the script that defines ``unitData``, which the search reads.

    A unit is a list: code, name, city, and the positions of level, status, report and grade in
    their lists of names. What may not be shown is null.
    """
    shown = _shown_fields()
    levels, statuses, grades = (
        list(level_names()),
        list(code_names("status")),
        list(code_names("assessment_grade")),
    )
    rows: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for unit in marts.units:
        grade = unit["assessment_grade"]
        values = {
            "code": unit["unit_code"],
            "name": unit["unit_name"],
            "city": _city_name(unit),
            "level": levels.index(unit["level"]),
            "status": statuses.index(unit["status"]),
            "report": _report_state(unit),
            "grade": grades.index(grade) if grade else -1,
        }
        rows[unit["province_code"]][unit["task_code"]].append(
            [value if name in shown else None for name, value in values.items()]
        )
    data = {
        "provinces": {region.code: region.short_name for region in marts.regions},
        "tasks": {task.code: task.name for task in marts.tasks},
        "levels": list(level_names().values()),
        "statuses": list(code_names("status").values()),
        "reports": _REPORT_STATES,
        "grades": list(code_names("assessment_grade").values()),
        "columns": [name for name, _ in _search_columns()],
        "units": rows,
    }
    return f"var unitData = {json_for_script(data)};\n".encode()


def _search_columns() -> list[tuple[str, str]]:
    """Name and header of the search's columns after the unit's name, which is always there.

    Where names may not be shown, the first column has the code.
    """
    shown = _shown_fields()
    places = {"code": "代码", "task": "重点任务", "province": "省份"} | shown
    return [
        (name, head)
        for name, head in places.items()
        if name != "name" and (name in shown or name in {"task", "province"})
    ]


def search_page(marts: Marts) -> dict[str, Any]:
    """Return the content of the search."""
    shown = _shown_fields()
    filters = {
        "task": ("重点任务", [(task.code, task.name) for task in marts.tasks]),
        "province": ("省份", [(region.code, region.name) for region in marts.regions]),
        "level": ("级别", list(enumerate(level_names().values()))),
        "report": ("报送情况", list(enumerate(_REPORT_STATES))),
        "grade": ("考核等次", list(enumerate(code_names("assessment_grade").values()))),
    }
    return {
        "filters": {
            name: each
            for name, each in filters.items()
            if name in shown or name in {"task", "province"}
        },
        "heads": [head for _, head in _search_columns()],
        "regions": marts.regions,
        "total": count(len(marts.units)),
    }

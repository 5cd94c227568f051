"""The static API of an edition: its figures as JSON, at permanent paths.

- ``api/tables/{name}.json`` has all rows of a public table without units and groups of units, and
  ``index.json`` names the tables.
- ``api/figures/{id}.json`` has one figure of the national bulletin, with what it means, how many
  units it covers and where it comes from. There are some 2,100. All other figures (some 70,000, of
  which the bulletins of tasks and provinces print 25,000) are in the tables alone: an edition has
  some 900 other files, and each file costs about as much to write as ten kilobytes of a large one.
- ``api/sources/{task}.json`` has the SHA-256 of the landing objects that count, by province.

No file names its edition, so that a correction carries over the files that it doesn't change.

Belongs here: the content of the files. Doesn't belong here: open data in bulk (``open_data``) and
the list of changes (``publication``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import duckdb
import orjson

from orchestration.bulletin.open_data import public_tables
from orchestration.core.catalogue import load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.figures.dictionary import (
    ColumnDescription,
    TableDescription,
    figure_grains,
    mart_descriptions,
)
from orchestration.figures.ids import FigureId, parse_figure, row_key
from orchestration.figures.printing import column_label, figure_label
from orchestration.lakehouse.rows import rows_as_dicts

__all__ = ["api_files"]

#: Columns that say how many units a figure covers.
_COVERAGE = ("units_expected", "units_counted", "units_excluded")

#: Tables with these columns have a row for each unit, or for each city: too many for one JSON file.
_BULK = {"unit_code", "group_code"}

Row = dict[str, Any]


def api_files(
    con: duckdb.DuckDBPyConnection,
    year: int,
    printed: Mapping[str, str],
    revisions: Sequence[Row],
) -> dict[str, bytes]:
    """Make the files of the API.

    Args:
        con: a reader pinned at the edition's snapshot, with the lake attached as ``lake``.
        printed: figure id → text, of the figures that get a file if their columns are public.
        revisions: rows of ``publication.figure_revisions`` of the year's editions up to this one.

    Returns:
        path below the edition → bytes.
    """
    [(is_synthetic,)] = con.execute(
        "select is_synthetic from lake.marts.dim_reporting_year where year = ?", [year]
    ).fetchall()
    marks = {"year": year, "is_synthetic": is_synthetic}
    files: dict[str, bytes] = {}
    listed = []
    is_public = load_catalogue().is_public
    rows_by_key: dict[tuple[str, tuple[str, ...]], Row] = {}
    for name in public_tables():
        about = mart_descriptions()[name]
        if _BULK & set(about.columns):
            continue
        public = [each for each in about.columns.values() if is_public(name, each.name)]
        rows = _rows(con, about, year)
        listed.append({"name": name, "title": about.description_zh, "path": f"{name}.json"})
        files[f"api/tables/{name}.json"] = _table(about, public, rows, marks)
        if about.has_figures:
            grain = figure_grains()[name]
            rows_by_key |= {(name, row_key(row, grain)): row for row in rows}
    files["api/tables/index.json"] = _json({**marks, "tables": listed})
    sources = _sources(con, year)
    for task, hashes in sources.items():
        content = {**marks, "task_code": task, "sha256": hashes}
        files[f"api/sources/{task}.json"] = _json(content)
    changed = _changes_by_figure(revisions)
    for each, text in printed.items():
        figure = parse_figure(each)
        if not all(is_public(figure.table, column) for column in figure.columns):
            continue
        row = rows_by_key[figure.table, tuple(part or "-" for part in figure.key.values())]
        content = {**marks, **_figure(figure, text, row, sources)}
        files[f"api/figures/{each}.json"] = _json(content | {"revisions": changed.get(each, [])})
    return files


def _changes_by_figure(revisions: Sequence[Row]) -> dict[str, list[Row]]:
    """Figure id → what editions changed, oldest first."""
    found: dict[str, list[Row]] = {}
    for row in revisions:
        found.setdefault(row["figure_id"], []).append(
            {
                "edition": row["edition"],
                "value": _exact(row["value"]),
                "previous_value": _exact(row["previous_value"]),
                "reason_code": row["reason_code"],
            }
        )
    return found


def _json(content: Any) -> bytes:
    return orjson.dumps(content)


def _exact(value: Any) -> Any:
    """A value for JSON: decimals and times as text with all digits, times in UTC."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if hasattr(value, "isoformat"):
        return value.isoformat() + ("Z" if hasattr(value, "hour") else "")
    return value


def _rows(con: duckdb.DuckDBPyConnection, about: TableDescription, year: int) -> list[Row]:
    where = f"where year = {int(year)}" if "year" in about.columns else ""
    """All columns of the year's rows, in the order of the grain."""
    return rows_as_dicts(
        con.execute(
            f"select {', '.join(about.columns)} from lake.marts.{about.name} {where} "
            f"order by {', '.join(about.grain)}"
        )
    )


def _sources(con: duckdb.DuckDBPyConnection, year: int) -> dict[str, dict[str, list[str]]]:
    """Task → province → SHA-256 of the objects with the performance documents that count."""
    table = DOCUMENT_TYPES["performance"].raw_table
    found: dict[str, dict[str, list[str]]] = {}
    for task, province, sha256 in con.execute(
        "select distinct u.task_code, u.province_code, d.sha256 "
        f"from lake.marts.fct_unit_year as u join lake.raw.{table} as d "
        "on d.year = u.year and d.province_code = u.province_code "
        "and d.document_id = u.document_id and d.unit_code = u.unit_code "
        "where u.year = ? order by all",
        [year],
    ).fetchall():
        found.setdefault(task, {}).setdefault(province, []).append(sha256)
    return found


def _described(column: ColumnDescription) -> dict[str, str]:
    return {
        "name": column.name,
        "type": column.data_type,
        "description_zh": column.description_zh,
        "description_en": column.description_en,
    }


def _table(
    about: TableDescription,
    columns: Sequence[ColumnDescription],
    rows: Sequence[Row],
    marks: Mapping[str, Any],
) -> bytes:
    return _json(
        {
            **marks,
            "table": about.name,
            "description_zh": about.description_zh,
            "description_en": about.description_en,
            "key": about.grain,
            "columns": [_described(column) for column in columns],
            "rows": [{each.name: _exact(row[each.name]) for each in columns} for row in rows],
        }
    )


def _figure(
    figure: FigureId, printed: str, row: Row, sources: Mapping[str, Mapping[str, list[str]]]
) -> dict[str, Any]:
    """The content of a figure's file, without its revisions.

    Args:
        row: the row of the mart that the figure names.
    """
    first, *second = figure.columns
    about = mart_descriptions()[figure.table]
    is_public = partial(load_catalogue().is_public, figure.table)
    key = row_key(row, figure_grains()[figure.table])
    label, value = figure_label(figure.table, key, first), row[first]
    for column in second:
        label += f"与{column_label(figure.table, column)}之差"
        value = None if value is None or row[column] is None else value - row[column]
    return {
        "id": figure.text,
        "label": label,
        "value": None if value is None else str(_exact(value)),
        "printed": printed,
        "table": figure.table,
        "key": figure.key,
        "status": row.get("observation_status") if is_public("observation_status") else None,
        "coverage": {name: row[name] for name in _COVERAGE if name in row and is_public(name)},
        "indicator": _indicator(figure.indicator_code),
        "definition": [_described(about.columns[column]) for column in figure.columns],
        "sources": _source_summary(sources, figure.task_code, figure.province_code),
    }


def _indicator(code: str | None) -> dict[str, Any] | None:
    if code is None:
        return None
    found = load_catalogue().indicators[code]
    return {
        "code": code,
        "name_zh": found.name_zh,
        "name_en": found.name_en,
        "unit": found.unit,
        "aggregation": found.aggregation,
        "numerator": found.numerator,
        "denominator": found.denominator,
    }


def _source_summary(
    sources: Mapping[str, Mapping[str, list[str]]], task: str | None, province: str | None
) -> dict[str, Any]:
    """The objects behind a scope: their number, a digest of their hashes, and where these are.

    The digest is the SHA-256 of the sorted hashes, joined by line feeds.
    """
    tasks = [name for name in sorted(sources) if task in (None, name)]
    hashes = sorted(
        {
            each
            for name in tasks
            for code, listed in sources[name].items()
            if province in (None, code)
            for each in listed
        }
    )
    return {
        "objects": len(hashes),
        "sha256_of_hashes": hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
        "lists": [f"api/sources/{name}.json" for name in tasks],
    }

"""The data package of the open data (Frictionless Data Package 1) and its dictionary.

Belongs here: ``datapackage.json`` and ``dictionary.csv``. Doesn't belong here: other catalogues'
descriptions (``catalogues``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from orchestration.bulletin.open_data.dataset import (
    COVERAGE_ZH,
    LICENCE,
    SOURCE,
    Dataset,
)
from orchestration.bulletin.open_data.formats import csv_bytes
from orchestration.bulletin.open_data.rows import OpenTable
from orchestration.core.catalogue import load_catalogue

__all__ = [
    "REFERENCES",
    "dictionary_csv",
    "dictionary_lines",
    "dictionary_resource",
    "package_json",
    "table_resources",
]

#: Columns that refer to a dimension with the same key → the dimension.
REFERENCES = (
    (("year",), "dim_reporting_year"),
    (("province_code",), "dim_region"),
    (("task_code",), "dim_task"),
    (("indicator_code",), "dim_indicator"),
    (("level",), "dim_level"),
    (("year", "unit_code"), "dim_unit"),
)
#: Dimension → tables with keys that are no rows of it: ``ALL`` tasks, the nation, former years.
_BEYOND = {
    "dim_task": {"agg_province_indicator", "agg_national_indicator", "agg_province_rate", "series"},
    "dim_region": {"series"},
    "dim_reporting_year": {"series"},
}
#: Times always have microseconds, so that no precision is lost.
_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"
_CSV_RESOURCE = {
    "profile": "tabular-data-resource",
    "format": "csv",
    "mediatype": "text/csv",
    "encoding": "utf-8",
    "dialect": {"lineTerminator": "\n"},
}
#: As a file, whose bytes and hash the ``frictionless`` tool checks. As a table, it would count no
#: bytes of Parquet and report each file as damaged (frictionless 5.18, ``ParquetParser`` without
#: a loader).
_PARQUET_RESOURCE = {
    "profile": "data-resource",
    "type": "file",
    "format": "parquet",
    "mediatype": "application/vnd.apache.parquet",
}
_DICTIONARY = {
    "table": ("数据表。", "Table."),
    "column": ("列名。", "Column."),
    "type": ("Table Schema类型。", "Type in Table Schema."),
    "sql_type": ("SQL类型。", "Type in SQL."),
    "description_zh": ("中文说明。", "Description in Chinese."),
    "description_en": ("英文说明。", "Description in English."),
}


def _field_type(type_: pa.DataType) -> dict[str, str]:
    """Return the Table Schema type of an Arrow type."""
    if pa.types.is_timestamp(type_):
        return {"type": "datetime", "format": _MOMENT}
    if pa.types.is_date(type_):
        return {"type": "date"}
    if pa.types.is_decimal(type_):
        return {"type": "number"}
    if pa.types.is_integer(type_):
        return {"type": "integer"}
    if pa.types.is_boolean(type_):
        return {"type": "boolean"}
    return {"type": "string"}


def _table_schema(table: OpenTable) -> dict[str, Any]:
    """Return the Table Schema of a table.

    A grain with missing values, or with a column that is not public, is left out: it can't be a
    primary key of a Table Schema.
    """
    about = table.about
    columns = {column.name for column in table.columns}
    is_public = load_catalogue().is_public
    schema: dict[str, Any] = {
        "fields": [
            {
                "name": field.name,
                **_field_type(field.type),
                "description": column.description_zh,
                "description_en": column.description_en,
            }
            for field, column in zip(table.rows.schema, table.columns, strict=True)
        ],
        "missingValues": [""],
    }
    if columns.issuperset(about.grain) and not any(
        table.rows[column].null_count for column in about.grain
    ):
        schema["primaryKey"] = list(about.grain)
    references = [
        {"fields": list(key), "reference": {"resource": dimension, "fields": list(key)}}
        for key, dimension in REFERENCES
        if dimension != about.name
        and columns.issuperset(key)
        and all(is_public(dimension, column) for column in key)
        and about.name not in _BEYOND.get(dimension, ())
    ]
    if references:
        schema["foreignKeys"] = references
    return schema


def _resource(path: str, body: bytes, about: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": path,
        **about,
        "bytes": len(body),
        "hash": "sha256:" + hashlib.sha256(body).hexdigest(),
    }


def table_resources(table: OpenTable, csv_body: bytes, parquet_body: bytes) -> list[dict[str, Any]]:
    """Return the package's entries for the CSV and the Parquet file of a table."""
    about = table.about
    described = {
        "title": about.name,
        "description": about.description_zh,
        "description_en": about.description_en,
    }
    schema = _table_schema(table)
    # Foreign keys name CSV resources, which frictionless reads as tables.
    of_file = {key: value for key, value in schema.items() if key != "foreignKeys"}
    return [
        {
            "name": about.name,
            **_resource(f"{about.name}.csv", csv_body, described),
            **_CSV_RESOURCE,
            "schema": schema,
        },
        {
            "name": f"{about.name}_parquet",
            **_resource(f"{about.name}.parquet", parquet_body, described),
            **_PARQUET_RESOURCE,
            "schema": of_file,
        },
    ]


def dictionary_lines(table: OpenTable) -> list[tuple[str, ...]]:
    """Return a line per column of a table: its types and descriptions."""
    return [
        (
            table.about.name,
            field.name,
            _field_type(field.type)["type"],
            column.data_type,
            column.description_zh,
            column.description_en,
        )
        for field, column in zip(table.rows.schema, table.columns, strict=True)
    ]


def dictionary_csv(lines: Sequence[tuple[str, ...]]) -> bytes:
    """Return the lines of all tables as CSV."""
    return csv_bytes(pa.table([*zip(*lines, strict=True)], names=list(_DICTIONARY)))


def dictionary_resource(body: bytes) -> dict[str, Any]:
    """Return the package's entry for the dictionary."""
    described = {
        "title": "数据字典",
        "description": "各表各列的含义。",
        "description_en": "What the columns of the tables mean.",
    }
    return {
        "name": "dictionary",
        **_resource("dictionary.csv", body, described),
        **_CSV_RESOURCE,
        "schema": {
            "fields": [
                {"name": name, "type": "string", "description": zh, "description_en": en}
                for name, (zh, en) in _DICTIONARY.items()
            ],
            "primaryKey": ["table", "column"],
        },
    }


def package_json(dataset: Dataset, resources: Sequence[dict[str, Any]]) -> bytes:
    """Return ``datapackage.json``."""
    year = dataset.year
    package = {
        "profile": "data-package",
        "name": f"tongbao-{year}",
        "id": dataset.address,
        "version": dataset.version,
        "created": dataset.counts_until.isoformat(),
        "title": dataset.title,
        "title_en": dataset.title_en,
        "description": dataset.description_zh,
        "description_en": dataset.description_en,
        "year": year,
        "edition": dataset.edition,
        "synthetic": dataset.is_synthetic,
        "temporal": {"start": f"{year}-01-01", "end": f"{year}-12-31"},
        "spatial": {"country": "CHN", "name": COVERAGE_ZH},
        "contributors": [{"title": dataset.organ, "role": "publisher"}],
        "licenses": [LICENCE],
        "sources": [{"title": SOURCE}],
        "resources": list(resources),
    }
    return (json.dumps(package, ensure_ascii=False, indent=1) + "\n").encode()

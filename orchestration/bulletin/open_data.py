"""Open data of an edition: the year's marts as CSV and Parquet, with a data package.

Belongs here: the data files and their descriptions. Doesn't belong here: figures (dbt makes them)
and workbooks for readers (``tables``).

- Parquet holds the rows as they are in the lake: exact decimals, unchanged text.
- CSV follows RFC 4180 (commas, quoted texts, doubled quotes), except for the line ends, which are
  LF as the data package states. The encoding is UTF-8 without a byte order mark, as Frictionless
  requires. A missing value is an empty field without quotes. A text that a spreadsheet would run
  as a formula (it begins with = + - @, tab, a line break, or a full-width form of these) gets a
  leading apostrophe (OWASP, "CSV Injection"), unless it is a plain number.
- No contact data: the marts hold none, and intake strikes out what somebody wrote into a text.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow.csv import write_csv

from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import struck
from orchestration.figures.dictionary import TableDescription, mart_descriptions

__all__ = ["TABLES", "formula_safe", "open_data"]

#: The public marts, dimensions first.
TABLES = (
    "dim_reporting_year",
    "dim_region",
    "dim_task",
    "dim_task_target",
    "dim_indicator",
    "dim_calendar",
    "dim_category",
    "dim_error_code",
    "dim_level",
    "dim_rule",
    "dim_scorecard_measure",
    "dim_unit",
    "fct_unit_year",
    "fct_unit_indicator",
    "agg_province_indicator",
    "agg_province_task",
    "agg_national_indicator",
    "agg_national_task",
    "agg_national_target",
    "agg_task_rank",
    "province_scorecard",
    "national_scorecard",
    "unit_watchlist",
)
#: Columns that refer to a dimension with the same key → the dimension.
_REFERENCES = (
    (("year",), "dim_reporting_year"),
    (("province_code",), "dim_region"),
    (("task_code",), "dim_task"),
    (("indicator_code",), "dim_indicator"),
    (("level",), "dim_level"),
    (("year", "unit_code"), "dim_unit"),
)
#: Tables whose ``task_code`` may be ``ALL``, which is no row of ``dim_task``.
_ALL_TASKS = {"agg_province_indicator", "agg_national_indicator"}
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
_PLAIN_NUMBER = r"^[-+]?[0-9][0-9,]*(\.[0-9]+)?$"
#: Times always have microseconds, so that no precision is lost.
_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"
_LICENCE = {
    "name": "CC-BY-4.0",
    "title": "Creative Commons Attribution 4.0",
    "path": "https://creativecommons.org/licenses/by/4.0/",
}
_SOURCES = [
    {
        "title": "教育部办公厅关于加快推进现代职业教育体系建设改革重点任务的通知"
        "（教职成厅函〔2023〕20号）：建设单位和省级教育行政部门按年度报送的数据"
    }
]
_NOTES = (
    "CSV为UTF-8（无BOM）、RFC 4180（换行为LF）；缺失值为空，缺失不等于零；金额单位为{money}；"
    "以_rate结尾的列和attainment为小数；时间为UTC。CSV中以= + - @、制表符或换行开头、"
    "可能被电子表格当作公式执行的文字前加了一个撇号（纯数字除外），Parquet为原文。"
    "名称、典型经验等文字中的电话、邮箱和身份证号码已略去。",
    "CSV is UTF-8 without BOM, RFC 4180 with LF at the end of lines; a missing value is an empty "
    "field without quotes and is not zero; money is in {money} (10,000 yuan); columns that end in "
    "_rate and attainment are fractions; times are UTC. In CSV a text that begins with = + - @, a "
    "tab or a line break, which a spreadsheet might run, has a leading apostrophe (plain numbers "
    "don't); Parquet holds the text itself. Telephone numbers, e-mail addresses and ID numbers "
    "in names, highlights and other texts are struck out.",
)


def open_data(con: duckdb.DuckDBPyConnection, year: int) -> dict[str, bytes]:
    """Make the data files of the year's public marts, the dictionary and the data package.

    If the year has synthetic documents, the package, its title and every Parquet file say so.

    Args:
        con: a reader pinned at the edition's snapshot, with the lake attached as ``lake``.

    Returns:
        path below the edition → bytes: ``data/{table}.csv``, ``data/{table}.parquet``,
        ``data/dictionary.csv``, ``data/datapackage.json``.
    """
    files: dict[str, bytes] = {}
    resources: list[dict[str, Any]] = []
    lines: list[tuple[str, ...]] = []
    [(is_synthetic,)] = con.execute(
        "select is_synthetic from lake.marts.dim_reporting_year where year = ?", [year]
    ).fetchall()
    for name in TABLES:
        description = mart_descriptions()[name]
        rows = _read_rows(con, description, year)
        schema = _table_schema(description, rows)
        for kind, body in (
            ("csv", _csv_bytes(rows)),
            ("parquet", _parquet_bytes(rows, description, year, is_synthetic=is_synthetic)),
        ):
            files[f"data/{name}.{kind}"] = body
            resources.append(_resource(name, kind, body, description, schema))
        lines += [
            (name, field["name"], field["type"], column.data_type, column.description_zh,
             column.description_en)
            for field, column in zip(
                schema["fields"], (description.columns[c] for c in rows.column_names), strict=True
            )
        ]  # fmt: skip
    files["data/dictionary.csv"] = _dictionary_csv(lines)
    resources.append(_dictionary_resource(files["data/dictionary.csv"]))
    files["data/datapackage.json"] = _package_json(year, resources, is_synthetic=is_synthetic)
    return files


def _read_rows(
    con: duckdb.DuckDBPyConnection, description: TableDescription, year: int
) -> pa.Table:
    """Read the year's rows in the order of their grain; all rows of a table without a year."""
    where = f"where year = {int(year)}" if "year" in description.columns else ""
    rows = con.execute(
        f"select {', '.join(description.columns)} from lake.marts.{description.name} {where} "
        f"order by {', '.join(description.grain)}"
    ).to_arrow_table()
    if "highlight" in rows.column_names:
        at = rows.column_names.index("highlight")
        # Intake strikes them out too: here for lakes that an earlier version filled.
        texts = [text and struck(text) for text in rows["highlight"].to_pylist()]
        field = rows.schema.field(at)
        rows = rows.set_column(at, field, pa.array(texts, field.type))
    return rows.combine_chunks()


def _parquet_bytes(
    rows: pa.Table, description: TableDescription, year: int, *, is_synthetic: bool
) -> bytes:
    """Return Parquet with the descriptions as metadata; the same rows give the same bytes."""
    metadata = {
        "title": description.description_zh,
        "year": str(year),
        "synthetic": json.dumps(is_synthetic),
    }
    fields = [
        pa.field(
            field.name,
            field.type,
            field.nullable,
            {"description": description.columns[field.name].description_zh},
        )
        for field in rows.schema
    ]
    buffer = io.BytesIO()
    pq.write_table(rows.cast(pa.schema(fields, metadata)), buffer, compression="zstd")
    return buffer.getvalue()


def _formula_safe_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as it is written to CSV."""
    if pa.types.is_timestamp(column.type):
        # Arrow's %S includes the fraction of the type's unit: six places.
        return pc.strftime(column.cast(pa.timestamp("us")), "%Y-%m-%dT%H:%M:%SZ")
    # Checking the distinct texts first is fast: most columns have few of them and no formula.
    if pa.types.is_string(column.type) and pc.any(_is_formula(column.unique())).as_py():
        return pc.if_else(_is_formula(column), pc.binary_join_element_wise("'", column, ""), column)
    return column


def _is_formula(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return for each text whether a spreadsheet would run it as a formula."""
    return pc.and_(
        pc.match_substring_regex(texts, _FORMULA),
        pc.invert(pc.match_substring_regex(texts, _PLAIN_NUMBER)),
    )


def formula_safe(text: str) -> str:
    """Return a text with a leading apostrophe if a spreadsheet would run it as a formula."""
    return f"'{text}" if re.match(_FORMULA, text) and not re.match(_PLAIN_NUMBER, text) else text


def _csv_bytes(rows: pa.Table) -> bytes:
    buffer = io.BytesIO()
    columns = [_formula_safe_column(column) for column in rows.columns]
    write_csv(pa.table(columns, names=rows.column_names), buffer)
    return buffer.getvalue()


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


def _table_schema(description: TableDescription, rows: pa.Table) -> dict[str, Any]:
    """Return the Table Schema of a table.

    A grain with missing values is left out: it can't be a primary key of a Table Schema.
    """
    schema: dict[str, Any] = {
        "fields": [
            {
                "name": field.name,
                **_field_type(field.type),
                "description": description.columns[field.name].description_zh,
                "description_en": description.columns[field.name].description_en,
            }
            for field in rows.schema
        ],
        "missingValues": [""],
    }
    if not any(rows[column].null_count for column in description.grain):
        schema["primaryKey"] = list(description.grain)
    references = [
        {"fields": list(key), "reference": {"resource": dimension, "fields": list(key)}}
        for key, dimension in _REFERENCES
        if dimension != description.name
        and set(key) <= set(description.columns)
        and not (dimension == "dim_task" and description.name in _ALL_TASKS)
    ]
    if references:
        schema["foreignKeys"] = references
    return schema


def _resource(
    name: str, kind: str, body: bytes, description: TableDescription, schema: dict[str, Any]
) -> dict[str, Any]:
    """Return the data package's entry for a data file."""
    found: dict[str, Any] = {
        "name": name if kind == "csv" else f"{name}_parquet",
        "path": f"{name}.{kind}",
        "title": name,
        "description": description.description_zh,
        "description_en": description.description_en,
        "bytes": len(body),
        "hash": "sha256:" + hashlib.sha256(body).hexdigest(),
    }
    if kind == "csv":
        return found | _CSV_RESOURCE | {"schema": schema}
    return found | {
        "profile": "data-resource",
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
    }


_CSV_RESOURCE = {
    "profile": "tabular-data-resource",
    "format": "csv",
    "mediatype": "text/csv",
    "encoding": "utf-8",
    "dialect": {"lineTerminator": "\n"},
}
_DICTIONARY = {
    "table": ("数据表。", "Table."),
    "column": ("列名。", "Column."),
    "type": ("Table Schema类型。", "Type in Table Schema."),
    "sql_type": ("SQL类型。", "Type in SQL."),
    "description_zh": ("中文说明。", "Description in Chinese."),
    "description_en": ("英文说明。", "Description in English."),
}


def _dictionary_csv(lines: list[tuple[str, ...]]) -> bytes:
    return _csv_bytes(pa.table([*zip(*lines, strict=True)], names=list(_DICTIONARY)))


def _dictionary_resource(body: bytes) -> dict[str, Any]:
    return {
        "name": "dictionary",
        "path": "dictionary.csv",
        "title": "数据字典",
        "description": "各表各列的含义。",
        "description_en": "What the columns of the tables mean.",
        "bytes": len(body),
        "hash": "sha256:" + hashlib.sha256(body).hexdigest(),
        **_CSV_RESOURCE,
        "schema": {
            "fields": [
                {"name": name, "type": "string", "description": zh, "description_en": en}
                for name, (zh, en) in _DICTIONARY.items()
            ],
            "primaryKey": ["table", "column"],
        },
    }


def _package_json(year: int, resources: list[dict[str, Any]], *, is_synthetic: bool) -> bytes:
    title = f"{year}年度现代职业教育体系建设改革重点任务数据"
    notes = [note.format(money=load_catalogue().money_unit) for note in _NOTES]
    package = {
        "profile": "data-package",
        "name": f"tongbao-{year}",
        "title": f"{title}（合成数据，非真实填报）" if is_synthetic else title,
        "description": notes[0],
        "description_en": notes[1],
        "year": year,
        "synthetic": is_synthetic,
        "licenses": [_LICENCE],
        "sources": _SOURCES,
        "resources": resources,
    }
    return (json.dumps(package, ensure_ascii=False, indent=1) + "\n").encode()

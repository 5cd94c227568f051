"""The data manual: one offline page about the tables of ``marts``, for those who query them.

Belongs here: choosing descriptions, definitions and answers of the example queries
(``bulletin/queries``). Doesn't belong here: the descriptions themselves (``dbt_project``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from orchestration.bulletin.content import Column
from orchestration.bulletin.open_data.package import REFERENCES
from orchestration.bulletin.site.grid import Grid
from orchestration.bulletin.site.methods import definition_grids
from orchestration.bulletin.site.templates import fill
from orchestration.core.catalogue import load_catalogue
from orchestration.figures.dictionary import TableDescription, mart_descriptions
from orchestration.figures.numbers import MISSING

__all__ = ["ExampleQuery", "example_queries", "reference_page"]

_QUERIES = Path(__file__).parents[1] / "queries"
_PATH = "docs/index.html"
#: Rows of an answer that are shown: enough to see what a row is.
_SHOWN_ROWS = 5
#: Measures of the picture, in pixels.
_WIDTH, _LINE, _BOX = 760, 22, 250


@dataclass(frozen=True)
class ExampleQuery:
    """A question that the marts answer.

    Attributes:
        name: of its file, without extension.
        question: in Chinese.
        sql: with the parameter ``$year``.
    """

    name: str
    question: str
    sql: str


@cache
def example_queries() -> tuple[ExampleQuery, ...]:
    """The example queries in the order of their files, whose first line is the question."""
    found = []
    for path in sorted(_QUERIES.glob("*.sql")):
        question, sql = path.read_text(encoding="utf-8").split("\n", 1)
        found.append(ExampleQuery(path.stem, question.removeprefix("-- "), sql.strip()))
    return tuple(found)


def reference_page(con: duckdb.DuckDBPyConnection, year: int) -> dict[str, bytes]:
    """Make the page.

    Args:
        con: a reader of the lake, pinned at a snapshot or not.

    Returns:
        path below the edition → bytes.
    """
    tables = [table for name, table in sorted(mart_descriptions().items())]
    with con.cursor() as own:
        own.execute("use lake")
        [(is_synthetic,)] = own.execute(
            "select is_synthetic from marts.dim_reporting_year where year = ?", [year]
        ).fetchall()
        answers = [(query, _answer(own, query, year)) for query in example_queries()]
    page = fill(
        "reference.html.j2",
        _PATH,
        year=year,
        title="数据手册",
        is_synthetic=is_synthetic,
        tables=[(table, _keys(table), _columns(table)) for table in tables],
        picture=_picture(tables),
        answers=answers,
        **definition_grids(load_catalogue()),
    )
    return {_PATH: page.encode()}


def _references(table: TableDescription) -> list[tuple[tuple[str, ...], str]]:
    """Return the keys of other tables that a table holds: columns → the other table."""
    return [
        (columns, dimension)
        for columns, dimension in REFERENCES
        if set(columns) <= set(table.columns) and dimension != table.name
    ]


def _keys(table: TableDescription) -> str:
    key = f"主键：{'、'.join(table.grain)}。" if table.grain else "无主键。"
    joins = [f"{'、'.join(columns)}→{other}" for columns, other in _references(table)]
    return key + (f"关联：{'；'.join(joins)}。" if joins else "")


def _columns(table: TableDescription) -> Grid:
    return Grid(
        f"{table.name}的各列",
        (
            Column("列", 5, "left"),
            Column("类型", 3, "left"),
            Column("含义", 9, "left"),
            Column("Meaning", 9, "left"),
        ),
        tuple(
            (each.name, each.data_type, each.description_zh, each.description_en)
            for each in table.columns.values()
        ),
    )


def _answer(con: duckdb.DuckDBPyConnection, query: ExampleQuery, year: int) -> Grid:
    cursor = con.execute(query.sql, {"year": year})
    heads = [column[0] for column in cursor.description or []]
    rows = cursor.fetchall()
    return Grid(
        "",
        tuple(Column(head, 4, "left") for head in heads),
        tuple(tuple(map(_text, row)) for row in rows[:_SHOWN_ROWS]),
        f"共{len(rows)}行" + (f"，列出前{_SHOWN_ROWS}行。" if len(rows) > _SHOWN_ROWS else "。"),
    )


def _text(value: Any) -> str:
    match value:
        case None:
            return MISSING
        case bool():
            return "是" if value else "否"
        case Decimal():
            return f"{value:f}"
        case date() | datetime():
            return value.isoformat()
        case _:
            return str(value)


def _picture(tables: list[TableDescription]) -> dict[str, Any]:
    """Return the picture: tables with keys of others on the left, these on the right, and lines."""
    dimensions = list(dict.fromkeys(dimension for _, dimension in REFERENCES))
    left = [table for table in tables if table.name not in dimensions and _references(table)]
    height = _LINE * max(len(left), len(dimensions)) + _LINE
    places = {
        name: round((number + 0.5) * height / len(dimensions))
        for number, name in enumerate(dimensions)
    }
    rows = {table.name: _LINE * (number + 1) for number, table in enumerate(left)}
    # The text's base line is below the middle of its line.
    names = [(name, _BOX - 6, y + 4, "end") for name, y in rows.items()]
    names += [(name, _WIDTH - _BOX + 6, y + 4, "start") for name, y in places.items()]
    return {
        "width": _WIDTH,
        "height": height,
        "names": names,
        "lines": [
            (_BOX, rows[table.name], _WIDTH - _BOX, places[dimension])
            for table in left
            for _, dimension in _references(table)
        ],
    }

"""The formats of an answer: exact, with unique names, and readable by other programs."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import duckdb
import openpyxl
import pyarrow.parquet as pq
import pytest

from orchestration.core.errors import UsageError
from orchestration.query import FORMATS
from orchestration.query.formats import write_answer
from orchestration.query.session import Answer, Session

_QUERY = """
    select '职业教育' as name, 1 as n, 2 as N,
        12345678901234567890.123456::decimal(30,6) as money, 0.5::decimal(18,6) as rate,
        '-inf'::double as x, {'y': 'nan'::float, 'z': [date '2024-12-15']} as s,
        '=1+1' as formula, e'a\\tb\\x1b[31m' as control, '\\xAA'::blob as b, null as nothing,
        timestamptz '2024-12-15 00:00:00+08' as t, true as yes
"""


def _answer(query: str) -> Answer:
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    return Session(con).answer(query)


def _written(name: str, query: str = _QUERY, *, is_file: bool = True) -> bytes:
    target = io.BytesIO()
    assert write_answer(_answer(query), name, target, is_file=is_file) == 1
    return target.getvalue()


def test_json_is_strict_and_keeps_every_column() -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    def refused(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(_written("json"), object_pairs_hook=unique, parse_constant=refused) == [
        {
            "name": "职业教育", "n": 1, "N_2": 2, "money": "12345678901234567890.123456",
            "rate": "0.500000", "x": "-Infinity", "s": {"y": "NaN", "z": ["2024-12-15"]},
            "formula": "=1+1", "control": "a\tb\x1b[31m", "b": "aa", "nothing": None,
            "t": "2024-12-14T16:00:00+00:00", "yes": True,
        }
    ]  # fmt: skip


def test_csv_has_a_mark_in_files_only() -> None:
    text = _written("csv").decode("utf-8")
    assert text[0] == "\ufeff"
    assert _written("csv", is_file=False).decode() == text[1:]
    names, row = csv.reader(io.StringIO(text[1:]))
    shown = dict(zip(names, row, strict=True))
    assert shown["money"] == "12345678901234567890.123456"
    assert shown["control"] == "a\tb\x1b[31m"
    assert shown["nothing"] == ""
    assert shown["yes"] == "true"


def test_the_table_is_aligned_by_the_width_on_a_terminal() -> None:
    query = "from (values ('职业教育', 5, e'\\x1b[31m'), ('AB', 1000, 'x')) t(name, n, c)"
    target = io.BytesIO()
    assert write_answer(_answer(query), "table", target, is_file=False) == 2
    assert target.getvalue().decode().splitlines() == [
        "name         n  c",
        "────────  ────  ─────",
        "职业教育     5   [31m",
        "AB        1000  x",
    ]


def test_xlsx_has_numbers_where_they_are_exact_and_never_formulas() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(_written("xlsx")))["query"]
    names, row = sheet.iter_rows()
    cells = dict(zip([cell.value for cell in names], row, strict=True))
    assert cells["rate"].value == 0.5
    assert cells["money"].value == "12345678901234567890.123456"
    assert (cells["formula"].value, cells["formula"].data_type) == ("=1+1", "s")
    assert cells["x"].value == "-Infinity"
    assert cells["nothing"].value is None


def test_parquet_has_the_types_of_the_query() -> None:
    query = "select 1.50::decimal(24,6) as d, date '2024-12-15' as day, {'a': [1]} as s, 'x' as D"
    table = pq.read_table(io.BytesIO(_written("parquet", query)))
    assert table.column_names == ["d", "day", "s", "D_2"]
    assert str(table.schema.field("d").type) == "decimal128(24, 6)"
    assert str(table["d"][0]) == "1.500000"


@pytest.mark.parametrize("name", FORMATS)
def test_an_answer_without_rows_has_its_names(name: str) -> None:
    target = io.BytesIO()
    answer = _answer("select 1 as number where false")
    assert write_answer(answer, name, target, is_file=False) == 0
    if name == "parquet":
        assert pq.read_table(target).column_names == ["number"]
    elif name == "xlsx":
        assert openpyxl.load_workbook(target)["query"]["A1"].value == "number"
    else:
        assert ("number" in target.getvalue().decode()) == (name != "json")


def test_rows_are_read_as_they_are_computed() -> None:
    endless = "select i from range(1000000000000000) t(i)"
    assert len(next(_answer(endless).batches())) == 10_000
    _, batches = _answer(endless).arrow()
    assert next(batches).num_rows <= 10_000


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("xlsx", "select repeat('长', 40000)"),
        ("xlsx", "select columns(*) from (select unnest(range(1)) as n) where error('late')"),
        ("parquet", "select interval 1 month as i"),
    ],
)
def test_a_format_that_cannot_hold_the_answer_is_refused(name: str, query: str) -> None:
    with pytest.raises(UsageError, match=r"^sql: "):
        write_answer(_answer(query), name, io.BytesIO(), is_file=True)

"""The cross-check rules that divide: the offline check computes as the warehouse does."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest

from orchestration.core.catalogue import load_catalogue
from orchestration.intake.rules import rule_connection, rules_fire

_DIVIDING = {
    rule_id: rule.expression
    for rule_id, rule in load_catalogue().rules.items()
    if "/" in rule.expression
}
#: Null, zero, and values on both sides of every threshold of the rules (1/3 to 20,000).
_VALUES = (None, *map(Decimal, ("0", "0.000001", "1", "7.5", "300", "10000")))


@pytest.fixture(scope="module")
def offline() -> Iterator[duckdb.DuckDBPyConnection]:
    with rule_connection() as con:
        yield con


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("set ieee_floating_point_ops = false")
        yield con


def _operands(expression: str) -> list[str]:
    return sorted(set(re.findall(r"(?:(?:prev|target)_)?[CT]\d*_\d+", expression)))


def _warehouse_fires(
    con: duckdb.DuckDBPyConnection,
    expression: str,
    names: list[str],
    rows: list[tuple[Decimal | None, ...]],
) -> list[bool]:
    """The answer of ``int_rule_findings``: a table of DECIMAL columns, one row a document."""
    columns = ", ".join(f"{name} decimal(24, 6)" for name in names)
    con.execute(f"create or replace temp table operands ({columns})")
    con.executemany(f"insert into operands values ({', '.join('?' for _ in names)})", rows)
    query = f"select case when ({expression}) is false then 1 end from operands order by rowid"
    return [answer == 1 for (answer,) in con.execute(query).fetchall()]


@pytest.mark.parametrize("rule_id", _DIVIDING)
def test_a_rule_that_divides_gives_the_warehouse_s_answer(
    offline: duckdb.DuckDBPyConnection, warehouse: duckdb.DuckDBPyConnection, rule_id: str
) -> None:
    expression = _DIVIDING[rule_id]
    names = _operands(expression)
    rows = list(itertools.product(_VALUES, repeat=len(names)))
    fires = [
        rules_fire(offline, [expression], dict(zip(names, row, strict=True)), 2024)[0]
        for row in rows
    ]
    assert fires == _warehouse_fires(warehouse, expression, names, rows)
    assert set(fires) == {True, False}
    assert not fires[0], "all operands are NULL"


@pytest.mark.parametrize("value", _VALUES)
@pytest.mark.parametrize(
    "expression", ["T01_11 / T01_10 <= 2000", "0 < T01_11 / T01_10 and T01_11 / T01_10 < 60"]
)
def test_a_division_by_zero_is_null_and_fires_no_rule(
    offline: duckdb.DuckDBPyConnection,
    warehouse: duckdb.DuckDBPyConnection,
    expression: str,
    value: Decimal | None,
) -> None:
    """Every rule of the seed guards its divisor; one that does not must not fire either."""
    names, row = ["T01_10", "T01_11"], (Decimal(0), value)
    operands = dict(zip(names, row, strict=True))
    assert rules_fire(offline, [expression], operands, 2024) == [False]
    assert _warehouse_fires(warehouse, expression, names, [row]) == [False]

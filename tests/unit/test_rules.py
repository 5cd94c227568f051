"""The cross-check rules that compare quotients: all their readers give the same answer."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import duckdb
import pytest

from orchestration.core.catalogue import load_catalogue
from orchestration.demo.rules import Expression
from orchestration.intake.rules import rule_connection, rules_fire

#: The project's own rules multiply quotients out: no engine divides alike.
_MULTIPLYING = {
    rule_id: rule.expression
    for rule_id, rule in load_catalogue().rules.items()
    if "*" in rule.expression
}
#: Null, zero, and values on both sides of every threshold of the rules (1/3 to 20,000).
_VALUES = (None, *map(Decimal, ("0", "0.000001", "1", "7.5", "300", "10000")))


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with rule_connection() as connection:
        yield connection


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


@pytest.mark.parametrize("rule_id", _MULTIPLYING)
def test_a_rule_that_multiplies_gives_the_same_answer_everywhere(
    con: duckdb.DuckDBPyConnection, rule_id: str
) -> None:
    expression = _MULTIPLYING[rule_id]
    names = _operands(expression)
    rows = list(itertools.product(_VALUES, repeat=len(names)))
    given = [dict(zip(names, row, strict=True)) for row in rows]
    fires = [rules_fire(con, [expression], operands, 2024)[0] for operands in given]
    assert fires == _warehouse_fires(con, expression, names, rows)
    assert fires == [
        Expression(expression).is_false(
            {name: Fraction(value) for name, value in operands.items() if value is not None}
        )
        for operands in given
    ]
    assert set(fires) == {True, False}
    assert not fires[0], "all operands are NULL"


def test_no_rule_of_the_project_divides() -> None:
    assert [rule.rule_id for rule in load_catalogue().rules.values() if rule.divides] == []


@pytest.mark.parametrize("value", _VALUES)
@pytest.mark.parametrize(
    "expression", ["T01_11 / T01_10 <= 2000", "0 < T01_11 / T01_10 and T01_11 / T01_10 < 60"]
)
def test_a_division_by_zero_is_null_and_fires_no_rule(
    con: duckdb.DuckDBPyConnection, expression: str, value: Decimal | None
) -> None:
    names, row = ["T01_10", "T01_11"], (Decimal(0), value)
    operands = dict(zip(names, row, strict=True))
    assert rules_fire(con, [expression], operands, 2024) == [False]
    assert _warehouse_fires(con, expression, names, [row]) == [False]
    given = {name: Fraction(each) for name, each in operands.items() if each is not None}
    assert not Expression(expression).is_false(given)

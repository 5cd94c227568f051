"""Evaluates the cross-check rules on one document, without a warehouse.

Belongs here: evaluating the expressions of ``rules.csv`` as the warehouse does (same engine, same
types, same three-valued logic) for the offline check. Operands that only the warehouse knows (last
year's values, the plan's targets) are NULL here, and a rule with a NULL operand doesn't fire
(contract §1, "What counts"). Doesn't belong here: checks of single values (``checks``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

import duckdb
import yaml

from orchestration.core.catalogue import Rule, load_catalogue
from orchestration.core.settings import PROJECT_ROOT
from orchestration.intake.findings import MAX_VALUE, Finding
from orchestration.intake.formats import Locator
from orchestration.intake.reading import ReadValue

__all__ = ["check_rules", "rule_connection", "rules_fire"]

_SIX_PLACES = Decimal("0.000001")


@cache
def _rules_of(task_code: str) -> tuple[Rule, ...]:
    rules = load_catalogue().rules.values()
    return tuple(rule for rule in rules if rule.task_code in (None, task_code))


@cache
def _operands_of(task_code: str) -> tuple[str, ...]:
    """The operands in the expressions of a task's rules, sorted."""
    names = {name for rule in _rules_of(task_code) for name in rule.names}
    return tuple(sorted(names - {"reporting_year"}))


def rule_connection() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with the settings of dbt's profile, so that it computes alike.

    Without these settings a division by zero is infinity instead of NULL, and the rule fires.
    """
    path = PROJECT_ROOT / "dbt_project" / "profiles.yml"
    profile = yaml.safe_load(path.read_text(encoding="utf-8"))["tongbao"]
    con = duckdb.connect()
    for name, value in profile["outputs"][profile["target"]]["settings"].items():
        con.execute(f"set {name} = {value}")
    return con


def rules_fire(
    con: duckdb.DuckDBPyConnection,
    expressions: Sequence[str],
    operands: Mapping[str, Decimal | None],
    year: int,
) -> list[bool]:
    """Whether each rule fires, that is, whether its expression is false (and not NULL).

    Args:
        con: from :func:`rule_connection`.
        expressions: as in ``rules.csv``.
        operands: the value of each operand in the expressions.
        year: the reporting year.
    """
    fired = ", ".join(f"({expression}) is false" for expression in expressions)
    typed = "".join(f"cast(? as decimal(24, 6)) as {name}, " for name in operands)
    row = con.execute(
        f"select {fired} from (select {typed}cast(? as integer) as reporting_year)",
        [*operands.values(), year],
    ).fetchone()
    return list(row or ())


def check_rules(
    con: duckdb.DuckDBPyConnection,
    task_code: str,
    year: int,
    values: Iterable[tuple[str, ReadValue]],
    excluded: set[str],
    *,
    where: Locator,
    document_id: str,
    unit_code: str,
) -> Iterator[Finding]:
    """Yield a finding for each rule that fires on one performance document.

    Args:
        con: from :func:`rule_connection`.
        year: the reporting year.
        values: pairs of indicator code and value as read, in the order received.
        excluded: codes of values with a finding of their own, which don't count.
    """
    rules = _rules_of(task_code)
    if not rules or not _operands_of(task_code):
        return
    counted = {
        code: _counted_value(code, read)
        for code, read in values
        if code not in excluded and code in load_catalogue().indicators
    }
    operands = {name: _operand_value(name, counted) for name in _operands_of(task_code)}
    fires = rules_fire(con, [rule.expression for rule in rules], operands, year)
    given = dict(values)
    for rule, fired in zip(rules, fires, strict=True):
        if not fired:
            continue
        quoted = sorted(
            f"{code}={given[code].text}" for code in rule.indicator_codes if code in given
        )
        known = [
            (name, value)
            for name, value in operands.items()
            if value is not None and name in rule.names
        ]
        sides = sorted(f"{name}={value.normalize():f}" for name, value in known)
        message_zh = f"{rule.message_zh}（{rule.rule_id}：{'，'.join(sides)}）"
        yield Finding(
            code=rule.rule_id,
            severity="error" if rule.severity == "blocking" else "warning",
            location=where.at("values", rule.indicator_codes[0]),
            message_zh="。".join(part for part in (message_zh, rule.fix_hint_zh) if part),
            message_en=f"{rule.message_en} ({rule.rule_id}: {', '.join(sides)})",
            value=";".join(quoted)[:MAX_VALUE],
            document_id=document_id,
            unit_code=unit_code,
            indicator_code=rule.indicator_codes[0],
        )


def _counted_value(code: str, read: ReadValue) -> Decimal | None:
    """A value as the warehouse counts it: six decimals, half up; a code list is its length."""
    if load_catalogue().indicators[code].value_type == "code_list":
        codes = {part.strip().upper() for part in read.text.split(";")} - {""}
        return Decimal(len(codes))
    if read.number is None:
        return None
    return Decimal(read.number).quantize(_SIX_PLACES, ROUND_HALF_UP)


def _operand_value(name: str, counted: dict[str, Decimal | None]) -> Decimal | None:
    """The value of an operand; a ratio is derived as the warehouse does. None if it is unknown."""
    indicator = load_catalogue().indicators.get(name)
    if indicator is None or indicator.aggregation != "ratio":
        return counted.get(name)
    numerator = counted.get(indicator.numerator or "")
    denominator = counted.get(indicator.denominator or "")
    if numerator is None or not denominator:
        return None
    factor = 100 if indicator.unit == "%" else 1
    return (factor * numerator / denominator).quantize(_SIX_PLACES, ROUND_HALF_UP)

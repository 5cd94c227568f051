"""The catalogue: all seeds, each row in order and all of them in order with each other.

Belongs here: what rows of several seeds say of each other, and the seeds by code for whoever
needs them. The files in ``dbt_project/seeds`` are the one place of each fact; dbt loads the same
files. Doesn't belong here: what a single cell may hold (``seeds``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orchestration.core.seeds import (
    AttachmentType,
    CalendarYear,
    CodeSystem,
    Country,
    ErrorCode,
    Indicator,
    Industry,
    Measure,
    Region,
    Role,
    Rule,
    Scenario,
    SeedReader,
    TableColumn,
    Target,
    Task,
    TaskLevels,
    Threshold,
    Use,
    UseOfMeasure,
)
from orchestration.core.settings import PROJECT_ROOT

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "SEEDS",
    "CalendarYear",
    "Catalogue",
    "ErrorCode",
    "Indicator",
    "Measure",
    "Region",
    "ResultUse",
    "Rule",
    "Target",
    "Task",
    "UseMeasure",
    "load_catalogue",
    "read_catalogue",
]

SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"

#: What joins comparisons to a condition. A rule reads the operands of one unit, so no SELECT.
_KEYWORDS = frozenset(
    {"and", "between", "case", "else", "end", "false", "in", "is", "not", "null", "or", "then"}
    | {"true", "when"}
)

Ordered = TypeVar("Ordered", Measure, Region, Task, Use, UseOfMeasure)


@dataclass(frozen=True)
class UseMeasure:
    """A measure that speaks for a use of the results."""

    measure: Measure
    clause: str
    reason: str


@dataclass(frozen=True)
class ResultUse:
    """A use of the results with its measures, in order."""

    code: str
    name: str
    name_en: str
    caution: str
    measures: tuple[UseMeasure, ...]


@dataclass(frozen=True)
class Catalogue:
    """All seeds that Python needs, by code."""

    indicators: Mapping[str, Indicator]
    #: What stands for an amount or a rate of funding (seed ``indicator_roles``).
    roles: Mapping[str, Indicator]
    rules: Mapping[str, Rule]
    regions: Mapping[str, Region]
    tasks: Mapping[str, Task]
    targets: tuple[Target, ...]
    error_codes: Mapping[str, ErrorCode]
    countries: frozenset[str]
    code_systems: Mapping[str, str]
    #: What a report file of an extension begins with.
    attachment_types: Mapping[str, bytes]
    table_columns: tuple[TableColumn, ...]
    scenarios: Mapping[str, Scenario]
    thresholds: Mapping[str, Threshold]
    #: The measures of the scorecard, in order, and the uses of the results.
    measures: Mapping[str, Measure]
    uses: tuple[ResultUse, ...]
    calendar: Mapping[int, CalendarYear]

    def codes_of(self, indicator_code: str) -> frozenset[str]:
        """The codes that a ``code_list`` indicator may hold (seed ``indicator_code_systems``)."""
        if self.code_systems.get(indicator_code, "country") == "province":
            return frozenset(self.regions)
        return self.countries

    @property
    def money_unit(self) -> str:
        """The unit of all amounts of money, ``万元``."""
        return self.roles["received"].unit

    def operands_of(self, task_code: str | None) -> frozenset[str]:
        """The names that a rule of a task, or of every task, may use."""
        codes = [
            indicator.code
            for indicator in self.indicators.values()
            if indicator.task_code in (None, task_code)
        ]
        given = {prefix + code for code in codes for prefix in ("", "prev_", "target_")}
        return frozenset({"reporting_year", *given})


@cache
def load_catalogue() -> Catalogue:
    """The project's catalogue, read and checked once a process.

    Raises:
        UsageError: a seed is missing or broken: file, line, column, what was wanted, what is there.
    """
    return read_catalogue(SEEDS)


def read_catalogue(folder: Path, instead: Mapping[str, Path] | None = None) -> Catalogue:
    """Read and check seeds.

    Args:
        folder: where the files are.
        instead: seed → a file to read in place of the one in ``folder``.

    Raises:
        UsageError: a seed is missing or broken: file, line, column, what was wanted, what is there.
    """
    reader = SeedReader(folder, instead or {})
    scenarios, thresholds = reader.rows(Scenario), reader.rows(Threshold)
    reader.need(Scenario, "scenario", scenarios)
    reader.need(Threshold, "name", thresholds)
    code_systems, levels = reader.rows(CodeSystem), reader.rows(TaskLevels)
    uses, of_uses = reader.rows(Use), reader.rows(UseOfMeasure)
    reader.rows(Industry)
    measures = {row.column: row for row in _in_order(reader.rows(Measure))}
    indicators = {row.code: row for row in reader.rows(Indicator)}
    roles = reader.rows(Role)
    reader.need(Role, "role", roles)
    catalogue = Catalogue(
        indicators=indicators,
        roles={
            row.role: indicators[row.indicator_code]
            for row in roles
            if row.indicator_code in indicators
        },
        rules={row.rule_id: row for row in reader.rows(Rule)},
        regions={row.code: row for row in _in_order(reader.rows(Region))},
        tasks={row.code: row for row in _in_order(reader.rows(Task))},
        targets=tuple(reader.rows(Target)),
        error_codes={row.code: row for row in reader.rows(ErrorCode)},
        countries=frozenset(row.code for row in reader.rows(Country)),
        code_systems={row.indicator_code: row.code_system for row in code_systems},
        attachment_types={row.extension: row.magic for row in reader.rows(AttachmentType)},
        table_columns=tuple(reader.rows(TableColumn)),
        scenarios={row.scenario: row for row in scenarios},
        thresholds={row.name: row for row in thresholds},
        measures=measures,
        uses=tuple(_result_use(use, of_uses, measures) for use in _in_order(uses)),
        calendar={row.year: row for row in reader.rows(CalendarYear)},
    )
    # A row that names a broken one would be blamed for it: each kind of fault has its turn.
    reader.finish()
    _check_tasks(catalogue, levels, reader)
    _check_indicators(catalogue, reader)
    _check_roles(catalogue, roles, reader)
    _check_code_systems(catalogue, code_systems, reader)
    _check_uses(of_uses, {use.code for use in uses}, measures, reader)
    reader.finish()
    _check_rules(catalogue, reader)
    reader.finish()
    return catalogue


def _in_order(rows: Iterable[Ordered]) -> list[Ordered]:
    return sorted(rows, key=lambda row: row.display_order)


def _result_use(
    use: Use, of_uses: list[UseOfMeasure], measures: Mapping[str, Measure]
) -> ResultUse:
    own = [row for row in _in_order(of_uses) if row.use_code == use.code]
    said = (
        UseMeasure(measures[row.measure], row.clause, row.reason)
        for row in own
        if row.measure in measures
    )
    return ResultUse(use.code, use.name, use.name_en, use.caution, tuple(said))


def _check_tasks(catalogue: Catalogue, levels: list[TaskLevels], reader: SeedReader) -> None:
    """Every task that a row names is there."""
    common: list[Indicator | Rule] = [*catalogue.indicators.values(), *catalogue.rules.values()]
    for row in [*catalogue.targets, *levels, *common]:
        if row.task_code is not None and row.task_code not in catalogue.tasks:
            reader.fault(row, "task_code", "a task of tasks.csv", row.task_code)


def _check_indicators(catalogue: Catalogue, reader: SeedReader) -> None:
    """A ratio's parts are there and come from the same unit; all money has one unit."""
    money = None
    for row in catalogue.indicators.values():
        for column, code in (("numerator", row.numerator), ("denominator", row.denominator)):
            part = catalogue.indicators.get(code or "")
            if code is not None and not (
                part is not None
                and part.is_submitted
                and part.value_type != "code_list"
                and part.task_code in (None, row.task_code)
            ):
                wanted = "a submitted number of the same task, or a common one"
                reader.fault(row, column, wanted, code)
        if row.value_type == "amount":
            money = money or row.unit
            if row.unit != money:
                wanted = f"{money}, as in the first row that is an amount"
                reader.fault(row, "unit", wanted, row.unit)
    for row in catalogue.indicators.values():
        if row.value_type != "amount" and row.unit == money:
            reader.fault(row, "value_type", f"amount where the unit is {money}", row.value_type)


def _check_roles(catalogue: Catalogue, roles: list[Role], reader: SeedReader) -> None:
    """Amounts are amounts, and the rates divide by what the trace divides by."""
    code_of = {row.role: row.indicator_code for row in roles}
    parts = {
        "arrival_rate": (code_of.get("received"), code_of.get("planned")),
        "execution_rate": (code_of.get("spent"), code_of.get("received")),
    }
    for row in roles:
        indicator = catalogue.indicators.get(row.indicator_code)
        if row.role in parts:
            fits = indicator and (indicator.numerator, indicator.denominator) == parts[row.role]
            wanted = "a common ratio of {} to {}".format(*parts[row.role])
        else:
            fits = indicator and indicator.value_type == "amount"
            wanted = "a common amount"
        if not fits or indicator is None or indicator.task_code is not None:
            reader.fault(row, "indicator_code", wanted, row.indicator_code)


def _check_code_systems(
    catalogue: Catalogue, code_systems: list[CodeSystem], reader: SeedReader
) -> None:
    for row in code_systems:
        indicator = catalogue.indicators.get(row.indicator_code)
        if indicator is None or indicator.value_type != "code_list":
            wanted = "an indicator whose value_type is code_list"
            reader.fault(row, "indicator_code", wanted, row.indicator_code)


def _check_uses(
    of_uses: list[UseOfMeasure], uses: set[str], measures: Mapping[str, Measure], reader: SeedReader
) -> None:
    for row in of_uses:
        if row.use_code not in uses:
            reader.fault(row, "use_code", "a use of result_uses.csv", row.use_code)
        if row.measure not in measures:
            reader.fault(row, "measure", "a measure of scorecard_measures.csv", row.measure)


def _check_rules(catalogue: Catalogue, reader: SeedReader) -> None:
    """Every rule names what there is and is a condition that the engine can read."""
    import duckdb

    with duckdb.connect(config={"enable_external_access": "false", "threads": "1"}) as con:
        for rule in catalogue.rules.values():
            operands = catalogue.operands_of(rule.task_code)
            whose = f"of {rule.task_code} or a common one" if rule.task_code else "that is common"
            for code in rule.indicator_codes:
                if code not in operands:
                    reader.fault(rule, "indicator_codes", f"an indicator {whose}", code)
            for name in rule.names:
                if name not in operands:
                    wanted = f"reporting_year or an indicator {whose}, with prev_ or target_ or not"
                    reader.fault(rule, "expression", wanted, name)
            for keyword in sorted(rule.keywords - _KEYWORDS):
                reader.fault(rule, "expression", "a condition of one unit's values", keyword)
            if operands.issuperset(rule.names) and rule.keywords <= _KEYWORDS:
                for wanted in _misread(con, rule):
                    reader.fault(rule, "expression", wanted, rule.expression)
            looks_back = any(name.startswith("prev_") for name in rule.names)
            if rule.compares_with_last_year is not looks_back:
                wanted = f"{looks_back}".lower() + ", as the expression "
                wanted += "names prev_" if looks_back else "doesn't name prev_"
                found = str(rule.compares_with_last_year).lower()
                reader.fault(rule, "compares_with_last_year", wanted, found)


def _misread(con: duckdb.DuckDBPyConnection, rule: Rule) -> Iterator[str]:
    """What the engine has against an expression."""
    import duckdb

    operands = ["2024 as reporting_year"]
    operands += [
        f"cast(null as decimal(24, 6)) as {name}" for name in rule.names if name != "reporting_year"
    ]
    query = f"select typeof(({rule.expression})) from (select {', '.join(operands)})"
    try:
        kinds = con.execute(query).fetchone()
    except (duckdb.Error, ValueError) as error:
        yield f"a condition ({str(error).strip().splitlines()[0]})"
    else:
        if kinds != ("BOOLEAN",):
            yield "a condition, true or false"

"""The catalogue: all seeds, validated, by code.

Belongs here: checks across the rows of several seeds, and the validated seeds as one object. The
files in ``dbt_project/seeds`` are the only place of these facts; dbt loads the same files.
Doesn't belong here: the checks of single cells (``seeds``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orchestration.core.seeds import (
    AttachmentType,
    CalendarYear,
    Category,
    CodeLabel,
    CodeName,
    CodeSystem,
    ComparisonRule,
    ContradictionRule,
    Country,
    Denominator,
    ErrorCode,
    FieldLabel,
    IncomparableIndicator,
    Indicator,
    Industry,
    LevelName,
    Measure,
    ObservationRule,
    PublishedColumn,
    Region,
    Role,
    Rule,
    Sampling,
    Scenario,
    SeedReader,
    SeriesBreak,
    TableColumn,
    Target,
    Task,
    TaskLevels,
    Threshold,
    UnitOfMeasure,
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
    "use_catalogue",
]

SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"

#: The SQL keywords that a rule may use. A rule reads the values of one unit, so no SELECT.
_KEYWORDS = frozenset(
    {"and", "between", "case", "else", "end", "false", "in", "is", "not", "null", "or", "then"}
    | {"true", "when"}
)

#: The task whose categories are the industries.
_OF_INDUSTRIES = "T02"

Ordered = TypeVar(
    "Ordered",
    Category,
    CodeName,
    ContradictionRule,
    LevelName,
    Measure,
    ObservationRule,
    Region,
    Task,
    Use,
    UseOfMeasure,
)


@dataclass(frozen=True)
class UseMeasure:
    """A measure that is considered in a use of the results."""

    measure: Measure
    clause: str
    reason: str


@dataclass(frozen=True)
class ResultUse:
    """A use of the results with its measures in display order."""

    code: str
    name: str
    name_en: str
    caution: str
    measures: tuple[UseMeasure, ...]


@dataclass(frozen=True)
class Catalogue:
    """All seeds that Python needs, by code."""

    indicators: Mapping[str, Indicator]
    #: Role → the indicator with this amount or rate of funding (seed ``indicator_roles``).
    roles: Mapping[str, Indicator]
    rules: Mapping[str, Rule]
    regions: Mapping[str, Region]
    tasks: Mapping[str, Task]
    #: Level → its name, highest first.
    levels: Mapping[str, str]
    #: (task, category) → the category's name, in display order.
    categories: Mapping[tuple[str, str], str]
    targets: tuple[Target, ...]
    error_codes: Mapping[str, ErrorCode]
    countries: frozenset[str]
    code_systems: Mapping[str, str]
    #: Extension → the bytes that a report file begins with.
    attachment_types: Mapping[str, bytes]
    table_columns: tuple[TableColumn, ...]
    #: Column → code → its Chinese name, in display order, for codes without a table.
    code_names: Mapping[str, Mapping[str, str]]
    code_labels: tuple[CodeLabel, ...]
    units_of_measure: tuple[UnitOfMeasure, ...]
    field_labels: tuple[FieldLabel, ...]
    scenarios: Mapping[str, Scenario]
    thresholds: Mapping[str, Threshold]
    #: In the order in which they are tried.
    observation_rules: Mapping[str, ObservationRule]
    comparison_rules: Mapping[str, ComparisonRule]
    #: The kinds of contradictions, in display order.
    contradictions: Mapping[str, ContradictionRule]
    #: The indicators whose totals get no growth.
    incomparable: Mapping[str, IncomparableIndicator]
    #: (indicator, year) → what changed in its definition.
    breaks: Mapping[tuple[str, int], SeriesBreak]
    #: (table, column) → who may see it.
    policy: Mapping[tuple[str, str], PublishedColumn]
    #: The measures of the scorecard, in display order.
    measures: Mapping[str, Measure]
    uses: tuple[ResultUse, ...]
    calendar: Mapping[int, CalendarYear]

    def codes_of(self, indicator_code: str) -> frozenset[str]:
        """The valid codes of a ``code_list`` indicator (seed ``indicator_code_systems``)."""
        if self.code_systems.get(indicator_code, "country") == "province":
            return frozenset(self.regions)
        return self.countries

    def is_public(self, table: str, column: str) -> bool:
        """Whether everyone may have a column as data; a column without a row of the policy: no."""
        row = self.policy.get((table, column))
        return row is not None and row.access == "public"

    def is_shown(self, table: str, column: str) -> bool:
        """Whether pages and workbooks of an edition may show a column; without a row: no."""
        row = self.policy.get((table, column))
        return row is not None and row.access != "withheld"

    @property
    def money_unit(self) -> str:
        """The unit of all amounts of money, ``万元``."""
        return self.roles["received"].unit

    def operands_of(self, task_code: str | None) -> frozenset[str]:
        """The names that a rule of a task (or of every task, if None) may use."""
        codes = [
            indicator.code
            for indicator in self.indicators.values()
            if indicator.task_code in (None, task_code)
        ]
        names = {prefix + code for code in codes for prefix in ("", "prev_", "target_")}
        return frozenset({"reporting_year", *names})


_handed_over: Catalogue | None = None


@cache
def load_catalogue() -> Catalogue:
    """The project's catalogue, read and checked once in each process.

    Raises:
        UsageError: a seed is missing or invalid; the message names file, line, column, the valid
            values and the actual one.
    """
    return _handed_over or read_catalogue(SEEDS)


def use_catalogue(catalogue: Catalogue) -> None:
    """Use a catalogue that another process has read and checked, instead of the files.

    The checks need DuckDB, which a process that forks must not load.
    """
    global _handed_over
    _handed_over = catalogue


def read_catalogue(folder: Path, replacements: Mapping[str, Path] | None = None) -> Catalogue:
    """Read and check all seeds.

    Args:
        folder: the folder of the files.
        replacements: seed → a file that is read instead of the one in ``folder``.

    Raises:
        UsageError: a seed is missing or invalid; the message names file, line, column, the valid
            values and the actual one.
    """
    reader = SeedReader(folder, replacements or {})
    scenarios, thresholds = reader.rows(Scenario), reader.rows(Threshold)
    reader.require_all(Scenario, "scenario", scenarios)
    reader.require_all(Threshold, "name", thresholds)
    observation_rules, comparison_rules = reader.rows(ObservationRule), reader.rows(ComparisonRule)
    reader.require_all(ObservationRule, "rule", observation_rules)
    reader.require_all(ComparisonRule, "rule", comparison_rules)
    contradictions = reader.rows(ContradictionRule)
    reader.require_all(ContradictionRule, "contradiction", contradictions)
    code_systems, levels = reader.rows(CodeSystem), reader.rows(TaskLevels)
    uses, of_uses = reader.rows(Use), reader.rows(UseOfMeasure)
    categories = _in_order(reader.rows(Category))
    denominators = reader.rows(Denominator)
    samplings = reader.rows(Sampling)
    measures = {row.column: row for row in _in_order(reader.rows(Measure))}
    indicators = {row.code: row for row in reader.rows(Indicator)}
    roles = reader.rows(Role)
    reader.require_all(Role, "role", roles)
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
        levels={row.level: row.name_zh for row in _in_order(reader.rows(LevelName))},
        categories={
            **{(row.task_code, row.category): row.name_zh for row in categories},
            **{(_OF_INDUSTRIES, row.code): row.name_zh for row in reader.rows(Industry)},
        },
        targets=tuple(reader.rows(Target)),
        error_codes={row.code: row for row in reader.rows(ErrorCode)},
        countries=frozenset(row.code for row in reader.rows(Country)),
        code_systems={row.indicator_code: row.code_system for row in code_systems},
        attachment_types={row.extension: row.magic for row in reader.rows(AttachmentType)},
        table_columns=tuple(reader.rows(TableColumn)),
        code_names=_names_by_column(reader.rows(CodeName)),
        code_labels=tuple(reader.rows(CodeLabel)),
        units_of_measure=tuple(reader.rows(UnitOfMeasure)),
        field_labels=tuple(reader.rows(FieldLabel)),
        scenarios={row.scenario: row for row in scenarios},
        thresholds={row.name: row for row in thresholds},
        observation_rules={row.rule: row for row in _in_order(observation_rules)},
        comparison_rules={row.rule: row for row in comparison_rules},
        contradictions={row.contradiction: row for row in _in_order(contradictions)},
        incomparable={row.indicator_code: row for row in reader.rows(IncomparableIndicator)},
        breaks={(row.indicator_code, row.year): row for row in reader.rows(SeriesBreak)},
        policy={(r.table_name, r.column_name): r for r in reader.rows(PublishedColumn)},
        measures=measures,
        uses=tuple(_result_use(use, of_uses, measures) for use in _in_order(uses)),
        calendar={row.year: row for row in reader.rows(CalendarYear)},
    )
    # Each kind of fault is reported before the next check, because a valid row that refers to an
    # invalid one would be reported as well.
    reader.raise_faults()
    _check_tasks(catalogue, levels, samplings, reader)
    _check_indicators(catalogue, reader)
    _check_roles(catalogue, roles, reader)
    _check_code_systems(catalogue, code_systems, reader)
    _check_incomparable(catalogue, reader)
    _check_breaks(catalogue, reader)
    _check_denominators(catalogue, denominators, reader)
    _check_uses(of_uses, {use.code for use in uses}, measures, reader)
    reader.raise_faults()
    _check_rules(catalogue, reader)
    reader.raise_faults()
    return catalogue


def _names_by_column(rows: Iterable[CodeName]) -> dict[str, dict[str, str]]:
    names: dict[str, dict[str, str]] = {}
    for row in _in_order(rows):
        names.setdefault(row.column_name, {})[row.code] = row.name_zh
    return names


def _in_order(rows: Iterable[Ordered]) -> list[Ordered]:
    return sorted(rows, key=lambda row: row.display_order)


def _result_use(
    use: Use, of_uses: list[UseOfMeasure], measures: Mapping[str, Measure]
) -> ResultUse:
    own = [row for row in _in_order(of_uses) if row.use_code == use.code]
    considered = (
        UseMeasure(measures[row.measure], row.clause, row.reason)
        for row in own
        if row.measure in measures
    )
    return ResultUse(use.code, use.name, use.name_en, use.caution, tuple(considered))


def _check_tasks(
    catalogue: Catalogue, levels: list[TaskLevels], samplings: list[Sampling], reader: SeedReader
) -> None:
    """Check that every task that a row names exists, and that units of all tasks are sampled."""
    common: list[Indicator | Rule] = [*catalogue.indicators.values(), *catalogue.rules.values()]
    for row in [*catalogue.targets, *levels, *samplings, *common]:
        if row.task_code is not None and row.task_code not in catalogue.tasks:
            reader.add_fault(row, "task_code", "a task of tasks.csv", row.task_code)
    if None not in {row.task_code for row in samplings}:
        reader.require_row(Sampling, "task_code", "all tasks (an empty code)")


def _check_indicators(catalogue: Catalogue, reader: SeedReader) -> None:
    """Check that a ratio's parts exist and come from the same unit, and that money has one unit."""
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
                reader.add_fault(row, column, wanted, code)
        if row.value_type == "amount":
            money = money or row.unit
            if row.unit != money:
                wanted = f"{money}, as in the first row that is an amount"
                reader.add_fault(row, "unit", wanted, row.unit)
    for row in catalogue.indicators.values():
        if row.value_type != "amount" and row.unit == money:
            reader.add_fault(row, "value_type", f"amount where the unit is {money}", row.value_type)


def _check_roles(catalogue: Catalogue, roles: list[Role], reader: SeedReader) -> None:
    """Check that the amounts are amounts and that the rates are ratios of the right amounts."""
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
            reader.add_fault(row, "indicator_code", wanted, row.indicator_code)


def _check_incomparable(catalogue: Catalogue, reader: SeedReader) -> None:
    """Check that each kind of total fits the aggregation, and that no indicator is missing."""
    methods = {"maximum": "max", "distinct": "count_distinct", "repeated": "sum"}
    for row in catalogue.incomparable.values():
        indicator = catalogue.indicators.get(row.indicator_code)
        if indicator is None or indicator.aggregation != methods[row.kind]:
            wanted = f"an indicator whose aggregation is {methods[row.kind]}"
            reader.add_fault(row, "indicator_code", wanted, row.indicator_code)
    for indicator in catalogue.indicators.values():
        if (
            indicator.aggregation in ("max", "count_distinct")
            and indicator.code not in catalogue.incomparable
        ):
            wanted = "an aggregation that can be compared, or a row of incomparable_indicators.csv"
            reader.add_fault(indicator, "aggregation", wanted, indicator.aggregation)


def _check_breaks(catalogue: Catalogue, reader: SeedReader) -> None:
    for row in catalogue.breaks.values():
        if row.indicator_code not in catalogue.indicators:
            wanted = "an indicator of indicators.csv"
            reader.add_fault(row, "indicator_code", wanted, row.indicator_code)


def _check_denominators(
    catalogue: Catalogue, denominators: list[Denominator], reader: SeedReader
) -> None:
    for row in denominators:
        if row.province_code not in catalogue.regions:
            reader.add_fault(row, "province_code", "a province of regions.csv", row.province_code)
        if row.value <= 0:
            reader.add_fault(row, "value", "a number above 0", row.value)


def _check_code_systems(
    catalogue: Catalogue, code_systems: list[CodeSystem], reader: SeedReader
) -> None:
    for row in code_systems:
        indicator = catalogue.indicators.get(row.indicator_code)
        if indicator is None or indicator.value_type != "code_list":
            wanted = "an indicator whose value_type is code_list"
            reader.add_fault(row, "indicator_code", wanted, row.indicator_code)


def _check_uses(
    of_uses: list[UseOfMeasure], uses: set[str], measures: Mapping[str, Measure], reader: SeedReader
) -> None:
    for row in of_uses:
        if row.use_code not in uses:
            reader.add_fault(row, "use_code", "a use of result_uses.csv", row.use_code)
        if row.measure not in measures:
            reader.add_fault(row, "measure", "a measure of scorecard_measures.csv", row.measure)


def _check_rules(catalogue: Catalogue, reader: SeedReader) -> None:
    """Check that every rule names existing indicators and is a condition that DuckDB can read."""
    import duckdb

    readable: list[Rule] = []
    with duckdb.connect(config={"enable_external_access": "false", "threads": "1"}) as con:
        for rule in catalogue.rules.values():
            operands = catalogue.operands_of(rule.task_code)
            scope = f"of {rule.task_code} or a common one" if rule.task_code else "that is common"
            for code in rule.indicator_codes:
                if code not in operands:
                    reader.add_fault(rule, "indicator_codes", f"an indicator {scope}", code)
            for name in rule.names:
                if name not in operands:
                    wanted = f"reporting_year or an indicator {scope}, with prev_ or target_ or not"
                    reader.add_fault(rule, "expression", wanted, name)
            for keyword in sorted(rule.keywords - _KEYWORDS):
                reader.add_fault(rule, "expression", "a condition of one unit's values", keyword)
            if operands.issuperset(rule.names) and rule.keywords <= _KEYWORDS:
                readable.append(rule)
            looks_back = any(name.startswith("prev_") for name in rule.names)
            if rule.compares_with_last_year is not looks_back:
                wanted = f"{looks_back}".lower() + ", as the expression "
                wanted += "names prev_" if looks_back else "doesn't name prev_"
                found = str(rule.compares_with_last_year).lower()
                reader.add_fault(rule, "compares_with_last_year", wanted, found)
        # One query for all rules takes a tenth of the time of a query for each.
        if _condition_faults(con, readable):
            for rule in readable:
                for wanted in _condition_faults(con, [rule]):
                    reader.add_fault(rule, "expression", wanted, rule.expression)


def _condition_faults(con: duckdb.DuckDBPyConnection, rules: Sequence[Rule]) -> list[str]:
    """What expressions should be instead, if DuckDB can't evaluate them to true or false."""
    import duckdb

    names = {name for rule in rules for name in rule.names} - {"reporting_year"}
    operands = ["2024 as reporting_year"]
    operands += [f"cast(null as decimal(24, 6)) as {name}" for name in sorted(names)]
    kinds = ", ".join(f"typeof(({rule.expression}))" for rule in rules)
    try:
        found = con.execute(f"select {kinds} from (select {', '.join(operands)})").fetchone()
    except (duckdb.Error, ValueError) as error:
        return [f"a condition ({str(error).strip().splitlines()[0]})"]
    return [] if found and set(found) <= {"BOOLEAN"} else ["a condition, true or false"]

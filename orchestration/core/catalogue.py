"""A typed view of the seeds: tasks, indicators, rules, regions, targets, error codes, uses.

Belongs here: reading those CSV files, nothing else. The files in ``dbt_project/seeds`` are the
one place of each fact; dbt loads the same files.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from orchestration.core.errors import TongbaoError
from orchestration.core.settings import PROJECT_ROOT

__all__ = [
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
    "read_seed",
]

SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"


@dataclass(frozen=True)
class Indicator:
    """A row of ``indicators.csv``; ``task_code`` is None for the common ones."""

    code: str
    task_code: str | None
    name_zh: str
    name_en: str
    unit: str
    value_type: str
    aggregation: str
    numerator: str | None
    denominator: str | None
    hard_min: Decimal | None
    hard_max: Decimal | None
    is_submitted: bool
    is_required: bool
    stock_flow: str
    direction: str

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are allowed (contract §1, "Numbers")."""
        return self.value_type in {"count", "person_times", "person_days", "year"}


@dataclass(frozen=True)
class Rule:
    """A row of ``rules.csv``; ``task_code`` is None where a rule holds for every task."""

    rule_id: str
    task_code: str | None
    severity: str
    expression: str
    indicator_codes: tuple[str, ...]
    message_zh: str
    message_en: str
    fix_hint_zh: str


@dataclass(frozen=True)
class Region:
    """A row of ``regions.csv``: one of the 32 that report.

    Attributes:
        education_organ: how its education department is called.
        tile_row, tile_column: its place in the map of equal tiles, from the north-west.
    """

    code: str
    name: str
    short_name: str
    name_en: str
    display_order: int
    education_organ: str
    tile_row: int
    tile_column: int


@dataclass(frozen=True)
class Task:
    """A row of ``tasks.csv``."""

    code: str
    name: str
    name_en: str


@dataclass(frozen=True)
class Target:
    """A row of ``task_targets.csv``."""

    task_code: str
    level: str
    category: str | None
    target_count: int
    target_year: int


@dataclass(frozen=True)
class ErrorCode:
    """A row of ``error_codes.csv``: what a receipt says of a mistake."""

    code: str
    severity: str
    scope: str
    message_zh: str
    message_en: str
    fix_zh: str
    fix_en: str


@dataclass(frozen=True)
class Measure:
    """A row of ``scorecard_measures.csv``: a column of ``marts.province_scorecard``.

    Attributes:
        kind: ``rate`` (a fraction), ``score`` or ``count``.
        best: ``highest`` or ``lowest``: which value ranks first.
    """

    column: str
    name: str
    name_en: str
    kind: str
    best: str

    @property
    def rank_column(self) -> str:
        """Where its rank stands."""
        return f"{self.column}_rank"


@dataclass(frozen=True)
class UseMeasure:
    """A row of ``scorecard_uses.csv``: a measure that speaks for a use of the results."""

    measure: Measure
    clause: str
    reason: str


@dataclass(frozen=True)
class ResultUse:
    """A row of ``result_uses.csv`` with its measures, in order."""

    code: str
    name: str
    name_en: str
    caution: str
    measures: tuple[UseMeasure, ...]


@dataclass(frozen=True)
class Catalogue:
    """All seeds that Python needs, by code."""

    indicators: Mapping[str, Indicator]
    rules: Mapping[str, Rule]
    regions: Mapping[str, Region]
    tasks: Mapping[str, Task]
    targets: tuple[Target, ...]
    error_codes: Mapping[str, ErrorCode]
    countries: frozenset[str]
    code_systems: Mapping[str, str]
    #: What a report file of an extension begins with.
    attachment_types: Mapping[str, bytes]
    #: The measures of the scorecard, in order, and the five uses of the results.
    measures: Mapping[str, Measure]
    uses: tuple[ResultUse, ...]

    def codes_of(self, indicator_code: str) -> frozenset[str]:
        """The codes that a ``code_list`` indicator may hold (seed ``indicator_code_systems``)."""
        if self.code_systems.get(indicator_code, "country") == "province":
            return frozenset(self.regions)
        return self.countries


def read_seed(name: str, folder: Path = SEEDS) -> list[dict[str, str]]:
    """The rows of a seed, empty cells as empty strings.

    Raises:
        TongbaoError: the file is missing.
    """
    path = folder / f"{name}.csv"
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            return list(csv.DictReader(handle))
    except FileNotFoundError:
        raise TongbaoError(f"seed {path} is missing") from None


def _in_order(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(rows, key=lambda row: int(row["display_order"]))


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None


@cache
def load_catalogue(folder: Path = SEEDS) -> Catalogue:
    """Read the seeds once a process.

    Raises:
        TongbaoError: a seed is missing.
    """
    indicators = {
        row["indicator_code"]: Indicator(
            code=row["indicator_code"],
            task_code=row["task_code"] or None,
            name_zh=row["name_zh"],
            name_en=row["name_en"],
            unit=row["unit"],
            value_type=row["value_type"],
            aggregation=row["aggregation"],
            numerator=row["numerator"] or None,
            denominator=row["denominator"] or None,
            hard_min=_decimal(row["hard_min"]),
            hard_max=_decimal(row["hard_max"]),
            is_submitted=row["is_submitted"] == "true",
            is_required=row["is_required"] == "true",
            stock_flow=row["stock_flow"],
            direction=row["direction"],
        )
        for row in read_seed("indicators", folder)
    }
    rules = {
        row["rule_id"]: Rule(
            rule_id=row["rule_id"],
            task_code=row["task_code"] or None,
            severity=row["severity"],
            expression=row["expression"],
            indicator_codes=tuple(row["indicator_codes"].split(";")),
            message_zh=row["message_zh"],
            message_en=row["message_en"],
            fix_hint_zh=row["fix_hint_zh"],
        )
        for row in read_seed("rules", folder)
    }
    regions = {
        row["province_code"]: Region(
            row["province_code"],
            row["province_name"],
            row["short_name"],
            row["province_name_en"],
            int(row["display_order"]),
            row["education_organ"],
            int(row["tile_row"]),
            int(row["tile_column"]),
        )
        for row in read_seed("regions", folder)
    }
    tasks = {
        row["task_code"]: Task(row["task_code"], row["task_name"], row["task_name_en"])
        for row in read_seed("tasks", folder)
    }
    targets = tuple(
        Target(
            row["task_code"],
            row["level"],
            row["category"] or None,
            int(row["target_count"]),
            int(row["target_year"]),
        )
        for row in read_seed("task_targets", folder)
    )
    error_codes = {row["code"]: ErrorCode(**row) for row in read_seed("error_codes", folder)}
    countries = frozenset(row["country_code"] for row in read_seed("countries", folder))
    code_systems = {
        row["indicator_code"]: row["code_system"]
        for row in read_seed("indicator_code_systems", folder)
    }
    attachment_types = {
        row["extension"]: bytes.fromhex(row["magic_hex"])
        for row in read_seed("attachment_types", folder)
    }
    measures = {
        row["measure"]: Measure(
            row["measure"], row["name_zh"], row["name_en"], row["kind"], row["best"]
        )
        for row in _in_order(read_seed("scorecard_measures", folder))
    }
    of_uses = _in_order(read_seed("scorecard_uses", folder))
    uses = tuple(
        ResultUse(
            use["use_code"],
            use["name_zh"],
            use["name_en"],
            use["caution_zh"],
            tuple(
                UseMeasure(measures[row["measure"]], row["clause"], row["reason_zh"])
                for row in of_uses
                if row["use_code"] == use["use_code"]
            ),
        )
        for use in _in_order(read_seed("result_uses", folder))
    )
    return Catalogue(
        indicators,
        rules,
        regions,
        tasks,
        targets,
        error_codes,
        countries,
        code_systems,
        attachment_types,
        measures,
        uses,
    )

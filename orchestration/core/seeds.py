"""The seeds as typed rows, and the checks of each cell.

Belongs here: a model for each file of ``dbt_project/seeds`` that Python reads, and the reader of
these files. A cell is accepted only if Python and dbt read the same value from it. Doesn't belong
here: checks across the rows of several seeds (``catalogue``).
"""

from __future__ import annotations

import csv
import re
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic import ValidationInfo as Info
from pydantic_core import PydanticCustomError

from orchestration.core.errors import UsageError
from orchestration.core.settings import PROJECT_ROOT

__all__ = [
    "AttachmentType",
    "CalendarYear",
    "CodeLabel",
    "CodeName",
    "CodeSystem",
    "ComparisonRule",
    "Country",
    "Denominator",
    "ErrorCode",
    "Fault",
    "FieldLabel",
    "IncomparableIndicator",
    "Indicator",
    "Industry",
    "Measure",
    "ObservationRule",
    "PublishedColumn",
    "Region",
    "Role",
    "Row",
    "Rule",
    "Sampling",
    "Scenario",
    "SeedReader",
    "SeriesBreak",
    "TableColumn",
    "Target",
    "Task",
    "TaskLevels",
    "Threshold",
    "UnitOfMeasure",
    "Use",
    "UseOfMeasure",
]

#: One error message lists at most ten faults: they fit on a screen.
_LISTED = 10


def _wanted(what: str) -> PydanticCustomError:
    return PydanticCustomError("wanted", "{what}", {"what": what})


def _matching(pattern: str, what: str) -> BeforeValidator:
    """A validator for texts that match a pattern completely."""
    compiled = re.compile(pattern)

    def check(cell: Any) -> Any:
        if not compiled.fullmatch(cell):
            raise _wanted(what)
        return cell

    return BeforeValidator(check)


def _converted(convert: Callable[[str], Any], what: str) -> BeforeValidator:
    """A validator that converts a cell; ``convert`` raises KeyError or ValueError."""

    def check(cell: Any) -> Any:
        try:
            return convert(cell) if isinstance(cell, str) else cell
        except (KeyError, ValueError):
            raise _wanted(what) from None

    return BeforeValidator(check)


def _codes(cell: str) -> tuple[str, ...]:
    codes = tuple(cell.split(";"))
    if not all(map(re.compile(_INDICATOR).fullmatch, codes)) or len(set(codes)) < len(codes):
        raise ValueError(cell)
    return codes


def _days(cell: str) -> tuple[int, ...]:
    days = {int(day) for day in cell.split(";")}
    if min(days) < 1:
        raise ValueError(cell)
    return tuple(sorted(days, reverse=True))


_INDICATOR = r"[A-Z][A-Z0-9]*_[0-9]+"

Text = Annotated[str, _matching(r"(?s).+", "a text")]
Name = Annotated[str, _matching(r"[a-z][a-z0-9_]*", "a name of small letters, digits and _")]
IndicatorCode = Annotated[str, _matching(_INDICATOR, "an indicator code such as T05_01 or C_04")]
IndicatorCodes = Annotated[
    tuple[str, ...], _converted(_codes, "different indicator codes joined by ;")
]
TaskCode = Annotated[str, _matching(r"T[0-9]{2}", "a task code such as T05")]
ProvinceCode = Annotated[
    str, _matching(r"(?!000000)[0-9]{6}", "six digits such as 440000 (000000 is the ministry)")
]
Hexadecimal = Annotated[bytes, _converted(bytes.fromhex, "bytes as hexadecimal digits")]
#: Only the spellings that dbt and Python read as the same value.
Flag = Annotated[bool, _converted({"true": True, "false": False}.__getitem__, "true or false")]
Whole = Annotated[int, _matching(r"0|[1-9][0-9]{0,8}", "a whole number")]
#: A DECIMAL(24, 6), the type that dbt loads.
Number = Annotated[
    Decimal, _matching(r"-?[0-9]{1,18}(\.[0-9]{1,6})?", "a number of at most six decimals")
]
Fraction = Annotated[
    Decimal, _matching(r"0(\.[0-9]{1,6})?|1", "a fraction from 0 to 1 of at most six decimals")
]
Moment = Annotated[
    datetime, _converted(datetime.fromisoformat, "a Beijing time such as 2024-12-15 00:00:00")
]
Day = Annotated[date, _converted(date.fromisoformat, "a date such as 2024-12-15")]
Hour = Annotated[time, _converted(time.fromisoformat, "a time of day such as 06:00:00")]
Days = Annotated[tuple[int, ...], _converted(_days, "whole days, 1 or more, joined by ;")]
#: A week at most: a longer one would leave no time between the cut-off and the bulletins.
Hours = Annotated[
    int, _matching(r"[0-9]{1,2}|1[0-5][0-9]|16[0-8]", "whole hours from 0 to 168, or nothing")
]
Level = Literal["school", "municipal", "provincial", "national"]


class Row(BaseModel):
    """A row of a seed. The fields are its columns; an empty cell gives the field's default.

    Attributes:
        seed: the file's name without extension.
        keys: each a combination of columns whose values must be unique.
        may_be_empty: whether the file may have a header alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, defer_build=True)

    seed: ClassVar[str]
    keys: ClassVar[tuple[tuple[str, ...], ...]]
    may_be_empty: ClassVar[bool] = False
    #: The row's line in the file, for messages.
    _line: int = PrivateAttr(default=0)

    @classmethod
    def columns(cls) -> dict[str, str]:
        """Column name → field name."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}


class Indicator(Row):
    """An indicator of the catalogue; ``task_code`` is None for common indicators."""

    seed = "indicators"
    keys = (("indicator_code",),)

    code: IndicatorCode = Field(alias="indicator_code")
    task_code: TaskCode | None = None
    name_zh: Text
    name_en: Text
    unit: Text
    value_type: Literal[
        "count", "person_times", "person_days", "year", "amount", "percent", "ratio", "yesno",
        "code_list",
    ]  # fmt: skip
    aggregation: Literal["sum", "ratio", "mean", "max", "count_true", "count_distinct", "none"]
    numerator: IndicatorCode | None = None
    denominator: IndicatorCode | None = None
    hard_min: Number | None = None
    hard_max: Number | None = None
    is_submitted: Flag
    is_required: Flag
    stock_flow: Literal["stock", "flow", "derived"]
    direction: Literal["higher", "lower"]
    provenance: Literal["grounded", "analogue", "recalled", "proposed"]
    source: Text
    notes: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are allowed (contract §1, "Numbers")."""
        return self.value_type in {"count", "person_times", "person_days", "year"}

    @field_validator("task_code")
    @classmethod
    def _begins_the_code(cls, task_code: str | None, info: Info) -> str | None:
        code = info.data.get("code")
        if code and not code.startswith(f"{task_code or 'C'}_"):
            raise _wanted("what the indicator_code begins with, or nothing for C_")
        return task_code

    @field_validator("value_type")
    @classmethod
    def _suits_the_unit(cls, value_type: str, info: Info) -> str:
        if value_type == "percent" and info.data.get("unit", "%") != "%":
            raise _wanted("percent only where the unit is %")
        return value_type

    @field_validator("aggregation")
    @classmethod
    def _can_be_computed(cls, aggregation: str, info: Info) -> str:
        value_type = info.data.get("value_type")
        only = {"ratio": "ratio", "yesno": "count_true", "code_list": "count_distinct"}
        # Percentages can't be added up because units differ in size; years can't either.
        others = ("max", "none") if value_type == "year" else ("mean", "max", "none")
        if value_type not in ("percent", "year"):
            others = ("sum", *others)
        fitting = (only[value_type],) if value_type in only else others
        if value_type is not None and aggregation not in fitting:
            raise _wanted(f"{_listed(fitting)} for the value_type {value_type}")
        return aggregation

    @field_validator("numerator", "denominator")
    @classmethod
    def _belong_to_a_ratio(cls, code: str | None, info: Info) -> str | None:
        is_ratio = info.data.get("aggregation", ...) == "ratio"
        if "aggregation" in info.data and is_ratio is (code is None):
            raise _wanted(
                "an indicator code for a ratio" if is_ratio else "nothing: it is not a ratio"
            )
        return code

    @field_validator("hard_max")
    @classmethod
    def _is_not_below_hard_min(cls, hard_max: Decimal | None, info: Info) -> Decimal | None:
        hard_min = info.data.get("hard_min")
        if hard_max is not None and hard_min is not None and hard_max < hard_min:
            raise _wanted(f"at least the hard_min of {hard_min}")
        return hard_max

    @field_validator("is_submitted")
    @classmethod
    def _is_not_derived(cls, is_submitted: bool, info: Info) -> bool:
        if "aggregation" in info.data and is_submitted is (info.data["aggregation"] == "ratio"):
            raise _wanted("false for a ratio, which is derived, and true for all others")
        return is_submitted

    @field_validator("stock_flow")
    @classmethod
    def _is_derived_for_ratios(cls, stock_flow: str, info: Info) -> str:
        is_ratio = info.data.get("aggregation") == "ratio"
        if "aggregation" in info.data and is_ratio is not (stock_flow == "derived"):
            raise _wanted("derived for a ratio" if is_ratio else "stock or flow for all but ratios")
        return stock_flow


class Role(Row):
    """The role of an indicator in the rates and sentences about funding."""

    seed = "indicator_roles"
    keys = (("role",), ("indicator_code",))

    role: Literal[
        "planned", "received", "from_enterprises", "spent", "arrival_rate", "execution_rate"
    ]
    indicator_code: IndicatorCode
    reason_zh: Text
    reason_en: Text


class Rule(Row):
    """A cross-check rule; ``task_code`` is None if it applies to every task."""

    seed = "rules"
    keys = (("rule_id",),)

    rule_id: Annotated[str, _matching(r"[A-Z][A-Z0-9]*(_[0-9]+)?", "a rule id such as R05_07")]
    task_code: TaskCode | None = None
    category: Literal[
        "part_whole", "composition", "stock_identity", "stock_flow", "frozen", "range", "threshold",
        "conditional", "quotient", "zero_activity", "yoy_change", "plan_change", "unit_scale",
    ]  # fmt: skip
    severity: Literal["blocking", "warning"]
    expression: Text
    indicator_codes: IndicatorCodes
    compares_with_last_year: Flag
    message_zh: Text
    message_en: Text
    fix_hint_zh: str = ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names in the expression except functions, sorted; in a valid rule, its operands."""
        tokens = self._tokens
        return tuple(
            sorted(
                {
                    text
                    for (text, kind), (after, _) in zip(
                        tokens, [*tokens[1:], ("", "")], strict=True
                    )
                    if kind == "identifier" and after != "("
                }
            )
        )

    @cached_property
    def keywords(self) -> frozenset[str]:
        """The SQL keywords of the expression, in lower case."""
        return frozenset(text.lower() for text, kind in self._tokens if kind == "keyword")

    @cached_property
    def divides(self) -> bool:
        """Whether the expression has a division.

        Engines differ in the type of a quotient of decimals and in what a division by zero is.
        """
        return any((text, kind) == ("/", "operator") for text, kind in self._tokens)

    @property
    def _tokens(self) -> list[tuple[str, str]]:
        """Text and kind of each token of the expression, from DuckDB's tokenizer."""
        import duckdb

        starts = duckdb.tokenize(self.expression)
        ends = [start for start, _ in starts[1:]] + [len(self.expression)]
        return [
            (self.expression[start:end].strip(), kind.name)
            for (start, kind), end in zip(starts, ends, strict=True)
        ]

    @field_validator("indicator_codes")
    @classmethod
    def _is_one_for_unit_scale(cls, codes: tuple[str, ...], info: Info) -> tuple[str, ...]:
        # int_suspicions doesn't report the indicator of such a rule a second time; it reads one.
        if info.data.get("category") == "unit_scale" and len(codes) > 1:
            raise _wanted("one indicator code for the category unit_scale")
        return codes


class Region(Row):
    """A provincial-level region that reports.

    Attributes:
        education_organ: the name of its education department.
        tile_row, tile_column: its position in the map of equal tiles, from the north-west.
    """

    seed = "regions"
    keys = (("province_code",), ("display_order",), ("short_name",), ("tile_row", "tile_column"))

    code: ProvinceCode = Field(alias="province_code")
    name: Text = Field(alias="province_name")
    short_name: Text
    name_en: Text = Field(alias="province_name_en")
    area: Text
    display_order: Whole
    education_organ: Text
    tile_row: Whole
    tile_column: Whole


class Task(Row):
    """A key task."""

    seed = "tasks"
    keys = (("task_code",), ("display_order",))

    code: TaskCode = Field(alias="task_code")
    name: Text = Field(alias="task_name")
    name_en: Text = Field(alias="task_name_en")
    display_order: Whole


class TaskLevels(Row):
    """The levels at which a task has units, in words."""

    seed = "levels"
    keys = (("task_code",),)

    task_code: TaskCode
    levels: Text
    reporting_unit: Text
    notes: str = ""


class LevelName(Row):
    """A level of units, highest first."""

    seed = "level_names"
    keys = (("level",), ("display_order",))

    level: Level
    display_order: Whole
    name_zh: Text
    name_en: Text


class Category(Row):
    """A category of a task's units; those of task T02 are the industries."""

    seed = "categories"
    keys = (("task_code", "category"), ("task_code", "display_order"))

    task_code: TaskCode
    category: Name
    display_order: Whole
    name_zh: Text
    name_en: Text


class Target(Row):
    """The number of units of a level and category that a task must reach."""

    seed = "task_targets"
    keys = (("task_code", "level", "category"),)

    task_code: TaskCode
    level: Level
    category: Name | None = None
    target_count: Whole
    target_year: Whole
    source: Text


class Industry(Row):
    """An industry of the communities of industry and education."""

    seed = "industries"
    keys = (("code",),)

    code: Annotated[str, _matching(r"[A-Z]+[0-9]+", "an industry code such as IND01")]
    name_zh: Text
    name_en: Text
    batch: Literal["first", "planned", "other"]
    source: Text


class ErrorCode(Row):
    """An error code and the text that a receipt prints for it."""

    seed = "error_codes"
    keys = (("code",),)

    code: Annotated[str, _matching(r"[A-Z][0-9]{3}", "a code such as E203")]
    severity: Literal["error", "warning"]
    scope: Literal["object", "document", "value"]
    message_zh: Text
    message_en: Text
    fix_zh: Text
    fix_en: Text

    @field_validator("message_en")
    @classmethod
    def _has_the_same_placeholders(cls, message: str, info: Info) -> str:
        try:
            if _placeholders(info.data.get("message_zh", message)) == _placeholders(message):
                return message
        except ValueError:
            pass
        raise _wanted("the placeholders of message_zh, each in braces")


class CodeSystem(Row):
    """The code system of an indicator with the value type ``code_list``."""

    seed = "indicator_code_systems"
    keys = (("indicator_code",),)

    indicator_code: IndicatorCode
    code_system: Literal["province", "country"]


class Country(Row):
    """A country or region of ISO 3166-1."""

    seed = "countries"
    keys = (("country_code",),)

    code: Annotated[str, _matching(r"[A-Z]{3}", "three capital letters")] = Field(
        alias="country_code"
    )
    name: Text = Field(alias="country_name")
    name_en: Text = Field(alias="country_name_en")


class AttachmentType(Row):
    """A permitted extension of report files, and the bytes that such a file begins with."""

    seed = "attachment_types"
    keys = (("extension",),)

    extension: Name
    magic: Hexadecimal = Field(alias="magic_hex")
    name_zh: Text
    source: Text


class TableColumn(Row):
    """A column of a submitted table; ``document_type`` is ``*`` for every type.

    Attributes:
        kind: how a cell is read. A ``note`` is for the person who fills in the form and is not
            read.
    """

    seed = "table_columns"
    keys = (("document_type", "column_name"),)

    document_type: Annotated[str, _matching(r"\*|[a-z_]+", "a document type or *")]
    column_name: Name
    kind: Literal["text", "number", "moment", "date", "boolean", "members", "note"]
    label_zh: Text
    label_en: Text

    def belongs_to(self, document_type: str) -> bool:
        """Whether tables of a document type have this column."""
        return self.document_type in ("*", document_type)


class CodeLabel(Row):
    """A Chinese label that people write instead of a code."""

    seed = "code_labels"
    keys = (("column_name", "label_zh"),)

    column_name: Name
    label: Text = Field(alias="label_zh")
    code: Name


class UnitOfMeasure(Row):
    """A way of writing a unit of measure, other than those of the catalogue.

    Attributes:
        unit: the unit that is meant, as the catalogue writes it.
    """

    seed = "units_of_measure"
    keys = (("written",),)

    written: Text
    unit: Text
    is_money: Flag


class FieldLabel(Row):
    """The name for people of a field of JSON documents that no table has as a column."""

    seed = "field_labels"
    keys = (("document_type", "field_name"),)

    document_type: Name
    field_name: Name
    label: Text = Field(alias="label_zh")


class Scenario(Row):
    """An assumption about unsettled values; ``quality.figure_sensitivity`` computes each."""

    seed = "sensitivity_scenarios"
    keys = (("scenario",),)

    scenario: Literal["warned_out", "late_in", "missing_as_last_year"]
    name_zh: Text
    name_en: Text


class Threshold(Row):
    """A threshold of the statistical screening, used in ``int_suspicions``."""

    seed = "suspicion_thresholds"
    keys = (("name",),)

    name: Literal[
        "least_peers", "slip_low", "slip_high", "fraction_highest", "fraction_reference",
        "outlier_factor", "jump_factor", "jump_least", "jump_peers_factor", "identical_least",
        "round_least", "round_from",
    ]  # fmt: skip
    value: Number
    reason_zh: Text
    reason_en: Text


class Sampling(Row):
    """How the units of a task that are to be verified are chosen, for ``verification_sample``.

    Attributes:
        task_code: None for all tasks without a row of their own.
        share: of the units that reported, as a fraction.
        least_units: least number of units.
        doubtful_share, large_share: shares of the sample for units with findings about their
            values, and for those with the largest funding; the rest is drawn.
        seed: of the lot.
    """

    seed = "verification_sampling"
    keys = (("task_code",),)

    task_code: TaskCode | None = None
    share: Fraction
    least_units: Whole
    doubtful_share: Fraction
    large_share: Fraction
    lot_seed: Whole = Field(alias="seed")
    reason_zh: Text
    reason_en: Text

    @field_validator("large_share")
    @classmethod
    def _leaves_a_share_to_the_lot(cls, share: Decimal, info: Info) -> Decimal:
        if share + info.data.get("doubtful_share", Decimal(0)) > 1:
            raise _wanted("at most 1 together with doubtful_share")
        return share


class ObservationRule(Row):
    """A rule that sets ``observation_status``, used in the macro ``aggregate_rules``.

    Attributes:
        status: a code of SDMX.
        threshold: a number or share of units; None for rules without one.
    """

    seed = "observation_rules"
    keys = (("rule",), ("display_order",))

    rule: Literal["no_value", "few_units", "low_coverage", "broken_series", "provisional", "normal"]
    display_order: Whole
    status: Literal["A", "P", "U", "B", "M"] = Field(alias="observation_status")
    threshold: Number | None = None
    reason_zh: Text
    reason_en: Text


class ComparisonRule(Row):
    """A threshold of what may be compared, used in the macro ``aggregate_rules``."""

    seed = "comparison_rules"
    keys = (("rule",),)

    rule: Literal[
        "least_matched_units", "least_matched_share", "chance_deviations", "composition_effect"
    ]
    threshold: Number
    reason_zh: Text
    reason_en: Text


class ContradictionRule(Row):
    """A kind of contradiction, used in ``quality.contradictions``.

    Attributes:
        comparison: how the observed share is compared with the threshold; None for a fact.
        threshold: a share, as a fraction; None for a fact.
        least_cases: least number of cases of which the share is taken; None for a fact.
    """

    seed = "contradiction_rules"
    keys = (("contradiction",), ("display_order",))

    contradiction: Literal[
        "assessed_not_reported", "excellent_short_of_targets", "failed_on_targets",
        "excellent_though_warned", "identical_values", "national_watched", "grades_alike",
    ]  # fmt: skip
    display_order: Whole
    comparison: Literal["below", "at_least"] | None = None
    threshold: Number | None = None
    least_cases: Whole | None = None
    title_zh: Text
    title_en: Text
    reason_zh: Text
    reason_en: Text


class IncomparableIndicator(Row):
    """An indicator whose total gets no growth, and why."""

    seed = "incomparable_indicators"
    keys = (("indicator_code",),)

    indicator_code: IndicatorCode
    kind: Literal["maximum", "distinct", "repeated"]
    reason_zh: Text
    reason_en: Text


class SeriesBreak(Row):
    """A year in which an indicator's definition changed, and what changed."""

    seed = "series_breaks"
    keys = (("indicator_code", "year"),)
    may_be_empty = True

    indicator_code: IndicatorCode
    year: Whole
    reason_zh: Text
    reason_en: Text


class Denominator(Row):
    """A public figure of a province that rates per head divide by, and where it is published."""

    seed = "province_denominators"
    keys = (("year", "province_code", "denominator"),)
    may_be_empty = True

    year: Whole
    province_code: ProvinceCode
    denominator: Literal["students", "schools", "population"]
    value: Number
    source: Text


class CodeName(Row):
    """The names of a code that has no dimension of its own."""

    seed = "code_names"
    keys = (("column_name", "code"), ("column_name", "display_order"))

    column_name: Name
    code: Text
    display_order: Whole
    name_zh: Text
    name_en: Text


class PublishedColumn(Row):
    """Who may see a column of the lake, and on which legal ground.

    Attributes:
        access: ``public`` for everyone; ``restricted`` for the pages and workbooks of an edition,
            and not for its open data and API; ``withheld`` for nobody outside the lake, but for
            the bulletins, whose content the notice decides.
    """

    seed = "publication_policy"
    keys = (("table_name", "column_name"),)

    table_name: Name
    column_name: Name
    access: Literal["public", "restricted", "withheld"]
    ground_zh: Text
    ground_en: Text


class Measure(Row):
    """A measure of the scorecard: a column of ``marts.province_scorecard``.

    Attributes:
        kind: ``rate`` (a fraction), ``score`` or ``count``.
        best: ``highest`` or ``lowest``: which value ranks first.
    """

    seed = "scorecard_measures"
    keys = (("measure",), ("display_order",))

    column: Name = Field(alias="measure")
    display_order: Whole
    name: Text = Field(alias="name_zh")
    name_en: Text
    kind: Literal["rate", "score", "count"]
    best: Literal["highest", "lowest"]

    @property
    def rank_column(self) -> str:
        """The column with the ranks of this measure."""
        return f"{self.column}_rank"


class Use(Row):
    """A use of the results."""

    seed = "result_uses"
    keys = (("use_code",), ("display_order",))

    code: Name = Field(alias="use_code")
    display_order: Whole
    name: Text = Field(alias="name_zh")
    name_en: Text
    caution: Text = Field(alias="caution_zh")
    caution_en: Text


class UseOfMeasure(Row):
    """A measure that is considered in a use of the results."""

    seed = "scorecard_uses"
    keys = (("use_code", "measure"), ("use_code", "display_order"))

    use_code: Name
    display_order: Whole
    measure: Name
    clause: Text
    reason: Text = Field(alias="reason_zh")
    reason_en: Text


class CalendarYear(Row):
    """The windows of a reporting year, in Beijing time.

    A blank cut-off is 15 December 00:00 and a blank publication date 15 December (contract §1:
    "before 15 December").
    """

    seed = "reporting_calendar"
    keys = (("year",),)

    year: Whole
    collection_opens: Moment
    submission_cutoff: Moment
    #: 06:00: some hours after the cut-off at midnight, and early enough that the morning remains
    #: for the gate's findings.
    publication_time: Hour = time(6, 0)
    publication_date: Day
    correction_cutoff: Moment | None = None
    #: A unit needs two weeks for its numbers and a province one week for its assessments; on the
    #: last day, finished documents can still be sent.
    reminder_days: Days = (14, 7, 1)
    #: A platform that exports in batches may need hours; None: ``submitted_at`` alone counts.
    transfer_hours: Hours | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_blanks_from_the_notice(cls, cells: dict[str, Any]) -> dict[str, Any]:
        year = cells.get("year")
        return {
            "collection_opens": f"{year}-07-01 00:00:00",
            "submission_cutoff": f"{year}-12-15 00:00:00",
            "publication_date": f"{year}-12-15",
            **cells,
        }

    @field_validator("submission_cutoff")
    @classmethod
    def _comes_after_the_opening(cls, cutoff: datetime, info: Info) -> datetime:
        if "collection_opens" in info.data and cutoff <= info.data["collection_opens"]:
            raise _wanted(f"a moment after the collection opens ({info.data['collection_opens']})")
        return cutoff

    @field_validator("publication_date")
    @classmethod
    def _comes_after_the_cutoff(cls, day: date, info: Info) -> date:
        cutoff, hour = info.data.get("submission_cutoff"), info.data.get("publication_time")
        if cutoff and hour is not None and datetime.combine(day, hour) < cutoff:
            raise _wanted(f"a day whose {hour} is not before the cut-off ({cutoff})")
        return day

    @field_validator("correction_cutoff")
    @classmethod
    def _comes_after_publication(cls, cutoff: datetime | None, info: Info) -> datetime | None:
        day, hour = info.data.get("publication_date"), info.data.get("publication_time")
        if cutoff and day and hour is not None and cutoff <= datetime.combine(day, hour):
            raise _wanted("a moment after the publication, or nothing")
        return cutoff


@dataclass(frozen=True)
class Fault:
    """An invalid cell of a seed.

    Attributes:
        path: the file.
        line: the row's line in the file; the header is line 1.
        column: the column's name in the file; "" for the whole row.
        wanted: a description of valid values.
        found: the actual value; "" for an empty cell.
    """

    path: Path
    line: int
    column: str
    wanted: str
    found: str = ""

    def __str__(self) -> str:
        path = self.path
        if path.is_relative_to(PROJECT_ROOT):
            path = path.relative_to(PROJECT_ROOT)
        place = f", {self.column}" if self.column else ""
        found = repr(self.found) if self.found else "nothing"
        return f"{path} line {self.line}{place}: wanted {self.wanted}, found {found}"


AnyRow = TypeVar("AnyRow", bound=Row)


class SeedReader:
    """Reads seeds and collects all their faults, so that one error reports them together.

    Args:
        folder: the folder of the files.
        replacements: seed → a file that is read instead of the one in ``folder``.
    """

    def __init__(self, folder: Path, replacements: Mapping[str, Path]) -> None:
        self._folder = folder
        self._replacements = replacements
        self._faults: list[Fault] = []

    def path(self, seed: str) -> Path:
        """The file that a seed is read from."""
        return self._replacements.get(seed, self._folder / f"{seed}.csv")

    def add_fault(self, row: Row, column: str, wanted: str, found: object) -> None:
        """Record that a cell contradicts other rows."""
        path = self.path(row.seed)
        self._faults.append(Fault(path, row._line, column, wanted, str(found)))

    def rows(self, model: type[AnyRow]) -> list[AnyRow]:
        """Read a seed and return its valid rows; faults of the others are recorded.

        Raises:
            UsageError: the file is missing, is not UTF-8 text or is not a CSV table with the
                columns of the model.
        """
        path = self.path(model.seed)
        found: list[AnyRow] = []
        for line, cells in _records(path, model):
            for column, cell in cells.items():
                if cell != cell.strip():
                    wanted = "no blanks at the start or end"
                    self._faults.append(Fault(path, line, column, wanted, cell))
            given = {column: cell for column, cell in cells.items() if cell}
            try:
                row = model.model_validate(given)
                row._line = line
                found.append(row)
            except ValidationError as error:
                for detail in error.errors():
                    column = str(detail["loc"][0])
                    cell = cells.get(column, "")
                    self._faults.append(Fault(path, line, column, _wanted_in(detail), cell))
        self._check_keys(model, found)
        return found

    def _check_keys(self, model: type[AnyRow], rows: list[AnyRow]) -> None:
        columns = model.columns()
        for key in model.keys:
            seen: dict[tuple[Any, ...], int] = {}
            for row in rows:
                cells = tuple(getattr(row, columns[column]) for column in key)
                first = seen.setdefault(cells, row._line)
                if first != row._line:
                    found = ", ".join(str(cell) for cell in cells if cell is not None)
                    wanted = f"a value that no other row has (line {first} has it)"
                    self.add_fault(row, " and ".join(key), wanted, found)

    def require_all(self, model: type[Row], field: str, rows: list[AnyRow]) -> None:
        """Check that each value of a ``Literal`` field has a row; queries would read NULL."""
        for name in get_args(model.model_fields[field].annotation):
            if all(getattr(row, field) != name for row in rows):
                self.require_row(model, field, name)

    def require_row(self, model: type[Row], column: str, wanted: str) -> None:
        """Record that a seed lacks a row."""
        self._faults.append(Fault(self.path(model.seed), 1, column, f"a row for {wanted}"))

    def raise_faults(self) -> None:
        """Report the faults that have been recorded.

        Raises:
            UsageError: there are any; one line names the first ones by file and line.
        """
        if self._faults:
            ordered = sorted(self._faults, key=lambda fault: (str(fault.path), fault.line))
            more = len(ordered) - _LISTED
            listed = "; ".join(map(str, ordered[:_LISTED]))
            raise UsageError(listed + (f"; and {more} more" if more > 0 else ""))


def _records(path: Path, model: type[Row]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells (column → text) of each row below the header."""
    columns = list(model.columns())
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, strict=True)
            header = next(reader, [])
            if sorted(header) != sorted(columns):
                odd = sorted(set(header) ^ set(columns)) or ["a column twice"]
                wanted = f"the columns {', '.join(columns)}"
                raise UsageError(f"{Fault(path, 1, '', wanted, ', '.join(header))} ({odd[0]})")
            line = reader.line_num + 1
            for cells in reader:
                if len(cells) != len(header):
                    wanted = f"{len(header)} cells, as in the header"
                    raise UsageError(str(Fault(path, line, "", wanted, ",".join(cells)[:200])))
                yield line, dict(zip(header, cells, strict=True))
                line = reader.line_num + 1
            if line == 2 and not model.may_be_empty:
                raise UsageError(str(Fault(path, 2, "", f"rows of {', '.join(columns)}")))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8 text") from None
    except csv.Error as error:
        raise UsageError(f"{path}: {error}") from None


def _wanted_in(error: Any) -> str:
    """The description of valid values in an error of pydantic."""
    match error["type"]:
        case "literal_error":
            return error["ctx"]["expected"].replace("'", "")
        case "missing":
            return "a value"
        case _:
            return error["msg"]


def _listed(texts: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))


def _placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}

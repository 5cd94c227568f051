"""The table of document types: what each type is, once.

Everything that depends on a type is derived from its entry: the raw table and its rows, intake,
the build's inputs, the choices of the command line, labels, trace, the provinces' bucket policy.
The fields of a type and their checks are its model in ``intake.contracts``, which has the same
name.

Belongs here: facts about a type as a whole, and the columns of its raw table. Doesn't belong here:
the contract of a document (``intake.contracts``), the columns of submitted tables (seed
``table_columns.csv``). This module imports nothing, so that every module and every command can
read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

__all__ = [
    "DOCUMENT_TYPES",
    "UNIT",
    "Column",
    "ColumnType",
    "DocumentType",
    "LongForm",
    "Sender",
    "Subject",
]


class Sender(StrEnum):
    """Who may send documents of a type."""

    PROVINCE = "province"
    MINISTRY = "ministry"


class ColumnType(StrEnum):
    """The type of a raw table's column."""

    TEXT = "text"
    INTEGER = "integer"
    DATE = "date"
    #: 0 to 100 with up to six decimals.
    SCORE = "score"
    #: A list or an object, stored as JSON text.
    JSON = "json"


@dataclass(frozen=True)
class Column:
    """A column of a raw table.

    Attributes:
        name: of the column.
        type: of its cells.
        source: where a parsed document holds the value: a path of attributes; by default the
            field of the model that has the column's name.
        is_personal: the column never leaves ``raw``: the build does not copy it.
    """

    name: str
    type: ColumnType = ColumnType.TEXT
    source: str = ""
    is_personal: bool = False

    @cached_property
    def path(self) -> tuple[str, ...]:
        """The attributes that lead from a parsed document to the value."""
        return tuple((self.source or f"model.{self.name}").split("."))


@dataclass(frozen=True)
class Subject:
    """What a document is about; of the documents about one subject the last one counts.

    Attributes:
        table_column: the column that a submitted table must have.
        sql: the subject's key, as an expression over the raw table's columns.
        unit_sql, task_sql: unit and task of the subject, likewise; ``null`` if it has none.
    """

    table_column: str
    sql: str
    unit_sql: str
    task_sql: str


UNIT = Subject("unit_code", "unit_code", "unit_code", "split_part(unit_code, '-', 1)")
_NONE = "cast(null as varchar)"
PROVINCE_TASK = Subject("task_code", "concat_ws('-', task_code, province_code)", _NONE, "task_code")
#: A province in one task or, without a task, in all of them.
PROVINCE = Subject("province_code", "concat_ws('-', task_code, province_code)", _NONE, "task_code")
BULLETIN = Subject("bulletin", "bulletin", _NONE, _NONE)


@dataclass(frozen=True)
class LongForm:
    """Values of a document that have rows of their own in a second raw table.

    Attributes:
        field: the model's field.
        raw_table: the table of the values.
        keys: the columns of a submitted table that identify a value within its document.
        value: the column of a submitted table that holds the value.
    """

    field: str
    raw_table: str
    keys: tuple[str, ...]
    value: str


@dataclass(frozen=True)
class DocumentType:
    """An entry of the table.

    Attributes:
        name: as in landing keys and in ``document_type``.
        raw_table: the table of ``raw`` that holds its documents.
        label_zh, label_en: its names for people.
        subject: what its documents are about.
        columns: the raw table's columns after those that every document has.
        lasts: whether a document stays effective in later years until it is replaced.
        series: a column, or an expression over the raw table's columns; documents about one
            subject replace each other only if it is equal.
        senders: who may send it.
        has_cutoff: whether it is part of the collection, which ends at the cut-off.
        decides_figures: whether figures are made from it.
        holds_personal_data: findings quote no part of an unreadable document of this type.
        long: its values with rows of their own.
    """

    name: str
    raw_table: str
    label_zh: str
    label_en: str
    subject: Subject
    columns: tuple[Column, ...]
    lasts: bool = False
    series: str | None = None
    senders: frozenset[Sender] = frozenset({Sender.PROVINCE})
    has_cutoff: bool = True
    decides_figures: bool = True
    holds_personal_data: bool = False
    long: LongForm | None = None

    @property
    def has_report(self) -> bool:
        """Whether its documents name a report file."""
        return any(column.name == "report_object_key" for column in self.columns)


_UNIT_CODE = Column("unit_code")
_REPORT = (
    Column("report_object_key", source="model.report.object_key"),
    Column("report_sha256", source="model.report.sha256"),
    Column("report_pages", ColumnType.INTEGER, "model.report.pages"),
    Column("highlight"),
)

_TYPES = (
    DocumentType(
        name="registration",
        raw_table="registrations",
        label_zh="登记信息",
        label_en="registration",
        subject=UNIT,
        columns=(
            _UNIT_CODE,
            Column("unit_name"),
            Column("task_code", source="task_of_unit"),
            Column("city_name"),
            Column("level"),
            Column("category"),
            Column("lead_organisation_name", source="model.lead_organisation.name"),
            Column("lead_organisation_type", source="model.lead_organisation.type"),
            Column("members", ColumnType.JSON),
        ),
        lasts=True,
        holds_personal_data=True,
    ),
    DocumentType(
        name="plan",
        raw_table="plans",
        label_zh="建设方案",
        label_en="plan",
        subject=UNIT,
        columns=(_UNIT_CODE, Column("evidence", ColumnType.JSON)),
        lasts=True,
        long=LongForm("targets", "plan_targets", ("target_year", "indicator_code"), "target"),
    ),
    DocumentType(
        name="review",
        raw_table="reviews",
        label_zh="评审意见",
        label_en="review",
        subject=UNIT,
        columns=(
            _UNIT_CODE,
            Column("stage"),
            Column("decision"),
            Column("decided_on", ColumnType.DATE),
            Column("authority"),
            Column("note"),
        ),
        lasts=True,
        series="stage",
        senders=frozenset(Sender),
    ),
    DocumentType(
        name="performance",
        raw_table="performances",
        label_zh="年度绩效数据",
        label_en="annual performance data",
        subject=UNIT,
        columns=(_UNIT_CODE, *_REPORT, Column("location", source="location")),
        long=LongForm("values", "performance_values", ("indicator_code",), "value"),
    ),
    DocumentType(
        name="assessment",
        raw_table="assessments",
        label_zh="省级考核",
        label_en="provincial assessment",
        subject=UNIT,
        columns=(
            _UNIT_CODE,
            Column("score", ColumnType.SCORE),
            Column("grade"),
            Column("comment"),
        ),
    ),
    DocumentType(
        name="provincial_summary",
        raw_table="provincial_summaries",
        label_zh="省级总结",
        label_en="provincial summary",
        subject=PROVINCE_TASK,
        columns=(Column("task_code"), *_REPORT),
    ),
    DocumentType(
        name="explanation",
        raw_table="explanations",
        label_zh="情况说明",
        label_en="explanation",
        subject=UNIT,
        columns=(_UNIT_CODE, Column("rule_id"), Column("explanation", source="model.text")),
        series="rule_id",
        decides_figures=False,
    ),
    DocumentType(
        name="return",
        raw_table="returns",
        label_zh="退回修改",
        label_en="return",
        subject=UNIT,
        columns=(
            _UNIT_CODE,
            Column("returns_document_id"),
            Column("reason"),
            Column("due_on", ColumnType.DATE),
            Column("withdraws_document_id"),
        ),
        # No return replaces another; one is withdrawn by a document of its own. What it returns may
        # last (a plan), so it does as well.
        series="document_id",
        lasts=True,
        senders=frozenset(Sender),
        has_cutoff=False,
        decides_figures=False,
    ),
    DocumentType(
        name="confirmation",
        raw_table="confirmations",
        label_zh="签字确认",
        label_en="confirmation",
        subject=PROVINCE,
        columns=(
            Column("task_code"),
            Column("statistician", is_personal=True),
            Column("reviewer", is_personal=True),
            Column("responsible", is_personal=True),
            Column("signed_on", ColumnType.DATE),
            Column("document_digest"),
            Column("scan_object_key", source="model.scan.object_key"),
            Column("scan_sha256", source="model.scan.sha256"),
        ),
        has_cutoff=False,
        decides_figures=False,
        holds_personal_data=True,
    ),
    DocumentType(
        name="editorial",
        raw_table="editorials",
        label_zh="编辑文字",
        label_en="editorial text",
        subject=BULLETIN,
        columns=(Column("bulletin"), Column("section"), Column("text")),
        series="section",
        senders=frozenset(Sender),
        has_cutoff=False,
        decides_figures=False,
    ),
    DocumentType(
        name="verification",
        raw_table="verifications",
        label_zh="抽查核查",
        label_en="verification",
        subject=UNIT,
        columns=(
            _UNIT_CODE,
            Column("verified_on", ColumnType.DATE),
            Column("result"),
            Column("findings"),
            Column("requirement"),
            Column("due_on", ColumnType.DATE),
            Column("closed_on", ColumnType.DATE),
        ),
        # A later one about the same year replaces the sender's own only: a province can't close
        # what the ministry asked for.
        series="concat_ws('-', year, province_code)",
        lasts=True,
        senders=frozenset(Sender),
        has_cutoff=False,
        decides_figures=False,
    ),
)

#: In the order of intake: registrations first, because other documents refer to them.
DOCUMENT_TYPES = {each.name: each for each in _TYPES}

"""Typed models of the documents: the landing zone's contract (contract §1).

Belongs here: fields, types, allowed values, lengths. JSON Schemas are generated from these
models (``python -m orchestration.intake.contracts`` writes them to ``schemas/``). Doesn't belong
here: who may send what under which prefix (``documents``), checks of values (``checks``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.intake.reading import Number, read_value
from orchestration.intake.text import visible

__all__ = [
    "MODELS",
    "SCHEMA_FOLDER",
    "UNIT_CODE",
    "Document",
    "Part",
    "given_fields",
    "json_schemas",
]

SCHEMA_FOLDER = Path(__file__).parent / "schemas"

#: ``{task_code}-{province_code}-{4 to 6 digits}``.
UNIT_CODE = re.compile(r"(T[0-9]{2})-([0-9]{6})-([0-9]{4,6})\Z")


#: Years in which a document can have been submitted. A number of milliseconds that was taken for
#: seconds, or the other way round, gives another one.
_YEARS = range(2000, 2101)


def _visible_text(value: Any) -> Any:
    """A string without its invisible characters; a JSON number is refused."""
    if isinstance(value, Number):
        raise PydanticCustomError("string_type", "a string, not a number")
    return visible(value) if isinstance(value, str) else value


def _iso_instant(value: Any) -> str:
    """Normalise an ISO 8601 instant with an offset; the offset is kept."""
    if isinstance(value, str) and not isinstance(value, Number):
        try:
            moment = datetime.fromisoformat(value.strip())
            offset = moment.utcoffset()
            if offset is not None:
                # Fails outside the years 1 to 9999.
                if moment.astimezone(UTC).year not in _YEARS:
                    raise ValueError
                whole_minutes = offset.total_seconds() % 60 == 0
                return (moment if whole_minutes else moment.astimezone(UTC)).isoformat()
        except (ValueError, OverflowError):
            pass
    raise PydanticCustomError("submitted_at", "an instant with an offset")


def _unit_code(value: Any) -> str:
    if isinstance(value, str) and UNIT_CODE.match(value):
        return str(value)
    raise PydanticCustomError("unit_code", "task-province-4 to 6 digits")


def _whole_number(value: Any) -> Any:
    read = read_value(value)
    if read is None or read.kind != "number" or read.number is None:
        raise PydanticCustomError("whole_number", "a whole number")
    number = Decimal(read.number)
    if number != number.to_integral_value() or abs(number) >= 2**31:
        raise PydanticCustomError("whole_number", "a whole number")
    return int(number)


def _decimal_number(value: Any) -> Any:
    read = read_value(value)
    if read is None or read.kind != "number" or read.number is None:
        raise PydanticCustomError("number", "a number")
    return Decimal(read.number)


def _boolean(value: Any) -> Any:
    read = read_value(value)
    if read is None or read.number not in ("0", "1"):
        raise PydanticCustomError("boolean", "true or false")
    return read.number == "1"


def _sha256(value: Any) -> Any:
    text = visible(value).strip() if isinstance(value, str) else ""
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise PydanticCustomError("sha256", "64 hexadecimal digits")
    return text


def _target_year(value: Any) -> Any:
    if not re.fullmatch("[0-9]{4}", str(value)):
        raise PydanticCustomError("target_year", "a year of four digits")
    return value


def _iso_date(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Number):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            pass
    raise PydanticCustomError("date", "a date")


Text = Annotated[str, BeforeValidator(_visible_text)]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=300), BeforeValidator(_visible_text)
]
Long = Annotated[str, StringConstraints(max_length=4000), BeforeValidator(_visible_text)]
Highlight = Annotated[str, StringConstraints(max_length=500), BeforeValidator(_visible_text)]
Whole = Annotated[
    int,
    BeforeValidator(_whole_number),
    WithJsonSchema({"type": ["integer", "string"], "description": "whole number"}),
]
Flag = Annotated[bool, BeforeValidator(_boolean), WithJsonSchema({"type": "boolean"})]
Sha256 = Annotated[
    str,
    BeforeValidator(_sha256),
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}),
]
SchemaVersion = Annotated[Literal[1], BeforeValidator(_whole_number)]
Score = Annotated[
    Decimal,
    BeforeValidator(_decimal_number),
    Field(ge=0, le=100),
    PlainSerializer(str),
    WithJsonSchema({"type": ["number", "string"], "minimum": 0, "maximum": 100}),
]
Moment = Annotated[
    str, BeforeValidator(_iso_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
Day = Annotated[
    date, BeforeValidator(_iso_date), WithJsonSchema({"type": "string", "format": "date"})
]
UnitCode = Annotated[
    str,
    BeforeValidator(_unit_code),
    WithJsonSchema({"type": "string", "pattern": "^T[0-9]{2}-[0-9]{6}-[0-9]{4,6}$"}),
]
TargetYear = Annotated[
    str, BeforeValidator(_target_year), WithJsonSchema({"type": "string", "pattern": "^[0-9]{4}$"})
]
#: Values are read one by one: an unreadable one is an error of that value, not of the document.
Values = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": ["number", "string", "boolean", "null"]},
        }
    ),
]
DocumentId = Annotated[
    str, StringConstraints(min_length=1, max_length=64), BeforeValidator(_visible_text)
]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=1000), BeforeValidator(_visible_text)
]


#: Fields whose contents are read one by one; a blank among them is no value.
_READ_ONE_BY_ONE = {"values", "targets"}


def _is_blank(value: Any) -> bool:
    """Whether nothing is given: a blank text, or an object of nothing but blanks."""
    if isinstance(value, str):
        return value.isspace() or not ((value.isprintable() and value) or visible(value).strip())
    if isinstance(value, Mapping):
        return len(value) > 0 and all(each is None or _is_blank(each) for each in value.values())
    return False


def given_fields(content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a document or a part of it that are neither null nor blank."""
    return {
        name: value
        for name, value in content.items()
        if value is not None and (name in _READ_ONE_BY_ONE or not _is_blank(value))
    }


class Part(BaseModel):
    """A document or a part of one."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=False)

    #: Fields that are no text for readers and stay as sent. Contacts are struck out of all others.
    kept_as_sent: ClassVar[frozenset[str]] = frozenset(
        {"document_type", "submitted_at", "unit_code", "object_key", "sha256"}
    )
    #: Ids: contacts are struck out of those that hold more than letters, digits and marks.
    ids: ClassVar[frozenset[str]] = frozenset(
        {"document_id", "returns_document_id", "withdraws_document_id", "document_digest"}
    )

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, content: Any) -> Any:
        """Leave out the fields that are blank."""
        return given_fields(content) if isinstance(content, Mapping) else content


class Organisation(Part):
    """A lead organisation."""

    name: Name
    type: Literal[
        "vocational_school",
        "enterprise",
        "industry_association",
        "industrial_park",
        "government",
        "research_institute",
    ]


class Member(Part):
    """A member organisation."""

    name: Name
    type: Name


class Contact(Part):
    """A contact: personal data, kept in ``raw`` only."""

    name: Name | None = None
    phone: Text | None = None
    email: Text | None = None


class File(Part):
    """A file in the attachments."""

    object_key: Annotated[
        str, StringConstraints(min_length=1, max_length=1024), BeforeValidator(_visible_text)
    ]
    sha256: Sha256 | None = None


class Report(File):
    """A report file in the attachments."""

    pages: Whole | None = None


class Evidence(Part):
    """A piece of evidence of a plan."""

    object_key: Annotated[
        str, StringConstraints(min_length=1, max_length=1024), BeforeValidator(_visible_text)
    ]
    sha256: Text | None = None
    title: Text | None = None


class Document(Part):
    """The fields common to all documents."""

    #: Fields that are dropped with a warning where they are wrong; the document still counts.
    dropped_if_wrong: ClassVar[frozenset[str]] = frozenset()
    #: Fields that hold personal data: findings do not quote them.
    personal_fields: ClassVar[frozenset[str]] = frozenset()

    schema_version: SchemaVersion = 1
    document_id: DocumentId
    submitted_at: Moment
    year: Whole | None = None
    synthetic: Flag = False


class Registration(Document):
    """A unit's master data; a later registration replaces it."""

    dropped_if_wrong = frozenset(
        {"city_name", "category", "lead_organisation", "members", "contact"}
    )
    personal_fields = frozenset({"contact"})

    document_type: Literal["registration"] = "registration"
    unit_code: UnitCode
    unit_name: Name
    task_code: Text | None = None
    province_code: Text | None = None
    city_name: Name | None = None
    level: Literal["school", "municipal", "provincial"]
    category: Name | None = None
    lead_organisation: Organisation | None = None
    members: list[Member] | None = None
    contact: Contact | None = None


class Plan(Document):
    """A construction plan with yearly targets: ``targets[year][indicator_code]``."""

    dropped_if_wrong = frozenset({"evidence"})

    document_type: Literal["plan"] = "plan"
    unit_code: UnitCode
    targets: dict[TargetYear, Values]
    evidence: list[Evidence] | None = None


class Review(Document):
    """A decision of a province or the ministry about a unit."""

    dropped_if_wrong = frozenset({"authority", "note"})

    document_type: Literal["review"] = "review"
    unit_code: UnitCode
    stage: Literal["provincial_recommendation", "national_recognition", "warning", "removal"]
    decision: Literal["approved", "returned", "rejected"]
    decided_on: Day
    authority: Name | None = None
    note: Long | None = None


class Performance(Document):
    """A unit's values for one year."""

    dropped_if_wrong = frozenset({"report", "highlight"})

    document_type: Literal["performance"] = "performance"
    unit_code: UnitCode
    year: Whole
    values: Values
    report: Report | None = None
    highlight: Highlight | None = None


class Assessment(Document):
    """A province's assessment of a unit for one year."""

    dropped_if_wrong = frozenset({"comment"})

    document_type: Literal["assessment"] = "assessment"
    unit_code: UnitCode
    year: Whole
    score: Score
    grade: Literal["excellent", "good", "pass", "fail"]
    comment: Long | None = None


class ProvincialSummary(Document):
    """A province's report on one task."""

    dropped_if_wrong = frozenset({"report", "highlight"})

    document_type: Literal["provincial_summary"] = "provincial_summary"
    province_code: Text | None = None
    task_code: Text
    year: Whole
    report: Report | None = None
    highlight: Highlight | None = None


class Explanation(Document):
    """A statement of why values are right although a warning was raised."""

    document_type: Literal["explanation"] = "explanation"
    unit_code: UnitCode
    year: Whole
    rule_id: Annotated[
        str, StringConstraints(min_length=1, max_length=20), BeforeValidator(_visible_text)
    ]
    text: Annotated[
        str, StringConstraints(min_length=1, max_length=1000), BeforeValidator(_visible_text)
    ]


class Return(Document):
    """A document is returned to its unit for correction, or an earlier return is withdrawn."""

    document_type: Literal["return"] = "return"
    unit_code: UnitCode
    year: Whole
    returns_document_id: DocumentId | None = None
    reason: Reason | None = None
    due_on: Day | None = None
    withdraws_document_id: DocumentId | None = None


class Confirmation(Document):
    """A province confirms its data: the names of those who signed stay in ``raw``."""

    dropped_if_wrong = frozenset({"scan"})
    personal_fields = frozenset({"statistician", "reviewer", "responsible"})

    document_type: Literal["confirmation"] = "confirmation"
    province_code: Text | None = None
    task_code: Text | None = None
    year: Whole
    statistician: Name
    reviewer: Name
    responsible: Name
    signed_on: Day
    document_digest: Name
    scan: File | None = None


class Editorial(Document):
    """Paragraphs for a section of a bulletin."""

    document_type: Literal["editorial"] = "editorial"
    bulletin: Name
    year: Whole
    section: Name
    text: Annotated[
        str, StringConstraints(min_length=1, max_length=20_000), BeforeValidator(_visible_text)
    ]


class Verification(Document):
    """What a check of a unit's data on the spot found, what is asked of the unit, by when."""

    document_type: Literal["verification"] = "verification"
    unit_code: UnitCode
    year: Whole
    verified_on: Day
    result: Literal["sound", "minor", "unsound"]
    findings: Reason | None = None
    requirement: Reason | None = None
    due_on: Day | None = None
    closed_on: Day | None = None


_MODEL_BY_NAME = {
    model.model_fields["document_type"].default: model for model in Document.__subclasses__()
}
#: The model of each document type.
MODELS: dict[str, type[Document]] = {name: _MODEL_BY_NAME[name] for name in DOCUMENT_TYPES}


def json_schemas() -> dict[str, str]:
    """The JSON Schema (2020-12) of each document type, as text by file name."""
    return {
        f"{name}.schema.json": json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": name,
                **model.model_json_schema(),
            },
            ensure_ascii=False,
            indent=2,
            sort_keys=True,
        )
        + "\n"
        for name, model in MODELS.items()
    }


def main() -> None:
    """Write the schemas to :data:`SCHEMA_FOLDER`."""
    SCHEMA_FOLDER.mkdir(exist_ok=True)
    for name, text in json_schemas().items():
        (SCHEMA_FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""The contracts of the six document types (contract §1), as typed models, and of explanations.

Belongs here: fields, types, allowed values, lengths. JSON Schemas are generated from these
models (``python -m orchestration.intake.contracts`` writes them to ``schemas/``). Doesn't belong
here: who may send what and where (``documents``), what a value may be (``checks``).
"""

from __future__ import annotations

import json
import re
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
)
from pydantic_core import PydanticCustomError

from orchestration.intake.reading import Number, read_value
from orchestration.intake.text import visible

__all__ = ["DOCUMENT_TYPES", "SCHEMA_FOLDER", "UNIT_CODE", "Document", "json_schemas"]

SCHEMA_FOLDER = Path(__file__).parent / "schemas"

#: ``{task_code}-{province_code}-{4 to 6 digits}``.
UNIT_CODE = re.compile(r"(T[0-9]{2})-([0-9]{6})-([0-9]{4,6})\Z")


def _not_a_number(value: Any) -> Any:
    """A text, without what can't be seen in it; JSON numbers are none."""
    if isinstance(value, Number):
        raise PydanticCustomError("string_type", "a string, not a number")
    return visible(value) if isinstance(value, str) else value


def _moment(value: Any) -> str:
    """ISO 8601 with offset → the same instant in one spelling, offset kept."""
    if isinstance(value, str) and not isinstance(value, Number):
        try:
            moment = datetime.fromisoformat(value.strip())
            offset = moment.utcoffset()
            if offset is not None:
                moment.astimezone(UTC)  # an instant outside years 1 to 9999 is no instant
                whole_minutes = offset.total_seconds() % 60 == 0
                return (moment if whole_minutes else moment.astimezone(UTC)).isoformat()
        except (ValueError, OverflowError):
            pass
    raise PydanticCustomError("submitted_at", "ISO 8601 with an offset")


def _unit_code(value: Any) -> str:
    if isinstance(value, str) and UNIT_CODE.match(value):
        return str(value)
    raise PydanticCustomError("unit_code", "task-province-4 to 6 digits")


def _whole(value: Any) -> Any:
    read = read_value(value)
    if read is None or read.kind != "number" or read.number is None:
        raise PydanticCustomError("number", "a whole number")
    number = Decimal(read.number)
    if number != number.to_integral_value() or abs(number) >= 2**31:
        raise PydanticCustomError("number", "a whole number")
    return int(number)


def _decimal(value: Any) -> Any:
    read = read_value(value)
    if read is None or read.kind != "number" or read.number is None:
        raise PydanticCustomError("number", "a number")
    return Decimal(read.number)


def _date(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Number):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            pass
    raise PydanticCustomError("number", "a date (YYYY-MM-DD)")


Text = Annotated[str, BeforeValidator(_not_a_number)]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=300), BeforeValidator(_not_a_number)
]
Long = Annotated[str, StringConstraints(max_length=4000), BeforeValidator(_not_a_number)]
Highlight = Annotated[str, StringConstraints(max_length=500), BeforeValidator(_not_a_number)]
Whole = Annotated[
    int,
    BeforeValidator(_whole),
    WithJsonSchema({"type": ["integer", "string"], "description": "whole number"}),
]
Score = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    Field(ge=0, le=100),
    PlainSerializer(str),
    WithJsonSchema({"type": ["number", "string"], "minimum": 0, "maximum": 100}),
]
Moment = Annotated[
    str, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
Day = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
UnitCode = Annotated[
    str,
    BeforeValidator(_unit_code),
    WithJsonSchema({"type": "string", "pattern": "^T[0-9]{2}-[0-9]{6}-[0-9]{4,6}$"}),
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


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=False)


class Organisation(_Model):
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


class Member(_Model):
    """A member organisation."""

    name: Name
    type: Name


class Contact(_Model):
    """A contact: personal data, kept in ``raw`` only."""

    name: Name | None = None
    phone: Text | None = None
    email: Text | None = None


class Report(_Model):
    """A report file in the attachments."""

    object_key: Annotated[
        str, StringConstraints(min_length=1, max_length=1024), BeforeValidator(_not_a_number)
    ]
    sha256: (
        Annotated[
            str, StringConstraints(pattern="^[0-9a-fA-F]{64}$"), BeforeValidator(_not_a_number)
        ]
        | None
    ) = None
    pages: Whole | None = None


class Evidence(_Model):
    """A piece of evidence of a plan."""

    object_key: Annotated[
        str, StringConstraints(min_length=1, max_length=1024), BeforeValidator(_not_a_number)
    ]
    sha256: Text | None = None
    title: Text | None = None


class Document(_Model):
    """What all documents have."""

    #: The fields without which the rest of a document still counts.
    spare: ClassVar[frozenset[str]] = frozenset()
    #: The texts that may be published: contacts are struck out of them.
    free: ClassVar[tuple[str, ...]] = ()

    schema_version: Literal[1] = 1
    document_id: Annotated[
        str, StringConstraints(min_length=1, max_length=64), BeforeValidator(_not_a_number)
    ]
    submitted_at: Moment
    year: Whole | None = None
    synthetic: bool = False


class Registration(Document):
    """Who a unit is; a later one replaces it."""

    spare = frozenset({"city_name", "category", "lead_organisation", "members", "contact"})
    free = ("unit_name", "city_name", "category")

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

    spare = frozenset({"evidence"})

    document_type: Literal["plan"] = "plan"
    unit_code: UnitCode
    targets: dict[Annotated[str, StringConstraints(pattern="^[0-9]{4}$")], Values]
    evidence: list[Evidence] | None = None


class Review(Document):
    """A decision about a unit: of its province, or of the ministry."""

    spare = frozenset({"authority", "note"})
    free = ("authority", "note")

    document_type: Literal["review"] = "review"
    unit_code: UnitCode
    stage: Literal["provincial_recommendation", "national_recognition", "warning", "removal"]
    decision: Literal["approved", "returned", "rejected"]
    decided_on: Day
    authority: Name | None = None
    note: Long | None = None


class Performance(Document):
    """A unit's year."""

    spare = frozenset({"report", "highlight"})
    free = ("highlight",)

    document_type: Literal["performance"] = "performance"
    unit_code: UnitCode
    year: Whole
    values: Values
    report: Report | None = None
    highlight: Highlight | None = None


class Assessment(Document):
    """The province's judgement of a unit's year."""

    spare = frozenset({"comment"})
    free = ("comment",)

    document_type: Literal["assessment"] = "assessment"
    unit_code: UnitCode
    year: Whole
    score: Score
    grade: Literal["excellent", "good", "pass", "fail"]
    comment: Long | None = None


class ProvincialSummary(Document):
    """The province's report on one task."""

    spare = frozenset({"report", "highlight"})
    free = ("highlight",)

    document_type: Literal["provincial_summary"] = "provincial_summary"
    province_code: Text | None = None
    task_code: Text
    year: Whole
    report: Report | None = None
    highlight: Highlight | None = None


class Explanation(Document):
    """A unit's answer to a warning: why the values are right although a rule fired."""

    free = ("text",)

    document_type: Literal["explanation"] = "explanation"
    unit_code: UnitCode
    year: Whole
    rule_id: Annotated[
        str, StringConstraints(min_length=1, max_length=20), BeforeValidator(_not_a_number)
    ]
    text: Annotated[
        str, StringConstraints(min_length=1, max_length=1000), BeforeValidator(_not_a_number)
    ]


#: In the order in which they are taken in: who a unit is comes before what it says.
DOCUMENT_TYPES: dict[str, type[Document]] = {
    "registration": Registration,
    "plan": Plan,
    "review": Review,
    "performance": Performance,
    "assessment": Assessment,
    "provincial_summary": ProvincialSummary,
    "explanation": Explanation,
}


def json_schemas() -> dict[str, str]:
    """File name → JSON Schema text (2020-12) of each document type."""
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
        for name, model in DOCUMENT_TYPES.items()
    }


def main() -> None:
    """Write the schemas beside this module."""
    SCHEMA_FOLDER.mkdir(exist_ok=True)
    for name, text in json_schemas().items():
        (SCHEMA_FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Answers objects: from bytes to findings, typed rows and what other objects can rule out.

It is a pure function of the objects and :class:`Terms`, so that it runs in any process. Only plain
data and Arrow tables come out, because a million parsed values are too dear to hand to another
process.

Belongs here: everything about an object that doesn't depend on another one. Doesn't belong here:
duplicate ids and units that are not registered, which depend on other objects and the lake
(``run``).
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.abc import MetaPathFinder
from typing import Any, NamedTuple

import pyarrow as pa

from orchestration.core.catalogue import Catalogue, use_catalogue
from orchestration.intake.checks import (
    ValueErrors,
    counted_values,
    drafts_of,
    has_values,
    value_errors,
)
from orchestration.intake.documents import (
    ParsedDocument,
    ParsedObject,
    parse_object,
    unprocessable,
)
from orchestration.intake.findings import Finding, Findings
from orchestration.intake.formats import Limits
from orchestration.intake.places import Place
from orchestration.intake.rows import DocumentRows, Lineage, make_rows

__all__ = [
    "Answer",
    "Answers",
    "Landed",
    "Submitted",
    "Terms",
    "answer_objects",
    "prepare",
    "unread",
]


@dataclass(frozen=True)
class Terms:
    """What all objects of a run have in common.

    Attributes:
        schemas: the raw tables of documents.
    """

    limits: Limits
    run_id: str
    schemas: Mapping[str, pa.Schema]


@dataclass(frozen=True)
class Landed:
    """An object as the store returned it.

    Attributes:
        position: of its first document; those of the others follow. No two objects of a batch share
            a position.
        last_modified: when the store received it (aware).
    """

    position: int
    key: str
    etag: str
    last_modified: datetime
    place: Place
    body: bytes


class Submitted(NamedTuple):
    """A valid document, as other objects are compared with it.

    Attributes:
        position: of its rows.
        where, where_id: its location, and that of its id.
        has_values: False for a performance document of which no value counts.
        unit_name: as given beside the unit's code, or None.
        values: how many values or targets are read and not excluded.
        findings: findings that count only if the document is taken in; dbt makes them again.
    """

    position: int
    document_id: str
    unit_code: str | None
    content_sha256: str
    where: str
    where_id: str
    has_values: bool
    values: int
    unit_name: str | None
    findings: tuple[Finding, ...]


@dataclass
class Answer:
    """The answer to one object, as far as it depends on nothing else.

    Attributes:
        shown_key: the object's key without contacts; "" if it was not read.
        sha256: of the body; None if it was not read.
        total: the number of documents, rejected ones included.
        documents: the valid ones.
        findings: about the object and all its documents.
        left_out: further findings, by code and severity.
        failure: the exception, or how its reader ended, if the object could not be processed.
    """

    shown_key: str = ""
    sha256: str | None = None
    total: int = 0
    documents: list[Submitted] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    failure: str | None = None


class Answers(NamedTuple):
    """The answers to some objects, in their order, and the rows of their documents."""

    answers: list[Answer]
    rows: DocumentRows


class _WithoutPandas(MetaPathFinder):
    """Finds no pandas.

    pyarrow would import it, to recognise its objects, which takes a third of a second.
    """

    def find_spec(self, name: str, *_: Any) -> None:
        """Refuse pandas and leave everything else to the next finder."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def prepare(catalogue: Catalogue) -> None:
    """Load what :func:`answer_objects` needs at some time: the catalogue and all readers."""
    sys.meta_path.insert(0, _WithoutPandas())
    from orchestration.intake.formats import csv_text, parquet, xlsx  # noqa: F401

    use_catalogue(catalogue)


def unread(*findings: Finding) -> Answer:
    """The answer to an object that is rejected without being read."""
    return Answer(findings=list(findings))


def answer_objects(terms: Terms, objects: Sequence[Landed]) -> Answers:
    """Answer objects. An exception about one of them is its answer and doesn't touch the others.

    Raises:
        MemoryError: nothing else is raised, whatever the objects hold.
    """
    parsed = [_parsed(terms, each) for each in objects]
    try:
        return _answers(terms, objects, parsed)
    except MemoryError:
        raise
    except Exception:
        parsed = [_processable(terms, *each) for each in zip(objects, parsed, strict=True)]
        return _answers(terms, objects, parsed)


def _parsed(terms: Terms, landed: Landed) -> ParsedObject:
    return parse_object(landed.place, landed.key, landed.body, terms.limits, landed.last_modified)


def _processable(terms: Terms, landed: Landed, parsed: ParsedObject) -> ParsedObject:
    """What was parsed, or the exception if no answer can be made of it."""
    try:
        _answers(terms, [landed], [parsed])
    except MemoryError:
        raise
    except Exception as error:
        return unprocessable(error)
    return parsed


def _answers(terms: Terms, objects: Sequence[Landed], parsed: Sequence[ParsedObject]) -> Answers:
    answers = []
    documents: list[tuple[int, Lineage, str, ParsedDocument]] = []
    for landed, found in zip(objects, parsed, strict=True):
        place = landed.place
        digest = hashlib.sha256(landed.body).hexdigest()
        lineage = Lineage(
            landed.key, landed.etag, digest, terms.run_id, place.year, place.province_code
        )
        answers.append(_answer(terms, landed, digest, found))
        documents += [
            (position, lineage, place.document_type, document)
            for position, document in enumerate(found.documents, landed.position)
        ]
    return Answers(answers, make_rows(documents, terms.schemas))


def _answer(terms: Terms, landed: Landed, digest: str, parsed: ParsedObject) -> Answer:
    own = Findings(terms.limits.findings, parsed.findings)
    checked = Findings(terms.limits.findings)
    documents = []
    for position, document in enumerate(parsed.documents, landed.position):
        before = len(checked)
        errors = value_errors(document)
        checked.extend(drafts_of(landed.place, document, landed.last_modified, errors))
        documents.append(_submitted(position, document, errors, tuple(checked[before:])))
    left_out = own.left_out + checked.left_out
    if isinstance(parsed.findings, Findings):
        left_out += parsed.findings.left_out
    shown_key = landed.place.shown_key(landed.key)
    return Answer(shown_key, digest, parsed.total, documents, list(own), left_out, parsed.failure)


def _submitted(
    position: int, document: ParsedDocument, errors: ValueErrors, findings: tuple[Finding, ...]
) -> Submitted:
    where = document.where
    return Submitted(
        position,
        document.model.document_id,
        document.unit_code,
        document.content_sha256,
        where.at(),
        where.at("document_id"),
        has_values(document, errors),
        counted_values(document, errors),
        document.unit_name,
        findings,
    )

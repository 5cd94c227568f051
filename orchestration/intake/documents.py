"""From the bytes of one object to documents and findings.

Belongs here: decoding, the contract of each document, who may say what under which prefix.
The prefix is the authority (contract §1): a document about another province's unit is rejected
whatever it says. Doesn't belong here: other objects, the lake, values' bounds.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

import orjson
from pydantic import ValidationError

from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import struck
from orchestration.intake.contracts import (
    DOCUMENT_TYPES,
    UNIT_CODE,
    Assessment,
    Document,
    Explanation,
    Performance,
    Plan,
    ProvincialSummary,
    Registration,
    Review,
)
from orchestration.intake.findings import About, Finding, finding, indicator_fields
from orchestration.intake.formats import Limits, Locator, Remark, Unreadable, read_object
from orchestration.intake.listing import MINISTRY, Place
from orchestration.intake.reading import ReadValue, read_value
from orchestration.intake.text import first_invisible

__all__ = ["WITHHELD", "ParsedDocument", "ParsedObject", "parse_object", "unprocessable"]

_log = logging.getLogger(__name__)

#: Stands for what a receipt doesn't repeat: contact data stays in ``raw``.
WITHHELD = "（不予引用，可能含联系人信息 withheld: may hold contact data）"
#: Findings that quote a piece of an object as it came, with whatever stands in it.
_QUOTES = {"E001", "E009", "E010", "E013", "E102", "W122", "W123"}

_SCORE_STEP = Decimal("0.1")

#: How pydantic's error types are said in a receipt; anything else is a wrong type.
_CODES = {
    "missing": "E101",
    "literal_error": "E103",
    "string_too_long": "E113",
    "string_too_short": "E101",
    "string_pattern_mismatch": "E103",
    "submitted_at": "E112",
    "unit_code": "E106",
    "number": "E116",
    "greater_than_equal": "E114",
    "less_than_equal": "E114",
}


@lru_cache(4096)
def _shared(codes: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for all documents that give the same indicators in the same order."""
    return codes


class Values:
    """What a performance reports: pairs of indicator code and what was read.

    A bulk file holds a million of them: its documents share their codes.
    """

    __slots__ = ("_codes", "_reads")

    def __init__(self, pairs: Iterable[tuple[str, ReadValue]] = ()) -> None:
        kept = list(pairs)
        self._codes = _shared(tuple(code for code, _ in kept))
        self._reads = tuple(read for _, read in kept)

    def __iter__(self) -> Iterator[tuple[str, ReadValue]]:
        return zip(self._codes, self._reads, strict=True)

    def __len__(self) -> int:
        return len(self._codes)


@dataclass(slots=True)
class ParsedDocument:
    """A document that keeps its contract.

    Attributes:
        where: its place in its object and that of its parts.
        model: its fields.
        content_sha256: of what it says: the same document in whichever format it comes.
        values: performance only.
        targets: plan only: year, indicator code, what was read.
    """

    where: Locator
    model: Document
    content_sha256: str
    values: Values = field(default_factory=Values)
    targets: Sequence[tuple[int, str, ReadValue]] = ()

    @property
    def unit_code(self) -> str | None:
        """The unit that it is about; a provincial summary is about none."""
        return getattr(self.model, "unit_code", None)


@dataclass
class ParsedObject:
    """An object's documents and what is wrong with it.

    Attributes:
        documents: those that keep their contract.
        total: how many documents it held, rejected ones included.
        findings: errors and warnings, in the order of the object.
    """

    documents: list[ParsedDocument] = field(default_factory=list)
    total: int = 0
    findings: list[Finding] = field(default_factory=list)


def parse_object(
    place: Place, key: str, body: bytes, limits: Limits, received_at: datetime
) -> ParsedObject:
    """Parse and check one object; never raises for what it holds, whatever a parser raises.

    Args:
        limits: how much it may hold once it is opened.
        received_at: when the store received it (aware).
    """
    try:
        return _parsed(place, key, body, limits, received_at)
    except Exception as error:  # of any library: it is this object's matter and nobody else's
        return unprocessable(key, error)


def unprocessable(key: str, error: Exception) -> ParsedObject:
    """What is left of an object over which the project's own code or a library failed.

    The log says where. It doesn't quote the error, whose message may hold contact data.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown place"
    _log.error(
        "an object can't be processed: %s at %s",
        type(error).__name__,
        where,
        extra={"object_key": key},
    )
    return ParsedObject(findings=[finding("E016")])


def _parsed(
    place: Place, key: str, body: bytes, limits: Limits, received_at: datetime
) -> ParsedObject:
    parsed = ParsedObject()
    if not place.follows_layout:
        parsed.findings.append(finding("E006", value=key))
        return parsed
    kind = place.document_type
    try:
        for read in read_object(key, body, kind=kind, limits=limits, received_at=received_at):
            if isinstance(read, Remark):
                value = _quotable(kind, read.code, read.value)
                parsed.findings.append(finding(read.code, read.where, value=value))
                continue
            parsed.total += 1
            if isinstance(read.content, Unreadable):
                parsed.findings.append(_unreadable(kind, read.content, read.where.at()))
                continue
            document = _document(place, read.where, read.content, parsed.findings)
            if document is not None:
                parsed.documents.append(document)
    except Unreadable as error:
        # Half an object is none: what was read before the fault is not sure either.
        parsed.documents.clear()
        parsed.findings.append(_unreadable(kind, error, ""))
        return parsed
    if not parsed.total:
        parsed.findings.append(finding("E007"))
    return parsed


def _unreadable(kind: str, error: Unreadable, where: str) -> Finding:
    about: About = {"document_id": error.document_id, "unit_code": error.unit_code}
    value = _quotable(kind, error.code, error.value)
    return finding(error.code, where, value=value, **about, **error.fields)


def _quotable(kind: str, code: str, value: str) -> str:
    """``value``, unless it is a piece of a registration in which a contact may stand."""
    return WITHHELD if kind == "registration" and code in _QUOTES else value


def _document(
    place: Place, where: Locator, raw: Any, findings: list[Finding]
) -> ParsedDocument | None:
    """Check one document; None where it is rejected, with the reason in ``findings``."""
    if not isinstance(raw, Mapping):
        findings.append(
            finding(
                "E102",
                where.at(),
                value=_quotable(place.document_type, "E102", _shown(raw)),
                field="document",
                expected="object",
            )
        )
        return None
    about: About = {
        "document_id": _text(raw.get("document_id")),
        "unit_code": struck(_text(raw.get("unit_code")) or "") or None,
    }
    said_type = raw.get("document_type", place.document_type)
    if said_type != place.document_type:
        findings.append(
            finding(
                "E107",
                where.at("document_type"),
                value=_shown(said_type),
                expected=place.document_type,
                **about,
            )
        )
        return None
    model = _validated(DOCUMENT_TYPES[place.document_type], dict(raw), where, about, findings)
    if model is None:
        return None
    wrong = list(_misplaced(place, where, model, about))
    if wrong:
        findings += wrong
        return None
    invisible = first_invisible(raw)
    if invisible:
        findings.append(finding("W125", where.at(), value=invisible, **about))
    document = ParsedDocument(where, model, "")
    if isinstance(model, Performance):
        document.values = Values(
            (code, read)
            for code, value in model.values.items()
            if (read := read_value(value)) is not None
        )
        model.values.clear()  # they are kept as read
    elif isinstance(model, Plan):
        document.targets = list(_targets(model, where, about, findings))
    document.content_sha256 = hashlib.sha256(_json(_said(document, place.year))).hexdigest()
    if _strike(model):
        findings.append(finding("W126", where.at(), **about))
    if isinstance(model, Assessment):
        # The contract gives a score one decimal; a mean of marks comes with all those of a float.
        score = model.score.quantize(_SCORE_STEP, ROUND_HALF_UP)
        if score != model.score:
            said = _shown(raw.get("score"))
            findings.append(
                finding("W118", where.at("score"), value=said, expected=str(score), **about)
            )
            model.score = score
    return document


def _strike(model: Document) -> bool:
    """Strike contacts out of the texts that may be published; return whether there were any.

    The object itself, which ``raw.objects`` keeps, is the only place where they stand from now on,
    with the contacts of registrations.
    """
    holders: list[tuple[Any, str]] = [(model, name) for name in model.free]
    if isinstance(model, Registration):
        named = [model.lead_organisation, *(model.members or [])]
        holders += [(each, "name") for each in named if each is not None]
    found = False
    for holder, name in holders:
        text = getattr(holder, name)
        without = text and struck(text)
        if without != text:
            setattr(holder, name, without)
            found = True
    return found


def _said(document: ParsedDocument, year: int) -> list[Any]:
    """What a document says, without how it was written."""
    fields = document.model.model_dump(exclude={"values", "targets"}, exclude_none=True)
    fields.setdefault("year", year)
    values = sorted([code, _plain(read)] for code, read in document.values)
    targets = sorted([year, code, _plain(read)] for year, code, read in document.targets)
    return [fields, values, targets]


def _plain(read: ReadValue) -> str:
    """A number without the zeros that say nothing; other text as it is."""
    number = read.number
    if number is None:
        return read.text
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return number if number[:1] != "0" else number.lstrip("0") or "0"


def _json(content: Any) -> bytes:
    """JSON with sorted keys."""
    try:
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS, default=_decimal)
    except TypeError:  # lone surrogates, which JSON allows as escapes and UTF-8 doesn't
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
        return text.encode("utf-8", "surrogatepass")


def _decimal(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    raise TypeError


def _text(value: Any) -> str | None:
    return value[:64] if isinstance(value, str) and value else None


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError):
        return type(value).__name__


def _validated(
    kind: type[Document],
    raw: dict[str, Any],
    where: Locator,
    about: About,
    findings: list[Finding],
) -> Document | None:
    """The typed document; spare fields that are wrong are reported and left out."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=True)
    spare = {str(p["loc"][0]) for p in problems if p["loc"] and str(p["loc"][0]) in kind.spare}
    fatal = any(not p["loc"] or str(p["loc"][0]) not in spare for p in problems)
    for problem in problems:
        location = where.at(*problem["loc"])
        code = _CODES.get(problem["type"], "E102")
        if code == "E103" and problem["loc"][:1] == ("schema_version",):
            code = "E110"
        context = problem.get("ctx") or {}
        value = None if problem["type"] == "missing" else _shown(problem["input"])
        if problem["loc"][:1] == ("contact",):
            value = WITHHELD
        findings.append(
            finding(
                code,
                location,
                value=value,
                field=".".join(str(part) for part in problem["loc"]),
                expected=str(context.get("expected") or problem["msg"]),
                limit=str(context.get("max_length", "")),
                # A spare field's mistake doesn't cost the document.
                severity="error" if fatal else "warning",
                **about,
            )
        )
    if fatal:
        return None
    return kind.model_validate({k: v for k, v in raw.items() if k not in spare})


def _misplaced(place: Place, where: Locator, model: Document, about: About) -> Iterator[Finding]:
    """What is wrong between a document and the prefix under which it came."""
    from_ministry = place.province_code == MINISTRY
    if model.year is not None and model.year != place.year:
        yield finding(
            "E104", where.at("year"), value=str(model.year), expected=str(place.year), **about
        )
    if from_ministry and not isinstance(model, Review):
        yield finding("E111", where.at(), value=place.document_type, **about)
    if isinstance(model, Review):
        recognises = model.stage == "national_recognition"
        if recognises and not from_ministry:
            yield finding("E111", where.at("stage"), value=model.stage, **about)
    tasks = load_catalogue().tasks
    unit_code = about["unit_code"]
    match = UNIT_CODE.match(getattr(model, "unit_code", None) or "")
    if match:
        task_code, unit_province = match.group(1), match.group(2)
        if task_code not in tasks or unit_province not in load_catalogue().regions:
            yield finding("E106", where.at("unit_code"), value=unit_code, **about)
        elif not from_ministry and unit_province != place.province_code:
            yield finding(
                "E105",
                where.at("unit_code"),
                value=unit_code,
                expected=place.province_code,
                **about,
            )
        elif isinstance(model, Registration) and model.task_code not in (None, task_code):
            yield finding(
                "E115", where.at("task_code"), value=model.task_code, expected=task_code, **about
            )
    if isinstance(model, ProvincialSummary) and model.task_code not in tasks:
        yield finding(
            "E103",
            where.at("task_code"),
            value=model.task_code,
            field="task_code",
            expected=", ".join(tasks),
            **about,
        )
    if isinstance(model, Explanation):
        known = load_catalogue()
        if model.rule_id not in known.rules and model.rule_id not in known.error_codes:
            yield finding("E117", where.at("rule_id"), value=model.rule_id, **about)
    said = getattr(model, "province_code", None)
    if said is not None and said != place.province_code:
        yield finding(
            "E105", where.at("province_code"), value=said, expected=place.province_code, **about
        )


def _targets(
    model: Plan, where: Locator, about: About, findings: list[Finding]
) -> Iterator[tuple[int, str, ReadValue]]:
    indicators = load_catalogue().indicators
    for year, targets in model.targets.items():
        for code, value in targets.items():
            read = read_value(value)
            if read is None:
                continue
            if read.number is None:
                indicator = indicators.get(code)
                findings.append(
                    finding(
                        "E201",
                        where.at("targets", year, code),
                        value=read.text,
                        indicator_code=code,
                        **(indicator_fields(indicator) if indicator else {"indicator": code}),
                        **about,
                    )
                )
            yield int(year), code, read

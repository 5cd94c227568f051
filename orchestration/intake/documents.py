"""Parses one object: from its bytes to typed documents and findings.

Belongs here: decoding, the contract of each document, which documents a prefix may hold.
The prefix is the authority (contract §1): a document about another province's unit is rejected
whatever it says. Doesn't belong here: other objects, the lake, bounds of values (``checks``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import struck, struck_id
from orchestration.core.document_types import DOCUMENT_TYPES, Sender
from orchestration.intake import codes
from orchestration.intake.contracts import (
    MODELS,
    UNIT_CODE,
    Assessment,
    Document,
    Editorial,
    Explanation,
    Part,
    Performance,
    Plan,
    Registration,
    Return,
    Review,
    Verification,
    given_fields,
)
from orchestration.intake.findings import (
    WITHHELD,
    About,
    Draft,
    Finding,
    Findings,
    draft,
    finding,
    indicator_fields,
    quoted,
)
from orchestration.intake.formats import (
    Limits,
    Locator,
    RawDocument,
    Remark,
    Unreadable,
    read_object,
)
from orchestration.intake.measures import contradicted_unit, units_in_note, with_stated_unit
from orchestration.intake.places import MINISTRY, Place
from orchestration.intake.problems import PROBLEMS, code_name, field_names, problem_findings
from orchestration.intake.reading import ReadValue, read_value
from orchestration.intake.text import first_invisible

__all__ = ["WITHHELD", "ParsedDocument", "ParsedObject", "parse_object", "unprocessable"]

#: Codes of findings that quote part of an object unchanged, contact data included.
_QUOTING_CODES = {
    *("E001", "E009", "E010", "E013", "E033", "E035", "E036", "E038", "E102"),
    *("W122", "W123", "W140", "W144", "W149", "W150"),
}

_SCORE_STEP = Decimal("0.1")
#: Fields that one finding names: a document of another kind has a handful more.
_FIELDS_NAMED = 20
#: Characters of a key that is no indicator's code; codes have some ten, their names some thirty.
_LONGEST_CODE = 64
#: Characters of a stated unit of measure that a finding quotes.
_LONGEST_UNIT = 20
#: Characters of a unit's name that are compared; names have some twenty.
_LONGEST_NAME = 200


@lru_cache(4096)
def _shared(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Return one shared tuple for documents with the same indicators in the same order."""
    return codes


class Values:
    """The values of a performance document: pairs of indicator code and value as read.

    A bulk file holds a million of them; its documents share their tuples of codes to save memory.

    Attributes:
        codes: the indicator codes.
        reads: the values as read, in the same order.
    """

    __slots__ = ("codes", "reads")

    def __init__(self, pairs: Iterable[tuple[str, ReadValue]] = ()) -> None:
        codes, reads = tuple(zip(*pairs, strict=True)) or ((), ())
        self.codes = _shared(codes)
        self.reads = reads

    def __iter__(self) -> Iterator[tuple[str, ReadValue]]:
        return zip(self.codes, self.reads, strict=True)

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(slots=True)
class ParsedDocument:
    """A document that satisfies its contract.

    Attributes:
        where: locates the document and its parts in the object.
        model: the typed fields.
        content_sha256: hash of the content; the same in every format.
        values: values of a performance document; empty for other types.
        targets: of a plan: year, indicator code, value as read; empty for other types.
        unit_name: the unit's name as given beside its code, without contacts, or None.
    """

    where: Locator
    model: Document
    content_sha256: str
    values: Values = field(default_factory=Values)
    targets: Sequence[tuple[int, str, ReadValue]] = ()
    unit_name: str | None = None

    @property
    def unit_code(self) -> str | None:
        """The unit that it is about, or None."""
        unit_code: str | None = vars(self.model).get("unit_code")
        return unit_code

    @property
    def task_of_unit(self) -> str | None:
        """The task of the unit that it is about, or None."""
        return self.unit_code.partition("-")[0] if self.unit_code else None

    @property
    def location(self) -> str:
        """Where it is in the object."""
        return self.where.at()


@dataclass
class ParsedObject:
    """The documents of an object and the findings about it.

    Attributes:
        documents: the documents that satisfy their contract.
        total: the number of documents in the object, rejected ones included.
        findings: errors and warnings, in the order of the object.
        failure: the exception and its place in the code, if the object could not be processed.
    """

    documents: list[ParsedDocument] = field(default_factory=list)
    total: int = 0
    findings: list[Finding] = field(default_factory=list)
    failure: str | None = None


def parse_object(
    place: Place, key: str, body: bytes, limits: Limits, received_at: datetime
) -> ParsedObject:
    """Parse and check one object.

    Args:
        place: what the key says.
        key: the object's key.
        body: the object's bytes.
        limits: bounds on the unpacked content.
        received_at: when the store received the object (aware).

    Raises:
        MemoryError: nothing else is raised, whatever the object holds.
    """
    try:
        return _parse(place, key, body, limits, received_at)
    except MemoryError:
        raise
    except Exception as error:  # any library may raise anything; other objects must not suffer
        return unprocessable(error)


def unprocessable(error: Exception) -> ParsedObject:
    """The result for an object on which the project's own code or a library failed.

    It names the error's type and place, but not its message, which may hold contact data.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown place"
    return ParsedObject(findings=[finding("E016")], failure=f"{type(error).__name__} at {where}")


def _parse(
    place: Place, key: str, body: bytes, limits: Limits, received_at: datetime
) -> ParsedObject:
    """Parse and check one object; exceptions of libraries pass through."""
    findings = Findings(limits.findings)
    parsed = ParsedObject(findings=findings)
    if not place.follows_layout:
        findings.append(draft("E006", value=key))
        return parsed
    kind = place.document_type
    unknown: set[str] = set()
    try:
        for read in read_object(key, body, kind=kind, limits=limits, received_at=received_at):
            if isinstance(read, Remark):
                about: About = {"document_id": None, "unit_code": None}
                findings.append(_remark_finding(kind, read, about))
                continue
            parsed.total += 1
            if parsed.total > limits.documents:
                limit = str(limits.documents)
                raise Unreadable("E051", f"> {limit}", limit=limit)
            findings += (
                _remark_finding(kind, remark, _about(kind, read.content)) for remark in read.remarks
            )
            if isinstance(read.content, Unreadable):
                findings.append(_unreadable_finding(kind, read.content, read.where.at()))
                continue
            document = _checked_document(place, read.where, read.content, findings)
            unknown |= _unknown_fields(kind, read)
            if document is not None:
                document.unit_name = _unit_name(read, document.model)
                parsed.documents.append(document)
    except Unreadable as error:
        # The documents read before the error can't be trusted either.
        parsed.documents.clear()
        findings.append(_unreadable_finding(kind, error, ""))
        return parsed
    if not parsed.total:
        findings.append(draft("E007"))
    if unknown:
        value = "、".join(sorted(unknown)[:_FIELDS_NAMED])
        findings.append(draft("W128", value=value))
    return parsed


def _unknown_fields(kind: str, read: RawDocument) -> set[str]:
    """The fields of a document that its type doesn't have, as long as they have something in them.

    A unit's name is compared with its registration.
    """
    if not isinstance(read.content, Mapping) or read.content.keys() <= _known_fields(kind):
        return set()
    return given_fields(read.content).keys() - _known_fields(kind)


@cache
def _known_fields(kind: str) -> frozenset[str]:
    return frozenset({*MODELS[kind].model_fields, "unit_name"})


def _unit_name(read: RawDocument, model: Document) -> str | None:
    name = vars(model).get("unit_name") or read.unit_name or read.content.get("unit_name")
    return struck(name[:_LONGEST_NAME]) if isinstance(name, str) else None


def _unreadable_finding(kind: str, error: Unreadable, where: str) -> Draft:
    """The finding about an unreadable object or document."""
    about = _about(kind, error)
    value = _quotable(kind, error.code, error.value)
    fields = _with_field_names(kind, error.fields)
    return draft(error.code, error.where or where, value=value, **about, **fields)


def _with_field_names(kind: str, fields: Mapping[str, str]) -> dict[str, str]:
    """A reader's placeholders with the name for people of the field among them."""
    if "field" not in fields:
        return dict(fields)
    name_zh, name_en = field_names(kind, [fields["field"]])
    return {**fields, "field": name_zh, "field_en": name_en}


def _remark_finding(kind: str, remark: Remark, about: About) -> Draft:
    """The finding of a reader about a part of the object."""
    value = _quotable(kind, remark.code, remark.value)
    return draft(
        remark.code,
        remark.where,
        value=value,
        severity=remark.severity,
        **about,
        **_with_field_names(kind, remark.fields),
    )


def _about(kind: str, content: Any) -> About:
    """The ids of a document before its contract is checked, as findings may show them.

    If a document that holds personal data has no unit code where that should be, its fields may be
    shifted, and any of them a contact.
    """
    if isinstance(content, Unreadable):
        document_id, unit_code = content.document_id, content.unit_code
    else:
        document_id, unit_code = content.get("document_id"), content.get("unit_code")
    about: About = {"document_id": _id_text(document_id), "unit_code": _id_text(unit_code)}
    if DOCUMENT_TYPES[kind].holds_personal_data and not UNIT_CODE.match(about["unit_code"] or ""):
        return {"document_id": None, "unit_code": None}
    return about


def _quotable(kind: str, code: str, value: str) -> str:
    """``value``, or :data:`WITHHELD` for part of a document that may hold personal data."""
    withheld = DOCUMENT_TYPES[kind].holds_personal_data and code in _QUOTING_CODES
    return WITHHELD if withheld else value


def _checked_document(
    place: Place, where: Locator, content: Any, findings: Findings
) -> ParsedDocument | None:
    """Check one document; None where it is rejected, with the reason in ``findings``."""
    if not isinstance(content, Mapping):
        findings.append(
            draft(
                "E102",
                where.at(),
                value=_quotable(place.document_type, "E102", quoted(content)),
                field="文档",
                field_en="document",
                expected=PROBLEMS["model_type"].expected_zh,
                expected_en=PROBLEMS["model_type"].expected_en,
            )
        )
        return None
    raw, where = _with_codes_read(place.document_type, given_fields(content), where, findings)
    about = _about(place.document_type, raw)
    document_type = raw.get("document_type", place.document_type)
    if document_type != place.document_type:
        findings.append(
            draft(
                "E107",
                where.at("document_type"),
                value=_type_name(document_type),
                expected=_type_name(place.document_type),
                expected_en=place.document_type,
                **about,
            )
        )
        return None
    model = _validated(MODELS[place.document_type], raw, where, about, findings)
    if model is None:
        return None
    contradictions = list(_prefix_findings(place, where, model, about))
    if contradictions:
        findings += contradictions
        return None
    invisible = first_invisible(raw)
    if invisible:
        findings.append(draft("W125", where.at(), value=invisible, **about))
    document = ParsedDocument(where, model, "")
    stated = _stated_units(place.document_type, raw)
    if isinstance(model, Performance):
        indicators = load_catalogue().indicators
        document.values = Values(
            (code if code in indicators else _unknown_code(code), read)
            for code, value in model.values.items()
            if (read := stated.read(code, value)) is not None
        )
        model.values.clear()  # free the memory: document.values holds them as read
    elif isinstance(model, Plan):
        document.targets = list(_targets(model, where, about, findings, stated))
    document.content_sha256 = hashlib.sha256(
        _json_bytes(_content(document, place.year))
    ).hexdigest()
    if _strike_contacts(model, model.personal_fields):
        findings.append(draft("W126", where.at(), **about))
    if isinstance(model, Assessment):
        # A score has one decimal (contract §1); averages of marks arrive with a float's decimals.
        score = model.score.quantize(_SCORE_STEP, ROUND_HALF_UP)
        if score != model.score:
            given = quoted(raw.get("score"))
            findings.append(
                draft("W118", where.at("score"), value=given, expected=str(score), **about)
            )
            model.score = score
    return document


class _StatedUnits(NamedTuple):
    """The units of measure that further fields of a document state.

    Attributes:
        of_money: of all its amounts: ``"unit": "元"``; empty if none is stated.
        by_code: ``"units": {"C_04": "元"}``.
    """

    of_money: frozenset[str] = frozenset()
    by_code: Mapping[str, str] = MappingProxyType({})

    def read(self, code: str, value: Any) -> ReadValue | None:
        """A value as read; unreadable if its unit contradicts the catalogue."""
        read = read_value(value)
        if read is None or not (self.of_money or self.by_code):
            return read
        own = self.by_code.get(code)
        if own is None:
            quoted = with_stated_unit(code, read.text, self.of_money)
        else:
            unit = contradicted_unit(code, own)
            quoted = unit and f"{read.text}（{struck(own[:_LONGEST_UNIT])}，应为{unit}）"
        return ReadValue(quoted, "text", None) if quoted else read


_NO_UNITS = _StatedUnits()


def _stated_units(kind: str, raw: Mapping[str, Any]) -> _StatedUnits:
    """What the fields that a document's type doesn't have state of units of measure."""
    further = [raw[name] for name in sorted(raw.keys() - _known_fields(kind))]
    if not further:
        return _NO_UNITS
    texts = (each for each in further if isinstance(each, str))
    by_code = {
        code: unit
        for each in further
        if isinstance(each, Mapping)
        for name, unit in each.items()
        if isinstance(unit, str) and (code := codes.indicator_code(name)) is not None
    }
    of_money = next(filter(None, map(units_in_note, texts)), frozenset[str]())
    return _StatedUnits(of_money, by_code)


def _with_codes_read(
    kind: str, raw: Mapping[str, Any], where: Locator, findings: Findings
) -> tuple[dict[str, Any], Locator]:
    """A document with the catalogue's codes, and the locator of its parts.

    Adds a finding where a unit or indicator code was written in another way. Labels that stand for
    codes are read without one.
    """
    read, rewritten = codes.with_codes(raw)
    for path, text, code in rewritten:
        findings.append(
            draft("W141", where.at(*path), value=text, meant=code, **_about(kind, read))
        )
    keys = {(*path[:-1], code): path for path, _, code in rewritten if len(path) > 1}
    return read, _RenamedKeys(where, keys) if keys else where


class _RenamedKeys(NamedTuple):
    """A locator of a document whose indicator codes were written in another way.

    Attributes:
        original: of the document.
        written: path as written by path with the catalogue's code.
    """

    original: Locator
    written: Mapping[tuple[str, ...], tuple[str, ...]]

    def at(self, *path: str | int) -> str:
        """The location of a part."""
        return self.original.at(*self.written.get(tuple(map(str, path)), path))


def _strike_contacts(part: Part, personal: frozenset[str] = frozenset()) -> bool:
    """Strike contacts out of the texts of a document; return whether any were found.

    Afterwards contacts are stored only in the object's bytes (``raw.objects``) and in the
    ``personal`` fields.
    """
    found = False
    for name in _searched_fields(type(part), personal):
        value = getattr(part, name)
        if isinstance(value, str):
            without = struck_id(value) if name in part.ids else struck(value)
            if without != value:
                setattr(part, name, without)
                found = True
        elif value is not None:
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, Part):
                    found |= _strike_contacts(each)
    return found


@cache
def _searched_fields(kind: type[Part], personal: frozenset[str]) -> tuple[str, ...]:
    """The fields out of which contacts are struck."""
    return tuple(sorted(kind.model_fields.keys() - kind.kept_as_sent - personal))


def _unknown_code(code: str) -> str:
    """A key that is no indicator's code, without contacts; a hash tells long ones apart.

    The warehouse and every message about the value repeat it, and a key may have megabytes.
    """
    if len(code) <= _LONGEST_CODE:
        return struck(code)
    digest = hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
    # Striking out shortens a text, so more is searched than is shown; no contact is cut in two.
    return f"{struck(code[: 20 * _LONGEST_CODE])[:_LONGEST_CODE]}…{digest[:8]}"


def _content(document: ParsedDocument, year: int) -> list[Any]:
    """A document's content in a form that doesn't depend on its format, for hashing."""
    fields = document.model.model_dump(exclude={"values", "targets"}, exclude_none=True)
    fields.setdefault("year", year)
    values = sorted([code, _canonical(read)] for code, read in document.values)
    targets = sorted([year, code, _canonical(read)] for year, code, read in document.targets)
    return [fields, values, targets]


def _canonical(read: ReadValue) -> str:
    """A number without leading and trailing zeros; other text unchanged."""
    number = read.number
    if number is None:
        return read.text
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return number if number[:1] != "0" else number.lstrip("0") or "0"


def _json_bytes(content: Any) -> bytes:
    """Encode as JSON with sorted keys."""
    try:
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS, default=_decimal_json)
    except TypeError:  # lone surrogates: JSON allows them as escapes, UTF-8 doesn't
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
        return text.encode("utf-8", "surrogatepass")


def _decimal_json(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    raise TypeError


def _id_text(value: Any) -> str | None:
    """A document id or unit code as a finding quotes it, at most 64 characters."""
    return struck_id(value)[:64] if isinstance(value, str) and value else None


def _type_name(document_type: Any) -> str:
    """A document type as a finding names it: its label and its name in keys."""
    known = DOCUMENT_TYPES.get(document_type) if isinstance(document_type, str) else None
    return f"{known.label_zh}（{known.name}）" if known else quoted(document_type)


def _validated(
    kind: type[Document],
    raw: dict[str, Any],
    where: Locator,
    about: About,
    findings: Findings,
) -> Document | None:
    """Validate a document; wrong fields of ``kind.dropped_if_wrong`` are dropped with a warning.

    Returns:
        None where another field is wrong, with the reasons in ``findings``.
    """
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=True)
    names = {str(p["loc"][0]) if p["loc"] else "" for p in problems}
    is_fatal = not names <= kind.dropped_if_wrong
    severity = "error" if is_fatal else "warning"
    findings += problem_findings(kind, problems, where, about, severity)
    if is_fatal:
        return None
    return kind.model_validate({k: v for k, v in raw.items() if k not in names})


def _prefix_findings(
    place: Place, where: Locator, model: Document, about: About
) -> Iterator[Draft]:
    """Yield the contradictions between a document and the prefix under which it was uploaded."""
    from_ministry = place.province_code == MINISTRY
    if model.year is not None and model.year != place.year:
        yield draft(
            "E104", where.at("year"), value=str(model.year), expected=str(place.year), **about
        )
    sender = Sender.MINISTRY if from_ministry else Sender.PROVINCE
    if sender not in DOCUMENT_TYPES[place.document_type].senders:
        yield draft("E111", where.at(), value=_type_name(place.document_type), **about)
    if isinstance(model, Review):
        recognises = model.stage == "national_recognition"
        if recognises and not from_ministry:
            yield draft("E111", where.at("stage"), value=code_name("stage", model.stage), **about)
    tasks = load_catalogue().tasks
    unit_code = about["unit_code"]
    fields = vars(model)  # not every type has each of them
    match = UNIT_CODE.match(fields.get("unit_code") or "")
    if match:
        task_code, unit_province = match.group(1), match.group(2)
        if task_code not in tasks or unit_province not in load_catalogue().regions:
            yield draft("E106", where.at("unit_code"), value=unit_code, **about)
        elif not from_ministry and unit_province != place.province_code:
            yield draft(
                "E105",
                where.at("unit_code"),
                value=unit_code,
                expected=place.province_code,
                **about,
            )
        elif isinstance(model, Registration) and model.task_code not in (None, task_code):
            yield draft(
                "E115", where.at("task_code"), value=model.task_code, expected=task_code, **about
            )
    own_task = fields.get("task_code")
    if not match and own_task is not None and own_task not in tasks:
        yield draft(
            "E103",
            where.at("task_code"),
            value=own_task,
            field=field_names(place.document_type, ["task_code"])[0],
            field_en="task_code",
            expected="、".join(tasks),
            expected_en=", ".join(tasks),
            **about,
        )
    if isinstance(model, Explanation):
        known = load_catalogue()
        if model.rule_id not in known.rules and model.rule_id not in known.error_codes:
            yield draft("E117", where.at("rule_id"), value=model.rule_id, **about)
    if isinstance(model, Return) and not (
        model.withdraws_document_id or (model.returns_document_id and model.reason)
    ):
        yield draft("E061", where.at(), **about)
    if isinstance(model, Editorial):
        yield from _editorial_findings(place, where, model, about)
    if isinstance(model, Verification):
        yield from _verification_findings(where, model, about)
    province = fields.get("province_code")
    if province is not None and province != place.province_code:
        yield draft(
            "E105", where.at("province_code"), value=province, expected=place.province_code, **about
        )


def _editorial_findings(
    place: Place, where: Locator, model: Editorial, about: About
) -> Iterator[Draft]:
    """Yield a finding if the sender may not write for the bulletin, or there is no such one."""
    known = load_catalogue()
    of_ministry = {"national", *known.tasks}
    if model.bulletin not in of_ministry and model.bulletin not in known.regions:
        expected = "national, T01, 440000"
        yield draft(
            "E103",
            where.at("bulletin"),
            value=model.bulletin,
            field=field_names(place.document_type, ["bulletin"])[0],
            field_en="bulletin",
            expected=expected,
            **about,
        )
        return
    sender = MINISTRY if model.bulletin in of_ministry else model.bulletin
    if sender != place.province_code:
        yield draft("E111", where.at("bulletin"), value=model.bulletin, **about)


def _verification_findings(where: Locator, model: Verification, about: About) -> Iterator[Draft]:
    """Yield a finding if it isn't said what the unit must do by when, or the days can't be so."""
    asks = model.requirement and model.due_on
    if model.result != "sound" and not (model.findings and asks):
        yield draft("E064", where.at(), **about)
    for name, day in (("due_on", model.due_on), ("closed_on", model.closed_on)):
        if day and day < model.verified_on:
            yield draft(
                "E065",
                where.at(name),
                value=day.isoformat(),
                expected=model.verified_on.isoformat(),
                **about,
            )


def _targets(
    model: Plan, where: Locator, about: About, findings: Findings, stated: _StatedUnits
) -> Iterator[tuple[int, str, ReadValue]]:
    """Yield the targets of a plan; add a finding for each unreadable one."""
    indicators = load_catalogue().indicators
    for year, targets in model.targets.items():
        for code, value in targets.items():
            read = stated.read(code, value)
            if read is None:
                continue
            indicator = indicators.get(code)
            shown = code if indicator else _unknown_code(code)
            if read.number is None:
                findings.append(
                    draft(
                        "E201",
                        where.at("targets", year, shown),
                        value=read.text,
                        indicator_code=shown,
                        **(indicator_fields(indicator) if indicator else {"indicator": shown}),
                        **about,
                    )
                )
            yield int(year), shown, read

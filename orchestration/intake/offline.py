"""The offline check: makes the receipt that a file would get, before it is uploaded.

Belongs here: finding a file's document type, year and province (from options, path or content)
and applying the same parsing, contracts, bounds and rules as the intake and the warehouse. It needs
no store and no lakehouse, so it leaves out what only they know: whether the unit is registered,
last year's values, the plan's targets, earlier uses of a document id, and report files.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import struck
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.errors import UsageError
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.core.settings import Settings
from orchestration.intake import codes
from orchestration.intake.answers import prepare
from orchestration.intake.checks import drafts_of
from orchestration.intake.contracts import UNIT_CODE
from orchestration.intake.documents import ParsedObject, parse_object, unprocessable
from orchestration.intake.findings import Draft, Finding, Findings, counted, draft, finding
from orchestration.intake.formats import (
    RawDocument,
    Unreadable,
    header_match,
    limits_of,
    read_object,
)
from orchestration.intake.isolation import another_try, bounded_task, finding_of_death
from orchestration.intake.places import UNKNOWN_PROVINCE, Place, place_of
from orchestration.intake.receipts import ReceiptSubject, held_back, receipt
from orchestration.intake.rules import check_rules, rule_connection
from orchestration.intake.workers import Died, Task, Workers

__all__ = ["CheckedFile", "ReadAs", "check_file", "check_files"]


#: Warnings about a value that is left out.
_IGNORING_CODES = {"E204", "E205"}


@dataclass(frozen=True)
class ReadAs:
    """A value of a file and what was read, for a comparison with the page.

    Attributes:
        where: its place in the file.
        document_id, unit_code: of its document.
        year: of a target; None for a value of the reporting year.
        indicator_code, name, unit_of_measure: of the indicator; name and unit are "" for a code
            that the catalogue doesn't have.
        typed: as received.
        read: what was read; None for a value that can't be read.
        excluded_by: the code of the finding because of which it doesn't count, or None.
    """

    where: str
    document_id: str
    unit_code: str | None
    year: int | None
    indicator_code: str
    name: str
    typed: str
    read: str | None
    unit_of_measure: str
    excluded_by: str | None


@dataclass(frozen=True)
class CheckedFile:
    """The outcome of the check of a file.

    Attributes:
        receipt: the receipt that it would get, UTF-8 JSON.
        values: the values and targets of its documents that are accepted.
        unknown: the options that would say what neither path nor content of the file say.
    """

    receipt: bytes
    values: tuple[ReadAs, ...]
    unknown: tuple[str, ...]


def check_files(
    paths: Iterable[Path],
    settings: Settings,
    *,
    kind: str | None = None,
    year: int | None = None,
    province: str | None = None,
) -> Iterator[CheckedFile]:
    """Yield the outcome of :func:`check_file` for each file, whatever it does to its reader.

    Raises:
        UsageError: a file can't be opened.
    """
    with Workers(prepare, (load_catalogue(),), settings.max_object_memory) as workers:
        for path in paths:
            task = bounded_task(settings, _checked, path, settings, kind, year, province)
            again: Task | None = task
            while again:
                task = again
                [(_, checked)] = workers.run(deque([task]), 1)
                again = another_try(task, checked) if isinstance(checked, Died) else None
            if isinstance(checked, UsageError):
                raise checked
            if isinstance(checked, Died):
                found = finding_of_death(checked.cause, task, settings)
                body = path.read_bytes()
                received_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                place, unknown = _upload_place(
                    path, b"", settings, received_at, kind, year, province
                )
                subject = _subject(place, body, len(body))
                checked = CheckedFile(receipt(subject, [found]), (), unknown)
            yield checked


def _checked(
    path: Path, settings: Settings, kind: str | None, year: int | None, province: str | None
) -> CheckedFile | UsageError:
    """What :func:`check_file` returns or raises; runs in a worker."""
    try:
        return check_file(path, settings, kind=kind, year=year, province=province)
    except UsageError as error:
        return error


def _subject(
    place: Place,
    body: bytes | None,
    size: int,
    documents: int = 0,
    rejected: int = 0,
    values: int = 0,
) -> ReceiptSubject:
    """What a receipt says about a file; ``body`` is None if it was not read."""
    return ReceiptSubject(
        object_key=struck(_key(place)),
        etag=hashlib.md5(body or b"", usedforsecurity=False).hexdigest(),
        sha256=None if body is None else hashlib.sha256(body).hexdigest(),
        size=size,
        year=place.year,
        province_code=place.province_code,
        documents=documents,
        rejected=rejected,
        values=values,
    )


def _key(place: Place) -> str:
    return f"{place.document_type}/year={place.year}/province={place.province_code}/{place.name}"


def check_file(
    path: Path,
    settings: Settings,
    *,
    kind: str | None = None,
    year: int | None = None,
    province: str | None = None,
) -> CheckedFile:
    """Check a file: the receipt that it would get, and its values as read.

    Args:
        path: the file.
        kind, year, province: where the file would be uploaded. An omitted one is taken from the
            path, if that follows the landing zone's layout, otherwise from the content. If that
            doesn't say it either, performance data of the current year are assumed.

    Raises:
        UsageError: the file can't be opened.
    """
    try:
        size = path.stat().st_size
        too_large = size > settings.max_object_bytes
        body = b"" if too_large else path.read_bytes()
        received_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    place, unknown = _upload_place(path, body, settings, received_at, kind, year, province)
    if too_large:
        limit = str(settings.max_object_bytes)
        parsed = ParsedObject(findings=[finding("E002", value=str(size), limit=limit)])
    else:
        parsed = parse_object(place, _key(place), body, limits_of(settings), received_at)
    try:
        judged = _judge(place, parsed, settings.now(), settings.max_findings)
    except Exception as error:
        parsed = unprocessable(error)
        judged = _Judged(Findings(settings.max_findings, parsed.findings))
    findings = list(judged.findings)
    if judged.findings.left_out:
        findings.append(counted(findings, judged.findings.left_out, settings.max_findings))
    rejected = judged.rejected + len(judged.held_back - held_back(findings))
    values = tuple(_values_as_read(parsed, judged.excluded))
    subject = _subject(
        place,
        None if too_large else body,
        size,
        parsed.total,
        rejected,
        sum(each.excluded_by is None for each in values),
    )
    return CheckedFile(receipt(subject, findings), values, unknown)


def _values_as_read(
    parsed: ParsedObject, excluded: Mapping[tuple[str | None, str], str]
) -> Iterator[ReadAs]:
    """Yield the values and targets of the accepted documents, in the order of the file.

    Args:
        excluded: the code of the finding because of which a value doesn't count, by document and
            indicator.
    """
    for document in parsed.documents:
        document_id = document.model.document_id
        targets = (
            (("targets", str(year)), year, code, read) for year, code, read in document.targets
        )
        values = ((("values",), None, code, read) for code, read in document.values)
        for path, year, code, read in [*targets, *values]:
            indicator = load_catalogue().indicators.get(code)
            is_list = indicator is not None and indicator.value_type == "code_list"
            excluded_by = excluded.get((document_id, code))
            if year is not None:
                excluded_by = "E201" if read.number is None else None
            yield ReadAs(
                where=document.where.at(*path, code),
                document_id=document_id,
                unit_code=document.unit_code,
                year=year,
                indicator_code=code,
                name=indicator.name_zh if indicator else "",
                typed=read.text,
                read=read.text if is_list else read.number,
                unit_of_measure=indicator.unit if indicator else "",
                excluded_by=excluded_by,
            )


def _excluded_codes(found: Finding | Draft) -> tuple[str, ...]:
    """The indicators whose values don't count because of a finding about a document."""
    rule = load_catalogue().rules.get(found.code)
    if rule is not None:
        return tuple(rule.indicator_codes) if found.severity == "error" else ()
    if found.indicator_code and (found.severity == "error" or found.code in _IGNORING_CODES):
        return (found.indicator_code,)
    return ()


@dataclass
class _Judged:
    """What was found about an object.

    Attributes:
        findings: those that the receipt lists.
        rejected: the number of documents that are rejected.
        held_back: ids of the documents that are taken in and not accepted.
        excluded: the code of the finding because of which a value doesn't count, by document and
            indicator; also of findings that the receipt only counts.
    """

    findings: Findings
    rejected: int = 0
    held_back: set[str] = field(default_factory=set)
    excluded: dict[tuple[str | None, str], str] = field(default_factory=dict)

    def take(self, found: Finding | Draft) -> None:
        """Add a finding."""
        for code in _excluded_codes(found):
            self.excluded[found.document_id, code] = found.code
        self.held_back |= held_back([found])
        self.findings.append(found)


def _judge(place: Place, parsed: ParsedObject, now: datetime, limit: int) -> _Judged:
    """All findings about an object, and what they mean for its documents and values.

    Args:
        now: a document is judged as if it were uploaded now (aware).
        limit: most findings that are listed.
    """
    seen: dict[str, str] = {}
    judged = _Judged(Findings(limit), parsed.total - len(parsed.documents))
    for found in parsed.findings:
        judged.take(found)
    if isinstance(parsed.findings, Findings):
        judged.findings.left_out += parsed.findings.left_out
    with rule_connection() as con:
        for document in parsed.documents:
            known = seen.setdefault(document.model.document_id, document.content_sha256)
            if known is not document.content_sha256:
                same = known == document.content_sha256
                judged.rejected += 0 if same else 1
                judged.take(
                    draft(
                        "W117" if same else "E108",
                        document.where.at("document_id"),
                        value=document.model.document_id,
                        document_id=document.model.document_id,
                        unit_code=document.unit_code,
                    )
                )
                continue
            own = list(drafts_of(place, document, now))
            for drafted in own:
                judged.take(drafted)
            if place.document_type == "performance" and document.unit_code:
                for fired in check_rules(
                    con,
                    document.unit_code.partition("-")[0],
                    place.year,
                    document.values,
                    {each.indicator_code for each in own if each.indicator_code},
                    where=document.where,
                    document_id=document.model.document_id,
                    unit_code=document.unit_code,
                ):
                    judged.take(fired)
    return judged


def _upload_place(
    path: Path,
    body: bytes,
    settings: Settings,
    received_at: datetime,
    kind: str | None,
    year: int | None,
    province: str | None,
) -> tuple[Place, tuple[str, ...]]:
    """Where the file would be uploaded, by the options, then the path, then the content.

    Returns:
        the place, and the options that would say what none of these say.
    """
    parts = path.resolve().parts
    for index, part in enumerate(parts):
        if part in DOCUMENT_TYPES:
            place = place_of("/".join(parts[index:]), year or 0)
            if place.follows_layout:
                place = replace(
                    place,
                    document_type=kind or place.document_type,
                    year=year or place.year,
                    province_code=province or place.province_code,
                )
                return place, ()
    if kind is None or year is None or province is None:
        found = _place_in_content(path, body, settings, received_at, kind)
        kind, year, province = kind or found[0], year or found[1], province or found[2]
    if kind not in DOCUMENT_TYPES:
        kind = None
    given = (("--as", kind), ("--year", year), ("--province", province))
    unknown = tuple(option for option, value in given if value is None)
    place = Place(
        kind or "performance",
        year or settings.now().astimezone(SHANGHAI).year,
        province or UNKNOWN_PROVINCE,
        path.name,
        True,
    )
    return place, unknown


def _place_in_content(
    path: Path, body: bytes, settings: Settings, received_at: datetime, kind: str | None
) -> tuple[str | None, int | None, str | None]:
    """Document type, year and province of the first document, each None where it is unknown."""
    limits = limits_of(settings)
    found: tuple[str | None, int | None, str | None] = (kind, None, None)
    try:
        kinds = (
            [kind]
            if kind
            else header_match(path.name, body, limits, list(DOCUMENT_TYPES)) or ["performance"]
        )
        documents = read_object(
            path.name, body, kind=kinds[0], limits=limits, received_at=received_at
        )
        for read in documents:
            if not isinstance(read, RawDocument):
                continue
            said = _place_in_document(read.content, kinds[0] if kind or _is_table(path) else None)
            found = (found[0] or said[0], found[1] or said[1], found[2] or said[2])
            if all(found):
                break
    except Exception:  # the receipt reports why the file can't be read
        return found
    return found


def _place_in_document(content: Any, kind: str | None) -> tuple[str | None, int | None, str | None]:
    """Document type, year and province that a document says, each None where it doesn't."""
    if isinstance(content, Unreadable):
        content = {"unit_code": content.unit_code}
    if not isinstance(content, Mapping):
        return None, None, None
    named = content.get("document_type", kind)
    unit = UNIT_CODE.match(codes.unit_code(str(content.get("unit_code", ""))) or "")
    province = unit.group(2) if unit else content.get("province_code")
    digits = str(content.get("year") or str(content.get("submitted_at", ""))[:4])
    return (
        named if isinstance(named, str) else None,
        int(digits) if digits.isdecimal() and len(digits) == 4 else None,
        province if province in load_catalogue().regions else None,
    )


def _is_table(path: Path) -> bool:
    return path.suffix.lower() not in (".json", ".jsonl")

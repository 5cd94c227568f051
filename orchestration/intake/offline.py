"""The offline check: makes the receipt that a file would get, before it is uploaded.

Belongs here: finding a file's document type, year and province (from options, path or content)
and applying the same parsing, contracts, bounds and rules as the intake and the warehouse. It needs
no store and no lakehouse, so it leaves out what only they know: whether the unit is registered,
last year's values, the plan's targets, earlier uses of a document id, and report files.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from orchestration.core.catalogue import load_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.errors import UsageError
from orchestration.core.settings import Settings
from orchestration.intake.checks import check_document
from orchestration.intake.contracts import UNIT_CODE
from orchestration.intake.documents import ParsedObject, parse_object, unprocessable
from orchestration.intake.findings import Finding, finding
from orchestration.intake.formats import (
    RawDocument,
    header_match,
    limits_of,
    read_object,
)
from orchestration.intake.places import Place, place_of
from orchestration.intake.receipts import ReceiptSubject, receipt
from orchestration.intake.rules import check_rules, rule_connection

__all__ = ["check_file"]


def check_file(
    path: Path,
    settings: Settings,
    *,
    kind: str | None = None,
    year: int | None = None,
    province: str | None = None,
) -> bytes:
    """The receipt (UTF-8 JSON) that a file would get.

    Args:
        path: the file.
        kind, year, province: where the file would be uploaded. An omitted one is taken from the
            path, if that follows the landing zone's layout, otherwise from the content.

    Raises:
        UsageError: the file can't be opened, or its type, year or province can't be found.
    """
    try:
        size = path.stat().st_size
        too_large = size > settings.max_object_bytes
        body = b"" if too_large else path.read_bytes()
        received_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    place = _upload_place(path, body, settings, received_at, kind, year, province)
    key = f"{place.document_type}/year={place.year}/province={place.province_code}/{place.name}"
    if too_large:
        limit = str(settings.max_object_bytes)
        parsed = ParsedObject(findings=[finding("E002", value=str(size), limit=limit)])
    else:
        parsed = parse_object(place, key, body, limits_of(settings), received_at)
    try:
        findings, rejected = _judge(place, parsed)
    except Exception as error:
        parsed = unprocessable(error)
        findings, rejected = parsed.findings, 0
    subject = ReceiptSubject(
        object_key=key,
        etag=hashlib.md5(body, usedforsecurity=False).hexdigest(),
        sha256=None if too_large else hashlib.sha256(body).hexdigest(),
        size=size,
        year=place.year,
        province_code=place.province_code,
        documents=parsed.total,
        rejected=rejected,
    )
    return receipt(subject, findings)


def _judge(place: Place, parsed: ParsedObject) -> tuple[list[Finding], int]:
    """All findings about an object, and the number of its documents that are rejected."""
    seen: dict[str, str] = {}
    rejected = parsed.total - len(parsed.documents)
    findings = list(parsed.findings)
    with rule_connection() as con:
        for document in parsed.documents:
            known = seen.setdefault(document.model.document_id, document.content_sha256)
            if known is not document.content_sha256:
                same = known == document.content_sha256
                rejected += 0 if same else 1
                findings.append(
                    finding(
                        "W117" if same else "E108",
                        document.where.at("document_id"),
                        value=document.model.document_id,
                        document_id=document.model.document_id,
                        unit_code=document.unit_code,
                    )
                )
                continue
            own = list(check_document(place, document))
            findings += own
            if place.document_type == "performance" and document.unit_code:
                findings += check_rules(
                    con,
                    document.unit_code.partition("-")[0],
                    place.year,
                    document.values,
                    {each.indicator_code for each in own if each.indicator_code},
                    where=document.where,
                    document_id=document.model.document_id,
                    unit_code=document.unit_code,
                )
    return findings, rejected


def _upload_place(
    path: Path,
    body: bytes,
    settings: Settings,
    received_at: datetime,
    kind: str | None,
    year: int | None,
    province: str | None,
) -> Place:
    """Where the file would be uploaded, by the options, then the path, then the content."""
    parts = path.resolve().parts
    for index, part in enumerate(parts):
        if part in DOCUMENT_TYPES:
            place = place_of("/".join(parts[index:]), year or 0)
            if place.follows_layout:
                return replace(
                    place,
                    document_type=kind or place.document_type,
                    year=year or place.year,
                    province_code=province or place.province_code,
                )
    if kind is None or year is None or province is None:
        found = _place_in_content(path, body, settings, received_at, kind)
        kind, year, province = kind or found[0], year or found[1], province or found[2]
    if kind not in DOCUMENT_TYPES or year is None or province is None:
        missing = [
            option
            for option, value in (("--as", kind), ("--year", year), ("--province", province))
            if value is None or (option == "--as" and value not in DOCUMENT_TYPES)
        ]
        raise UsageError(
            f"{path.name}: can't tell where it belongs: give {', '.join(missing)} "
            "(or its path in the landing zone)"
        )
    return Place(kind, year, province, path.name, True)


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
            if not isinstance(read, RawDocument) or not isinstance(read.content, dict):
                continue
            content = read.content
            named = content.get("document_type", kinds[0] if kind or _is_table(path) else None)
            unit = UNIT_CODE.match(str(content.get("unit_code", "")))
            province = unit.group(2) if unit else content.get("province_code")
            digits = str(content.get("year") or str(content.get("submitted_at", ""))[:4])
            return (
                named if isinstance(named, str) else None,
                int(digits) if digits.isdecimal() and len(digits) == 4 else None,
                province if province in load_catalogue().regions else None,
            )
    except Exception:  # the receipt reports why the file can't be read
        return found
    return found


def _is_table(path: Path) -> bool:
    return path.suffix.lower() not in (".json", ".jsonl")

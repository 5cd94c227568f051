"""Readers of the file formats: from an object's bytes to documents as plain mappings.

Belongs here: choosing the reader by the key's extension. All readers yield the same types, so that
contracts, rules and receipts don't depend on formats. Doesn't belong here: the contracts of
documents (``contracts``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from posixpath import splitext
from typing import Any

from orchestration.core.settings import Settings
from orchestration.intake.formats.base import (
    Cells,
    Limits,
    Locator,
    RawDocument,
    Remark,
    Unreadable,
)
from orchestration.intake.formats.content import refuse_other_content
from orchestration.intake.formats.json_text import MAX_DEPTH, read_json
from orchestration.intake.formats.settling import settled

__all__ = [
    "FORMATS",
    "MAX_DEPTH",
    "Cells",
    "Limits",
    "Locator",
    "RawDocument",
    "Remark",
    "Unreadable",
    "header_match",
    "limits_of",
    "read_object",
]

FORMATS = (".json", ".jsonl", ".csv", ".xlsx", ".parquet")


def limits_of(settings: Settings) -> Limits:
    """The readers' limits from the settings."""
    return Limits(
        expanded_bytes=settings.max_expanded_bytes,
        rows=settings.max_rows,
        sheets=settings.max_sheets,
        columns=settings.max_columns,
        held_bytes=settings.max_held_bytes,
        documents=settings.max_documents,
        findings=settings.max_findings,
        seconds=settings.max_object_seconds,
    )


def header_match(name: str, body: bytes, limits: Limits, kinds: Sequence[str]) -> list[str]:
    """The document types whose columns a table's header has, the best match first.

    Args:
        kinds: the document types to try.

    Returns:
        an empty list for JSON and for a table that can't be read.
    """
    from orchestration.intake.formats.headers import find_header

    try:
        heads = list(_first_rows(name, body, limits))
    except Unreadable:
        return []
    found = {kind: find_header(kind, heads) for kind in kinds}
    counts = {kind: len(place[1].columns) for kind, place in found.items() if place}
    return sorted(counts, key=lambda kind: -counts[kind])


def _first_rows(name: str, body: bytes, limits: Limits) -> Iterator[Sequence[Any]]:
    """Yield the first rows of a table; nothing for JSON."""
    suffix = splitext(name)[1].lower()
    if suffix == ".csv":
        from orchestration.intake.formats.csv_text import csv_heads

        yield from csv_heads(body)
    elif suffix == ".xlsx":
        from orchestration.intake.formats.xlsx import xlsx_heads

        yield from xlsx_heads(body, limits)
    elif suffix == ".parquet":
        from orchestration.intake.formats.parquet import parquet_heads

        yield from parquet_heads(body, limits)


def read_object(
    key: str, body: bytes, *, kind: str, limits: Limits, received_at: datetime
) -> Iterator[RawDocument | Remark]:
    """Yield the documents of one object, and the reader's findings about its parts.

    Args:
        kind: the document type in the key.
        received_at: when the store received the object (aware).

    Raises:
        Unreadable: nothing of the object can be read.
    """
    yield from settled(_read_format(key, body, kind, limits, received_at))


def _read_format(
    key: str, body: bytes, kind: str, limits: Limits, received_at: datetime
) -> Iterator[RawDocument | Remark]:
    suffix = splitext(key)[1].lower()
    refuse_other_content(suffix, body)
    if suffix not in FORMATS:
        raise Unreadable("E005", suffix or key)
    if suffix == ".csv":
        from orchestration.intake.formats.csv_text import read_csv

        yield from read_csv(body, kind, limits, received_at)
    elif suffix == ".xlsx":
        from orchestration.intake.formats.xlsx import read_xlsx

        yield from read_xlsx(body, kind, limits, received_at)
    elif suffix == ".parquet":
        from orchestration.intake.formats.parquet import read_parquet

        yield from read_parquet(body, kind, limits)
    else:
        yield from read_json(body)

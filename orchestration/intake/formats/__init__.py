"""From an object's bytes to documents as plain mappings, whatever the format.

Belongs here: choosing the reader by the key's ending. Every reader yields the same thing, so
that the contract, the rules and the receipts know nothing of formats. Doesn't belong here: what
a document must hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import PurePosixPath
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
from orchestration.intake.formats.json_text import MAX_DEPTH, read_json

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
    """The limits that are set."""
    return Limits(settings.max_expanded_bytes, settings.max_rows)


def header_match(name: str, body: bytes, limits: Limits, kinds: Sequence[str]) -> list[str]:
    """Those of ``kinds`` whose columns a table's header names, the best match first.

    Empty for JSON and for what can't be read.
    """
    from orchestration.intake.formats.tables import header_columns

    try:
        heads = list(_heads(name, body, limits))
    except Unreadable:
        return []
    counts = {
        kind: max((len(header_columns(kind, cells)) for cells in heads), default=0)
        for kind in kinds
    }
    return sorted((kind for kind in kinds if counts[kind]), key=lambda kind: -counts[kind])


def _heads(name: str, body: bytes, limits: Limits) -> Iterator[Sequence[Any]]:
    suffix = PurePosixPath(name).suffix.lower()
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
    """The documents of one object, and remarks about what of it was not read.

    Args:
        kind: document type that the key says.
        received_at: when the store received it (aware).

    Raises:
        Unreadable: nothing of the object can be read.
    """
    suffix = PurePosixPath(key).suffix.lower()
    if suffix not in FORMATS:
        raise Unreadable("E005", suffix or key)
    if suffix == ".csv":
        from orchestration.intake.formats.csv_text import read_csv

        yield from read_csv(body, kind, limits)
    elif suffix == ".xlsx":
        from orchestration.intake.formats.xlsx import read_xlsx

        yield from read_xlsx(body, kind, limits, received_at)
    elif suffix == ".parquet":
        from orchestration.intake.formats.parquet import read_parquet

        yield from read_parquet(body, kind, limits)
    else:
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Unreadable("E003", str(error.start)) from None
        yield from read_json(text)

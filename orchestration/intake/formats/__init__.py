"""From an object's bytes to documents as plain mappings, whatever the format.

Belongs here: choosing the reader by the key's ending. Every reader yields the same thing, so
that the contract, the rules and the receipts know nothing of formats. Doesn't belong here: what
a document must hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath

from orchestration.intake.formats.base import (
    JsonPointer,
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
    "JsonPointer",
    "Limits",
    "Locator",
    "RawDocument",
    "Remark",
    "Unreadable",
    "read_object",
]

FORMATS = (".json", ".jsonl", ".csv", ".xlsx", ".parquet")


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

"""Finds ids and telephone numbers that a spreadsheet has rewritten as numbers.

A spreadsheet shows a long number in scientific notation and keeps 15 of its digits. Belongs here:
recognising both in a text. Doesn't belong here: which columns hold ids (``tables``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from orchestration.intake.formats.base import Unreadable
from orchestration.intake.formats.cells import cell_text

__all__ = ["are_rounded", "id_problem", "is_scientific"]

#: Digits of a number that a spreadsheet keeps (IEEE 754).
_KEPT_DIGITS = 15
#: Digits lost to zeros, over all ids of a table, from which rounding is certain: three zeros occur
#: by chance once in a thousand tables.
_LOST_DIGITS = 3
_SCIENTIFIC = re.compile(r"[0-9]+(\.[0-9]+)?[eE]\+?[0-9]{1,3}\Z")


def is_scientific(text: str) -> bool:
    """Whether a text is a number in scientific notation: ``2.02411E+17``."""
    return _SCIENTIFIC.match(text.strip()) is not None


def id_problem(document_id: Any, rounded: bool) -> Unreadable | None:
    """The error of a document id that a spreadsheet has rewritten, or None."""
    if not isinstance(document_id, str):
        return None
    if is_scientific(document_id) or (rounded and _zeros_at_end(document_id)):
        return Unreadable("E035", document_id, field="document_id")
    return None


def are_rounded(ids: Iterable[Any]) -> bool:
    """Whether the ids of a table were rounded to the digits that a spreadsheet keeps."""
    long_ids = [
        text
        for text in map(cell_text, ids)
        if text and len(text) > _KEPT_DIGITS and text.isascii() and text.isdigit()
    ]
    lost = [_zeros_at_end(text) for text in long_ids]
    return all(lost) and sum(lost) >= _LOST_DIGITS


def _zeros_at_end(text: str) -> int:
    """The number of digits beyond those that a spreadsheet keeps, if all of them are zeros."""
    beyond = text[_KEPT_DIGITS:] if text.isascii() and text.isdigit() else ""
    return len(beyond) if beyond.strip("0") == "" else 0

"""Reads JSON objects, JSON arrays and JSON lines without losing a digit or a key.

Belongs here: from text to documents. Numbers stay text where a float would lose digits, a duplicate
key is an error, and nesting is bounded. Doesn't belong here: types of fields (``contracts``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from orchestration.intake.formats.base import JsonPointer, RawDocument, Unreadable
from orchestration.intake.reading import Number

__all__ = ["MAX_DEPTH", "read_json"]

#: Deepest nesting that is read; documents have at most four levels (contract §1).
MAX_DEPTH = 100
#: An int of up to 18 digits is exact in 64 bits; longer ones stay text.
_INT_DIGITS = 18


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict; raise :class:`Unreadable` (E008) for a duplicate key."""
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Unreadable("E008", key)
            seen.add(key)
    return result


def _exact_int(text: str) -> int | Number:
    return int(text) if len(text) <= _INT_DIGITS else Number(text)


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=_exact_int, parse_constant=Number)
#: Raises for a duplicate key, but takes twice as long.
_STRICT_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_pairs, parse_float=Number, parse_int=_exact_int, parse_constant=Number
)
_KEY = re.compile(r'"\s*:')
_CONTAINERS = {dict, list}


def _count_keys(value: Any) -> int:
    """The number of keys in all objects of a value."""
    if isinstance(value, dict):
        return len(value) + sum(
            [_count_keys(each) for each in value.values() if each.__class__ in _CONTAINERS]
        )
    if isinstance(value, list):
        return sum([_count_keys(each) for each in value if each.__class__ in _CONTAINERS])
    return 0


def _decode(text: str) -> Any:
    """Decode one JSON text; raise :class:`Unreadable` for any error."""
    # The cheap count includes brackets in strings; only above the bound are they counted exactly.
    if text.count("[") + text.count("{") > MAX_DEPTH and _too_deep(text):
        raise Unreadable("E004", "", limit=str(MAX_DEPTH))
    try:
        decoded = _DECODER.decode(text)
        # As many keys as quotes before a colon means no duplicate. Texts may hold more of them.
        if _count_keys(decoded) != len(_KEY.findall(text)):
            decoded = _STRICT_DECODER.decode(text)
        return decoded
    except json.JSONDecodeError as error:
        around = text[max(0, error.pos - 20) : error.pos + 20]
        raise Unreadable("E001", around, line=str(error.lineno), column=str(error.colno)) from None
    except RecursionError:
        raise Unreadable("E004", "", limit=str(MAX_DEPTH)) from None


_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def _too_deep(text: str) -> bool:
    """Whether the nesting exceeds ``MAX_DEPTH``; brackets in strings don't count."""
    depth = 0
    for match in _STRUCTURE.finditer(text):
        first = match.group()[0]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif first in "]}":
            depth -= 1
    return False


def read_json(text: str) -> Iterator[RawDocument]:
    """Yield the documents in a JSON object, a JSON array or JSON lines.

    Args:
        text: the decoded object, without a byte order mark.

    Yields:
        each document at its JSON Pointer: ``""`` for a single one, ``/n`` in an array, ``/n`` with
        the line's number from 0 in JSON lines; :class:`Unreadable` for a line that can't be read.

    Raises:
        Unreadable: nothing can be read.
    """
    stripped = text.strip()
    if not stripped:
        return
    first, _, rest = stripped.partition("\n")
    if rest and _is_json_object(first):
        # Text after a complete object means JSON lines; no need to try decoding the whole text.
        yield from _read_lines(text.split("\n"))
        return
    try:
        whole = _decode(stripped)
    except Unreadable as error:
        lines = text.split("\n")
        if error.code != "E001" or sum(1 for line in lines if line.strip()) < 2:
            raise
        documents = list(_read_lines(lines))
        if all(isinstance(document, Unreadable) for _, document in documents):
            raise
        yield from documents
        return
    if isinstance(whole, list):
        for index, document in enumerate(whole):
            yield RawDocument(JsonPointer(f"/{index}"), document)
    else:
        yield RawDocument(JsonPointer(""), whole)


def _is_json_object(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return isinstance(_decode(line), dict)
    except Unreadable:
        return False


def _read_lines(lines: list[str]) -> Iterator[RawDocument]:
    """Yield the document of each line that is not blank."""
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            document = _decode(line.strip())
        except Unreadable as error:
            document = error
        yield RawDocument(JsonPointer(f"/{index}"), document)

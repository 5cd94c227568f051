"""JSON objects, JSON arrays and JSON lines, read without losing a digit or a key.

Belongs here: text → documents. Numbers stay text where a float would lose digits, a key that
stands twice is an error, nesting is bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from orchestration.intake.formats.base import JsonPointer, RawDocument, Unreadable
from orchestration.intake.reading import Number

__all__ = ["MAX_DEPTH", "read_json"]

#: Documents are four levels deep at most (contract §1); a hundred is far from any honest file.
MAX_DEPTH = 100
#: An int of up to 18 digits is exact in 64 bits; longer ones stay text.
_INT_DIGITS = 18


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Unreadable("E008", key)
            seen.add(key)
    return result


def _int(text: str) -> int | Number:
    return int(text) if len(text) <= _INT_DIGITS else Number(text)


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=_int, parse_constant=Number)
#: Finds a key that stands twice, but takes twice as long.
_STRICT_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=Number, parse_int=_int, parse_constant=Number
)
_KEY = re.compile(r'"\s*:')
_TREES = {dict, list}


def _keys(value: Any) -> int:
    """How many keys all objects in it have."""
    if isinstance(value, dict):
        return len(value) + sum(
            [_keys(each) for each in value.values() if each.__class__ in _TREES]
        )
    if isinstance(value, list):
        return sum([_keys(each) for each in value if each.__class__ in _TREES])
    return 0


def _decode(text: str) -> Any:
    # Counting brackets outside strings exactly is the decoder's work; this bound only keeps
    # it from recursing without end.
    if text.count("[") + text.count("{") > MAX_DEPTH and _too_deep(text):
        raise Unreadable("E004", "", limit=str(MAX_DEPTH))
    try:
        decoded = _DECODER.decode(text)
        # As many keys as quotes before a colon: none was lost. More quotes may stand in texts.
        if _keys(decoded) != len(_KEY.findall(text)):
            decoded = _STRICT_DECODER.decode(text)
        return decoded
    except json.JSONDecodeError as error:
        around = text[max(0, error.pos - 20) : error.pos + 20]
        raise Unreadable("E001", around, line=str(error.lineno), column=str(error.colno)) from None
    except RecursionError:
        raise Unreadable("E004", "", limit=str(MAX_DEPTH)) from None


_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def _too_deep(text: str) -> bool:
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
    """The documents in a JSON object, a JSON array or JSON lines.

    Args:
        text: the decoded object, without a byte order mark.

    Yields:
        each document at its JSON Pointer: ``""`` for a single one, ``/n`` in an array, ``/n`` with
        the line's number from 0 in JSON lines; :class:`Unreadable` for a line that can't be read.

    Raises:
        Unreadable: nothing can be read at all.
    """
    stripped = text.strip()
    if not stripped:
        return
    first, _, rest = stripped.partition("\n")
    if rest and _is_object(first):
        # More after a whole object can only be lines: told without decoding everything in vain.
        yield from _lines(text.split("\n"))
        return
    try:
        whole = _decode(stripped)
    except Unreadable as error:
        lines = text.split("\n")
        if error.code != "E001" or sum(1 for line in lines if line.strip()) < 2:
            raise
        documents = list(_lines(lines))
        if all(isinstance(document, Unreadable) for _, document in documents):
            raise
        yield from documents
        return
    if isinstance(whole, list):
        for index, document in enumerate(whole):
            yield RawDocument(JsonPointer(f"/{index}"), document)
    else:
        yield RawDocument(JsonPointer(""), whole)


def _is_object(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return isinstance(_decode(line), dict)
    except Unreadable:
        return False


def _lines(lines: list[str]) -> Iterator[RawDocument]:
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            document = _decode(line.strip())
        except Unreadable as error:
            document = error
        yield RawDocument(JsonPointer(f"/{index}"), document)

"""Reads JSON objects, JSON arrays and JSON lines without losing a digit or a key.

Belongs here: from bytes to documents. Numbers stay text where a float would lose digits, a
duplicate key is an error of its document, and nesting is bounded. All work is linear in the size of
the text. Doesn't belong here: types of fields (``contracts``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from orchestration.core.contacts import struck
from orchestration.intake.formats.base import JsonPointer, RawDocument, Unreadable
from orchestration.intake.reading import Number
from orchestration.intake.text import decoded

__all__ = ["MAX_DEPTH", "read_json"]

#: Deepest nesting that is read; documents have at most four levels (contract §1).
MAX_DEPTH = 100
#: An int of up to 18 digits is exact in 64 bits; longer ones stay text.
_INT_DIGITS = 18


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Unreadable:
    """Make a dict; for a duplicate key here or inside, the error that replaces the document."""
    result = dict(pairs)
    problem = next(_problems(result.values()), None)
    if len(result) != len(pairs) and problem is None:
        problem = Unreadable("E008", _first_repeated(key for key, _ in pairs))
    if problem is None:
        return result
    problem.document_id = _text(result.get("document_id")) or problem.document_id
    problem.unit_code = _text(result.get("unit_code")) or problem.unit_code
    return problem


def _first_repeated(keys: Iterable[str]) -> str:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return ""


def _problems(values: Iterable[Any]) -> Iterator[Unreadable]:
    """Yield the errors among these values and in lists among them."""
    for value in values:
        if isinstance(value, Unreadable):
            yield value
        elif isinstance(value, list):
            yield from _problems(value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _exact_int(text: str) -> int | Number:
    return int(text) if len(text) <= _INT_DIGITS else Number(text)


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=_exact_int, parse_constant=Number)
#: Finds duplicate keys, but takes twice as long.
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
    """Decode one JSON text, with an :class:`Unreadable` in place of an object with a duplicate key.

    Raises:
        Unreadable: the text is not JSON (E001) or nested too deep (E004).
    """
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
        around = _around(text, error.pos)
        raise Unreadable("E001", around, line=str(error.lineno), column=str(error.colno)) from None
    except RecursionError:
        raise Unreadable("E004", "", limit=str(MAX_DEPTH)) from None


#: Characters that a finding shows before and after the place of an error.
_SHOWN = 20
#: Characters around them in which contacts are searched, so that none is cut in two.
_SEARCHED = 60


def _around(text: str, position: int) -> str:
    """The text around a position, without contacts and without a part of one."""
    begin, end = max(0, position - _SHOWN), position + _SHOWN
    first, last = max(0, begin - _SEARCHED), end + _SEARCHED
    without = struck(text[first:last])
    return without[begin - first : len(without) - max(0, min(last, len(text)) - end)]


#: A string, closed or not, or a bracket. The string's parts never give back what they matched, so
#: that no place of the text is looked at twice.
_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.?)*+"?|[\[{]|[\]}]', re.DOTALL)


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


def _decoded(body: bytes) -> str:
    """Decode a text; JSON is UTF-8 (RFC 8259), but editors and older systems write others."""
    try:
        return decoded(body).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise Unreadable("E003", str(error.start)) from None


def read_json(body: bytes) -> Iterator[RawDocument]:
    """Yield the documents in a JSON object, a JSON array or JSON lines.

    Yields:
        each document at its JSON Pointer: ``""`` for a single one, ``/n`` in an array, ``/n`` with
        the line's number from 0 in JSON lines; :class:`Unreadable` for a document with a duplicate
        key and for a line that can't be read.

    Raises:
        Unreadable: nothing can be read.
    """
    text = _decoded(body)
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
        if all(
            isinstance(document, Unreadable) for document in (read.content for read in documents)
        ):
            raise
        yield from documents
        return
    if isinstance(whole, list):
        for index, document in enumerate(whole):
            yield RawDocument(JsonPointer(f"/{index}"), document)
    else:
        yield RawDocument(JsonPointer(""), whole)


def _is_json_object(line: str) -> bool:
    if not (line.startswith("{") and line.rstrip().endswith("}")):
        return False
    try:
        return isinstance(_decode(line), dict | Unreadable)
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
            error.fields["line"] = str(index + 1)
            document = error
        yield RawDocument(JsonPointer(f"/{index}"), document)

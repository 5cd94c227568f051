"""Reading bytes and what people type: JSON without loss, numbers without guessing.

Belongs here: text → values. Doesn't belong here: what a field must hold (``contracts``) or
which range an indicator allows (``checks``).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, NamedTuple

__all__ = ["MAX_DEPTH", "BadJson", "Number", "ReadValue", "read_documents", "read_value"]

#: Documents are four levels deep at most (contract §1); a hundred is far from any honest file.
MAX_DEPTH = 100
#: DECIMAL(38,10) holds 28 digits before the point.
_LIMIT = Decimal(10) ** 28
_STEP = Decimal("1e-10")
#: An int of up to 18 digits is exact in 64 bits; longer ones stay text.
_INT_DIGITS = 18

_PLAIN = re.compile(r"-?[0-9]{1,28}(\.[0-9]{1,10})?\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)?(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?\Z")
_DIGIT = re.compile(r"[0-9]")
_TRUE = {"是", "true"}
_FALSE = {"否", "false"}
#: What an XML or JSON export writes for "no value here".
_MINUS_SIGNS = str.maketrans({"−": "-", "－": "-", "﹣": "-"})


class Number(str):
    """The text of a JSON number, kept as written so that no digit is lost to a float."""

    __slots__ = ()


class BadJson(ValueError):
    """Text that is not JSON as the contract wants it.

    Args:
        code: the receipt's error code (E001, E004 or E008).
        value: the text at the place of the mistake, or the field's name.
        fields: what else the message names.
    """

    def __init__(self, code: str, value: str, **fields: str) -> None:
        super().__init__(value)
        self.code = code
        self.value = value
        self.fields = fields


class ReadValue(NamedTuple):
    """A value as received and as read.

    Attributes:
        text: as received (code lists: after NFKC).
        kind: ``number``, ``boolean`` or ``text`` (not readable as a number).
        number: decimal text that DECIMAL(38,10) holds exactly, or None.
    """

    text: str
    kind: str
    number: str | None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise BadJson("E008", key)
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
        raise BadJson("E004", "", limit=str(MAX_DEPTH))
    try:
        decoded = _DECODER.decode(text)
        # As many keys as quotes before a colon: none was lost. More quotes may stand in texts.
        if _keys(decoded) != len(_KEY.findall(text)):
            decoded = _STRICT_DECODER.decode(text)
        return decoded
    except json.JSONDecodeError as error:
        around = text[max(0, error.pos - 20) : error.pos + 20]
        raise BadJson("E001", around, line=str(error.lineno), column=str(error.colno)) from None
    except RecursionError:
        raise BadJson("E004", "", limit=str(MAX_DEPTH)) from None


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


def read_documents(text: str) -> Iterator[tuple[str, Any]]:
    """The documents in a JSON object, a JSON array or JSON lines.

    Args:
        text: the decoded object, without a byte order mark.

    Yields:
        JSON Pointer of the document (``""`` for a single one, ``/n`` in an array, ``/n`` with
        the line's number from 0 in JSON lines) and the document, or a :class:`BadJson` in its
        place where one line can't be read.

    Raises:
        BadJson: nothing can be read at all.
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
    except BadJson as error:
        lines = text.split("\n")
        if error.code != "E001" or sum(1 for line in lines if line.strip()) < 2:
            raise
        documents = list(_lines(lines))
        if all(isinstance(document, BadJson) for _, document in documents):
            raise
        yield from documents
        return
    if isinstance(whole, list):
        for index, document in enumerate(whole):
            yield f"/{index}", document
    else:
        yield "", whole


def _is_object(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return isinstance(_decode(line), dict)
    except BadJson:
        return False


def _lines(lines: list[str]) -> Iterator[tuple[str, Any]]:
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            document = _decode(line.strip())
        except BadJson as error:
            yield f"/{index}", error
            continue
        yield f"/{index}", document


def read_value(value: Any) -> ReadValue | None:
    """Read a value the way a person meant it, never by guessing (contract §1, "Numbers").

    Thousands commas, full-width digits and surrounding blanks are read; ``约300``, ``12万``,
    ``N/A``, ``1e400`` and ``NaN`` are not. More than ten decimals are rounded half up.

    Returns:
        None where nothing was given (null or blank).
    """
    if type(value) is int:
        return ReadValue(str(value), "number", str(value))
    if value is None:
        return None
    if value is True or value is False:
        return ReadValue("true" if value else "false", "boolean", "1" if value else "0")
    if not isinstance(value, str):
        return ReadValue(json.dumps(value, ensure_ascii=False, default=str), "text", None)
    if _PLAIN.match(value):
        return ReadValue(str(value), "number", str(value))
    text = unicodedata.normalize("NFKC", value).translate(_MINUS_SIGNS).strip()
    if not text:
        return None
    folded = text.casefold()
    if folded in _TRUE or folded in _FALSE:
        return ReadValue(str(value), "boolean", "1" if folded in _TRUE else "0")
    number = _number(text)
    if number is None:
        return ReadValue(text, "text", None)
    return ReadValue(str(value), "number", number)


def _number(text: str) -> str | None:
    if len(text) > 100 or not _DIGIT.search(text) or not _NUMBER.match(text):
        return None
    mantissa = re.split("[eE]", text, maxsplit=1)[0]
    if not _DIGIT.search(mantissa):
        return None
    with localcontext() as context:
        context.prec = 150
        number = Decimal(text.replace(",", ""))
        if abs(number) >= _LIMIT:
            return None
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -10:
            number = number.quantize(_STEP, rounding=ROUND_HALF_UP)
            if abs(number) >= _LIMIT:
                return None
        return f"{number:f}"

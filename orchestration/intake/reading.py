"""What people type: numbers read without guessing and without loss.

Belongs here: text → values. Doesn't belong here: file formats (``formats``), what a field must
hold (``contracts``) or which range an indicator allows (``checks``).
"""

from __future__ import annotations

import json
import re
import unicodedata
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache
from typing import Any, NamedTuple

from orchestration.core.contacts import struck

__all__ = ["Number", "ReadValue", "read_value"]

#: DECIMAL(38,10) holds 28 digits before the point.
_LIMIT = Decimal(10) ** 28
_STEP = Decimal("1e-10")

#: Counts repeat: what was read of one is kept once, not a million times.
_CACHED = 65_536
#: What is longer is no number, and a cache of megabytes of text is a way to fill the memory.
_CACHED_LENGTH = 32

_PLAIN = re.compile(r"-?[0-9]{1,28}(\.[0-9]{1,10})?\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)?(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?\Z")
_DIGIT = re.compile(r"[0-9]")
_TRUE = {"是", "true"}
_FALSE = {"否", "false"}
#: Minus signs that Chinese input methods write.
_MINUS_SIGNS = str.maketrans({"−": "-", "－": "-", "﹣": "-"})


class Number(str):
    """The text of a JSON number, kept as written so that no digit is lost to a float."""

    __slots__ = ()


class ReadValue(NamedTuple):
    """A value as received and as read.

    Attributes:
        text: as received; what is no number, after NFKC and without contacts.
        kind: ``number``, ``boolean`` or ``text`` (not readable as a number).
        number: decimal text that DECIMAL(38,10) holds exactly, or None.
    """

    text: str
    kind: str
    number: str | None


def read_value(value: Any) -> ReadValue | None:
    """Read a value the way a person meant it, never by guessing (contract §1, "Numbers").

    Thousands commas, full-width digits and surrounding blanks are read; ``约300``, ``12万``,
    ``N/A``, ``1e400`` and ``NaN`` are not. More than ten decimals are rounded half up.

    Returns:
        None where nothing was given (null or blank).
    """
    if type(value) is int:
        return _of_int(value)
    if value is None:
        return None
    if value is True or value is False:
        return ReadValue("true" if value else "false", "boolean", "1" if value else "0")
    if not isinstance(value, str):
        return ReadValue(struck(json.dumps(value, ensure_ascii=False, default=str)), "text", None)
    return _of_text(value) if len(value) <= _CACHED_LENGTH else _of_text.__wrapped__(value)


@lru_cache(_CACHED)
def _of_int(value: int) -> ReadValue:
    text = str(value)
    return ReadValue(text, "number", text)


@lru_cache(_CACHED)
def _of_text(value: str) -> ReadValue | None:
    if _PLAIN.match(value):
        text = str(value)
        return ReadValue(text, "number", text)
    text = unicodedata.normalize("NFKC", value).translate(_MINUS_SIGNS).strip()
    if not text:
        return None
    folded = text.casefold()
    if folded in _TRUE or folded in _FALSE:
        return ReadValue(str(value), "boolean", "1" if folded in _TRUE else "0")
    number = _number(text)
    if number is None:
        return ReadValue(struck(text), "text", None)
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

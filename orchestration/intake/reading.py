"""Reads values as people type them, without guessing and without loss of digits.

Belongs here: from text to values. Doesn't belong here: file formats (``formats``), the types of
fields (``contracts``), the bounds of indicators (``checks``).
"""

from __future__ import annotations

import json
import re
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache
from typing import Any, NamedTuple

from orchestration.core.contacts import STRUCK, struck
from orchestration.intake.text import half_width

__all__ = ["CACHED_LENGTH", "CACHE_SIZE", "Number", "ReadValue", "read_value"]

#: DECIMAL(38,10) holds 28 digits before the point.
_LIMIT = Decimal(10) ** 28
_STEP = Decimal("1e-10")

#: Entries of the cache of results: counts repeat, so a bulk file's results share memory.
CACHE_SIZE = 65_536
#: Longest text that is cached: a longer one is not a number, and long texts would fill the memory.
CACHED_LENGTH = 32

_PLAIN = re.compile(r"-?[0-9]{1,28}(\.[0-9]{1,10})?\Z")
#: Digits with at most one point, then an exponent; or digits in groups of three. ``0,350`` is not
#: grouped: it is more likely a decimal comma.
_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?"
    r"|[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?)\Z"
)
_TRUE = {"是", "true"}
_FALSE = {"否", "false"}
#: Digits of the shortest telephone number: an area code of three and a local number of seven.
_LEAST_CONTACT_DIGITS = 10
#: The forms of digits, sign, comma and point in which people type a number. Nothing else is
#: folded: in ``350①``, ``10⁴`` and ``½`` a person sees more than the digits.
_TYPED_FORMS = str.maketrans("０１２３４５６７８９，．＋－−﹣", "0123456789,.+---")


class Number(str):
    """The text of a JSON number, kept as written so that no digit is lost to a float."""

    __slots__ = ()


class ReadValue(NamedTuple):
    """A value as received and as read.

    Attributes:
        text: as received, without contacts; a list of codes is in half width.
        kind: ``number``, ``boolean`` or ``text`` (not readable as a number).
        number: decimal text that fits DECIMAL(38,10) exactly, or None.
    """

    text: str
    kind: str
    number: str | None


def read_value(value: Any) -> ReadValue | None:
    """Read a value as typed; never guess its meaning (contract §1, "Numbers").

    A value is what a person who reads the cell sees. Thousands commas, full-width digits and
    surrounding blanks are read; ``约300``, ``12万``, ``350①``, ``N/A``, ``1e400`` and ``NaN`` are
    not. A telephone or ID number that was entered as a value is not a number either: the catalogue
    has no indicator of that size. More than ten decimals are rounded half up.

    Returns:
        None for null and for blank text.
    """
    if type(value) is int:
        return _read_int(value)
    if value is None:
        return None
    if value is True or value is False:
        return ReadValue("true" if value else "false", "boolean", "1" if value else "0")
    if not isinstance(value, str):
        return ReadValue(struck(json.dumps(value, ensure_ascii=False, default=str)), "text", None)
    return _read_text(value) if len(value) <= CACHED_LENGTH else _read_text.__wrapped__(value)


@lru_cache(CACHE_SIZE)
def _read_int(value: int) -> ReadValue:
    text = str(value)
    return _read_number(text, text)


@lru_cache(CACHE_SIZE)
def _read_text(value: str) -> ReadValue | None:
    """Read a text; see :func:`read_value`."""
    if _PLAIN.match(value):
        text = str(value)
        return _read_number(text, text)
    text = value.strip()
    if not text:
        return None
    number = _decimal_text(text.translate(_TYPED_FORMS))
    if number is not None:
        return _read_number(str(value), number)
    plain = half_width(text)
    folded = plain.casefold()
    if folded in _TRUE or folded in _FALSE:
        return ReadValue(str(value), "boolean", "1" if folded in _TRUE else "0")
    return ReadValue(struck(plain if plain.isascii() else text), "text", None)


def _read_number(text: str, number: str) -> ReadValue:
    """A number as read, or a text if its digits are a contact.

    Args:
        text: as received; only here a leading zero or plus sign shows that it is a contact.
        number: its decimal text; ``1.38001380E10`` and ``13800138000.0`` show only here what they
            are.
    """
    if max(len(text), len(number)) >= _LEAST_CONTACT_DIGITS:
        whole = number.rstrip("0").rstrip(".") if "." in number else number
        if any(struck(each) != each for each in (text, whole)):
            return ReadValue(STRUCK, "text", None)
    return ReadValue(text, "number", number)


def _decimal_text(text: str) -> str | None:
    """Decimal text of a number, or None for a text that is not a number."""
    if len(text) > 100 or not _NUMBER.match(text):
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

"""Compares a stated unit of measure with that of the catalogue.

Belongs here: units as people write them (seed ``units_of_measure.csv``) in a cell, in a header's
brackets and above a table. Doesn't belong here: where a table states them (``formats``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from orchestration.core.catalogue import load_catalogue

__all__ = [
    "contradicted_by_table",
    "contradicted_unit",
    "units_in_header",
    "units_in_note",
    "with_stated_unit",
]

#: Longest text that can be a unit of measure; longer ones are not examined.
_LONGEST = 40
_BLANKS = re.compile(r"\s+")
_PREFIX = re.compile(r"(?:计量|金额)?单位[:是为]?")
_BRACKETED = re.compile(r"\A[(\[]([^()\[\]]*)[)\]]\Z")
_BETWEEN = re.compile("[、,;或和]")
_NOTE = re.compile(
    r"(?:计量|金额)?单位\s*[:：为是]\s*([^\s。，,;；）)]{1,20})|以([^\s。，,;；以]{1,20})为单位"
)


def contradicted_unit(indicator_code: str, stated: str) -> str | None:
    """The catalogue's unit of an indicator if a cell states another one, or None.

    Args:
        stated: the text of a cell that holds the unit of measure of one value.
    """
    indicator = load_catalogue().indicators.get(indicator_code)
    written = _PREFIX.sub("", _BRACKETED.sub(r"\1", _folded(stated)))
    if indicator is None or not any(each.isalpha() or each in "%‰" for each in written):
        return None
    return None if _meaning(written) == _meaning(_folded(indicator.unit)) else indicator.unit


def contradicted_by_table(indicator_code: str, stated: frozenset[str]) -> str | None:
    """The catalogue's unit of an indicator if a header or note contradicts it, or None.

    A unit of money over a whole table is about its amounts only: ``金额单位：万元`` above numbers
    of people says nothing about them.

    Args:
        stated: from :func:`units_in_header` or :func:`units_in_note`; empty if no unit is stated.
    """
    indicator = load_catalogue().indicators.get(indicator_code)
    if indicator is None or not stated or _meaning(_folded(indicator.unit)) in stated:
        return None
    if indicator.value_type != "amount" and stated <= _money():
        return None
    return indicator.unit


def units_in_header(bracketed: str) -> frozenset[str]:
    """The units that a header's brackets state; empty where they state something else."""
    if len(bracketed) > _LONGEST:
        return frozenset()
    text = _PREFIX.sub("", _folded(bracketed))
    found = {
        _units().get(part, "") for part in ([text] if text in _units() else _BETWEEN.split(text))
    }
    return frozenset() if "" in found else frozenset(found)


def units_in_note(text: str) -> frozenset[str]:
    """The units that a note states: ``单位：万元``, ``以元为单位``; ``（元）``, if of money."""
    match = _NOTE.search(text[:1000])
    if match:
        return units_in_header(match[1] or match[2])
    alone = units_in_header(_BRACKETED.sub(r"\1", _folded(text))) if len(text) <= _LONGEST else None
    return alone if alone and alone <= _money() else frozenset()


def with_stated_unit(indicator_code: str, value: str, stated: frozenset[str]) -> str | None:
    """A text that quotes a value with its unit if a note contradicts the catalogue, or None."""
    unit = contradicted_by_table(indicator_code, stated)
    return None if unit is None else f"{value}（{'、'.join(sorted(stated))}，应为{unit}）"


def _folded(text: str) -> str:
    return _BLANKS.sub("", unicodedata.normalize("NFKC", text[:_LONGEST])).casefold()


def _meaning(written: str) -> str:
    return _units().get(written, written)


@cache
def _units() -> Mapping[str, str]:
    """The unit meant by each way of writing it, all folded."""
    known = load_catalogue()
    units = {
        _folded(indicator.unit): _folded(indicator.unit) for indicator in known.indicators.values()
    }
    return units | {_folded(row.written): _folded(row.unit) for row in known.units_of_measure}


@cache
def _money() -> frozenset[str]:
    known = load_catalogue()
    rows = {_folded(row.unit) for row in known.units_of_measure if row.is_money}
    return frozenset(rows | {_folded(known.money_unit)})

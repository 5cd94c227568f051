"""Reads codes as people write them, and labels that stand for codes.

Belongs here: unit and indicator codes in full width, in lower case, with invisible characters or
with other separators; the Chinese label or the name of a province or task instead of its code.
Doesn't belong here: whether a unit or an indicator may be reported (``documents``, ``checks``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from orchestration.core.catalogue import load_catalogue
from orchestration.intake.text import half_width, visible

__all__ = ["Rewritten", "code_of_label", "indicator_code", "unit_code", "with_codes"]

#: Longest text that can be a code; longer ones are not examined.
_LONGEST = 64
#: Characters that are written between the parts of a code: blanks, underscores, points and dashes.
_SEPARATORS = re.compile(r"[\s_.\-\u2010-\u2015\u2212]+")
#: Longest text that can be a list of provinces; a longer one is not examined.
_LONGEST_LIST = 500
_LIST_SEPARATORS = re.compile("[;；、,，]")
_PLAIN_UNIT = re.compile(r"T[0-9]{2}-[0-9]{6}-[0-9]{4,6}\Z")
_UNIT = re.compile(r"(T[0-9]{2})-?([0-9]{6})-?([0-9]{4,6})\Z")
#: Nested objects of a document whose fields are columns ``name_field`` of a table.
_NESTED = ("lead_organisation",)


def unit_code(text: str) -> str | None:
    """The unit code that a text means, or None: ``ｔ０５－440000—0007`` is T05-440000-0007."""
    if _PLAIN_UNIT.match(text):
        return text
    match = _UNIT.match(_hyphenated(text))
    return "-".join(match.groups()) if match else None


def indicator_code(text: str) -> str | None:
    """The catalogue's indicator code that a text means, or None: ``t05-12`` is T05_12."""
    if text in load_catalogue().indicators:
        return text
    return _indicators_by_squeezed().get(_squeezed(text))


def code_of_label(column_name: str, text: str) -> str | None:
    """The code that a label means in a column, or None: ``优秀`` in ``grade`` is ``excellent``."""
    labels = _codes_by_label().get(column_name)
    return labels.get(_folded(text)) if labels and len(text) <= _LONGEST else None


class Rewritten(NamedTuple):
    """A code that was written in another way.

    Attributes:
        path: where it is in the document.
        text: as written.
        code: as the catalogue writes it.
    """

    path: tuple[str, ...]
    text: str
    code: str


def with_codes(content: Mapping[str, Any]) -> tuple[dict[str, Any], list[Rewritten]]:
    """A document with the catalogue's codes in place of labels and of other ways of writing them.

    Returns:
        the document, and the unit and indicator codes in it that were written in another way.
    """
    read: dict[str, Any] = {}
    rewritten: list[Rewritten] = []
    for name, value in content.items():
        read[name] = value
        if isinstance(value, str):
            code = unit_code(value) if name == "unit_code" else code_of_label(name, value)
            if code is not None and code != value:
                read[name] = code
                if name == "unit_code":
                    rewritten.append(Rewritten((name,), value, code))
        elif name == "members" and isinstance(value, list):
            read[name] = [
                _with_labels_read("lead_organisation", each) if isinstance(each, Mapping) else each
                for each in value
            ]
        elif isinstance(value, Mapping):
            if name in _NESTED:
                read[name] = _with_labels_read(name, value)
            elif name == "values":
                values = _with_indicator_codes((name,), value, rewritten)
                read[name] = _with_province_codes(values)
            elif name == "targets":
                read[name] = {
                    year: _with_indicator_codes((name, str(year)), targets, rewritten)
                    if isinstance(targets, Mapping)
                    else targets
                    for year, targets in value.items()
                }
    return read, rewritten


def _with_labels_read(outer: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    read = dict(fields)
    for name, value in fields.items():
        if isinstance(value, str):
            read[name] = code_of_label(f"{outer}_{name}", value) or value
    return read


def _with_indicator_codes(
    path: tuple[str, ...], values: Mapping[str, Any], rewritten: list[Rewritten]
) -> Mapping[str, Any]:
    """Values by the catalogue's codes; a code that is there twice stays as it is written."""
    known = load_catalogue().indicators
    if known.keys() >= values.keys():
        return values
    read: dict[str, Any] = {}
    for name, value in values.items():
        code = name if name in known else indicator_code(name)
        if code is None or (code != name and (code in values or code in read)):
            code = name
        elif code != name:
            rewritten.append(Rewritten((*path, name), name, code))
        read[code] = value
    return read


def _with_province_codes(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values with codes in lists of provinces that are given by name; others stay as written."""
    lists = _province_lists() & values.keys()
    if not lists:
        return values
    read = dict(values)
    for indicator in lists:
        text = values[indicator]
        if isinstance(text, str) and len(text) <= _LONGEST_LIST:
            parts = [part for part in _LIST_SEPARATORS.split(text) if part.strip()]
            found = [code_of_label("province_code", part) for part in parts]
            if found and None not in found:
                read[indicator] = ";".join(filter(None, found))
    return read


def _folded(text: str) -> str:
    return re.sub(r"\s+", "", visible(unicodedata.normalize("NFKC", text))).casefold()


def _hyphenated(text: str) -> str:
    """A code in capital letters with hyphens for all separators, without invisible characters."""
    if len(text) > _LONGEST:
        return ""
    # Nothing else is folded: ``0007¹`` and ``0007①`` are 0007 with a footnote, not 00071.
    plain = visible(half_width(text)).upper()
    return _SEPARATORS.sub("-", plain).strip("-")


def _squeezed(text: str) -> str:
    """An indicator code without the separator of its two parts."""
    return _hyphenated(text).replace("-", "", 1)


@cache
def _indicators_by_squeezed() -> Mapping[str, str]:
    return {_squeezed(code): code for code in load_catalogue().indicators}


@cache
def _province_lists() -> frozenset[str]:
    """The indicators whose values are lists of province codes."""
    return frozenset(
        code for code, system in load_catalogue().code_systems.items() if system == "province"
    )


@cache
def _codes_by_label() -> Mapping[str, Mapping[str, str]]:
    """Code by folded label, by column."""
    known = load_catalogue()
    labels: dict[str, dict[str, str]] = {"province_code": {}, "task_code": {}}
    for row in known.code_labels:
        labels.setdefault(row.column_name, {}).update({_folded(row.label): row.code})
        labels[row.column_name][row.code] = row.code
    for region in known.regions.values():
        for name in (region.code, region.name, region.short_name):
            labels["province_code"][_folded(name)] = region.code
    for task in known.tasks.values():
        for name in (task.code, task.name):
            labels["task_code"][_folded(name)] = task.code
    return labels

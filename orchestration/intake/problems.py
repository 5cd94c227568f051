"""Findings about fields that break their contract, in the words of the people who fill them in.

Belongs here: from the validation errors of a contract's model to codes of ``error_codes.csv``, the
names of fields for people, and what a field is expected to hold. Names are labels of the seeds
``table_columns.csv`` and ``field_labels.csv``. Doesn't belong here: the contracts
(``contracts``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from pydantic_core import ErrorDetails

from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import struck
from orchestration.intake.contracts import Document
from orchestration.intake.findings import WITHHELD, About, Draft, draft, quoted
from orchestration.intake.formats import Locator

__all__ = ["PROBLEMS", "code_name", "field_names", "problem_findings"]

#: Longest name of a field that a sender chose and a finding quotes, in characters.
_MAX_NAME = 64
#: Paths of fields whose names are kept.
_CACHE_SIZE = 4_096
#: The last part of the place of an error about a name and not about what it names.
_KEY = "[key]"


class Problem(NamedTuple):
    """What a finding says of a type of validation error.

    Attributes:
        code: a row of ``error_codes.csv``.
        expected_zh, expected_en: what the field should hold; "" where the code says it.
    """

    code: str
    expected_zh: str = ""
    expected_en: str = ""


_OBJECT = Problem("E102", "由字段名和内容组成的对象", "an object of fields")

#: By the type of the validation error: pydantic's own, and those that ``contracts`` raises.
PROBLEMS: Mapping[str, Problem] = {
    "missing": Problem("E101"),
    "string_too_long": Problem("E113"),
    "string_type": Problem("E102", "文字", "text"),
    "string_unicode": Problem("E102", "可以显示的文字", "text of whole characters"),
    "boolean": Problem("E102", "是或否", "true or false"),
    "list_type": Problem("E102", "列表", "a list"),
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "literal_error": Problem("E103"),
    "sha256": Problem("E103", "64位的sha256校验值", "64 hexadecimal digits"),
    "target_year": Problem("E103", "4位数的年份，如2024", "a year of four digits"),
    "unit_code": Problem("E106"),
    "submitted_at": Problem("E112"),
    "greater_than_equal": Problem("E114"),
    "less_than_equal": Problem("E114"),
    "whole_number": Problem("E116", "整数", "a whole number"),
    "number": Problem("E116", "数字", "a number"),
    "date": Problem("E116", "日期，如2024-12-01", "a date such as 2024-12-01"),
}
_UNKNOWN = Problem("E102", "填报说明规定的形式", "the documented form")
_QUOTED = re.compile("'([^']*)'")


def problem_findings(
    model: type[Document],
    problems: Sequence[ErrorDetails],
    where: Locator,
    about: About,
    severity: str,
) -> Iterator[Draft]:
    """Yield a finding for each validation error of a document."""
    kind = model.model_fields["document_type"].default
    # Several wrong fields are often those of a row that is shifted: any of them may hold a contact.
    is_withheld = bool(model.personal_fields) and len(problems) > 1
    for problem in problems:
        path = problem["loc"]
        if path[-1:] == (_KEY,):
            path = path[:-1]
        found = PROBLEMS.get(problem["type"], _UNKNOWN)
        code = "E110" if path[:1] == ("schema_version",) else found.code
        context = problem.get("ctx") or {}
        expected = (found.expected_zh, found.expected_en)
        if problem["type"] == "literal_error":
            expected = _allowed_values(path, _QUOTED.findall(context["expected"]))
        value = None if problem["type"] == "missing" else quoted(problem["input"])
        if value and (is_withheld or (path and path[0] in model.personal_fields)):
            value = WITHHELD
        field_zh, field_en = field_names(kind, path)
        yield draft(
            code,
            where.at(*path),
            value=value,
            field=field_zh,
            field_en=field_en,
            expected=expected[0],
            expected_en=expected[1],
            limit=str(context.get("max_length", "")),
            severity=severity,
            **about,
        )


def field_names(kind: str, path: Sequence[str | int]) -> tuple[str, str]:
    """The name of a document's field in Chinese, and its name in the contract.

    Args:
        kind: the document type.
        path: the field's names from the outside in; numbers count the items of a list from 0.
    """
    # An object may lack the same fields a hundred thousand times. Longer names fill the memory.
    is_short = sum(len(part) for part in path if isinstance(part, str)) <= _MAX_NAME
    return (_named if is_short else _named.__wrapped__)(kind, tuple(path))


@lru_cache(_CACHE_SIZE)
def _named(kind: str, path: tuple[str | int, ...]) -> tuple[str, str]:
    names = [part for part in path if isinstance(part, str)]
    items = [part + 1 for part in path if isinstance(part, int)]
    labels = _labels(kind)
    label, rest = "、".join(names), []
    for length in range(len(names), 0, -1):
        known = labels.get("_".join(names[:length]))
        if known:
            label, rest = known, names[length:]
            break
    further = [f"第{item}项" for item in items] + [_sent_name(name) for name in rest]
    name_zh = f"{label}（{'，'.join(further)}）" if further else label
    return name_zh, ".".join(_sent_name(str(part)) for part in path)


def _sent_name(name: str) -> str:
    """A name that a sender may have chosen, as a finding quotes it."""
    return struck(name)[:_MAX_NAME]


@cache
def _labels(kind: str) -> Mapping[str, str]:
    known = load_catalogue()
    of_columns = {
        column.column_name: column.label_zh
        for column in known.table_columns
        if column.belongs_to(kind)
    }
    others = {row.field_name: row.label for row in known.field_labels if row.document_type == kind}
    return of_columns | others


def code_name(column: str, code: str) -> str:
    """A code with its Chinese name, as a finding names it."""
    label = _labels_of_codes(column).get(code)
    return f"{label}（{code}）" if label else code


def _allowed_values(path: Sequence[str | int], codes: Sequence[str]) -> tuple[str, str]:
    """The codes that a field may hold, with their Chinese names, and the codes alone."""
    column = "_".join(part for part in path if isinstance(part, str))
    return "、".join(code_name(column, code) for code in codes), ", ".join(codes)


@cache
def _labels_of_codes(column: str) -> Mapping[str, str]:
    """The first label of each code of a column."""
    labels: dict[str, str] = {}
    for row in load_catalogue().code_labels:
        if row.column_name == column:
            labels.setdefault(row.code, row.label)
    return labels

"""Editorial texts: paragraphs that an office writes for a section of a bulletin.

``{figure id}`` in a text stands for the figure's printed text. Any other number must be printed in
the bulletin already. A text that holds another number is not set.

Belongs here: the paragraphs of a text, and what is wrong with it. Doesn't belong here: which text
is effective (``quality.editorials``), its place in a bulletin (``documents``) and the answer to its
sender (``refusals``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orchestration.bulletin.content import Claim, Figure, Paragraph, Run, paragraph
from orchestration.bulletin.marts import Marts
from orchestration.core.contacts import struck
from orchestration.core.errors import TongbaoError
from orchestration.figures.dictionary import figure_grains
from orchestration.figures.printing import may_be_said
from orchestration.figures.wording import clean

__all__ = ["EditorialFault", "NumbersInPrint", "editorial_paragraphs", "numbers_in_print"]

#: What office software types for a digit, a percent sign or a decimal point.
_FULL_WIDTH = str.maketrans("０１２３４５６７８９％．", "0123456789%.")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:%|万|亿|个百分点)?")
#: A number, or (without a group) one that says nothing about the data: a date, the number of a
#: document, the code of a task or an indicator, the number of a paragraph.
_NUMBER_OF_DATA = re.compile(
    r"(?:19|20)\d{2}年(?:度|\d{1,2}月(?:\d{1,2}日)?)?|\d{1,2}月\d{1,2}日|〔\d{4}〕\d+号"
    r"|T\d{2}(?:_\d{2})?(?!\d)|C_\d{2}(?!\d)|^\d{1,2}[.、](?!\d)|^（\d{1,2}）"
    rf"|({_NUMBER.pattern})"
)
_FIGURE_ID = re.compile(r"\{([^{}]*)\}")

#: Number as printed, without separators → the figure or claim that prints it; None if it is part
#: of a longer text.
NumbersInPrint = Mapping[str, Run | None]


@dataclass
class EditorialFault(TongbaoError):
    """A text that can't be set.

    Attributes:
        code: of the finding, a row of ``error_codes``.
        value: the number, the figure id or the section that is not known.
        expected: the names that are known, for a section.
    """

    code: str
    value: str
    expected: str = ""


def numbers_in_print(printed: Iterable[Run]) -> NumbersInPrint:
    """Return the numbers that figures and claims of a bulletin print."""
    found: dict[str, Run | None] = {}
    for run in printed:
        if isinstance(run, str):
            continue
        for match in _NUMBER.finditer(run.text):
            whole = match.group() == run.text
            number = _without_separators(match.group())
            if whole or number not in found:
                found[number] = found.get(number) or (run if whole else None)
    return found


def editorial_paragraphs(text: str, marts: Marts, numbers: NumbersInPrint) -> list[Paragraph]:
    """Return the paragraphs of a text, with figures in the place of their ids and numbers.

    Raises:
        EditorialFault: the text holds a number that isn't printed, or an unknown figure id.
    """
    lines = (clean(struck(line), len(line)) for line in text.splitlines())
    return [paragraph(*_runs(line, marts, numbers)) for line in lines if line]


def _runs(line: str, marts: Marts, numbers: NumbersInPrint) -> list[Run]:
    found: list[Run] = []
    # The parts are a text, a figure id, a text, …
    for index, part in enumerate(_FIGURE_ID.split(line)):
        runs = [_figure(part, marts)] if index % 2 else _numbered(part, numbers)
        found += [run for run in runs if run]
    return found


def _figure(figure_id: str, marts: Marts) -> Figure:
    """Return the figure with an id, as prose prints it.

    Raises:
        EditorialFault: there is no such figure, it has no value, or it must not be said.
    """
    year, _, rest = figure_id.strip().partition("/")
    table, *key, column = rest.split("/") if "/" in rest else (rest, "")
    row = marts.find(table, *key) if table in figure_grains() and year == str(marts.year) else None
    value = row.data.get(column) if row else None
    if row is None or value is None or isinstance(value, str) or not may_be_said(row.data, column):
        raise EditorialFault("E122", f"{{{figure_id}}}")
    return row.in_prose(column)


def _numbered(text: str, numbers: NumbersInPrint) -> Iterator[Run]:
    """Yield a text with its numbers as the runs that print them.

    Raises:
        EditorialFault: the text holds a number that isn't printed, or a brace.
    """
    text = text.translate(_FULL_WIDTH)
    end = 0
    for match in _NUMBER_OF_DATA.finditer(text):
        if match[1] is None:
            continue
        number = _without_separators(match.group())
        if number not in numbers:
            raise EditorialFault("E122", match.group())
        run = numbers[number]
        if isinstance(run, Figure | Claim):
            yield text[end : match.start()]
            yield run
            end = match.end()
    for character in text:
        if character in "{}" or unicodedata.category(character) in ("No", "Nl"):
            raise EditorialFault("E122", character)
    yield text[end:]


def _without_separators(number: str) -> str:
    return number.replace(",", "")

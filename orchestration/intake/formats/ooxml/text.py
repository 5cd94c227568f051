"""Reads texts as they are seen: escapes, and runs that are raised, lowered or crossed out.

Belongs here: string items (ECMA-376 part 1, 18.4) of the table of shared strings and of cells.
Doesn't belong here: numbers and their formats (``number_format``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orchestration.intake.formats.base import damaged
from orchestration.intake.formats.ooxml.markup import Attributes, MarkupError, parse_part
from orchestration.intake.formats.ooxml.package import Package

__all__ = ["Item", "ItemReader", "Mark", "Run", "font_mark", "marked", "read_strings", "seen"]

#: ST_Xstring (ECMA-376 part 1, 22.9.2.19) writes a character that XML can't hold as its code.
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_FALSE = {"0", "false", "off"}

#: How a person sees that a text is not to be read with its neighbours; "" for ordinary text.
Mark = str
_MARKS = {"superscript": "上标", "subscript": "下标"}
_STRUCK = "删除线"
#: The characters that are raised or lowered by themselves: m², CO₂. ``read_value`` takes none of
#: them for a digit.
_RAISED_FORMS = {
    "上标": str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ"),
    "下标": str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎"),
}


class Run(NamedTuple):
    """A part of a text with its own font; ``mark`` is None where the cell's font applies."""

    text: str
    mark: Mark | None


#: A text: plain, or with runs of which at least one has its own font.
Item = str | tuple[Run, ...]


def font_mark(tag: str, attributes: Attributes) -> Mark:
    """The mark that an element of a font gives, or ""."""
    value = attributes.get("val", "")
    if tag == "strike":
        return "" if value.casefold() in _FALSE else _STRUCK
    return _MARKS.get(value, "") if tag == "vertAlign" else ""


def marked(text: str, mark: Mark) -> str:
    """A text as it is seen, by its characters (``²``) or in words (``（删除线350）``).

    It can't be mistaken for a number or a code.
    """
    forms = _RAISED_FORMS.get(mark, {})
    if forms and all(ord(character) in forms for character in text):
        return text.translate(forms)
    return f"（{mark}{text}）" if mark and text.strip() else text


def seen(item: Item, mark: Mark) -> str:
    """The text of a cell whose font has ``mark``."""
    if isinstance(item, str):
        return marked(item, mark)
    return "".join(marked(run.text, mark if run.mark is None else run.mark) for run in item)


class ItemReader:
    """Collects a string item from the elements inside ``si`` or ``is``."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self._runs: list[Run] = []
        self._mark: Mark | None = None
        self._phonetic = False
        self.in_text = False

    def start(self, tag: str, attributes: Attributes) -> None:
        """An element begins; text belongs to the item while ``in_text`` is set."""
        if tag == "t":
            self.in_text = not self._phonetic
        elif tag == "r":
            self._close_run()
        elif tag == "rPr":
            self._mark = ""
        elif tag == "rPh":
            self._phonetic = True
        elif self._mark is not None:
            self._mark = self._mark or font_mark(tag, attributes)

    def end(self, tag: str) -> None:
        """An element ends."""
        if tag == "t":
            self.in_text = False
        elif tag == "r":
            self._close_run()
        elif tag == "rPh":
            self._phonetic = False

    def take(self) -> Item:
        """The item that was collected; the reader is then ready for the next one."""
        if not self._runs and self._mark is None:
            text = decoded("".join(self.text))
            self.text.clear()
            return text
        self._close_run()
        runs = tuple(self._runs)
        self._runs.clear()
        self._phonetic = self.in_text = False
        if any(run.mark is not None for run in runs):
            return runs
        return "".join(run.text for run in runs)

    def _close_run(self) -> None:
        if self.text:
            self._runs.append(Run(decoded("".join(self.text)), self._mark))
            self.text.clear()
        self._mark = None


def decoded(text: str) -> str:
    """A text without the escapes of ST_Xstring and with line feeds as the only line ends."""
    if "_x" in text:
        text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
        # A character beyond U+FFFF is written as two escapes.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def read_strings(package: Package, name: str) -> list[Item]:
    """The table of shared strings.

    Raises:
        Unreadable: the part is damaged (E012) or too large (E011).
    """
    items: list[Item] = []
    reader = ItemReader()

    def start(tag: str, attributes: Attributes) -> None:
        reader.start(tag, attributes)

    def end(tag: str) -> None:
        if tag == "si":
            items.append(reader.take())
        else:
            reader.end(tag)

    def text(part: str) -> None:
        if reader.in_text:
            reader.text.append(part)

    try:
        parse_part(package.held(name), start, end, text)
    except MarkupError:
        raise damaged("XLSX", name) from None
    return items

"""Reads what the cell styles of a workbook say about how values are seen.

Belongs here: the number format and the mark of the font of each cell style, and whether its text
has the colour of its background (ECMA-376 part 1, 18.8). Everything else in the part (borders,
table styles) is passed over. Doesn't belong here: what a number format shows (``number_format``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from openpyxl.styles.numbers import BUILTIN_FORMATS

from orchestration.intake.formats.ooxml.colours import BLACK, WHITE, Differential, colour_of
from orchestration.intake.formats.ooxml.markup import Attributes, MarkupError, parse_part
from orchestration.intake.formats.ooxml.number_format import NumberFormat
from orchestration.intake.formats.ooxml.package import Package
from orchestration.intake.formats.ooxml.text import Mark, font_mark

__all__ = ["PLAIN", "CellStyle", "Styles", "read_styles"]

#: Built-in formats of a Chinese spreadsheet that other languages don't have (18.8.30).
_CHINESE_FORMATS = {
    27: 'yyyy"年"m"月"',
    28: 'm"月"d"日"',
    29: 'm"月"d"日"',
    30: "m-d-yy",
    31: 'yyyy"年"m"月"d"日"',
    32: 'h"时"mm"分"',
    33: 'h"时"mm"分"ss"秒"',
    34: '上午/下午h"时"mm"分"',
    35: '上午/下午h"时"mm"分"ss"秒"',
    36: 'yyyy"年"m"月"',
    50: 'yyyy"年"m"月"',
    51: 'm"月"d"日"',
    52: 'yyyy"年"m"月"',
    53: 'm"月"d"日"',
    54: 'm"月"d"日"',
    55: '上午/下午h"时"mm"分"',
    56: '上午/下午h"时"mm"分"ss"秒"',
    57: 'yyyy"年"m"月"',
    58: 'm"月"d"日"',
}


class CellStyle(NamedTuple):
    """What a cell style says about how a value is seen.

    Attributes:
        number_format: of numbers.
        mark: of the font.
        is_blended: the text has the colour of its background.
    """

    number_format: NumberFormat
    mark: Mark
    is_blended: bool


#: The style of a cell that names none.
PLAIN = CellStyle(NumberFormat("General"), "", False)


#: The colour of a fill by its pattern: that of the sheet, or its own. No text has that of another
#: pattern.
_FILLS = {"none": WHITE, "solid": ""}


class Styles(NamedTuple):
    """The styles of a workbook.

    Attributes:
        cells: the cell styles by index.
        changing: the indices of the conditional formats that change what is shown of a value.
    """

    cells: list[CellStyle]
    changing: frozenset[int]


def read_styles(package: Package, name: str) -> Styles:
    """Read the styles.

    A part that is not well-formed gives no styles: a spreadsheet program repairs such a workbook
    by dropping them.

    Raises:
        Unreadable: the part is damaged (E012) or too large (E011).
    """
    codes: dict[int, str] = {}
    marks: list[Mark] = []
    # Colours of texts and of backgrounds.
    fonts: list[str] = []
    fills: list[str] = []
    # Number format, font and fill of each cell style. Equal ones are kept once, as most are alike.
    indices: list[tuple[int, int, int]] = []
    known: dict[tuple[int, int, int], tuple[int, int, int]] = {}
    path: list[str] = []
    conditional: list[Differential] = []

    def start(tag: str, attributes: Attributes) -> None:
        parent = path[-1] if path else ""
        path.append(tag)
        if path[1:2] == ["dxfs"]:
            if len(path) == 3:
                conditional.append(Differential())
            elif len(path) > 3:
                conditional[-1].start(tag, attributes)
        elif len(path) == 3 and (parent, tag) == ("numFmts", "numFmt"):
            codes[_index(attributes, "numFmtId")] = attributes.get("formatCode", "")
        elif len(path) == 3 and (parent, tag) == ("fonts", "font"):
            marks.append("")
            fonts.append(BLACK)
        elif len(path) == 4 and path[1:3] == ["fonts", "font"]:
            marks[-1] = marks[-1] or font_mark(tag, attributes)
            if tag == "color":
                fonts[-1] = colour_of(attributes) or BLACK
        elif len(path) == 3 and (parent, tag) == ("fills", "fill"):
            fills.append("")
        elif len(path) == 4 and path[1:3] == ["fills", "fill"]:
            if tag == "patternFill":
                fills[-1] = _FILLS.get(attributes.get("patternType", "none"), tag)
        elif path[1:4] == ["fills", "fill", "patternFill"]:
            if tag == "fgColor":
                fills[-1] = fills[-1] or colour_of(attributes)
        elif len(path) == 3 and (parent, tag) == ("cellXfs", "xf"):
            style = (
                _index(attributes, "numFmtId"),
                _index(attributes, "fontId"),
                _index(attributes, "fillId"),
            )
            indices.append(known.setdefault(style, style))

    def end(_: str) -> None:
        path.pop()

    try:
        parse_part(package.held(name), start, end)
    except MarkupError:
        return Styles([], frozenset())
    formats: dict[int, NumberFormat] = {}
    for number in {number for number, _, _ in known}:
        code = codes.get(number) or _CHINESE_FORMATS.get(number) or BUILTIN_FORMATS.get(number)
        formats[number] = NumberFormat(code or "General")
    styles = {
        (number, font, fill): CellStyle(
            formats[number],
            _at(marks, font, ""),
            _at(fonts, font, BLACK) == _at(fills, fill, WHITE),
        )
        for number, font, fill in known
    }
    changing = frozenset(at for at, each in enumerate(conditional) if each.changes)
    return Styles([styles[style] for style in indices], changing)


def _at(items: Sequence[str], index: int, default: str) -> str:
    return items[index] if index < len(items) else default


def _index(attributes: Attributes, name: str) -> int:
    """An attribute that is an index; 0, the default, where it is missing or no number."""
    text = attributes.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

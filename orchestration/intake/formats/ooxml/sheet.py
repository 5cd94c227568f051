"""Reads the cells of a sheet, row by row, in a time that grows with the part's bytes.

Blocks of rows without any value are skipped before they are parsed: spreadsheets store a million
formatted empty rows for one border drawn around a column.

Belongs here: cells (ECMA-376 part 1, 18.3.1.4) as they are seen. Doesn't belong here: merged cells
(``merges``) and what the rows mean (``tables``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any
from xml.parsers import expat

from openpyxl.utils import column_index_from_string
from openpyxl.utils.datetime import from_ISO8601

from orchestration.intake.formats.base import Row, Unreadable
from orchestration.intake.formats.ooxml.markup import MAX_DEPTH, MarkupError, new_parser, tag_of
from orchestration.intake.formats.ooxml.styles import PLAIN, CellStyle
from orchestration.intake.formats.ooxml.text import Item, ItemReader, decoded, marked, seen

__all__ = ["RowBlocks", "SheetContext", "TextBudget", "Unseen", "read_rows"]

#: Rows and columns of a sheet, as in every spreadsheet program.
_MAX_ROW, _MAX_COLUMN = 1_048_576, 16_384
_TRUE = {"1", "true"}
_NO_HEIGHT = {"0", "0.0"}
#: The elements that say what a cell holds.
_CONTENT = {"v", "is", "f"}
#: Digits of a double: a longer whole number is a float, as in a spreadsheet.
_MAX_DIGITS = 15
#: Longest text of a cell, in characters; a spreadsheet's own limit is 32,767.
_MAX_TEXT = 131_072
#: Texts that are longer count against the budget.
_LONG_TEXT = 256
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ROOT = re.compile(rb"<([A-Za-z0-9_]+:)?worksheet\b")
#: What follows the beginning of a row up to its number.
_ROW_NUMBER = rb'[^<>]*?\br="([0-9]{1,7})"'
#: The tags of rows without values, apart from the row's own.
_BLANK_TAGS = (b"/%brow>", b"%bc ", b"/%bc>")


class TextBudget:
    """Bounds the long texts of all cells, because many cells can refer to one shared string.

    Args:
        limit: the largest number of characters.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._used = limit, 0

    def take(self, text: str) -> None:
        """Count the text of a cell.

        Raises:
            Unreadable: the cells hold more text than the limit (E011).
        """
        self._used += len(text)
        if self._used > self._limit:
            raise Unreadable("E011", str(self._used), limit=str(self._limit))


@dataclass
class Unseen:
    """The values of a sheet that nobody sees, or not as they are stored.

    Attributes:
        rows: the hidden rows (from 1) that hold a value.
        columns: the hidden columns (positions from 0) that hold a value.
        blended: the rows with a value in the colour of its background.
        covered: row and column (from 0) of values that merged cells cover; they are not read.
        conditional: ranges in which a condition changes what is shown of a value.
    """

    rows: list[int] = field(default_factory=list)
    columns: set[int] = field(default_factory=set)
    blended: list[int] = field(default_factory=list)
    covered: list[tuple[int, int]] = field(default_factory=list)
    conditional: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SheetContext:
    """What the cells of a sheet refer to.

    Attributes:
        name: the sheet's name.
        strings: the shared strings.
        styles: the cell styles.
        epoch: the day from which the workbook counts dates.
        columns: the largest number of columns that may hold values.
        budget: what the long texts of the workbook's cells count against.
        hidden_columns: positions (from 0).
        unseen: receives the rows and columns with a value that nobody sees.
    """

    name: str
    strings: Sequence[Item]
    styles: Sequence[CellStyle]
    epoch: datetime
    columns: int
    budget: TextBudget
    hidden_columns: Set[int] = frozenset()
    unseen: Unseen = field(default_factory=Unseen)


def read_rows(chunks: Iterable[bytes], context: SheetContext) -> Iterator[Row]:
    """Yield the rows that hold a value, each with its number (from 1).

    Raises:
        MarkupError: the part is not a well-formed sheet.
        Unreadable: a row has values in too many columns (E021).
    """
    reader = _Reader(context)
    try:
        blocks = RowBlocks(chunks)
        for block, is_rows in blocks:
            is_between = is_rows and reader.is_between_rows
            number = blocks.last_if_blank(block) if is_between else None
            if number is not None:
                reader.number = number
                continue
            reader.parser.Parse(block, False)
            yield from reader.take()
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise MarkupError(str(error)) from None
    yield from reader.take()


class RowBlocks:
    """The bytes of a sheet in blocks, cut before the beginning of a row where there is one.

    Args:
        chunks: the part's bytes.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._first = next(self._chunks, b"")
        root = _ROOT.search(self._first)
        # The prefix of the namespace, e.g. "x:", which some programs write.
        prefix = root[1] or b"" if root else b""
        self._row = b"<%brow " % prefix
        self._blank_tags = [self._row, *(b"<" + tag % prefix for tag in _BLANK_TAGS)]
        self._number = re.compile(re.escape(self._row) + _ROW_NUMBER)

    def __iter__(self) -> Iterator[tuple[bytes, bool]]:
        """Yield each block, and whether it is complete rows only, if the sheet is well-formed."""
        rest = b""
        for chunk in chain([self._first], self._chunks):
            data = rest + chunk
            cut = max(data.rfind(self._row), 0)
            yield data[: cut or None], cut > 0 and data.startswith(self._row)
            rest = data[cut:] if cut else b""
        yield rest, False

    def last_if_blank(self, rows: bytes) -> int | None:
        """The number of the last row of a block of rows if none of them has a value."""
        if rows.count(b"<") != sum(map(rows.count, self._blank_tags)):
            return None
        last = self._number.match(rows, rows.rfind(self._row))
        return int(last[1]) if last else None


@lru_cache(_MAX_COLUMN)
def _column(letters: str) -> int:
    """The position (from 0) of a column."""
    try:
        position = column_index_from_string(letters) - 1
    except ValueError:
        raise MarkupError(f"column {letters}") from None
    if position >= _MAX_COLUMN:
        raise MarkupError(f"column {letters}")
    return position


class _Reader:
    """The handlers of expat for one sheet."""

    def __init__(self, context: SheetContext) -> None:
        self.context = context
        self.parser = new_parser()
        self.parser.ordered_attributes = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.number = 0
        self._depth = 0
        self._ready: list[Row] = []
        self._is_sheet = self._in_data = self._in_row = False
        self._is_hidden = self._are_rows_hidden = False
        self._cells: dict[int, Any] = {}
        self._cell: list[str] = []
        self._cell_depth = 0
        self._column = -1
        self._last_reference: str | None = None
        # The content of the present cell.
        self._text: list[str] | None = None
        self._formula: list[str] | None = None
        self._item = ItemReader()
        self._in_item = self._has_item = False

    @property
    def is_between_rows(self) -> bool:
        """Whether everything parsed so far ends inside the rows, but in none of them."""
        return self._in_data and not self._in_row

    def take(self) -> Iterator[Row]:
        """Yield the rows that were finished."""
        yield from self._ready
        self._ready.clear()

    def _start(self, name: str, attributes: list[str]) -> None:
        tag = tag_of(name)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise MarkupError("nested too deep")
        if self._in_item:
            pairs = iter(attributes)
            self._item.start(tag, dict(zip(pairs, pairs, strict=True)))
            if self._item.in_text:
                self.parser.CharacterDataHandler = self._item.text.append
        elif tag == "c":
            self._cell, self._cell_depth = attributes, self._depth
        elif tag in _CONTENT and self._depth != self._cell_depth + 1:
            pass  # inside an extension of the cell
        elif tag == "v":
            if self._text is not None:
                raise MarkupError("two values in a cell")
            self._text = []
            self.parser.CharacterDataHandler = self._text.append
        elif tag == "is":
            self._in_item = self._has_item = True
        elif tag == "f":
            self._formula = []
            self.parser.CharacterDataHandler = self._formula.append
        elif tag == "row":
            self._begin_row(attributes)
        elif tag == "sheetData":
            self._in_data = True
        elif tag == "sheetFormatPr":
            pairs = iter(attributes)
            self._are_rows_hidden = dict(zip(pairs, pairs, strict=True)).get("zeroHeight") in _TRUE
        elif not self._is_sheet:
            if tag != "worksheet":
                raise MarkupError("not a worksheet")
            self._is_sheet = True

    def _end(self, name: str) -> None:
        tag = tag_of(name)
        self._depth -= 1
        if self._in_item:
            if tag == "is":
                self._in_item = False
                self._text = self._text or []
            else:
                self.parser.CharacterDataHandler = None
                self._item.end(tag)
        elif tag == "c":
            self._end_cell()
        elif tag in ("v", "f"):
            self.parser.CharacterDataHandler = None
        elif tag == "row":
            self._end_row()
        elif tag == "sheetData":
            self._in_data = False

    def _begin_row(self, attributes: list[str]) -> None:
        if self._in_row:
            raise MarkupError("a row inside a row")
        self._in_row = True
        self._column, self._last_reference = -1, None
        row = dict(zip(attributes[::2], attributes[1::2], strict=True))
        self._is_hidden = (
            row.get("hidden", str(self._are_rows_hidden).lower()) in _TRUE
            or row.get("ht") in _NO_HEIGHT
        )
        given = row.get("r")
        self.number = _row_number(given) if given is not None else self.number + 1

    def _end_row(self) -> None:
        self._in_row = False
        if self._cells:
            width = max(self._cells) + 1
            if width > self.context.columns:
                raise Unreadable(
                    "E021",
                    str(width),
                    limit=str(self.context.columns),
                    sheet=self.context.name,
                    row=str(self.number),
                )
            row: list[Any] = [None] * width
            for column, value in self._cells.items():
                row[column] = value
            self._ready.append((self.number, row))
            if self._is_hidden:
                self.context.unseen.rows.append(self.number)
            if self.context.hidden_columns:
                self.context.unseen.columns |= self.context.hidden_columns & self._cells.keys()
            self._cells = {}

    def _end_cell(self) -> None:
        reference, style, kind = None, "", "n"
        pairs = iter(self._cell)
        for name, value in zip(pairs, pairs, strict=True):
            if name == "r":
                reference = value
            elif name == "s":
                style = value
            elif name == "t":
                kind = value
        if reference is None and self._last_reference is not None:
            self._column = _column(self._last_reference.rstrip("0123456789"))
        self._last_reference = reference
        if reference is None:
            self._column += 1
        if self._text is None and self._formula is None:
            return
        look = self._style(style)
        content = self._content(kind, look)
        self._text = self._formula = None
        if content is None:
            return
        blended = self.context.unseen.blended
        if look.is_blended and blended[-1:] != [self.number]:
            blended.append(self.number)
        column = self._column if reference is None else _column(reference.rstrip("0123456789"))
        if column in self._cells:
            raise MarkupError("a cell stands twice")
        self._cells[column] = content

    def _style(self, index: str) -> CellStyle:
        try:
            return self.context.styles[int(index)] if index else PLAIN
        except (IndexError, ValueError):
            return PLAIN

    def _content(self, kind: str, style: CellStyle) -> Any:
        """What the present cell holds as it is seen; None if it is blank."""
        if self._has_item:
            self._has_item = False
            return self._text_content(self._item.take(), style)
        text = "".join(self._text or ())
        if self._formula is not None and not text and (self._text is None or kind != "str"):
            formula = "".join(self._formula)
            return f"={formula}（没有计算结果）"
        if kind == "s":
            return self._text_content(self._shared(text), style)
        if kind == "n":
            return _number_content(text.strip(), style, self.context.epoch)
        if kind == "b":
            value: Any = text.strip() in ("1", "true")
            return marked(str(value).upper(), style.mark) if style.mark else value
        if kind == "d":
            try:
                return from_ISO8601(text)
            except ValueError:
                return text or None
        return self._text_content(decoded(text), style)

    def _text_content(self, item: Item, style: CellStyle) -> str | None:
        if not item:
            return None
        text = seen(item, style.mark)
        if len(text) > _MAX_TEXT:
            raise MarkupError("too long a text")
        text = style.number_format.seen_text(text)
        if len(text) > _LONG_TEXT:
            self.context.budget.take(text)
        return text

    def _shared(self, index: str) -> Item:
        index = index.strip()
        if not (index.isascii() and index.isdigit()) or int(index) >= len(self.context.strings):
            raise MarkupError("no such shared string")
        return self.context.strings[int(index)]


def _row_number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 0 < number <= _MAX_ROW:
        raise MarkupError("row number")
    return number


def _number_content(text: str, style: CellStyle, epoch: datetime) -> Any:
    """A number as it is seen; a text that is no number stays text."""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS:
        value: int | float = int(text)
    elif not text:
        return None
    elif _NUMBER.fullmatch(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            return text
    else:
        return text
    if not style.number_format.is_plain:
        shown = style.number_format.seen(value, epoch)
        return marked(str(shown), style.mark) if style.mark else shown
    return marked(str(value), style.mark) if style.mark else value

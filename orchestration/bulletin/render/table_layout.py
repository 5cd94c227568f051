"""Layout of tables, the same in PDF and Word documents: column widths, rows on one page.

A column is at least as wide as its longest number or code and as its head on two lines. The rest of
the width is shared by the columns' shares (``Column.width``). Widths are estimated from the
characters: measuring each cell would take longer than typesetting the table.

Belongs here: the width of each column, and which rows a page break may separate. Doesn't belong
here: the shares (``sections``, ``parts``) and the look of a table (``bulletin.typ``,
``word_parts``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from orchestration.bulletin.content import Column, Run, Table

__all__ = ["LaidOutTable", "RowGroup", "laid_out"]

#: Width of the type area in characters of a table: 156 mm of 小5号 (9 pt).
_TABLE_WIDTH = 156 / 25.4 * 72 / 9
#: Left and right padding of a cell, in characters: 3 pt each, in the PDF and in Word.
_PADDING = 2 * 3 / 9
#: Widths of half-width characters: the greater of Noto Serif SC's and 宋体's (0.5 for all).
_WIDTHS = {"%": 0.92} | dict.fromkeys(" .,:;()/-", 0.5)
#: Width of other half-width characters: digits have 0.56, signs 0.58.
_HALF_WIDTH = 0.58
#: Heads of at most this width stay on one line. Where a table is too wide for that, the next number
#: applies: ``计入单位`` takes two lines, ``家数`` never does.
_HEADS_ON_ONE_LINE = (4, 3)
#: Last characters of heads whose last word has three characters: 完成度, 报送率, 平均分. Others end
#: in a word of two: 单位, 增减, 级别.
_ENDS_OF_THREE = ("度", "率", "分")
#: Names break anywhere; a column of names holds at least this many characters on a line.
_NAME_WIDTH = 4
#: A text in a column of numbers that is longer than this may break, e.g. a reason.
_LONGEST_NUMBER = 12
#: A table of at most this many rows stays on one page: about a quarter of the page.
_ROWS_ON_ONE_PAGE = 8
#: A row may fill a page if it has a text longer than this. In the narrowest column these are 21
#: lines, less than half a page.
_LONG_TEXT = 120
#: Rows stay together if their longest texts have no more characters than this, which fit on a page
#: below the table's head, even in the narrowest column.
_TEXT_ON_ONE_PAGE = 240


@dataclass(frozen=True)
class RowGroup:
    """Rows that follow each other.

    Attributes:
        rows: number of rows, above zero.
        is_whole: whether no page break may separate or split them.
    """

    rows: int
    is_whole: bool


@dataclass(frozen=True)
class LaidOutTable(Table):
    """A table whose columns' shares are their widths in thousandths of a character.

    A head on two lines has a line feed between them.

    Attributes:
        groups: groups of all rows, in order.
    """

    groups: tuple[RowGroup, ...] = ()

    @property
    def keeps_next(self) -> list[bool]:
        """Whether each row is on the same page as the next one, the last row as the note."""
        kept = [
            group.is_whole and row < group.rows - 1
            for group in self.groups
            for row in range(group.rows)
        ]
        if self.note and self.groups:
            kept[-1] = self.groups[-1].is_whole
        return kept


def _text_width(text: str) -> float:
    """Return the width of a text in characters."""
    return sum(
        1
        if unicodedata.east_asian_width(character) in {"W", "F", "A"}
        else _WIDTHS.get(character, _HALF_WIDTH)
        for character in text
    )


def _cells_width(column: Column, cells: Sequence[str]) -> float:
    """Return the width in characters that keeps a column's numbers and codes whole."""
    longest = max(map(_text_width, cells), default=0)
    limit = _NAME_WIDTH if column.align == "left" else _LONGEST_NUMBER
    return min(longest, limit) + _PADDING


def _on_two_lines(head: str) -> str:
    """Return a head with a line break before its bracket, or before its last word."""
    if "（" in head[1:]:
        place = head.index("（")
    elif len(head) <= 4:
        place = 2
    else:
        place = -3 if head.endswith(_ENDS_OF_THREE) else -2
    return f"{head[:place]}\n{head[place:]}"


def _head_width(head: str, on_one_line: int) -> float:
    """Return the width in characters that keeps a head on one line, or a wider one on two."""
    lines = [head] if _text_width(head) <= on_one_line else _on_two_lines(head).split("\n")
    return max(map(_text_width, lines)) + _PADDING


def _shown_head(head: str, width: float) -> str:
    """Return a head, with a line break if it is wider than its column."""
    least = _text_width(head)
    is_whole = least <= _HEADS_ON_ONE_LINE[-1] or least + _PADDING <= width
    return head if is_whole else _on_two_lines(head)


def _widths(least: Sequence[float], shares: Sequence[int], total: float) -> list[float]:
    """Share a width by shares, but give no column less than its least width.

    If the least widths together exceed the total, all are reduced by the same factor.
    """
    if sum(least) >= total:
        return [width * total / sum(least) for width in least]
    free = set(range(len(least)))
    while True:
        rest = total - sum(width for i, width in enumerate(least) if i not in free)
        unit = rest / sum(shares[i] for i in free)
        narrow = {i for i in free if least[i] > shares[i] * unit}
        if not narrow:
            return [shares[i] * unit if i in free else least[i] for i in range(len(least))]
        free -= narrow


def _groups(rows: Sequence[Sequence[str]]) -> tuple[RowGroup, ...]:
    """Return the groups of a table's rows: no page has the first or the last row alone.

    No row is on two pages, but those of long texts, because they may fill a page.
    """

    def group(chosen: Sequence[Sequence[str]]) -> RowGroup:
        longest = [max(map(len, row), default=0) for row in chosen]
        is_whole = max(longest) <= _LONG_TEXT and sum(longest) <= _TEXT_ON_ONE_PAGE
        return RowGroup(len(chosen), is_whole=is_whole)

    if not rows:
        return ()
    together = group(rows)
    if len(rows) <= _ROWS_ON_ONE_PAGE and together.is_whole:
        return (together,)
    if len(rows) < 4:
        return tuple(group([row]) for row in rows)
    return (group(rows[:2]), *(group([row]) for row in rows[2:-2]), group(rows[-2:]))


def _run_text(run: Run) -> str:
    return run if isinstance(run, str) else run.text


def laid_out(table: Table) -> LaidOutTable:
    """Lay a table out.

    If heads and cells together don't fit the page, even heads on two lines may break anywhere.
    """
    rows = [[_run_text(run) for run in row] for row in table.rows]
    cells = [[row[i] for row in rows] for i in range(len(table.columns))]
    least = [_cells_width(*pair) for pair in zip(table.columns, cells, strict=True)]
    for on_one_line in _HEADS_ON_ONE_LINE:
        with_heads = [
            max(_head_width(column.head, on_one_line), width)
            for column, width in zip(table.columns, least, strict=True)
        ]
        if sum(with_heads) <= _TABLE_WIDTH:
            least = with_heads
            break
    widths = _widths(least, [column.width for column in table.columns], _TABLE_WIDTH)
    columns = tuple(
        replace(column, head=_shown_head(column.head, width), width=round(1000 * width))
        for column, width in zip(table.columns, widths, strict=True)
    )
    content = {each.name: getattr(table, each.name) for each in fields(Table)}
    return LaidOutTable(**content | {"columns": columns}, groups=_groups(rows))

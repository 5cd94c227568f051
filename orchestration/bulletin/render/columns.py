"""Column widths of tables, the same in PDF and Word documents.

A column is at least as wide as its longest number or code. The rest of the width is shared by the
columns' shares (``Column.width``). Widths are estimated from the characters: measuring each cell
would take longer than typesetting the table.

Belongs here: the width of each column. Doesn't belong here: the shares (``sections``, ``parts``)
and the look of a table (``bulletin.typ``, ``word_parts``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from orchestration.bulletin.content import Column, Run, Table

__all__ = ["fitted"]

#: Width of the type area in characters of a table: 156 mm of 小5号 (9 pt).
_TABLE_WIDTH = 156 / 25.4 * 72 / 9
#: Left and right padding of a cell, in characters: 3 pt each, in the PDF and in Word.
_PADDING = 2 * 3 / 9
#: Width of a half-width character; a digit of Noto Serif SC has 0.54, of 宋体 0.5, capitals more.
_HALF_WIDTH = 0.58
#: A head of at most this many characters stays on one line; a longer one may take two.
_HEAD_ON_ONE_LINE = 5
#: Names break anywhere; a column of names holds at least this many characters on a line.
_NAME_WIDTH = 4
#: A text in a column of numbers that is longer than this may break, e.g. a reason.
_LONGEST_NUMBER = 12


def _text_width(text: str) -> float:
    """Return the width of a text in characters."""
    return sum(
        1 if unicodedata.east_asian_width(character) in {"W", "F", "A"} else _HALF_WIDTH
        for character in text
    )


def _least_width(column: Column, cells: Sequence[str]) -> float:
    """Return the width in characters that a column needs to keep its words and numbers whole."""
    head = _text_width(column.head)
    if head > _HEAD_ON_ONE_LINE:
        head = max(_HEAD_ON_ONE_LINE, head / 2 + 0.5)
    longest = max(map(_text_width, cells), default=0)
    limit = _NAME_WIDTH if column.align == "left" else _LONGEST_NUMBER
    return max(head, min(longest, limit)) + _PADDING


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


def _run_text(run: Run) -> str:
    return run if isinstance(run, str) else run.text


def fitted(table: Table) -> Table:
    """Return a table whose columns' shares are their widths in thousandths of a character."""
    cells = [[_run_text(row[i]) for row in table.rows] for i in range(len(table.columns))]
    least = [_least_width(*pair) for pair in zip(table.columns, cells, strict=True)]
    widths = _widths(least, [column.width for column in table.columns], _TABLE_WIDTH)
    return replace(
        table,
        columns=tuple(
            replace(column, width=round(1000 * width))
            for column, width in zip(table.columns, widths, strict=True)
        ),
    )

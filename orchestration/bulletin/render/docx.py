"""Renders a bulletin as a Word document that can be edited.

The templates are in ``word_parts/``, at the paths that they have in the DOCX file. Every value is
escaped. Charts become tables, so that their figures can be edited.

Belongs here: filling the templates, and the layout that Word needs: column widths, a map as rows
of cells. Doesn't belong here: styles (``word_parts/word/styles.xml``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jinja2

from orchestration.bulletin.content import Bars, Column, Document, Table, Tile, TileMap
from orchestration.bulletin.render.charts import DARK, SHADES
from orchestration.bulletin.render.table_layout import laid_out
from orchestration.workbook import pack_parts

__all__ = ["render_docx"]

_PARTS = Path(__file__).with_name("word_parts")
#: The width between the margins, in twentieths of a point: 156 mm.
_WIDTH = 8844
#: Characters that XML 1.0 can't hold, not even escaped.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _widths(columns: Sequence[Column]) -> list[int]:
    """Return the columns' widths in twentieths of a point."""
    shares = sum(column.width for column in columns)
    return [_WIDTH * column.width // shares for column in columns]


def _grid(tiles: TileMap) -> list[list[Tile | None]]:
    """Return the tiles row by row; None where there is no region."""
    found = {(tile.row, tile.column): tile for tile in tiles.tiles}
    rows = max(tile.row for tile in tiles.tiles) + 1
    columns = max(tile.column for tile in tiles.tiles) + 1
    return [[found.get((row, column)) for column in range(columns)] for row in range(rows)]


def _bars_as_table(bars: Bars) -> Table:
    """Return a bar chart as a table; it has a column of notes if there are any."""
    label, figure, note = bars.heads
    columns = (Column(label, 8, "left"), Column(figure, 4), Column(note, 4))
    rows = tuple((bar.label, bar.figure, bar.note) for bar in bars.bars)
    kept = 3 if any(bar.note for bar in bars.bars) else 2
    return Table(bars.caption, columns[:kept], tuple(row[:kept] for row in rows))


def _contents(document: Document) -> list[str]:
    """Return the entries of the contents: sections, then attachments with their labels."""
    many = len(document.attachments) > 1
    return [
        *(section.title for section in document.sections),
        *(
            f"附件{number if many else ''}　{section.title}"
            for number, section in enumerate(document.attachments, 1)
        ),
    ]


def _quoted(text: str) -> str:
    """Return a text for a quoted argument of a Word field."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _colour(shade: int) -> str:
    return SHADES[shade].removeprefix("#").upper()


def _is_dark(shade: int) -> bool:
    return shade >= DARK


@cache
def _templates() -> dict[str, jinja2.Template]:
    """Return path in the DOCX file → template."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PARTS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "colour": _colour,
        "grid": _grid,
        "is_dark": _is_dark,
        "laid_out": laid_out,
        "quoted": _quoted,
        "tabled": _bars_as_table,
        "widths": _widths,
    }
    # Sorting puts "[Content_Types].xml" first, where some readers expect it.
    return {name: environment.get_template(name) for name in sorted(environment.list_templates())}


def render_docx(document: Document) -> bytes:
    """Return the document as the bytes of a DOCX file."""
    values = {"doc": document, "contents": _contents(document)}
    return pack_parts(
        {
            name: _ILLEGAL.sub("", template.render(values)).encode()
            for name, template in _templates().items()
        }
    )

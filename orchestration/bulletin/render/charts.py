"""Draws charts as SVG, with the same geometry for the PDF and the web page.

Belongs here: coordinates and colours. Doesn't belong here: lengths and shades, which the content
model has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

__all__ = ["DARK", "SHADES", "svg_of"]

#: Fill colours by shade: no value, then light to dark in one hue, which stays readable in grey.
SHADES = ("#f2f2f2", "#deebf7", "#b3d3ea", "#7fb6da", "#3f8fc5", "#1b5e97")
#: Text is white from this shade on. On the lighter shades, black text has the contrast of 4.5
#: that WCAG requires.
DARK = 5
_INK = "#222222"
_SOFT = "#666666"
_LINE = "#c8102e"
_UP, _DOWN = "#1b5e97", "#c97b12"

_TILE, _GAP = 62, 4
_WIDTH = 640
#: Takes a figure id and returns the address of its trace.
Link = Callable[[str], str]
_ROW_HEIGHT = 24
#: Distance of a label's lines; maximum of Chinese characters of size 12 on one line.
_LINE_STEP, _LINE_CHARACTERS = 15, 20
_LABEL_WIDTH = 262
_VALUE_WIDTH = 92


def svg_of(block: Mapping[str, Any], family: str, link: Link | None = None) -> str:
    """Return a chart block as SVG.

    Args:
        block: a ``tiles`` or ``bars`` block as plain data.
        family: font family of the text.
        link: returns the address that a figure links to; None (for the PDF) makes no links.
    """
    draw = _draw_tiles if block["kind"] == "tiles" else _draw_bars
    width, height, body = draw(block, link)
    # With links it is no "img": WAI-ARIA hides the children of that role from assistive readers.
    role = "group" if link else "img"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="{role}" font-family="{escape(family)}">'
        f"<title>{escape(block['caption'])}</title>{body}</svg>"
    )


def _text_element(
    x: float,
    y: float,
    run: Any,
    *,
    size: int = 12,
    anchor: str = "start",
    fill: str = _INK,
    link: Link | None = None,
) -> str:
    """Return a text element for a run: a string, a claim or a figure."""
    figure = run if isinstance(run, Mapping) and "id" in run else None
    content = run["text"] if isinstance(run, Mapping) else run
    mark = f' data-figure="{escape(figure["id"])}"' if figure else ""
    text = (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="{fill}"{mark}>{escape(content)}</text>'
    )
    return f'<a href="{escape(link(figure["id"]))}">{text}</a>' if figure and link else text


def _rect_element(
    x: float, y: float, width: float, height: float, fill: str, radius: int = 0
) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}"'
        + (f' rx="{radius}"' if radius else "")
        + "/>"
    )


def _draw_tiles(block: Mapping[str, Any], link: Link | None) -> tuple[int, int, str]:
    """Draw a tile map; return width, height and SVG elements."""
    parts: list[str] = []
    columns = max(tile["column"] for tile in block["tiles"]) + 1
    rows = max(tile["row"] for tile in block["tiles"]) + 1
    step = _TILE + _GAP
    for tile in block["tiles"]:
        x, y = tile["column"] * step, tile["row"] * step
        ink = "#ffffff" if tile["shade"] >= DARK else _INK
        parts.append(_rect_element(x, y, _TILE, _TILE, SHADES[tile["shade"]], 3))
        middle = x + _TILE / 2
        parts.append(
            _text_element(middle, y + 27, tile["name"], size=15, anchor="middle", fill=ink)
        )
        parts.append(
            _text_element(
                middle, y + 47, tile["figure"], size=12, anchor="middle", fill=ink, link=link
            )
        )
    # The legend is in the lower left corner, where the map has no tiles.
    top = rows * step - len(block["legend"]) * _ROW_HEIGHT
    for index, (shade, label) in enumerate(block["legend"]):
        y = top + index * _ROW_HEIGHT
        parts.append(_rect_element(0, y, 22, 16, SHADES[shade], 2))
        parts.append(_text_element(30, y + 13, label, fill=_SOFT))
    return columns * step - _GAP, rows * step - _GAP, "".join(parts)


def _draw_bars(block: Mapping[str, Any], link: Link | None) -> tuple[int, int, str]:
    """Draw a bar chart; return width, height and SVG elements."""
    parts: list[str] = []
    bars = block["bars"]
    room = _WIDTH - _LABEL_WIDTH - _VALUE_WIDTH
    has_notes = any(bar["note"] for bar in bars)
    if has_notes:
        room -= 78
    zero = _LABEL_WIDTH + room / 2 if block["diverging"] else _LABEL_WIDTH
    full = room / 2 if block["diverging"] else room
    height = 0
    for bar in bars:
        lines = _label_lines(bar["label"])
        y = height + 4 + (len(lines) - 1) * _LINE_STEP / 2
        for index, line in enumerate(lines):
            base = height + 17 + index * _LINE_STEP
            parts.append(_text_element(_LABEL_WIDTH - 8, base, line, anchor="end"))
        height += _ROW_HEIGHT + (len(lines) - 1) * _LINE_STEP
        parts.append(_rect_element(_LABEL_WIDTH, y, room, 16, "#f5f5f5"))
        if bar["length"]:
            size = abs(bar["length"]) * full / 1000
            left = zero - size if bar["length"] < 0 else zero
            parts.append(_rect_element(left, y, size, 16, _DOWN if bar["length"] < 0 else _UP))
        parts.append(_text_element(_LABEL_WIDTH + room + 8, y + 13, bar["figure"], link=link))
        if has_notes:
            note = _text_element(_WIDTH, y + 13, bar["note"], anchor="end", fill=_SOFT, link=link)
            parts.append(note)
    height += 6
    mark = zero if block["diverging"] else None
    if block["mark"] is not None:
        mark = _LABEL_WIDTH + block["mark"] * room / 1000
    if mark is not None:
        colour = _SOFT if block["diverging"] else _LINE
        parts.append(
            f'<line x1="{mark:g}" x2="{mark:g}" y1="0" y2="{height}" stroke="{colour}" '
            'stroke-width="1.2"/>'
        )
    if block["axis"]:
        parts.append(_text_element(_LABEL_WIDTH, height + 14, block["axis"], size=11, fill=_SOFT))
        height += 20
    return _WIDTH, height, "".join(parts)


def _label_lines(label: str) -> list[str]:
    """Split a label into one or two lines; a bracket at its end goes to the second line whole."""
    if len(label) <= _LINE_CHARACTERS:
        return [label]
    name, bracket, end = label.rpartition("（")
    if not name or len(bracket + end) > _LINE_CHARACTERS:
        name, bracket, end = label[:_LINE_CHARACTERS], "", label[_LINE_CHARACTERS:]
    return [_shortened(name), _shortened(bracket + end)]


def _shortened(line: str) -> str:
    return line if len(line) <= _LINE_CHARACTERS else line[: _LINE_CHARACTERS - 1] + "…"

"""Charts as SVG, the same picture in the PDF and on the page.

Belongs here: coordinates and colours. Lengths and shades come from the content model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

__all__ = ["DARK", "SHADES", "svg_of"]

#: No value, then light to dark in one hue, so that a grey print still reads.
SHADES = ("#f2f2f2", "#deebf7", "#b3d3ea", "#7fb6da", "#3f8fc5", "#1b5e97")
#: From this shade on, text on it is white: on each of the others black has the contrast that
#: WCAG asks for (4.5).
DARK = 5
_INK = "#222222"
_SOFT = "#666666"
_LINE = "#c8102e"
_UP, _DOWN = "#1b5e97", "#c97b12"

_TILE, _GAP = 62, 4
_WIDTH = 640
#: Where a figure's trace is, by its id.
Link = Callable[[str], str]
_ROW = 24
#: Between the lines of a label; so many Chinese characters of 12 fit on one.
_LINE_STEP, _CHARACTERS = 15, 20
_LABEL = 262
_VALUE = 92


def svg_of(block: Mapping[str, Any], family: str, link: Link | None = None) -> str:
    """A chart block (``tiles`` or ``bars``, as plain data) as SVG.

    Args:
        family: font family of its text.
        link: makes every figure a link; None (for the PDF) makes none.
    """
    draw = _tiles if block["kind"] == "tiles" else _bars
    width, height, body = draw(block, link)
    # What a reader can step into is no image (WAI-ARIA: the children of "img" are presentational).
    role = "group" if link else "img"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="{role}" font-family="{escape(family)}">'
        f"<title>{escape(block['caption'])}</title>{body}</svg>"
    )


def _text(
    x: float,
    y: float,
    run: Any,
    *,
    size: int = 12,
    anchor: str = "start",
    fill: str = _INK,
    link: Link | None = None,
) -> str:
    """Text of a run: a string, a claim or a figure."""
    figure = run if isinstance(run, Mapping) and "id" in run else None
    said = run["text"] if isinstance(run, Mapping) else run
    mark = f' data-figure="{escape(figure["id"])}"' if figure else ""
    text = (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="{fill}"{mark}>{escape(said)}</text>'
    )
    return f'<a href="{escape(link(figure["id"]))}">{text}</a>' if figure and link else text


def _rect(x: float, y: float, width: float, height: float, fill: str, radius: int = 0) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}"'
        + (f' rx="{radius}"' if radius else "")
        + "/>"
    )


def _tiles(block: Mapping[str, Any], link: Link | None) -> tuple[int, int, str]:
    parts: list[str] = []
    columns = max(tile["column"] for tile in block["tiles"]) + 1
    rows = max(tile["row"] for tile in block["tiles"]) + 1
    step = _TILE + _GAP
    for tile in block["tiles"]:
        x, y = tile["column"] * step, tile["row"] * step
        ink = "#ffffff" if tile["shade"] >= DARK else _INK
        parts.append(_rect(x, y, _TILE, _TILE, SHADES[tile["shade"]], 3))
        middle = x + _TILE / 2
        parts.append(_text(middle, y + 27, tile["name"], size=15, anchor="middle", fill=ink))
        parts.append(
            _text(middle, y + 47, tile["figure"], size=12, anchor="middle", fill=ink, link=link)
        )
    # The south-west of the map is empty: the legend goes there.
    top = rows * step - len(block["legend"]) * _ROW
    for index, (shade, label) in enumerate(block["legend"]):
        y = top + index * _ROW
        parts.append(_rect(0, y, 22, 16, SHADES[shade], 2))
        parts.append(_text(30, y + 13, label, fill=_SOFT))
    return columns * step - _GAP, rows * step - _GAP, "".join(parts)


def _bars(block: Mapping[str, Any], link: Link | None) -> tuple[int, int, str]:
    parts: list[str] = []
    bars = block["bars"]
    room = _WIDTH - _LABEL - _VALUE
    has_notes = any(bar["note"] for bar in bars)
    if has_notes:
        room -= 78
    zero = _LABEL + room / 2 if block["diverging"] else _LABEL
    full = room / 2 if block["diverging"] else room
    height = 0
    for bar in bars:
        lines = _lines(bar["label"])
        y = height + 4 + (len(lines) - 1) * _LINE_STEP / 2
        for index, line in enumerate(lines):
            base = height + 17 + index * _LINE_STEP
            parts.append(_text(_LABEL - 8, base, line, anchor="end"))
        height += _ROW + (len(lines) - 1) * _LINE_STEP
        parts.append(_rect(_LABEL, y, room, 16, "#f5f5f5"))
        if bar["length"]:
            size = abs(bar["length"]) * full / 1000
            left = zero - size if bar["length"] < 0 else zero
            parts.append(_rect(left, y, size, 16, _DOWN if bar["length"] < 0 else _UP))
        parts.append(_text(_LABEL + room + 8, y + 13, bar["figure"], link=link))
        if has_notes:
            parts.append(_text(_WIDTH, y + 13, bar["note"], anchor="end", fill=_SOFT))
    height += 6
    mark = zero if block["diverging"] else None
    if block["mark"] is not None:
        mark = _LABEL + block["mark"] * room / 1000
    if mark is not None:
        colour = _SOFT if block["diverging"] else _LINE
        parts.append(
            f'<line x1="{mark:g}" x2="{mark:g}" y1="0" y2="{height}" stroke="{colour}" '
            'stroke-width="1.2"/>'
        )
    if block["axis"]:
        parts.append(_text(_LABEL, height + 14, block["axis"], size=11, fill=_SOFT))
        height += 20
    return _WIDTH, height, "".join(parts)


def _lines(label: str) -> list[str]:
    """A label on one line or two; what it ends with in brackets tells bars of a name apart."""
    if len(label) <= _CHARACTERS:
        return [label]
    name, bracket, end = label.rpartition("（")
    if not name or len(bracket + end) > _CHARACTERS:
        name, bracket, end = label[:_CHARACTERS], "", label[_CHARACTERS:]
    return [_shortened(name), _shortened(bracket + end)]


def _shortened(line: str) -> str:
    return line if len(line) <= _CHARACTERS else line[: _CHARACTERS - 1] + "…"

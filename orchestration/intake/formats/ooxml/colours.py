"""Compares the colours of a text and its background (ECMA-376 part 1, 18.8.3, 18.8.19, 18.8.27).

A text in the colour of its background is not seen. Belongs here: the colours of fonts, fills and
conditional formats. Doesn't belong here: which cell has which (``styles``, ``layout``).
"""

from __future__ import annotations

from orchestration.intake.formats.ooxml.markup import Attributes
from orchestration.intake.formats.ooxml.text import font_mark

__all__ = ["BLACK", "WHITE", "Differential", "colour_of"]

#: Of a text and of a background that have no colour of their own.
BLACK, WHITE = "000000", "FFFFFF"
#: Black and white in the palette of 18.8.27.
_PALETTE = {"0": BLACK, "1": WHITE, "8": BLACK, "9": WHITE}
#: The first two colours of a theme: its background and its text.
_THEME = {"0": WHITE, "1": BLACK}
_NO_TINT = {"0", "0.0"}


def colour_of(attributes: Attributes) -> str:
    """A colour in a form that is equal for equal colours; "" for one that the system gives.

    Black and white are the same however they are given. Other colours are only compared with
    colours that are given in the same way.
    """
    tint = attributes.get("tint", "0")
    is_pure = tint in _NO_TINT
    if "rgb" in attributes and is_pure:
        return attributes["rgb"].upper()[-6:]
    for name, known in (("indexed", _PALETTE), ("theme", _THEME)):
        index = attributes.get(name)
        if index is not None and not (name == "indexed" and index in ("64", "65")):
            return known[index] if is_pure and index in known else f"{name} {index} {tint}"
    return ""


class Differential:
    """What a conditional format changes (18.8.14), collected from its elements.

    Attributes:
        changes: a value is shown otherwise than it is stored, or not at all.
    """

    def __init__(self) -> None:
        self._part = ""
        self._font = self._fill = ""
        self._is_marked = False

    def start(self, tag: str, attributes: Attributes) -> None:
        """Take an element inside ``dxf``."""
        if tag in ("font", "fill", "border", "numFmt"):
            self._part = tag
        if self._part == "numFmt":
            self._is_marked |= attributes.get("formatCode") not in (None, "General")
        elif self._part == "font":
            self._is_marked |= bool(font_mark(tag, attributes))
            if tag == "color":
                self._font = colour_of(attributes)
        elif self._part == "fill" and (tag == "bgColor" or (tag == "fgColor" and not self._fill)):
            self._fill = colour_of(attributes)

    @property
    def changes(self) -> bool:
        return self._is_marked or (self._font or BLACK) == (self._fill or WHITE)

"""Characters that nobody sees: found, shown and taken out.

Belongs here: which characters those are. A name with a zero-width space in it looks like another
name and is not found by a search; a direction mark turns a line around; a NUL ends a string.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["first_invisible", "shown", "visible"]

#: Controls but for tab and line ends; the soft hyphen; zero-width and direction marks (Unicode
#: categories Cc and Cf as far as they have no use in Chinese text).
_POINTS = [
    *range(0x00, 0x09),
    *range(0x0B, 0x0D),
    *range(0x0E, 0x20),
    *range(0x7F, 0xA0),
    0xAD,
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,
]
_INVISIBLE = re.compile(f"[{re.escape(''.join(map(chr, _POINTS)))}]")


def visible(text: str) -> str:
    """The text without what can't be seen."""
    return text if text.isascii() and text.isprintable() else _INVISIBLE.sub("", text)


def shown(text: str) -> str:
    """The text with what can't be seen written as ``\\u200b``."""
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def first_invisible(content: Any) -> str | None:
    """The first such character in any text of a document, as ``U+200B``, or None."""
    for text in _texts(content):
        match = _INVISIBLE.search(text)
        if match:
            return f"U+{ord(match.group()):04X}"
    return None


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        if not content.isascii() or not content.isprintable():
            yield content
    elif isinstance(content, Mapping):
        for name, value in content.items():
            # Values are read one by one: what is wrong with them is said of each.
            if name not in ("values", "targets"):
                yield from _texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value)

"""Characters that look like others or like nothing: full-width forms, invisible, misread ones.

Belongs here: full-width forms, encodings that only a look at the text tells, and the list of the
invisible characters. A name with a zero-width space looks like another name and no search finds it;
a direction mark reverses a line; a NUL ends a string in C. Doesn't belong here: contact data
(``core.contacts``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = [
    "decoded",
    "escape_invisible",
    "first_invisible",
    "half_width",
    "visible",
]

#: Controls except tab and line ends; the soft hyphen; zero-width and direction marks (Unicode
#: categories Cc and Cf, except those that Chinese text uses).
_CODE_POINTS = [
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
_INVISIBLE = re.compile(f"[{re.escape(''.join(map(chr, _CODE_POINTS)))}]")

#: Full-width forms are ASCII plus 0xFEE0; the ideographic and the no-break space are blanks.
_HALF_WIDTH = {0xFEE0 + point: point for point in range(0x21, 0x7F)} | {0x3000: 0x20, 0xA0: 0x20}


def half_width(text: str) -> str:
    """Write the full-width forms and blanks of a text in ASCII; everything else is kept."""
    return text if text.isascii() else text.translate(_HALF_WIDTH)


#: Characters that two bytes of GB18030 can become when read as UTF-8 (beyond Latin-1, which has
#: ·, × and °), and characters that they can't become.
_ALPHABETS, _BEYOND = re.compile("[\u0100-\u07ff]"), re.compile("[\u0800-\U0010ffff]")


def _is_misread_chinese(text: str, body: bytes) -> bool:
    """Whether a text in UTF-8 is Chinese in GB 2312 that happens to be valid UTF-8.

    The bytes of 约 in GB 2312 are the Armenian Լ in UTF-8. If all of a text's characters beyond
    Latin-1 belong to such alphabets, and its bytes are also valid GB 2312, it is taken as Chinese.
    """
    if text.isascii() or not _ALPHABETS.search(text) or _BEYOND.search(text):
        return False
    try:
        body.decode("gb2312")
    except UnicodeDecodeError:
        return False
    return True


def _is_damaged(body: bytes) -> bool:
    """Whether bytes that are not UTF-8 nearly are.

    A text in UTF-8 that lost a byte is often valid GB 18030 as well, and every Chinese character in
    it another one. Read as UTF-8 it has more characters of three bytes than errors; a text in
    GB 18030 has an error for nearly every character.
    """
    text = body.decode("utf-8", "replace")
    return len(_BEYOND.findall(text)) > 2 * text.count("\ufffd")  # which are beyond as well


def decoded(body: bytes) -> str:
    """A text in UTF-8 (with or without a byte order mark), UTF-16, UTF-32 or GB 18030.

    UTF-8 is tried first, because text in another encoding is rarely valid UTF-8.

    Raises:
        UnicodeDecodeError: no encoding fits.
    """
    wide = _wide_encoding(body)
    try:
        text = body.decode(wide or "utf-8-sig")
    except UnicodeDecodeError:
        if wide or _is_damaged(body):
            raise
        return body.decode("gb18030")
    return body.decode("gb2312") if not wide and _is_misread_chinese(text, body) else text


def _wide_encoding(body: bytes) -> str | None:
    """The form of UTF-16 or UTF-32 in which a text is, or None.

    Its first character is a byte order mark or ASCII, which JSON always begins with (RFC 4627, 3).
    """
    encoding = json.detect_encoding(body[:4])
    return None if encoding in ("utf-8", "utf-8-sig") else encoding


def visible(text: str) -> str:
    """Remove the invisible characters of a text."""
    return text if text.isascii() and text.isprintable() else _INVISIBLE.sub("", text)


def escape_invisible(text: str) -> str:
    """Write the invisible characters of a text as escapes, e.g. ``\\u200b``."""
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def first_invisible(content: Any) -> str | None:
    """The first invisible character in any text of a document, as ``U+200B``, or None.

    Values and targets are left out: they are read and reported one by one.
    """
    for text in _unusual_texts(content):
        match = _INVISIBLE.search(text)
        if match:
            return f"U+{ord(match.group()):04X}"
    return None


def _unusual_texts(content: Any) -> Iterator[str]:
    """Yield the texts of a document that may hold invisible characters."""
    if isinstance(content, str):
        if not content.isascii() or not content.isprintable():
            yield content
    elif isinstance(content, Mapping):
        for name, value in content.items():
            if name not in ("values", "targets"):
                yield from _unusual_texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _unusual_texts(value)

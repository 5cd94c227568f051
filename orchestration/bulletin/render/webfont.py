"""A font for pages: the characters that they use, in one file that all of them name.

Belongs here: cutting the bundled Noto Sans SC down to what is written, so that a page reads the
same where no Chinese font is installed (servers, archives). A reader's own fonts come first. One
file for the edition, not a copy in each page: a copy in each of a hundred pages would be most of
the edition. A page that is sent alone falls back on the reader's fonts.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache

from fontTools import subset

from orchestration.bulletin.carry_over import CarryOver, digest_of
from orchestration.bulletin.render.fonts import bundled_folder
from orchestration.core.settings import PROJECT_ROOT

__all__ = ["FONT_PATH", "with_font"]

FONT_PATH = "assets/font.woff"

_FACE = (
    '<style>@font-face{font-family:"Noto Sans SC";font-display:swap;src:local("Noto Sans SC"),'
    'local("Source Han Sans SC"),local("Microsoft YaHei"),local("PingFang SC"),'
    'url("%s") format("woff")}</style></head>'
)
_ASCII = bytes(range(0x80))
#: Numbers, codes and digests, wherever they come from.
_PRINTABLE = frozenset(map(chr, range(0x20, 0x7F)))
#: Nothing that horizontal text of a page needs.
_DROPPED = ["BASE", "DSIG", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]


@cache
def _own_words() -> frozenset[str]:
    """Every character of the code and its templates.

    With them a correction, which says other things than the edition before, nearly always has
    the same font: cutting it takes a second, they are 12 of its 159 kB.
    """
    package = PROJECT_ROOT / "orchestration"
    texts = (*package.rglob("*.py"), *package.rglob("*.j2"))
    return frozenset("".join(_beyond_ascii(text.read_bytes()) for text in texts))


def _beyond_ascii(text: bytes) -> str:
    """Nine tenths of a page are markup and numbers: dropped as bytes, which is quick."""
    return text.translate(None, _ASCII).decode()


def _face(path: str) -> bytes:
    return (_FACE % ("../" * path.count("/") + FONT_PATH)).encode()


def _cut(characters: str) -> bytes:
    """The font with these characters alone, as WOFF; the same characters give the same bytes."""
    options = subset.Options(
        flavor="woff", hinting=False, recalc_timestamp=False, drop_tables=_DROPPED
    )
    font = subset.load_font(str(bundled_folder() / "NotoSansSC-Regular.otf"), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[ord(character) for character in characters])
    cutter.subset(font)
    body = io.BytesIO()
    subset.save_font(font, body, options)
    return body.getvalue()


def with_font(
    files: Mapping[str, bytes], carry_over: CarryOver | None = None, *, also: bytes = b""
) -> dict[str, bytes]:
    """The files and the font, every page (``.html``) with the way to it in its head.

    Args:
        carry_over: whose pages have it, and the font where no character is new or gone.
        also: text that is put into a page later.
    """
    carry_over = carry_over or CarryOver()
    pages = {path: body for path, body in files.items() if path.endswith(".html")}
    said = map(_beyond_ascii, (also, *pages.values()))
    characters = "".join(sorted(_own_words().union(_PRINTABLE, *said)))
    font = carry_over.find_or_make(FONT_PATH, digest_of(characters), lambda: _cut(characters))
    done = {
        path: page.replace(b"</head>", _face(path), 1)
        for path, page in pages.items()
        if path not in carry_over.carried
    }
    return {**files, **done, FONT_PATH: font}

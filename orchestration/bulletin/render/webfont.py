"""The web font of an edition: the characters that its pages use, in one file.

With it a page is readable where no Chinese font is installed (servers, archives). Fonts of the
reader's system are preferred. There is one file for the edition, because a copy in each page would
make up most of the edition's size. A page that is sent alone uses the reader's fonts.

Belongs here: making the subset of the bundled Noto Sans SC, and the reference to it in each page.
Doesn't belong here: the fonts of the PDFs (``fonts``).
"""

from __future__ import annotations

import io
from collections.abc import Mapping

from fontTools import subset

from orchestration.bulletin.carry_over import CarryOver, digest_of
from orchestration.bulletin.render.fonts import bundled_folder

__all__ = ["FONT_PATH", "with_font"]

FONT_PATH = "assets/font.woff"

_FONT_REFERENCE = (
    '<style>@font-face{font-family:"Noto Sans SC";font-display:swap;src:local("Noto Sans SC"),'
    'local("Source Han Sans SC"),local("Microsoft YaHei"),local("PingFang SC"),'
    'url("%s") format("woff")}</style></head>'
)
_ASCII = bytes(range(0x80))
#: ASCII characters are always included: numbers, codes and digests need them.
_PRINTABLE = frozenset(map(chr, range(0x20, 0x7F)))
#: Font tables that horizontal text on a page does not need.
_DROPPED = ["BASE", "DSIG", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]


def _beyond_ascii(text: bytes) -> str:
    """Return the text without ASCII. Removing bytes is fast: nine tenths of a page are ASCII."""
    return text.translate(None, _ASCII).decode()


def _font_reference(path: str) -> bytes:
    return (_FONT_REFERENCE % ("../" * path.count("/") + FONT_PATH)).encode()


def _font_subset(characters: str) -> bytes:
    """Return the font with only these characters as WOFF; equal characters give equal bytes."""
    options = subset.Options(
        flavor="woff", hinting=False, recalc_timestamp=False, drop_tables=_DROPPED
    )
    font = subset.load_font(str(bundled_folder() / "NotoSansSC-Regular.otf"), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[ord(character) for character in characters])
    subsetter.subset(font)
    body = io.BytesIO()
    subset.save_font(font, body, options)
    return body.getvalue()


def with_font(
    files: Mapping[str, bytes], carry_over: CarryOver | None = None, *, also: bytes = b""
) -> dict[str, bytes]:
    """Return the files with the font, and with a reference to it in the head of every page.

    Args:
        files: path below the edition → bytes.
        carry_over: files of the former edition. Carried pages have the reference already; the font
            is carried over if the characters are the same.
        also: further text that will be added to a page later.
    """
    carry_over = carry_over or CarryOver()
    pages = {path: body for path, body in files.items() if path.endswith(".html")}
    # A script may hold texts that its page shows.
    scripts = (body for path, body in files.items() if path.endswith(".js"))
    page_texts = map(_beyond_ascii, (also, *scripts, *pages.values()))
    characters = "".join(sorted(_PRINTABLE.union(*page_texts)))
    font = carry_over.find_or_make(
        FONT_PATH, digest_of(characters), lambda: _font_subset(characters)
    )
    referring = {
        path: page.replace(b"</head>", _font_reference(path), 1)
        for path, page in pages.items()
        if path not in carry_over.carried
    }
    return {**files, **referring, FONT_PATH: font}

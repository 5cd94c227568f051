"""A font for pages: the characters that they use, in the pages themselves.

Belongs here: cutting the bundled Noto Sans SC down to what is written and putting it into each
page, so that a page reads the same where no Chinese font is installed (servers, archives). A
reader's own fonts come first.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

from fontTools import subset

from orchestration.bulletin.render.fonts import bundled_folder

__all__ = ["with_font"]

_FACE = (
    '<style>@font-face{font-family:"Noto Sans SC";src:local("Noto Sans SC"),'
    'local("Source Han Sans SC"),local("Microsoft YaHei"),local("PingFang SC"),'
    "url(data:font/woff;base64,%s) format('woff')}</style></head>"
)
#: Nothing that horizontal text of a page needs.
_DROPPED = ["BASE", "DSIG", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]


def _cut(characters: set[str]) -> bytes:
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


def with_font(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files, every page (``.html``) with the font in its head."""
    pages = {path: body.decode() for path, body in files.items() if path.endswith(".html")}
    font = _cut({character for page in pages.values() for character in page})
    face = _FACE % base64.b64encode(font).decode()
    done = {path: page.replace("</head>", face, 1).encode() for path, page in pages.items()}
    return {**files, **done}

"""The fonts of the PDF: by role, from wheels or from an office's own folder.

Belongs here: which family plays which role, and which characters it can draw. The default set
is Noto Serif SC and Noto Sans SC (SIL Open Font License 1.1, from the wheel
``pylopdf-fonts-zh-cn``). Where ``TONGBAO_FONT_DIR`` names a folder with the fonts of
GB/T 9704-2012, those are used. typst prints boxes for what a font lacks and says nothing, so
characters are looked up here first.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError
from fontTools.ttLib.ttCollection import TTCollection

from orchestration.core.errors import UsageError

__all__ = ["GETA", "FontSet", "bundled_folder", "font_files", "load_fonts"]

#: What printers set for a character that they have no type for.
GETA = "〓"

_SUFFIXES = {".ttf", ".otf", ".ttc", ".otc"}
#: Role → families that may play it, the best first. The last is always there.
_ROLES: dict[str, tuple[str, ...]] = {
    "body": ("FangSong_GB2312", "仿宋_GB2312", "FangSong", "仿宋", "FandolFang R", "Noto Serif SC"),
    "title": (
        "FZXiaoBiaoSong-B05S",
        "FZXiaoBiaoSong-B05",
        "方正小标宋简体",
        "方正小标宋_GBK",
        "FandolSong",
        "Noto Serif SC",
    ),
    "kai": ("KaiTi_GB2312", "楷体_GB2312", "KaiTi", "楷体", "FandolKai", "Noto Serif SC"),
    "hei": ("SimHei", "黑体", "FandolHei", "Noto Sans SC"),
    "song": ("SimSun", "宋体", "FandolSong", "Noto Serif SC"),
}


@dataclass(frozen=True)
class FontSet:
    """The fonts of a run.

    Attributes:
        folders: where they lie.
        roles: role → family.
        characters: code points that every role can draw.
    """

    folders: tuple[Path, ...]
    roles: dict[str, str]
    characters: frozenset[int]

    def missing(self, text: str) -> set[str]:
        """Characters of ``text`` that can't be drawn."""
        return {c for c in set(text) if ord(c) not in self.characters and not c.isspace()}

    def drawable(self, text: str) -> str:
        """The text with 〓 for every character that can't be drawn."""
        lacking = self.missing(text)
        return text.translate({ord(c): GETA for c in lacking}) if lacking else text


def bundled_folder() -> Path:
    """Where the fonts of the wheel lie."""
    spec = importlib.util.find_spec("pylopdf_fonts_zh_cn")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("the wheel pylopdf-fonts-zh-cn is not installed: run 'make setup'")
    return Path(spec.submodule_search_locations[0])


def font_files(font_dir: Path | None) -> list[Path]:
    """Every font file of the bundled set and of an office's own folder."""
    folders = [bundled_folder(), *([font_dir] if font_dir else [])]
    return sorted(
        path for folder in folders for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES
    )


def _faces(folder: Path) -> Iterable[tuple[str, frozenset[int]]]:
    """Family names (every language) and code points of each font in a folder."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in _SUFFIXES:
            continue
        try:
            if path.suffix.lower() in {".ttc", ".otc"}:
                fonts = list(TTCollection(path, lazy=True).fonts)
            else:
                fonts = [TTFont(path, lazy=True)]
            for font in fonts:
                points = frozenset(font.getBestCmap() or ())
                for record in font["name"].names:
                    if record.nameID in {1, 16}:
                        yield str(record), points
        except (TTLibError, OSError, KeyError) as error:
            raise UsageError(f"font {path}: {error}") from None


@cache
def load_fonts(font_dir: Path | None) -> FontSet:
    """Choose a family for each role.

    Args:
        font_dir: an office's own folder (``TONGBAO_FONT_DIR``), or None.

    Raises:
        UsageError: the folder or a font can't be read.
    """
    folders = [bundled_folder()]
    if font_dir is not None:
        if not font_dir.is_dir():
            raise UsageError(f"TONGBAO_FONT_DIR is not a folder: {font_dir}")
        folders.append(font_dir)
    points: dict[str, frozenset[int]] = {}
    for folder in folders:
        for family, found in _faces(folder):
            points[family] = points.get(family, frozenset()) | found
    roles = {
        role: next(family for family in families if family in points)
        for role, families in _ROLES.items()
    }
    # Every role falls back on the bundled serif face, so what that draws is always drawn.
    fallback = points["Noto Serif SC"]
    characters = frozenset.intersection(*(points[f] | fallback for f in set(roles.values())))
    return FontSet(tuple(folders), roles, characters)

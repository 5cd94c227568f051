"""The fonts of the PDFs, chosen by role from a wheel or from an office's own folder.

The default fonts are Noto Serif SC and Noto Sans SC (SIL Open Font License 1.1, from the wheel
``pylopdf-fonts-zh-cn``). If ``TONGBAO_FONT_DIR`` names a folder with the fonts of GB/T 9704-2012,
these are used. typst silently prints boxes for characters that a font lacks, so every character is
looked up here first.

Belongs here: the family of each role, and the characters that it can draw. Doesn't belong here:
the font of web pages (``webfont``).
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

#: Printed for a character that no font draws; printers traditionally use this mark.
GETA = "〓"

_SUFFIXES = {".ttf", ".otf", ".ttc", ".otc"}
#: Role → families in order of preference. The last one is always available.
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
    """The fonts that PDFs are typeset with.

    Attributes:
        folders: folders with the font files.
        roles: role → family.
        characters: code points that the fonts of all roles can draw.
    """

    folders: tuple[Path, ...]
    roles: dict[str, str]
    characters: frozenset[int]

    def missing(self, text: str) -> set[str]:
        """Return the characters of a text that can't be drawn."""
        return {c for c in set(text) if ord(c) not in self.characters and not c.isspace()}

    def drawable(self, text: str) -> str:
        """Return a text with 〓 for every character that can't be drawn."""
        lacking = self.missing(text)
        return text.translate({ord(c): GETA for c in lacking}) if lacking else text


def bundled_folder() -> Path:
    """Return the folder of the wheel's fonts.

    Raises:
        UsageError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("pylopdf_fonts_zh_cn")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("the wheel pylopdf-fonts-zh-cn is not installed: run 'make setup'")
    return Path(spec.submodule_search_locations[0])


def font_files(font_dir: Path | None) -> list[Path]:
    """Return the font files of the wheel and of an office's own folder, sorted by path."""
    folders = [bundled_folder(), *([font_dir] if font_dir else [])]
    return sorted(
        path for folder in folders for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES
    )


def _faces(folder: Path) -> Iterable[tuple[str, frozenset[int]]]:
    """Yield family name (in every language) and code points of each font in a folder."""
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
    # Every role falls back on the bundled serif font, so its characters can always be drawn.
    fallback = points["Noto Serif SC"]
    characters = frozenset.intersection(*(points[f] | fallback for f in set(roles.values())))
    return FontSet(tuple(folders), roles, characters)

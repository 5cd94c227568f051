"""PDF through typst, one compiler for all bulletins.

Belongs here: handing a document's data to ``bulletin.typ``. The same data gives the same bytes:
the template has no date of its own and no system font is looked at.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typst

from orchestration.bulletin.content import Document, as_data
from orchestration.bulletin.render.charts import svg_of
from orchestration.bulletin.render.fonts import FontSet
from orchestration.core.errors import TongbaoError

__all__ = ["PdfRenderer"]

_TEMPLATE = Path(__file__).with_name("bulletin.typ")
_CHARTS = {"tiles", "bars"}


class PdfRenderer:
    """Renders one bulletin after another.

    Attributes:
        missing: characters for which 〓 was printed, over all documents so far.
    """

    def __init__(self, fonts: FontSet) -> None:
        self.fonts = fonts
        self.missing: set[str] = set()
        self._compiler = typst.Compiler(
            str(_TEMPLATE),
            root=str(_TEMPLATE.parent),
            font_paths=typst.Fonts(
                include_system_fonts=False,
                include_embedded_fonts=False,
                font_paths=[str(folder) for folder in fonts.folders],
            ),
        )

    def render(self, document: Document) -> bytes:
        """The document as PDF.

        Raises:
            TongbaoError: typst can't set it, or warns (of an unknown font, for one).
        """
        data = self._plain(as_data(document))
        inputs = {
            "document": json.dumps(data, ensure_ascii=False),
            "fonts": json.dumps(self.fonts.roles),
        }
        try:
            result, warnings = self._compiler.compile_with_warnings(format="pdf", sys_inputs=inputs)
        except typst.TypstError as error:
            raise TongbaoError(f"{document.path}: typst: {error}") from None
        if warnings:
            raise TongbaoError(f"{document.path}: typst warns: {warnings[0].message}")
        if not isinstance(result, bytes):
            raise TongbaoError(f"{document.path}: typst gave no PDF")
        return result

    def _plain(self, value: Any) -> Any:
        """Charts become SVG, characters that no font has become 〓."""
        if isinstance(value, dict):
            if value.get("kind") in _CHARTS:
                svg = svg_of(self._plain_values(value), self.fonts.roles["hei"])
                return {
                    "kind": "chart",
                    "caption": self._plain(value["caption"]),
                    "svg": svg,
                    "narrow": value["kind"] == "tiles",
                }
            return self._plain_values(value)
        if isinstance(value, list | tuple):
            return [self._plain(each) for each in value]
        if isinstance(value, str):
            self.missing |= self.fonts.missing(value)
            return self.fonts.drawable(value)
        return value

    def _plain_values(self, value: dict[str, Any]) -> dict[str, Any]:
        return {name: self._plain(each) for name, each in value.items()}

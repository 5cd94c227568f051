"""Renders bulletins as PDF with typst, using one compiler for all of them.

The same document gives the same bytes: the date is the document's own, and system fonts are
not read.

Belongs here: passing a document's data to ``bulletin.typ``. Doesn't belong here: the look of a
PDF (``bulletin.typ``) and the choice of fonts (``fonts``).
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import typst

from orchestration.bulletin.content import Document, Section, Table, as_data
from orchestration.bulletin.render.charts import svg_of
from orchestration.bulletin.render.fonts import FontSet
from orchestration.bulletin.render.table_layout import laid_out
from orchestration.core.errors import TongbaoError

__all__ = ["PdfRenderer"]

_TEMPLATE = Path(__file__).with_name("bulletin.typ")
_CHARTS = {"tiles", "bars"}


def _with_tables_laid_out(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    return tuple(
        replace(
            section,
            blocks=tuple(laid_out(b) if isinstance(b, Table) else b for b in section.blocks),
        )
        for section in sections
    )


class PdfRenderer:
    """Renders bulletins one at a time.

    Attributes:
        fonts: fonts of the PDFs.
        missing: characters that 〓 was printed for, in all documents so far.
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
        """Return the document as PDF.

        Raises:
            TongbaoError: typst fails or warns, e.g. about an unknown font.
        """
        document = replace(
            document,
            sections=_with_tables_laid_out(document.sections),
            attachments=_with_tables_laid_out(document.attachments),
        )
        data = self._printable(as_data(document))
        inputs = {
            "document": json.dumps(data, ensure_ascii=False, default=date.isoformat),
            "fonts": json.dumps(self.fonts.roles),
        }
        try:
            # Archiving with tagged structure (ISO 19005-2, level A), accessibility (ISO 14289-1).
            result, warnings = self._compiler.compile_with_warnings(
                format="pdf", sys_inputs=inputs, pdf_standards=["a-2a", "ua-1"]
            )
        except typst.TypstError as error:
            raise TongbaoError(f"{document.path}: typst: {error}") from None
        if warnings:
            raise TongbaoError(f"{document.path}: typst warns: {warnings[0].message}")
        if not isinstance(result, bytes):
            raise TongbaoError(f"{document.path}: typst returned no PDF")
        return result

    def _printable(self, value: Any) -> Any:
        """Replace charts by SVG, and characters that no font draws by 〓."""
        if isinstance(value, dict):
            if value.get("kind") in _CHARTS:
                svg = svg_of(self._printable_values(value), self.fonts.roles["hei"])
                return {
                    "kind": "chart",
                    "caption": self._printable(value["caption"]),
                    "svg": svg,
                    "narrow": value["kind"] == "tiles",
                }
            return self._printable_values(value)
        if isinstance(value, list | tuple):
            return [self._printable(each) for each in value]
        if isinstance(value, str):
            self.missing |= self.fonts.missing(value)
            return self.fonts.drawable(value)
        return value

    def _printable_values(self, value: dict[str, Any]) -> dict[str, Any]:
        return {name: self._printable(each) for name, each in value.items()}

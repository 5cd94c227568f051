"""Renders the content models: PDF (typst), web page and Word document (jinja2), workbook.

Belongs here: the look of blocks and sheets. Doesn't belong here: their content (``sections``,
``tables``) and writing the files (``edition``).
"""

from orchestration.bulletin.render.docx import render_docx
from orchestration.bulletin.render.fonts import FontSet, load_fonts
from orchestration.bulletin.render.html import environment, render_html
from orchestration.bulletin.render.pdf import PdfRenderer
from orchestration.bulletin.render.webfont import with_font
from orchestration.bulletin.render.xlsx import render_workbook

__all__ = [
    "FontSet",
    "PdfRenderer",
    "environment",
    "load_fonts",
    "render_docx",
    "render_html",
    "render_workbook",
    "with_font",
]

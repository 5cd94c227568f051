"""From the content model to bytes: PDF (typst), a web page and a Word document (jinja2).

Belongs here: how blocks look. Doesn't belong here: what they say (``sections``) and where the
bytes go (``edition``).
"""

from orchestration.bulletin.render.docx import render_docx
from orchestration.bulletin.render.fonts import FontSet, load_fonts
from orchestration.bulletin.render.html import environment, render_html
from orchestration.bulletin.render.pdf import PdfRenderer
from orchestration.bulletin.render.webfont import with_font

__all__ = [
    "FontSet",
    "PdfRenderer",
    "environment",
    "load_fonts",
    "render_docx",
    "render_html",
    "with_font",
]

"""Bulletins: from the marts to an edition.

Belongs here: reading the judged snapshot, the content model, its sections, PDF and page, the
edition. Doesn't belong here: figures (dbt makes them) and the decision to publish (``gate``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from orchestration.bulletin.documents import documents
from orchestration.bulletin.edition import (
    Edition,
    EditionStands,
    latest_of,
    make_edition,
    publish_edition,
    read_edition,
    write_out,
)
from orchestration.bulletin.marts import GateNotes, Marts, read_marts

__all__ = [
    "Edition",
    "EditionStands",
    "GateNotes",
    "Marts",
    "latest_of",
    "make_edition",
    "publish_edition",
    "read_edition",
    "read_marts",
    "render_all",
    "with_font",
    "write_out",
]


def render_all(
    marts: Marts, font_dir: Path | None, progress: Callable[[str], None]
) -> tuple[dict[str, bytes], set[str]]:
    """Every bulletin as PDF and page.

    Args:
        font_dir: an office's own fonts, or None.

    Returns:
        path below the edition → bytes, and the characters that no font could draw.
    """
    from orchestration.bulletin.render import PdfRenderer, load_fonts, render_html

    pdf = PdfRenderer(load_fonts(font_dir))
    files: dict[str, bytes] = {}
    for number, document in enumerate(documents(marts), 1):
        files[f"{document.path}.pdf"] = pdf.render(document)
        files[f"{document.path}.html"] = render_html(document)
        if number % 11 == 0:
            progress(f"publish {marts.year}: {number} bulletins rendered")
    return files, pdf.missing


def with_font(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """An edition's files, every page with a font of its own."""
    from orchestration.bulletin.render import with_font as embedded

    return embedded(files)

"""Bulletins: from the marts to an edition.

Belongs here: reading the judged snapshot, the content model, its sections, PDF, page and Word
document, the edition. Doesn't belong here: figures (dbt makes them) and the decision to publish
(``gate``).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from orchestration.bulletin.carry_over import CarryOver, digest_of
from orchestration.bulletin.content import (
    Block,
    Claim,
    Column,
    Document,
    Figure,
    Section,
    Table,
    heading,
    paragraph,
)
from orchestration.bulletin.documents import correction_document, documents
from orchestration.bulletin.edition import (
    Edition,
    EditionExists,
    finish_edition,
    make_edition,
    publish_edition,
    publish_staging_folder,
    published_snapshots,
    read_edition,
    read_latest,
    unfinished_folders,
    unfinished_objects,
    write_out,
    write_staging_folder,
)
from orchestration.bulletin.marts import GRAINS, GateNotes, Marts, read_marts
from orchestration.bulletin.open_data import open_data
from orchestration.bulletin.site import EditionNote, complete, site_pages, year_index
from orchestration.bulletin.summaries import summaries
from orchestration.bulletin.tables import national_tables
from orchestration.bulletin.uses import use_pages, use_workbooks

__all__ = [
    "GRAINS",
    "Block",
    "CarryOver",
    "Claim",
    "Column",
    "Document",
    "Edition",
    "EditionExists",
    "EditionNote",
    "Figure",
    "GateNotes",
    "Marts",
    "Rendered",
    "Section",
    "Table",
    "complete",
    "correction_document",
    "finish_edition",
    "font_files",
    "heading",
    "make_edition",
    "open_data",
    "paragraph",
    "publish_edition",
    "publish_staging_folder",
    "published_snapshots",
    "read_edition",
    "read_latest",
    "read_marts",
    "render_all",
    "unfinished_folders",
    "unfinished_objects",
    "write_out",
    "write_staging_folder",
    "year_index",
]


@dataclass
class Rendered:
    """The documents of an edition as files.

    Attributes:
        files: path below the edition → bytes.
        bulletins: how many documents there are.
        documents: what the files were rendered from.
        fresh: paths of the files that were rendered now.
        undrawn: characters that no font could draw.
        drawable: what a PDF prints of a text.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    bulletins: int = 0
    documents: list[Document] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    undrawn: set[str] = field(default_factory=set)
    drawable: Callable[[str], str] = str


def render_all(
    marts: Marts,
    font_dir: Path | None,
    progress: Callable[[str], None],
    *,
    carry_over: CarryOver | None = None,
    rest: Callable[[], tuple[Iterable[Document], Sequence[EditionNote]]] = lambda: ((), ()),
) -> Rendered:
    """Every document in every format, and the site around them.

    Args:
        font_dir: an office's own fonts, or None.
        carry_over: of the edition before, whose files stay where a document says the same (a page
            as ``complete`` made it).
        rest: asked when the bulletins are made, as it may have to be waited for: documents beside
            them, and all editions of the year for the site, the one that is made last (none: it
            is the first).
    """
    from orchestration.bulletin.render import (
        PdfRenderer,
        load_fonts,
        render_docx,
        render_html,
        render_workbook,
    )

    pdf = PdfRenderer(load_fonts(font_dir))
    marts.undrawn = _undrawn(marts, pdf.fonts.missing)
    renderers = {"html": render_html, "docx": render_docx}
    carry_over = carry_over or CarryOver()
    made = Rendered()
    being_set: dict[str, Future[bytes]] = {}
    # typst lets go of Python's lock: everything else is made meanwhile.
    typesetter = ThreadPoolExecutor(1)

    def typeset(document: Document, number: int) -> bytes:
        body = pdf.render(document)
        if number % 11 == 0:
            progress(f"publish {marts.year}: {number} bulletins set")
        return body

    def make(document: Document) -> None:
        digest = digest_of(document)
        made.documents.append(document)
        for extension in _formats(document.path):
            path = f"{document.path}.{extension}"
            if (body := carry_over.find(path, digest)) is not None:
                made.files[path] = body
                continue
            made.fresh.append(path)
            if extension == "pdf":
                being_set[path] = typesetter.submit(typeset, document, len(being_set) + 1)
            else:
                made.files[path] = renderers[extension](document)
        made.bulletins += "pdf" in _formats(document.path)

    try:
        for document in documents(marts):
            make(document)
        extra, editions = rest()
        for document in itertools.chain(extra, use_pages(marts), summaries(marts)):
            make(document)
        books = {**use_workbooks(marts), "national/tables.xlsx": national_tables(marts)}
        for path, book in books.items():
            render = partial(render_workbook, book)
            made.files[path] = carry_over.find_or_make(path, digest_of(book), render)
        made.files |= site_pages(marts, editions, carry_over)
        made.files |= {path: body.result() for path, body in being_set.items()}
    finally:
        typesetter.shutdown(cancel_futures=True)  # who stops it waits for one document at most
    made.undrawn = pdf.missing
    made.drawable = pdf.fonts.drawable
    return made


def _undrawn(marts: Marts, missing: Callable[[str], set[str]]) -> dict[str, list[str]]:
    """Which characters of names and of typical experience can't be drawn, and whose they are."""
    found: dict[str, set[str]] = {}
    for row in (*marts.units, *marts.highlights):
        for character in missing(row["unit_name"] + (row.get("highlight") or "")):
            found.setdefault(character, set()).add(row["unit_code"])
    return {character: sorted(found[character]) for character in sorted(found)}


def _formats(path: str) -> tuple[str, ...]:
    """In which formats a document is published (contract §4)."""
    if "/summaries/" in path:
        return ("docx",)
    if path == "changes" or path.startswith("uses/"):
        return ("html",)
    return ("pdf", "html") if path.startswith("tasks/") else ("pdf", "html", "docx")


def font_files(font_dir: Path | None) -> list[Path]:
    """The font files that documents are set with, by name."""
    from orchestration.bulletin.render.fonts import font_files as found

    return found(font_dir)

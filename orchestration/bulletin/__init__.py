"""Bulletins: makes the documents and the site of an edition from the marts.

Belongs here: reading the marts at the judged snapshot, the content model and its sections,
rendering (PDF, web page, Word, workbooks, open data), and the edition's files. Doesn't belong
here: figures (dbt makes them) and the decision to publish (``gate``).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from orchestration.bulletin.api import api_files
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
from orchestration.bulletin.contradictions import contradiction_claims
from orchestration.bulletin.counting import CLAIMS as _COUNTING_CLAIMS
from orchestration.bulletin.documents import (
    correction_document,
    documents,
    editorial_notes,
)
from orchestration.bulletin.edition import (
    Edition,
    EditionExists,
    finish_edition,
    finish_newest_edition,
    make_edition,
    publish_edition,
    publish_staging_folder,
    published_manifests,
    read_edition,
    read_latest,
    unfinished_folders,
    unfinished_objects,
    write_out,
    write_staging_folder,
)
from orchestration.bulletin.grammar import CLAIMS as _STATEMENT_CLAIMS
from orchestration.bulletin.marts import GateNotes, Marts, read_marts
from orchestration.bulletin.open_data import SCRIPT as LOAD_SCRIPT
from orchestration.bulletin.open_data import open_data
from orchestration.bulletin.parts import CLAIMS as _SHARED_CLAIMS
from orchestration.bulletin.problems import problem_claims
from orchestration.bulletin.refusals import refuse_editorials
from orchestration.bulletin.sdmx import sdmx_files
from orchestration.bulletin.sections import claims_of_sections
from orchestration.bulletin.site import (
    EditionNote,
    complete,
    reference_page,
    site_pages,
    year_feed,
    year_index,
)
from orchestration.bulletin.summaries import CLAIMS as _DRAFT_CLAIMS
from orchestration.bulletin.summaries import summaries
from orchestration.bulletin.tables import national_tables
from orchestration.bulletin.task_ranks import rank_claims
from orchestration.bulletin.uses import use_pages, use_workbooks
from orchestration.figures.claims import Recomputations

__all__ = [
    "LOAD_SCRIPT",
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
    "api_files",
    "claims",
    "complete",
    "correction_document",
    "editorial_notes",
    "finish_edition",
    "finish_newest_edition",
    "font_files",
    "heading",
    "make_edition",
    "open_data",
    "paragraph",
    "publish_edition",
    "publish_staging_folder",
    "published_manifests",
    "read_edition",
    "read_latest",
    "read_marts",
    "reference_page",
    "refuse_editorials",
    "render_all",
    "sdmx_files",
    "unfinished_folders",
    "unfinished_objects",
    "write_out",
    "write_staging_folder",
    "year_feed",
    "year_index",
]


def claims() -> Iterator[Recomputations]:
    """Yield how the claims of all documents are recomputed."""
    yield _SHARED_CLAIMS
    yield _COUNTING_CLAIMS
    yield _DRAFT_CLAIMS
    yield _STATEMENT_CLAIMS
    yield problem_claims()
    yield contradiction_claims()
    yield rank_claims()
    yield from claims_of_sections()


@dataclass
class Rendered:
    """The rendered files of an edition.

    Attributes:
        files: path below the edition → bytes.
        bulletins: number of documents that have a PDF.
        documents: the documents that the files were rendered from.
        fresh: paths of the document files that were rendered now and not carried over.
        undrawn: characters that no font could draw.
        drawable: returns a text as a PDF prints it.
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
    """Render every document in every format, the workbooks and the site's pages.

    Args:
        font_dir: folder with an office's own fonts, or None.
        progress: called with a line of text after every eleventh PDF.
        carry_over: files of the former edition; a file is carried over if its document is
            unchanged. Carried pages are already completed by ``complete``.
        rest: called after the bulletins are rendered, because its result may take a while. Returns
            further documents, and all editions of the year for the site, this one last; an empty
            list means that this is the first.
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
    rendered = Rendered()
    pdfs: dict[str, Future[bytes]] = {}
    # typst releases Python's global lock, so everything else is rendered at the same time.
    typesetter = ThreadPoolExecutor(1)

    def typeset(document: Document, number: int) -> bytes:
        body = pdf.render(document)
        if number % 11 == 0:
            progress(f"publish {marts.year}: {number} bulletins typeset")
        return body

    def render(document: Document) -> None:
        digest = digest_of(document)
        rendered.documents.append(document)
        for extension in _formats(document.path):
            path = f"{document.path}.{extension}"
            if (body := carry_over.find(path, digest)) is not None:
                rendered.files[path] = body
                continue
            rendered.fresh.append(path)
            if extension == "pdf":
                pdfs[path] = typesetter.submit(typeset, document, len(pdfs) + 1)
            else:
                rendered.files[path] = renderers[extension](document)
        rendered.bulletins += "pdf" in _formats(document.path)

    try:
        for document in documents(marts):
            render(document)
        extra, editions = rest()
        for document in itertools.chain(extra, use_pages(marts), summaries(marts)):
            render(document)
        books = {**use_workbooks(marts), "national/tables.xlsx": national_tables(marts)}
        for path, book in books.items():
            make = partial(render_workbook, book)
            rendered.files[path] = carry_over.find_or_make(path, digest_of(book), make)
        rendered.files |= site_pages(marts, editions, carry_over)
        rendered.files |= {path: body.result() for path, body in pdfs.items()}
    finally:
        typesetter.shutdown(cancel_futures=True)  # waits for at most one document
    rendered.undrawn = pdf.missing
    rendered.drawable = pdf.fonts.drawable
    return rendered


def _undrawn(marts: Marts, missing: Callable[[str], set[str]]) -> dict[str, list[str]]:
    """Return character → codes of the units whose name or highlight has it and no font draws it."""
    found: dict[str, set[str]] = {}
    for row in (*marts.units, *marts.highlights):
        for character in missing(row["unit_name"] + (row.get("highlight") or "")):
            found.setdefault(character, set()).add(row["unit_code"])
    return {character: sorted(found[character]) for character in sorted(found)}


def _formats(path: str) -> tuple[str, ...]:
    """Return the formats that a document is published in."""
    if "/summaries/" in path:
        return ("docx",)
    if path == "changes" or path.startswith("uses/"):
        return ("html",)
    return ("pdf", "html") if path.startswith("tasks/") else ("pdf", "html", "docx")


def font_files(font_dir: Path | None) -> list[Path]:
    """Return the font files that documents are typeset with, sorted by path."""
    from orchestration.bulletin.render import fonts

    return fonts.font_files(font_dir)

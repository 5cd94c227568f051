"""Compares finished documents with the marts, as the last check before an edition is written.

Belongs here: reading the text of PDF, Word and HTML files, and comparing every figure and every
claim in prose with the pinned snapshot. Doesn't belong here: how a claim is recomputed (``CLAIMS``
of the module that prints it), whether a year may be published, and judging (``gate``).
"""

from __future__ import annotations

import html
import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any
from xml.etree import ElementTree

import duckdb
import pypdfium2

from orchestration import bulletin
from orchestration.bulletin import Document
from orchestration.bulletin.content import (
    Bars,
    Claim,
    Figure,
    Heading,
    Paragraph,
    Run,
    Table,
    TileMap,
    blocks,
    runs,
)
from orchestration.core.errors import TongbaoError
from orchestration.figures.claims import Answers, Evidence, Registry
from orchestration.figures.dictionary import figure_grains
from orchestration.figures.ids import row_key
from orchestration.figures.numbers import DIRECTIONS, NONE, NOT_YET, UNCHANGED, half_up
from orchestration.figures.printing import is_fraction, may_be_said, unit_exponent
from orchestration.lakehouse.rows import rows_as_dicts
from orchestration.publication.changes import CLAIMS, Change

__all__ = ["MartFacts", "check_documents", "prints", "read_facts", "text_of"]

#: Mistakes listed in the error message; one is enough to stop a publication.
_LISTED = 5
_NUMBER = re.compile(r"[+−-]?[\d,]+(\.\d+)?")
#: Unit of a large number in prose → its power of ten.
_LARGE = {"万": 4, "亿": 8}
_DIRECTED = re.compile(f"({'|'.join(DIRECTIONS)})(.*)")
_BLANK = re.compile(r"\s+")
_TAG = re.compile(r"<[^>]*>")
_MARKED = re.compile(r'data-figure="([^"]*)"[^>]*>([^<]*)<')
#: Header and footer of each page, as typst sets them.
_HEADER_OR_FOOTER = re.compile(r"合成数据,非真实填报\(SYNTHETICDATA\)|合成数据(?!,)|—\d+—$")


@cache
def _registry() -> Registry:
    return Registry((*bulletin.claims(), CLAIMS))


@dataclass(frozen=True)
class MartFacts:
    """What figures and claims are compared with, read from the snapshot.

    Attributes:
        rows: mart → key (the grain without the year) → row.
        claims: answers of the claims' queries.
    """

    rows: dict[str, dict[tuple[str, ...], dict[str, Any]]]
    claims: Answers


def read_facts(con: duckdb.DuckDBPyConnection, year: int) -> MartFacts:
    """Read what figures, and claims that have a query, are compared with.

    Args:
        con: a reader pinned at the snapshot.
    """
    rows: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {}
    for table, grain in figure_grains().items():
        read = rows_as_dicts(
            con.execute(f"select * from lake.marts.{table} where year = ?", [year])
        )
        rows[table] = {row_key(row, grain): row for row in read}
    return MartFacts(rows, _registry().read(con, year))


@dataclass
class _Comparison:
    """Compares figures and claims with the snapshot.

    Attributes:
        correct: id and text of the figures that were correct; the national figures are printed in
            hundreds of documents.
    """

    facts: MartFacts
    evidence: Evidence
    correct: set[tuple[str, str]] = field(default_factory=set)

    def figure(self, figure_id: str) -> Any:
        """The value of a figure.

        Args:
            figure_id: ``year/mart/key…/column``, or ``column-column`` for a difference.

        Raises:
            TongbaoError: the marts have no such row.
        """
        year, table, *key, column = figure_id.split("/")
        row = self.facts.rows.get(table, {}).get(tuple(key))
        if row is None or int(year) != self.evidence.year:
            raise TongbaoError(f"figure {figure_id}: the marts have no such row")
        parts = [row[name] for name in column.split("-")]
        if None in parts:
            return None
        return parts[0] if len(parts) == 1 else parts[0] - parts[1]

    def is_correct(self, figure: Figure) -> bool:
        """Whether the printed text is the figure's value."""
        printed = (figure.id, figure.text)
        if printed not in self.correct and prints(figure, self.figure(figure.id)):
            self.correct.add(printed)
        return printed in self.correct

    def fault(self, figure: Figure) -> str:
        """What is wrong with a figure; empty if nothing is."""
        if not self.is_correct(figure):
            return f"{figure.id} is printed as {figure.text}"
        table, *key, column = figure.id.split("/")[1:]
        if not may_be_said(self.facts.rows[table][tuple(key)], column):
            return f"{figure.id} is growth over other units than last year's, or is withheld"
        return ""

    def claim(self, claim: str) -> str:
        """The text that a claim should have.

        Raises:
            TongbaoError: nothing recomputes the claim.
        """
        return _registry().text(claim, self.facts.claims, self.evidence)


def check_documents(
    con: duckdb.DuckDBPyConnection,
    year: int,
    documents: Iterable[Document],
    files: Mapping[str, bytes],
    fresh: Iterable[str],
    drawable: Callable[[str], str] = str,
    *,
    gate: Sequence[Mapping[str, Any]] = (),
    findings: Mapping[str, str] | None = None,
    changes: Sequence[Change] = (),
    facts: MartFacts | None = None,
) -> int:
    """Recompute the figures and claims of documents and look for their text in the files.

    Args:
        con: a reader pinned at the snapshot.
        files: path → bytes of the edition's files; of HTML pages that are no document (the site's)
            the marked figures are compared.
        fresh: paths of the files rendered in this run; carried-over files were checked before.
        drawable: a text → the text that a PDF prints, with 〓 for characters that its fonts lack.
        gate: rows of ``quality.gate_results`` about the snapshot.
        findings: suite and check → what the gate says of its finding.
        changes: the change table of a correction.
        facts: what :func:`read_facts` returned, if it was called before.

    Returns:
        the number of figures and claims compared.

    Raises:
        TongbaoError: a figure or a claim differs from the marts, or is missing in a file; nothing
            recomputes a claim.
    """
    evidence = Evidence(con, year, gate, findings or {}, changes, drawable)
    marts = _Comparison(facts or read_facts(con, year), evidence)
    to_read: dict[str, list[str]] = {}
    for path in fresh:
        stem, _, extension = path.rpartition(".")
        to_read.setdefault(stem, []).append(extension)
    compared = 0
    wrong: list[str] = []
    document_pages: set[str] = set()
    for document in documents:
        document_pages.add(f"{document.path}.html")
        for run in _document_runs(document):
            if isinstance(run, Figure):
                compared += 1
                if fault := marts.fault(run):
                    wrong.append(f"{document.path}: {fault}")
            elif isinstance(run, Claim):
                compared += 1
                if _in_digits(run.text) != marts.claim(run.claim):
                    wrong.append(
                        f"{document.path}: {run.claim} is printed as {run.text}, "
                        f"the marts have {marts.claim(run.claim)}"
                    )
        for extension in to_read.get(document.path, ()):
            text = text_of(extension, files[f"{document.path}.{extension}"])
            missing = _missing_texts(document, text, drawable if extension == "pdf" else str)
            wrong += [f"{document.path}.{extension} doesn't contain: {each}" for each in missing]
        if len(wrong) >= _LISTED:
            break
    for path in sorted(
        path for path in files if path.endswith(".html") and path not in document_pages
    ):
        for figure in _marked_figures(files[path].decode()):
            compared += 1
            if fault := marts.fault(figure):
                wrong.append(f"{path}: {fault}")
    if wrong:
        raise TongbaoError(
            "documents differ from the marts, nothing is published: " + "; ".join(wrong[:_LISTED])
        )
    return compared


def _in_digits(text: str) -> str:
    """Return 0 for the words that stand for it; any other text is unchanged."""
    return "0" if text in (NONE, NOT_YET) else text


def _signed_number(text: str) -> str:
    """Return a change in words as a number with a sign; any other text is unchanged."""
    if text == UNCHANGED:
        return "0.00"
    directed = _DIRECTED.match(text)
    return DIRECTIONS[directed[1]] + directed[2] if directed else text


def prints(figure: Figure, value: Any) -> bool:
    """Whether the figure's text is the value, rounded half up to the printed decimals."""
    text = _signed_number(_in_digits(figure.text))
    match = _NUMBER.match(text)
    if value is None or match is None:
        return value is None and match is None
    printed = Decimal(match.group().replace(",", "").replace("−", "-"))
    exact = Decimal(value) * (100 if is_fraction(figure.id) else 1)
    if power := _LARGE.get(text[match.end() :]):
        _, table, *key, column = figure.id.split("/")
        exact = exact.scaleb(unit_exponent(table, key, column) - power)
    places = max(0, -int(printed.as_tuple().exponent))
    return half_up(exact, places) == printed


def _marked_figures(page: str) -> Iterable[Figure]:
    """The figures that an HTML page marks with ``data-figure``."""
    for figure_id, text in _MARKED.findall(page):
        yield Figure(html.unescape(figure_id), html.unescape(text).strip())


def _document_runs(document: Document) -> Iterable[Run]:
    for block in blocks(document):
        yield from runs(block)


# -- finished files -----------------------------------------------------------------------------


def text_of(extension: str, body: bytes) -> str:
    """All text of a finished file in reading order, folded and without white space.

    Args:
        extension: ``pdf``, ``docx`` or ``html``.
    """
    if extension == "pdf":
        return "".join(_HEADER_OR_FOOTER.sub("", _folded(page)) for page in _pdf_pages(body))
    if extension == "docx":
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            # This process wrote the file: the parser needs no guards against hostile XML.
            tree = ElementTree.fromstring(packed.read("word/document.xml"))  # noqa: S314
        return _folded("".join(node.text or "" for node in tree.iter() if node.tag.endswith("}t")))
    page = body.decode()
    page = page[page.index("<main") :]
    return _folded(html.unescape(_TAG.sub("", page)))


def _pdf_pages(body: bytes) -> Iterable[str]:
    document = pypdfium2.PdfDocument(body)
    try:
        for page in document:
            text = page.get_textpage()
            # PDFium returns a hyphen at the end of a line as \x02.
            yield text.get_text_bounded().replace("\x02", "-")
            text.close()
            page.close()
    finally:
        document.close()


def _folded(text: str) -> str:
    """Remove white space and replace compatibility forms (ligatures, radicals) by letters."""
    return _BLANK.sub("", unicodedata.normalize("NFKC", text).replace("\ufffe", ""))


#: A row broken over two pages has the next page's table header between its cells. This is how many
#: characters of it are allowed.
_HEADER_LENGTH = 300


def _missing_texts(document: Document, text: str, drawable: Callable[[str], str]) -> list[str]:
    """Headings, paragraphs, rows and chart labels of a document that its file doesn't contain."""
    missing: list[str] = []
    at = 0
    for block in blocks(document):
        if isinstance(block, Heading | Paragraph):
            expected = _folded(drawable("".join(map(_run_text, block.runs))))
            found = text.find(expected, at)
            if found < 0:
                missing.append(expected[:60])
            else:
                at = found + len(expected)
        elif isinstance(block, TileMap):
            # Tiles may be in any order: Word has them row by row.
            places = {
                tile: text.find(_folded(tile.name + _run_text(tile.figure)), at)
                for tile in block.tiles
            }
            missing += [
                f"{tile.name} {_run_text(tile.figure)}"
                for tile, found in places.items()
                if found < 0
            ]
            at = max(at, *places.values())
        else:
            for row in _table_rows(block):
                end = _row_end(tuple(drawable(_run_text(run)) for run in row), row, text, at)
                if end is None:
                    missing.append(" | ".join(map(_run_text, row))[:60])
                else:
                    at = end
    return missing


def _table_rows(block: Table | Bars) -> Iterable[tuple[Run, ...]]:
    if isinstance(block, Table):
        return block.rows
    return ((bar.label, bar.figure, bar.note) for bar in block.bars)


def _row_end(cells: tuple[str, ...], row: tuple[Run, ...], text: str, at: int) -> int | None:
    """The position after a table row's text, searched from ``at``; None if it isn't there."""
    expected = _folded("".join(cells))
    found = text.find(expected, at)
    if found >= 0:
        return found + len(expected)
    start = text.find(_folded(cells[0])[:8], at)
    if start < 0:
        return None
    window = start + len(expected) + _HEADER_LENGTH
    for run in row:
        if isinstance(run, Figure):
            figure = _folded(run.text)
            start = text.find(figure, start, window)
            if start < 0:
                return None
            start += len(figure)
    return start


def _run_text(run: Run) -> str:
    return run if isinstance(run, str) else run.text

"""The content model of a bulletin, independent of the output format.

Belongs here: documents, sections and the blocks that they consist of. Figures carry the id that
traces them to the marts. Doesn't belong here: rendering; templates print the model and compute
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

__all__ = [
    "Bar",
    "Bars",
    "Block",
    "Claim",
    "Column",
    "Document",
    "Figure",
    "Heading",
    "Paragraph",
    "Run",
    "Section",
    "Table",
    "Tile",
    "TileMap",
    "as_data",
    "blocks",
    "figures",
    "paragraph",
    "runs",
]


@dataclass(frozen=True)
class Figure:
    """A printed number with the id of its source in the marts.

    Attributes:
        id: ``{year}/{mart}/{grain values}/{column}``, e.g.
            ``2024/agg_province_task/440000/T05/on_time_rate``.
        text: the number as printed.
    """

    id: str
    text: str


@dataclass(frozen=True)
class Claim:
    """A printed text that must agree with the marts: a name in a ranking, a list, a number.

    Attributes:
        claim: id of the claim, ``name/scope``; ``figures.claims`` recomputes it.
        text: the text as printed.
    """

    claim: str
    text: str


Run = str | Figure | Claim


@dataclass(frozen=True)
class Heading:
    """A heading within a section. Level 2 is numbered （一）, level 3 is numbered 1."""

    runs: tuple[Run, ...]
    level: int = 2
    kind: Literal["heading"] = "heading"

    @property
    def text(self) -> str:
        """The heading as printed."""
        return "".join(run if isinstance(run, str) else run.text for run in self.runs)


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of texts, figures and claims.

    Attributes:
        is_prompt: whether it asks the reader to replace it with their own text.
    """

    runs: tuple[Run, ...]
    is_prompt: bool = False
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True)
class Column:
    """A column of a table: its header, its share of the width and its alignment."""

    head: str
    width: int = 2
    align: Literal["left", "right", "center"] = "right"


@dataclass(frozen=True)
class Table:
    """A table; each cell is one run."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Run, ...], ...]
    note: str = ""
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Tile:
    """A region in a tile map; ``shade`` is 0 (no value) to 5 (highest)."""

    code: str
    name: str
    row: int
    column: int
    figure: Run
    shade: int


@dataclass(frozen=True)
class TileMap:
    """The regions as tiles of one size, so that a small region is seen as well as a large."""

    caption: str
    tiles: tuple[Tile, ...]
    legend: tuple[tuple[int, str], ...]
    kind: Literal["tiles"] = "tiles"


@dataclass(frozen=True)
class Bar:
    """A bar; ``length`` is in thousandths of the axis, negative to the left, None for no bar."""

    label: str
    figure: Run
    length: int | None
    note: Run = ""


@dataclass(frozen=True)
class Bars:
    """A bar chart: progress towards targets, or changes around zero.

    Attributes:
        diverging: whether zero is in the middle of the axis.
        mark: position of a vertical line in thousandths of the axis (100 %), or None.
        axis: explanation of the axis or the line.
        heads: headers of labels, figures and notes, for formats that print a table instead.
    """

    caption: str
    bars: tuple[Bar, ...]
    diverging: bool = False
    mark: int | None = None
    axis: str = ""
    heads: tuple[str, str, str] = ("项目", "数值", "说明")
    kind: Literal["bars"] = "bars"


Block = Heading | Paragraph | Table | TileMap | Bars


@dataclass(frozen=True)
class Section:
    """A numbered section, or an attachment."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A bulletin or another page with the same structure.

    Attributes:
        path: path below the edition without extension, e.g. ``tasks/T05/bulletin``.
        title_lines: lines of the title, in a trapezoid or rhombus (GB/T 9704-2012, 7.3.1).
        short_title: the title on one line, without the issuing organ.
        organ: issuing organ, as the letterhead of the first page.
        number: line with the reference number.
        recipients: recipients (主送机关), without the colon.
        signed_by: signature.
        dated: date as printed.
        publication_date: date in the metadata of the files, fixed so that equal documents give
            equal bytes.
        opening: paragraph before the first section.
        closing: sentence above the signature, so that no page has the signature alone
            (GB/T 9704-2012, 7.3.5.5); may be empty.
        links: (text, target) of the web page's links.
        is_letter: whether it has number, recipients and signature; otherwise it is a page.
        is_traced: whether the trace pages of its figures are in the same edition.
    """

    path: str
    year: int
    title_lines: tuple[str, ...]
    short_title: str
    organ: str
    number: str
    recipients: str
    signed_by: str
    dated: str
    publication_date: date
    opening: Paragraph
    sections: tuple[Section, ...]
    attachments: tuple[Section, ...] = ()
    closing: str = ""
    links: tuple[tuple[str, str], ...] = ()
    is_synthetic: bool = False
    notes: tuple[str, ...] = field(default=())
    is_letter: bool = True
    is_traced: bool = True


def paragraph(*runs: Run) -> Paragraph:
    """Make a paragraph of these runs."""
    return Paragraph(tuple(runs))


def heading(*runs: Run) -> Heading:
    """Make a heading of level 2 of these runs."""
    return Heading(tuple(runs))


def as_data(document: Document) -> dict[str, Any]:
    """Return the document as dictionaries and lists for a template."""
    return asdict(document)


def runs(block: Block) -> Iterable[Run]:
    """Yield every run that a block prints."""
    match block:
        case Heading(runs=found) | Paragraph(runs=found):
            yield from found
        case Table(rows=rows):
            for row in rows:
                yield from row
        case TileMap(tiles=tiles):
            yield from (tile.figure for tile in tiles)
        case Bars(bars=bars):
            for bar in bars:
                yield from (bar.figure, bar.note)


def blocks(document: Document) -> Iterator[Block]:
    """Yield every block of a document, in order."""
    parts: Sequence[Section] = (*document.sections, *document.attachments)
    yield document.opening
    for part in parts:
        yield from part.blocks


def figures(document: Document) -> Iterator[Figure]:
    """Yield every figure of a document, in order."""
    for block in blocks(document):
        yield from (run for run in runs(block) if isinstance(run, Figure))

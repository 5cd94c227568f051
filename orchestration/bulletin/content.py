"""The content model: what a bulletin says, before it is a PDF or a page.

Belongs here: the blocks that sections are made of. Templates print them and compute nothing;
figures carry the id by which they are traced to the marts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
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
    """A number and where it comes from.

    Attributes:
        id: ``{year}/{mart}/{grain values}/{column}``, e.g.
            ``2024/agg_province_task/440000/T05/on_time_rate``.
        text: as printed.
    """

    id: str
    text: str


@dataclass(frozen=True)
class Claim:
    """Words that the marts must bear out: a name's place in an order, a list of names, a number.

    Attributes:
        claim: what is claimed, ``name/part/…``; ``publication.checking`` computes it anew.
        text: as printed.
    """

    claim: str
    text: str


Run = str | Figure | Claim


@dataclass(frozen=True)
class Heading:
    """A heading within a section; level 2 is （一）, level 3 is 1."""

    runs: tuple[Run, ...]
    level: int = 2
    kind: Literal["heading"] = "heading"

    @property
    def text(self) -> str:
        """As printed."""
        return "".join(run if isinstance(run, str) else run.text for run in self.runs)


@dataclass(frozen=True)
class Paragraph:
    """Text and figures.

    Attributes:
        is_prompt: it says what somebody is to write in its place.
    """

    runs: tuple[Run, ...]
    is_prompt: bool = False
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True)
class Column:
    """A column of a table: its head, its share of the width, and how it is aligned."""

    head: str
    width: int = 2
    align: Literal["left", "right", "center"] = "right"


@dataclass(frozen=True)
class Table:
    """A table; a cell is a run."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Run, ...], ...]
    note: str = ""
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Tile:
    """A region in the map of equal tiles; ``shade`` is 0 (no value) to 5 (highest)."""

    code: str
    name: str
    row: int
    column: int
    figure: Run
    shade: int


@dataclass(frozen=True)
class TileMap:
    """The 32 regions as tiles of one size, so that a small region is seen as well as a large."""

    caption: str
    tiles: tuple[Tile, ...]
    legend: tuple[tuple[int, str], ...]
    kind: Literal["tiles"] = "tiles"


@dataclass(frozen=True)
class Bar:
    """A bar: ``length`` in thousandths of the axis (negative: to the left); None has none."""

    label: str
    figure: Run
    length: int | None
    note: Run = ""


@dataclass(frozen=True)
class Bars:
    """Bars on one axis: progress against a target, or changes about zero.

    Attributes:
        mark: the axis' thousandths where a line stands (100 %), or None.
        axis: what the mark means.
        heads: of labels, figures and notes, where the bars are printed as a table.
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
    """A bulletin.

    Attributes:
        path: below the edition, without extension, e.g. ``tasks/T05/bulletin``.
        title_lines: the title as it is broken into lines (梯形或菱形, GB/T 9704-2012, 7.3.1).
        short_title: the title without the organ, on one line.
        organ: the issuing organ, as its head on the first page.
        number: the reference number's line.
        recipients: 主送机关, without the colon.
        opening: the paragraph before the first section.
        links: text and target of links of the web page.
        is_letter: a bulletin with number, recipients, signature and PDF; otherwise a page alone.
        is_traced: the traces of its figures stand beside it.
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
    opening: Paragraph
    sections: tuple[Section, ...]
    attachments: tuple[Section, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    is_synthetic: bool = False
    notes: tuple[str, ...] = field(default=())
    is_letter: bool = True
    is_traced: bool = True


def paragraph(*runs: Run) -> Paragraph:
    """A paragraph of runs."""
    return Paragraph(tuple(runs))


def heading(*runs: Run) -> Heading:
    """A heading of runs, of level 2."""
    return Heading(tuple(runs))


def as_data(document: Document) -> dict[str, Any]:
    """Plain data for a template."""
    return asdict(document)


def runs(block: Block) -> Iterable[Run]:
    """Everything that a block prints as a run."""
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
    """Every block of a document, in order."""
    parts: Sequence[Section] = (*document.sections, *document.attachments)
    yield document.opening
    for part in parts:
        yield from part.blocks


def figures(document: Document) -> Iterator[Figure]:
    """Every figure of a document, in order."""
    for block in blocks(document):
        yield from (run for run in runs(block) if isinstance(run, Figure))

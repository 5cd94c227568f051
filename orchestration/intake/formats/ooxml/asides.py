"""Reads what stands on a sheet beside its cells: comments, and the texts of pictures and shapes.

None of it is read as a value; it is told, because a person may have written a value there. Belongs
here: comments (ECMA-376 part 1, 18.7) and drawings (part 1, 20.5), with their bounds. Doesn't
belong here: charts' data, which are copies of cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from orchestration.intake.formats.base import Unreadable
from orchestration.intake.formats.ooxml.markup import Attributes, MarkupError, parse_part
from orchestration.intake.formats.ooxml.package import Package
from orchestration.intake.formats.ooxml.text import ItemReader, seen
from orchestration.workbook import FORM_AUTHOR

__all__ = ["Comment", "drawing_text", "read_comments"]

#: Characters of a comment or drawing that are quoted.
_QUOTED = 100
#: The paragraphs and texts of shapes (20.1.2.2; Strict: part 1, annex A).
_DRAWING = (
    "http://schemas.openxmlformats.org/drawingml/2006/main ",
    "http://purl.oclc.org/ooxml/drawingml/main ",
)
#: Excel puts an explanation before the text of a comment with answers; the text follows this line.
_THREAD_MARKS = ("\n批注:\n", "\n注释:\n", "\nComment:\n")


class Comment(NamedTuple):
    """A comment and its cell (``L23``)."""

    cell: str
    text: str


def read_comments(package: Package, name: str) -> Iterator[Comment]:
    """Yield the comments of a part, without those of the project's own form and blank ones.

    A damaged part has none: it holds no values.
    """
    authors: dict[str, list[str]] = {}
    found: list[Comment] = []
    reader = ItemReader()
    cell = author = ""
    in_author = False

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal cell, author, in_author
        in_author = tag == "author"
        if in_author:
            authors[str(len(authors))] = []
        elif tag == "comment":
            cell, author = attributes.get("ref", ""), attributes.get("authorId", "")
        else:
            reader.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal in_author
        in_author = False
        reader.end(tag)
        if tag == "comment":
            text = seen(reader.take(), "")
            is_own = "".join(authors.get(author, ())) == FORM_AUTHOR
            if text.strip() and not is_own:
                found.append(Comment(cell, _quoted(text)))

    def text(part: str) -> None:
        if in_author:
            authors[str(len(authors) - 1)].append(part)
        elif reader.in_text:
            reader.text.append(part)

    try:
        parse_part(package.held(name), start, end, text)
    except (MarkupError, Unreadable):
        return
    yield from found


def _quoted(text: str) -> str:
    for mark in _THREAD_MARKS:
        text = text.rpartition(mark)[2]
    return " ".join(text.split())[:_QUOTED]


def drawing_text(package: Package, name: str) -> str:
    """The text of the shapes of a drawing, or "" if they have none or can't be read."""
    parts: list[str] = []
    in_text = False

    def start(tag: str, _: Attributes) -> None:
        nonlocal in_text
        in_text = tag == "t"

    def end(tag: str) -> None:
        nonlocal in_text
        in_text = False
        if tag == "p":
            parts.append(" ")

    def text(part: str) -> None:
        if in_text:
            parts.append(part)

    try:
        parse_part(package.held(name), start, end, text, tag=_drawn)
    except (MarkupError, Unreadable):
        return ""
    return " ".join("".join(parts).split())[:_QUOTED]


def _drawn(name: str) -> str:
    """The local name of an element of DrawingML; "" for any other element."""
    return next((name[len(each) :] for each in _DRAWING if name.startswith(each)), "")

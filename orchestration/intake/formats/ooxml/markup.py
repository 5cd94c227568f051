"""Parses the XML of a part with expat, element by element.

Belongs here: the namespaces of workbooks (transitional and strict), and the refusal of document
type declarations, without which no entity can be declared. Doesn't belong here: what the elements
mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from xml.parsers import expat

__all__ = ["MAX_DEPTH", "Attributes", "MarkupError", "new_parser", "parse_part", "tag_of"]

#: Of SpreadsheetML, transitional and strict, and of relationships (ECMA-376 part 1, annex A;
#: part 2, annex F).
_NAMESPACES = frozenset(
    {
        "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
        "http://purl.oclc.org/ooxml/spreadsheetml/main",
        "http://schemas.openxmlformats.org/package/2006/relationships",
    }
)
#: Characters that expat gives to the text handler at once.
_TEXT_BUFFER = 32_768

#: Deepest nesting of elements: expat keeps every open element in memory. Sheets have ten levels.
MAX_DEPTH = 64

#: Attributes by name; a name in a namespace is "uri name".
Attributes = dict[str, str]


class MarkupError(ValueError):
    """Raised for a part that is not well-formed or has a document type declaration."""


@lru_cache(1024)
def tag_of(name: str) -> str:
    """The local name of an element in a namespace of workbooks; "" for any other element."""
    namespace, _, local = name.rpartition(" ")
    return local if namespace in _NAMESPACES else ""


def new_parser() -> expat.XMLParserType:
    """A parser that gives names as ``namespace name`` and refuses document type declarations."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.buffer_size = _TEXT_BUFFER
    parser.StartDoctypeDeclHandler = _refuse
    return parser


def _refuse(*_: object) -> None:
    raise MarkupError("document type declaration")


def parse_part(
    chunks: Iterable[bytes],
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] = lambda _: None,
    text: Callable[[str], None] | None = None,
    tag: Callable[[str], str] = tag_of,
) -> None:
    """Call the handlers for each element of a part, with its local name.

    Args:
        tag: gives the local name of an element, or "" for one that means nothing here.

    Raises:
        MarkupError: the part is not well-formed, or nested too deep.
    """
    depth = 0

    def begin_element(name: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise MarkupError("nested too deep")
        start(tag(name), attributes)

    def end_element(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(tag(name))

    parser = new_parser()
    parser.StartElementHandler, parser.EndElementHandler = begin_element, end_element
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise MarkupError(str(error)) from None

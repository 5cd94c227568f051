"""Section of the national bulletin: what is asked of whom, and by when."""

from __future__ import annotations

from orchestration.bulletin.content import Block, paragraph
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.problems import requirements
from orchestration.bulletin.sections import Place

IN = ("national",)
ORDER = 40
TITLE = "下一步工作要求"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return a paragraph for each requirement whose problem was found."""
    return [paragraph(f"{n}.{text}") for n, text in enumerate(requirements(marts), 1)]

"""Attachment of the national bulletin: the units under a warning."""

from __future__ import annotations

from orchestration.bulletin.content import Block
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import unit_table
from orchestration.bulletin.sections import Place

IN = ("national",)
ORDER = 55
ATTACHED_TO = ("national",)
TITLE = "被警告单位名单"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return a table of warned units by province; nothing if there are none."""
    warned = [unit for unit in marts.watched if unit["reason"] == "warned"]
    return [unit_table(marts, warned, TITLE)] if warned else []

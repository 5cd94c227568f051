"""National bulletin, attachment: the units under a warning, by name."""

from __future__ import annotations

from orchestration.bulletin.content import Block
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import unit_table
from orchestration.bulletin.sections import Place

IN = ("national",)
ORDER = 15
ATTACHMENT = True
TITLE = "处于警告状态的单位名单"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """By province."""
    warned = [unit for unit in marts.watched if unit["reason"] == "warned"]
    return [unit_table(marts, warned, "")] if warned else []

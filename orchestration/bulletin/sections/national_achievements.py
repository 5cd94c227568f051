"""Section of the national bulletin: each task's results, on what the notice asks of it."""

from __future__ import annotations

from orchestration.bulletin.content import Block, heading, paragraph
from orchestration.bulletin.grammar import statements
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.sections import Place

IN = ("national",)
ORDER = 20
TITLE = "主要成效"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return a paragraph for each task that has units."""
    found: list[Block] = []
    for task in marts.tasks:
        if not marts.row("agg_national_task", task.code)["units_expected"]:
            continue
        runs = statements(marts, task.code)
        if runs:
            found += [heading(task.name), paragraph(*runs)]
    return found

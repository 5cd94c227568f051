"""Attachment of national and task bulletins: the units that have not reported or were late."""

from __future__ import annotations

from orchestration.bulletin.content import Block
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import unit_table, units_heading
from orchestration.bulletin.sections import Place

IN = ("national", "task")
ORDER = 50
ATTACHED_TO = ("national", "task")
TITLE = "未报送和逾期报送单位名单"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return lists of units that have not reported, late and left out, late and counted."""
    found: list[Block] = []
    units = [u for u in marts.absent if place.kind == "national" or u["task_code"] == place.code]
    for title, state, chosen in (
        ("未报送", "silent", [u for u in units if not u["has_reported"]]),
        (
            "逾期报送（未计入本通报）",
            "late_left_out",
            [u for u in units if u["has_reported"] and not u["is_counted"]],
        ),
        (
            "逾期报送（由更正版计入）",
            "late_counted",
            [u for u in units if u["has_reported"] and u["is_counted"]],
        ),
    ):
        if not chosen:
            continue
        found.append(units_heading(title, state, place.code, len(chosen)))
        found.append(unit_table(marts, chosen, f"{title}单位名单"))
    return found

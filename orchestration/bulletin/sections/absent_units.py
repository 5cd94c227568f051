"""National and task bulletins, attachment: the units that have not reported, by name."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Heading
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import unit_table
from orchestration.bulletin.sections import Place

IN = ("national", "task")
ORDER = 10
ATTACHMENT = True
TITLE = "未报送和逾期报送单位名单"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """By province: nothing at all, then only after the cut-off."""
    found: list[Block] = []
    units = [u for u in marts.absent if place.kind == "national" or u["task_code"] == place.code]
    for title, chosen in (
        ("未报送", [u for u in units if not u["has_reported"]]),
        (
            "逾期报送（未计入本通报）",
            [u for u in units if u["has_reported"] and not u["is_counted"]],
        ),
        (
            "逾期报送（由更正版计入）",
            [u for u in units if u["has_reported"] and u["is_counted"]],
        ),
    ):
        if not chosen:
            continue
        found.append(Heading(f"{title}：{len(chosen)}家"))
        found.append(unit_table(marts, chosen, ""))
    return found

"""Attachment of the national bulletin: dynamic management, with the number of watched units."""

from __future__ import annotations

from collections import Counter

from orchestration.bulletin.content import Block, Column, Paragraph, Run, Table
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.sections import Place
from orchestration.figures.numbers import NONE, count
from orchestration.figures.wording import code_names

IN = ("national",)
ATTACHED_TO = ("national",)
ORDER = 40
TITLE = "动态管理情况"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return the number of watched units, in all and by reason."""
    reasons = Counter(row["reason"] for row in marts.watched)
    if not marts.watched:
        none = marts.nation.figure_with_text("units_watched", NONE)
        return [Paragraph((none, "列入动态管理关注名单的建设单位。"))]
    runs: list[Run] = [
        "列入动态管理关注名单的建设单位",
        marts.nation.figure("units_watched"),
        "家，占应报单位的",
        marts.nation.figure("watchlist_rate"),
        "。同一单位可有多项原因，逐家名单见各省份通报。",
    ]
    if reasons["warned"]:
        runs.append("被警告单位名单见附件。")
    found: list[Block] = [Paragraph(tuple(runs))]
    if reasons:
        found.append(
            Table(
                "关注原因",
                (Column("原因", 6, "left"), Column("单位（家）", 3)),
                tuple(
                    (name, count(reasons[reason]))
                    for reason, name in code_names("reason").items()
                    if reasons[reason]
                ),
            )
        )
    return found

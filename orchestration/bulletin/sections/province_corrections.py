"""Section of provincial bulletins: excluded values to correct, and units on the watchlist."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Claim, heading, paragraph
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import excluded_table, watched_table
from orchestration.bulletin.sections import Place

IN = ("province",)
ORDER = 50
TITLE = "需核实整改的事项"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return excluded values with their corrections, and watched units with their reasons."""
    values = [value for value in marts.excluded if value["province_code"] == place.code]
    watched = [unit for unit in marts.watched if unit["province_code"] == place.code]
    found: list[Block] = []
    if values:
        found += [
            heading("被剔除的填报值"),
            paragraph(
                "共",
                Claim(f"excluded/{place.code}", f"{len(values):,d}"),
                "项填报值被剔除，未计入汇总。请有关单位核实后更正；更正后的数据由更正版通报采用。",
            ),
            excluded_table(marts, values),
        ]
    if watched:
        found += [heading("动态管理关注名单"), watched_table(watched)]
    return found

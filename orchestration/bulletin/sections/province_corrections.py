"""Section of provincial bulletins: excluded values, contradictory units, units on the watchlist."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Claim, heading, paragraph
from orchestration.bulletin.contradictions import contradiction_table
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import excluded_table, watched_table
from orchestration.bulletin.sections import Place

IN = ("province",)
ORDER = 50
TITLE = "需核实整改的事项"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return excluded values with their corrections, and units with what is found about them."""
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
    contradictory = [
        row
        for row in marts.contradictions
        if row["province_code"] == place.code and row["unit_code"]
    ]
    if contradictory:
        found += [heading("前后矛盾的单位"), contradiction_table(contradictory)]
    if watched:
        found += [heading("动态管理关注名单"), watched_table(watched)]
    return found

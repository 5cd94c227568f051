"""Provincial bulletin: what is to be mended. Excluded values one by one, units watched."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Column, Heading, Run, Table, paragraph
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import exclusion_reason, exclusion_remedy
from orchestration.bulletin.sections import Place
from orchestration.bulletin.wording import WATCH_REASONS, clean

IN = ("province",)
ORDER = 50
TITLE = "需核实整改的事项"

#: Characters of a received value that are printed: what people mistype is short.
_VALUE = 24


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Every excluded value with its reason and remedy; every unit watched with its reason."""
    values = [value for value in marts.excluded if value["province_code"] == place.code]
    watched = [unit for unit in marts.watched if unit["province_code"] == place.code]
    found: list[Block] = []
    if values:
        lines: list[tuple[Run, ...]] = []
        for value in values:
            indicator = marts.catalogue.indicators.get(value["indicator_code"])
            name = indicator.name_zh if indicator else value["indicator_code"]
            lines.append(
                (
                    f"{value['unit_name']}（{value['unit_code']}）",
                    name,
                    clean(value["submitted_value"], _VALUE),
                    exclusion_reason(marts, value),
                    exclusion_remedy(marts, value["exclusion_code"]),
                )
            )
        found += [
            Heading("被剔除的填报值"),
            paragraph(
                f"共{len(values)}项填报值被剔除，未计入汇总。请有关单位核实后更正；"
                "更正后的数据由更正版通报采用。"
            ),
            Table(
                "被剔除的填报值及更正办法",
                (
                    Column("单位", 6, "left"),
                    Column("指标", 4, "left"),
                    Column("填报值", 3, "left"),
                    Column("原因", 5, "left"),
                    Column("更正办法", 5, "left"),
                ),
                tuple(lines),
            ),
        ]
    if watched:
        found += [
            Heading("动态管理关注名单"),
            Table(
                "动态管理关注名单",
                (Column("单位", 7, "left"), Column("原因", 4, "left"), Column("依据", 6, "left")),
                tuple(
                    (
                        f"{unit['unit_name']}（{unit['unit_code']}）",
                        WATCH_REASONS[unit["reason"]],
                        clean(unit["evidence"], 80),
                    )
                    for unit in watched
                ),
            ),
        ]
    return found

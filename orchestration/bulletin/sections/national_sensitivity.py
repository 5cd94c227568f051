"""Attachment of the national bulletin: headlines that depend on unresolved data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestration.bulletin.content import Block, Column, Run, Table, paragraph
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import task_name
from orchestration.bulletin.sections import Place
from orchestration.figures.numbers import change, count, percent

IN = ("national",)
ORDER = 70
ATTACHED_TO = ("national",)
TITLE = "未决事项对主要数据的影响"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return the scenarios, and the totals and ranks that they would reverse."""
    listed = (
        "下表列出会使全国合计同口径增减方向反转、或使省份进出目标完成率前列的情形；"
        if marts.flips
        else ""
    )
    found: list[Block] = [
        paragraph(
            "对三种情形逐一测算：剔除单位未作说明的提示值；计入逾期报送单位的填报值；未报送单位按其上年数计。"
            f"{listed}逾期仍为逾期，按时报送率不受影响。"
        )
    ]
    totals = [_total(marts, row) for row in marts.flips if row["task_code"]]
    places = [_place(marts, row) for row in marts.flips if row["province_code"]]
    if not marts.flips:
        kept = []
        if any(not row["growth_withheld_by"] for row in marts.rows("agg_national_indicator")):
            kept.append("全国合计的增减方向")
        if any(row["is_ranked"] for row in marts.rows("province_scorecard")):
            kept.append("居前的省份")
        if not kept:  # Nothing is compared: neither with last year nor between provinces.
            return []
        found.append(paragraph(f"三种情形均不改变{'和'.join(kept)}。"))
    if totals:
        found.append(
            Table(
                "增减方向会反转的全国合计",
                (
                    Column("情形", 5, "left"),
                    Column("重点任务", 6, "left"),
                    Column("指标", 6, "left"),
                    Column("同口径增减", 4),
                    Column("该情形下", 4),
                    Column("涉及单位", 3),
                ),
                tuple(totals),
            )
        )
    if places:
        found.append(
            Table(
                "会进出前列的省份",
                (
                    Column("情形", 5, "left"),
                    Column("省份", 3, "left"),
                    Column("目标完成率", 3),
                    Column("现名次", 3),
                    Column("该情形下", 3),
                ),
                tuple(places),
            )
        )
    return found


def _total(marts: Marts, row: Mapping[str, Any]) -> tuple[Run, ...]:
    indicator = marts.catalogue.indicators[row["indicator_code"]]
    figure = marts.row("agg_national_indicator", row["task_code"], row["indicator_code"])
    return (
        marts.catalogue.scenarios[row["scenario"]].name_zh,
        task_name(marts, row["task_code"]),
        indicator.name_zh,
        figure.figure("matched_change_rate"),
        change(row["alternative"]),
        count(row["units"]),
    )


def _place(marts: Marts, row: Mapping[str, Any]) -> tuple[Run, ...]:
    scorecard = marts.row("province_scorecard", row["province_code"])
    return (
        marts.catalogue.scenarios[row["scenario"]].name_zh,
        marts.catalogue.regions[row["province_code"]].short_name,
        scorecard.figure(row["measure"]),
        count(int(row["reference"])),
        percent(row["alternative"]),
    )

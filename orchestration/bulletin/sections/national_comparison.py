"""Attachment of the national bulletin: comparison of the provinces by the scorecard's measures."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.bulletin.content import Block, Column, Run, Table, heading, paragraph
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import (
    named_provinces,
    order_of_provinces,
    ranked,
    tile_map,
    without_ties,
)
from orchestration.bulletin.sections import Place
from orchestration.figures.dictionary import project_var
from orchestration.figures.numbers import MISSING

IN = ("national",)
ATTACHED_TO = ("national",)
ORDER = 30
TITLE = "省份比较"

_RESULTS: tuple[tuple[str, str], ...] = (
    ("units_national", "国家级单位"),
    ("target_met_rate", "目标完成率"),
    ("mean_assessment_score", "考核平均分"),
    ("excellent_rate", "考核优秀率"),
)
_RESOURCES: tuple[tuple[str, str], ...] = (
    ("funding_arrival_rate", "经费到位率"),
    ("enterprise_funding_rate", "企业投入占比"),
    ("execution_rate", "支出执行率"),
    ("watchlist_rate", "关注名单占比"),
)
#: Number of provinces named at each end of a ranking.
_NAMED = 5

CLAIMS = {
    "highest_target_met": order_of_provinces("target_met_rate", "desc", only="s.is_ranked"),
    "lowest_target_met": order_of_provinces("target_met_rate", "asc", only="s.is_ranked"),
}


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return the provinces with the highest and lowest rates, a map and the scorecard."""
    rows = marts.rows("province_scorecard")
    found: list[Block] = []
    compared = [row for row in rows if row["is_ranked"]]
    if any(row["target_met_rate"] is not None for row in compared):
        found += [
            heading("年度目标完成情况"),
            paragraph(*_ends(marts, compared)),
            tile_map(
                marts,
                {row["province_code"]: row for row in rows},
                "target_met_rate",
                "各省份年度目标完成率",
            ),
        ]
    found += [
        heading("考核激励参考指标"),
        _ranking_explanation(len(compared), len(rows)),
        _scorecard_table(marts, _RESULTS, "各省份建设成效" + ("及名次" if compared else "")),
        _scorecard_table(marts, _RESOURCES, "各省份经费和管理" + ("及名次" if compared else "")),
    ]
    return found


def _ends(marts: Marts, compared: Sequence[Row]) -> list[Run]:
    """Return the nation's rate, and both ends of the ranking; no province is at both."""
    column = "target_met_rate"
    runs: list[Run] = ["年度目标完成率全国为", marts.nation.figure(column), "。"]
    best, worst = ranked(compared, column), ranked(compared, column, lowest=True)
    at_most = min(_NAMED, len(best) // 2)
    first, last = (without_ties(rows, column, at_most) for rows in (best, worst))
    if first:
        runs += ["居前的省份是", *named_provinces(marts, first, "highest_target_met", column)]
        runs.append("；" if last else "。")
    if last:
        runs += ["居后的省份是", *named_provinces(marts, last, "lowest_target_met", column), "。"]
    return runs


def _ranking_explanation(ranked: int, provinces: int) -> Block:
    least = project_var("scorecard_least_units")
    few = f"应报单位不足{least}家的省份比率没有比较意义，不参与排名"
    if not ranked:
        ranks = (
            f"下表列出考核激励所依据的各项指标。各省份应报单位均不足{least}家，"
            "比率没有比较意义，不排名次。"
        )
    else:
        few = f"；{few}" if ranked < provinces else ""
        ranks = f"下表列出考核激励所依据的各项指标及其在全国的名次（括号内；并列者同名次{few}）。"
    score = "，名次仅供参考" if ranked else "，仅供参考"
    return paragraph(
        f"{ranks}省级考核平均分由各省份自行评定{score}；支出执行率大于100%的，为使用了结转资金。"
    )


def _scorecard_table(marts: Marts, measures: Sequence[tuple[str, str]], caption: str) -> Table:
    rows = {row["province_code"]: row for row in marts.rows("province_scorecard")}
    lines: list[tuple[Run, ...]] = []
    for region in marts.regions:
        row = rows.get(region.code)
        if row is None:
            continue
        cells: list[Run] = [region.short_name]
        for column, _ in measures:
            rank = row[f"{column}_rank"]
            shown = row.text(column)
            if rank is not None:
                shown = f"{shown}（{rank}）"
            cells.append(MISSING if row[column] is None else row.figure_with_text(column, shown))
        lines.append(tuple(cells))
    nation: list[Run] = ["全国"]
    nation += [marts.nation.figure(column) for column, _ in measures]
    lines.append(tuple(nation))
    return Table(
        caption,
        (Column("省份", 3, "left"), *(Column(name, 5) for _, name in measures)),
        tuple(lines),
    )

"""Provincial bulletin: the measures behind the use of results, and the place in the nation."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Column, Run, Table, paragraph
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.sections import Place
from orchestration.bulletin.wording import amount, count, percent

IN = ("province",)
ORDER = 30
TITLE = "在全国的位置"

_MEASURES = (
    ("reporting_rate", "报送率", percent),
    ("on_time_rate", "按时报送率", percent),
    ("summary_rate", "总结提交率", percent),
    ("units_national", "国家级单位（家）", count),
    ("target_met_rate", "年度目标完成率", percent),
    ("mean_assessment_score", "省级考核平均分", amount),
    ("excellent_rate", "考核优秀率", percent),
    ("funding_arrival_rate", "经费到位率", percent),
    ("enterprise_funding_rate", "行业企业投入占比", percent),
    ("execution_rate", "支出执行率", percent),
    ("excluded_rate", "填报值剔除率（越低越好）", percent),
    ("watchlist_rate", "关注名单占比（越低越好）", percent),
)


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Value, nation and rank of each measure."""
    row = marts.find("province_scorecard", place.code)
    if row is None:
        return []
    lines: list[tuple[Run, ...]] = [
        (
            name,
            row.figure(column, text),
            marts.nation.figure(column, text),
            row.figure(f"{column}_rank", count),
        )
        for column, name, text in _MEASURES
    ]
    return [
        paragraph(
            "考核激励参考指标及在全国的名次如下；并列者同名次。考核分由各省份自行评定，仅供参考。"
        ),
        Table(
            "考核激励参考指标",
            (
                Column("指标", 7, "left"),
                Column(place.name, 4),
                Column("全国", 4),
                Column("名次", 2),
            ),
            tuple(lines),
        ),
    ]

"""Section of provincial bulletins: the scorecard's measures and the province's ranks."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Column, Run, Table, paragraph
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.sections import Place
from orchestration.figures.dictionary import project_var

IN = ("province",)
ORDER = 30
TITLE = "在全国的位置"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return a table with the province's value, the nation's value and the rank of each measure."""
    row = marts.find("province_scorecard", place.code)
    if row is None:
        return []
    lines: list[tuple[Run, ...]] = [
        (
            measure.name + ("（越低越好）" if measure.best == "lowest" else ""),
            row.figure(measure.column),
            marts.nation.figure(measure.column),
            row.figure(measure.rank_column),
        )
        for measure in marts.catalogue.measures.values()
    ]
    explanation = "考核激励参考指标及在全国的名次如下；并列者同名次。"
    if not row["is_ranked"]:
        explanation = (
            f"考核激励参考指标如下；应报单位不足{project_var('scorecard_least_units')}家，"
            "比率没有比较意义，不参与排名。"
        )
    return [
        paragraph(explanation + "考核分由各省份自行评定，仅供参考。"),
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

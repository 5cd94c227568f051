"""Pages and workbooks about the uses of the results (考核激励), and the workbook of the watchlist.

Belongs here: the measures that are relevant to a use (rows of the seed ``scorecard_uses``), with
every province's value and rank. Doesn't belong here: weights or a total score, which nobody has
decided, computing the measures (dbt), and the pages of the watchlist (``site.watchlist``).
"""

from __future__ import annotations

from collections import Counter

from orchestration.bulletin.content import (
    Block,
    Column,
    Document,
    Paragraph,
    Run,
    Section,
    Table,
    paragraph,
)
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.policy import is_shown
from orchestration.bulletin.sheets import COUNT, RATE, Book, Field, Sheet, shown_sheet
from orchestration.bulletin.tables import ranking_note, scorecard_sheet, watchlist_sheet
from orchestration.bulletin.wording import chinese_date, chinese_number, moment
from orchestration.core.catalogue import ResultUse
from orchestration.figures.numbers import MISSING
from orchestration.figures.wording import WATCH_NOTE, code_names

__all__ = ["use_pages", "use_workbooks"]

_NOTICE = (
    "《教育部办公厅关于加快推进现代职业教育体系建设改革重点任务的通知》（教职成厅函〔2023〕20号）"
)
_NO_WEIGHTS = "各项指标的值和名次并列列示，不设权重、不合成总分，也不据此提出名单或分配方案。"
_BEST = {"highest": "越高越好", "lowest": "越低越好"}
_WATCHLIST = "watchlist"


def use_pages(marts: Marts) -> list[Document]:
    """Return the page ``uses/{use}`` of each use."""
    return [_use_page(marts, use) for use in marts.catalogue.uses]


def use_workbooks(marts: Marts) -> dict[str, Book]:
    """Return path → workbook ``uses/{use}.xlsx``, for each use and for the watchlist."""
    books = {f"uses/{use.code}.xlsx": _use_workbook(marts, use) for use in marts.catalogue.uses}
    return {**books, f"uses/{_WATCHLIST}.xlsx": _watchlist_workbook(marts)}


def _page_document(
    marts: Marts, path: str, title: str, opening: Paragraph, sections: list[tuple[str, list[Block]]]
) -> Document:
    """Return a page with links to the pages of the other uses."""
    others = [
        *((use.name, f"{use.code}.html") for use in marts.catalogue.uses),
        ("动态管理关注名单", f"{_WATCHLIST}.html"),
    ]
    return Document(
        path=f"uses/{path}",
        year=marts.year,
        title_lines=(title,),
        short_title=title,
        organ="现代职业教育体系建设改革重点任务",
        number="",
        recipients="",
        signed_by="",
        dated=chinese_date(marts.period.publication_date),
        publication_date=marts.period.publication_date,
        opening=opening,
        sections=tuple(
            Section(f"{chinese_number(number)}、{head}", tuple(blocks))
            for number, (head, blocks) in enumerate(sections, start=1)
        ),
        links=(
            ("本页数据（XLSX）", f"{path}.xlsx"),
            *((text, target) for text, target in others if target != f"{path}.html"),
            ("全国通报", "../national/bulletin.html"),
            ("数据质量报告", "../quality/index.html"),
        ),
        is_synthetic=bool(marts.calendar["is_synthetic"]),
        is_letter=False,
    )


def _use_title(marts: Marts, use: ResultUse) -> str:
    return f"{marts.year}年度考核激励参考：{use.name}"


def _use_page(marts: Marts, use: ResultUse) -> Document:
    opening = paragraph(
        f"{_NOTICE}明确，重点任务的推进结果用于考核激励，“{use.name}”为其中一个方面。本页汇集可供参考的"
        f"指标，数据截止时间为{moment(marts.period.cutoff_at)}。{_NO_WEIGHTS}"
    )
    return _page_document(
        marts,
        use.code,
        _use_title(marts, use),
        opening,
        [
            ("参考指标及其依据", [_measures_table(use)]),
            ("各省份指标值和名次", [_provinces_table(marts, use)]),
            ("使用说明", [paragraph(use.caution)]),
        ],
    )


def _measures_table(use: ResultUse) -> Table:
    return Table(
        "参考指标",
        (
            Column("指标", 5, "left"),
            Column("方向", 3, "center"),
            Column("所依据的推进机制环节", 8, "left"),
            Column("选用理由", 8, "left"),
        ),
        tuple(
            (each.measure.name, _BEST[each.measure.best], each.clause, each.reason)
            for each in use.measures
        ),
    )


def _provinces_table(marts: Marts, use: ResultUse) -> Table:
    measures = [
        each.measure
        for each in use.measures
        if is_shown(f"province_scorecard.{each.measure.column}")
    ]
    rows: list[tuple[Run, ...]] = []
    for region in marts.regions:
        row = marts.find("province_scorecard", region.code)
        if row is None:
            continue
        cells: list[Run] = [region.name, row.figure("units_expected")]
        for measure in measures:
            cells.append(row.figure(measure.column))
            cells.append(row.figure(measure.rank_column))
        rows.append(tuple(cells))
    nation: list[Run] = ["全国", marts.nation.figure("units_expected")]
    for measure in measures:
        nation += [marts.nation.figure(measure.column), MISSING]
    rows.append(tuple(nation))
    columns = [Column("省份", 4, "left"), Column("应报单位", 3)]
    for measure in measures:
        columns += [Column(measure.name, 4), Column("名次", 2)]
    return Table(f"{use.name}：各省份参考指标", tuple(columns), tuple(rows), ranking_note())


def _use_workbook(marts: Marts, use: ResultUse) -> Book:
    basis = Sheet(
        "指标依据",
        (
            Field("指标", 24),
            Field("数据列", 26),
            Field("方向", 10),
            Field("所依据的推进机制环节", 44),
            Field("选用理由", 44),
        ),
        [
            (
                each.measure.name,
                f"province_scorecard.{each.measure.column}",
                _BEST[each.measure.best],
                each.clause,
                each.reason,
            )
            for each in use.measures
        ],
    )
    notes = (
        f"依据：{_NOTICE}，推进机制“考核激励”。",
        f"数据截止时间：{moment(marts.period.cutoff_at)}。{MISSING}表示没有数据或不排名，不等于零。",
        _NO_WEIGHTS,
        ranking_note(),
        use.caution,
    )
    return Book(
        _use_title(marts, use),
        notes,
        (scorecard_sheet(marts, tuple(each.measure.column for each in use.measures)), basis),
        is_synthetic=bool(marts.calendar["is_synthetic"]),
    )


def _watchlist_title(marts: Marts) -> str:
    return f"{marts.year}年度动态管理关注名单"


def _watchlist_workbook(marts: Marts) -> Book:
    reasons = Counter((unit["province_code"], unit["reason"]) for unit in marts.watched)
    provinces = shown_sheet(
        "分省情况",
        (
            Field("省份", 18),
            Field("应报单位", 10, COUNT, "province_scorecard.units_expected"),
            Field("关注单位", 10, COUNT, "province_scorecard.units_watched"),
            Field("关注名单占比", 12, RATE, "province_scorecard.watchlist_rate"),
            *(
                Field(name, 16, COUNT, "unit_watchlist.reason")
                for name in code_names("reason").values()
            ),
        ),
        [
            (
                region.name,
                row["units_expected"],
                row["units_watched"],
                row["watchlist_rate"],
                *(reasons[region.code, reason] for reason in code_names("reason")),
            )
            for region in marts.regions
            if (row := marts.find("province_scorecard", region.code))
        ],
    )
    return Book(
        _watchlist_title(marts),
        (
            f"数据截止时间：{moment(marts.period.cutoff_at)}。",
            WATCH_NOTE,
            "分省情况按原因计的是单位数，同一单位有多项原因的在各项中分别计算。",
        ),
        (watchlist_sheet(marts), provinces),
        is_synthetic=bool(marts.calendar["is_synthetic"]),
    )

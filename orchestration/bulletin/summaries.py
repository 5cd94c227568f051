"""Drafts of the provincial summaries by task (分任务省级总结报告): 32 provinces, 11 tasks.

Belongs here: what a draft says. A province's figures beside the nation's, what is to be mended,
and the places that an officer fills in. Doesn't belong here: the bulletins (``documents``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.bulletin.content import (
    Block,
    Claim,
    Column,
    Document,
    Paragraph,
    Run,
    Section,
    Table,
    heading,
    paragraph,
)
from orchestration.bulletin.documents import numbered
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import change_figure, excluded_table, watched_table
from orchestration.bulletin.wording import (
    LEVELS,
    MISSING,
    amount,
    chinese_number,
    clean,
    count,
    moment,
    percent,
    share,
    unit_of,
    value_text,
)
from orchestration.core.catalogue import Indicator, Region, Task

__all__ = ["summaries"]

#: To whom the notice has provinces send their summaries.
_RECIPIENTS = "教育部职业教育与成人教育司"
#: Aggregations by which the provinces' figures add up to the nation's: these have a share.
_ADDING = {"sum", "count_true"}
#: As many examples as in a bulletin, and the contract's limit on one.
_EXAMPLES, _LONGEST = 5, 500

_MEASURES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("report_file_rate", "报告上传率", percent),
    ("targets_set", "设定年度目标（项）", count),
    ("targets_met", "完成年度目标（项）", count),
    ("target_met_rate", "年度目标完成率", percent),
    ("assessed_rate", "省级考核率", percent),
    ("mean_assessment_score", "省级考核平均分", amount),
)

Units = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class _Cell:
    """What is known of a province's task; the lists name its units."""

    marts: Marts
    region: Region
    task: Task
    own: Row
    nation: Row
    absent: Units
    excluded: Units
    watched: Units
    highlights: Units

    @property
    def scope(self) -> str:
        """As claims name it."""
        return f"{self.region.code}-{self.task.code}"


def summaries(marts: Marts) -> Iterator[Document]:
    """Every province's draft for every task, one after another."""
    lists = [
        _by_cell(rows) for rows in (marts.absent, marts.excluded, marts.watched, marts.highlights)
    ]
    for region in marts.regions:
        for task in marts.tasks:
            key = (region.code, task.code)
            own = marts.row("agg_province_task", *key)
            nation = marts.row("agg_national_task", task.code)
            yield _draft(_Cell(marts, region, task, own, nation, *(rows[key] for rows in lists)))


def _by_cell(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["province_code"], row["task_code"]].append(row)
    return found


def _draft(cell: _Cell) -> Document:
    year, region, task = cell.marts.year, cell.region, cell.task
    organ = region.name + region.education_organ
    sections: list[Section] = []
    for make in _SECTIONS if cell.own["units_expected"] else (_nothing, _outlook):
        title, blocks = make(cell)
        ordinal = chinese_number(len(sections) + 1)
        sections.append(Section(f"{ordinal}、{title}", numbered(blocks)))
    return Document(
        path=f"provinces/{region.code}/summaries/{task.code}",
        year=year,
        title_lines=(f"{region.name}{year}年度", task.name, "重点任务进展情况总结报告"),
        short_title=f"{region.name}{year}年度{task.name}重点任务进展情况总结报告（草稿）",
        organ=organ,
        number="（草稿）",
        recipients=_RECIPIENTS,
        signed_by=organ,
        dated=f"{year + 1}年　　月　　日",
        opening=paragraph(
            "按照《教育部办公厅关于加快推进现代职业教育体系建设改革重点任务的通知》"
            f"（教职成厅函〔2023〕20号）要求，现将{region.name}{year}年度{task.name}重点任务"
            f"进展情况报告如下。本稿数据采自各建设单位在{moment(cell.marts.period.cutoff_at)}"
            "前的报送，“—”表示没有可采用的数据。"
        ),
        sections=tuple(sections),
        is_synthetic=bool(cell.marts.calendar["is_synthetic"]),
    )


def _prompt(what: str) -> Paragraph:
    return Paragraph((f"（此处由省级教育行政部门补充研判：{what}）",), is_prompt=True)


def _nothing(cell: _Cell) -> tuple[str, list[Block]]:
    return "建设情况", [
        paragraph(
            f"截至{moment(cell.marts.period.cutoff_at)}，{cell.region.name}没有{cell.task.name}"
            "重点任务的应报建设单位；全国应报建设单位",
            cell.nation.figure("units_expected", count),
            "家。",
        ),
        _prompt("没有建设单位的原因，培育和申报的安排。"),
    ]


def _scale(cell: _Cell) -> tuple[str, list[Block]]:
    columns = [
        ("units_expected", "合计"),
        *((f"units_{level}", name) for level, name in LEVELS.items()),
    ]
    lines: list[tuple[Run, ...]] = [
        (
            name,
            cell.own.figure(column, count),
            cell.nation.figure(column, count),
            share(cell.own[column], cell.nation[column]),
        )
        for column, name in columns
        if cell.nation[column]
    ]
    return "建设规模", [
        paragraph(
            f"{cell.region.name}应报建设单位",
            cell.own.figure("units_expected", count),
            "家，占全国的",
            Claim(
                f"unit_share/{cell.scope}",
                share(cell.own["units_expected"], cell.nation["units_expected"]),
            ),
            "。",
        ),
        Table(
            "应报建设单位（家）",
            (
                Column("级别", 5, "left"),
                Column(cell.region.name, 4),
                Column("全国", 4),
                Column("占全国比重", 4),
            ),
            tuple(lines),
        ),
        _prompt("布局是否合理，推荐、培育和认定工作的做法。"),
    ]


def _collection(cell: _Cell) -> tuple[str, list[Block]]:
    own, nation = cell.own, cell.nation
    found: list[Block] = [
        paragraph(
            "已报送",
            own.figure("units_reported", count),
            "家，报送率",
            own.figure("reporting_rate", percent),
            "（全国",
            nation.figure("reporting_rate", percent),
            "）；按时报送",
            own.figure("units_on_time", count),
            "家，按时报送率",
            own.figure("on_time_rate", percent),
            "（全国",
            nation.figure("on_time_rate", percent),
            "）。",
        )
    ]
    for title, state, units in (
        ("未报送单位", "silent", [unit for unit in cell.absent if not unit["has_reported"]]),
        ("逾期报送单位", "late", [unit for unit in cell.absent if unit["has_reported"]]),
    ):
        if units:
            rows = tuple(
                (unit["unit_name"], unit["unit_code"], LEVELS[unit["level"]]) for unit in units
            )
            columns = (
                Column("单位", 9, "left"),
                Column("代码", 6, "left"),
                Column("级别", 2, "center"),
            )
            number = Claim(f"units/{state}/{cell.scope}", count(len(units)))
            found += [paragraph(title, number, "家："), Table("", columns, rows)]
    if cell.absent:
        found.append(_prompt("未报送、逾期报送的原因，督促整改的情况。"))
    return "绩效数据采集情况", found


def _targets(cell: _Cell) -> tuple[str, list[Block]]:
    lines: list[tuple[Run, ...]] = [
        (name, cell.own.figure(column, text), cell.nation.figure(column, text))
        for column, name, text in _MEASURES
    ]
    return "年度目标和考核情况", [
        Table(
            "年度目标和省级考核",
            (Column("项目", 6, "left"), Column(cell.region.name, 4), Column("全国", 4)),
            tuple(lines),
        ),
        _prompt("考核的组织、方法和结果，未完成年度目标的原因。"),
    ]


def _compared(cell: _Cell, indicators: Sequence[Indicator], caption: str) -> Table:
    lines: list[tuple[Run, ...]] = []
    for indicator in indicators:
        own = cell.marts.find(
            "agg_province_indicator", cell.region.code, cell.task.code, indicator.code
        )
        nation = cell.marts.find("agg_national_indicator", cell.task.code, indicator.code)
        if own is None or nation is None:
            continue
        adds_up = indicator.aggregation in _ADDING
        lines.append(
            (
                indicator.name_zh,
                unit_of(indicator),
                own.written("value", value_text(own["value"], indicator)),
                change_figure(own, indicator),
                nation.written("value", value_text(nation["value"], indicator)),
                share(own["value"], nation["value"]) if adds_up else MISSING,
                own.figure("units_counted", count),
            )
        )
    return Table(
        caption,
        (
            Column("指标", 7, "left"),
            Column("单位", 2, "center"),
            Column(cell.region.short_name, 4),
            Column("较上年增减", 5),
            Column("全国", 4),
            Column("占全国比重", 4),
            Column("计入单位", 3),
        ),
        tuple(lines),
        "“计入单位”为进入该数的建设单位数；比率、平均数等不计占全国的比重。",
    )


def _indicators(cell: _Cell) -> tuple[str, list[Block]]:
    marts = cell.marts
    return "指标完成情况", [
        heading("任务指标"),
        _compared(cell, marts.indicators(cell.task.code), f"{cell.task.name}指标"),
        heading("经费投入"),
        _compared(cell, marts.indicators("ALL"), "经费投入"),
        _prompt("主要进展和成效，与全国水平的差距，较上年增减的原因。"),
    ]


def _examples(cell: _Cell) -> tuple[str, list[Block]]:
    found: list[Block] = []
    if cell.highlights:
        found.append(paragraph("以下摘自省级考核优秀单位的年度报送材料，文字由单位提供。"))
    found += [
        paragraph(f"{unit['unit_name']}：{clean(unit['highlight'], _LONGEST)}")
        for unit in cell.highlights[:_EXAMPLES]
    ]
    return "典型经验", [*found, _prompt("可推广的经验和案例。")]


def _mending(cell: _Cell) -> tuple[str, list[Block]]:
    found: list[Block] = []
    if cell.excluded:
        found += [
            paragraph(
                "共",
                Claim(f"excluded/{cell.scope}", count(len(cell.excluded))),
                "项填报值被剔除，未计入汇总，应由有关单位核实后更正。",
            ),
            excluded_table(cell.marts, cell.excluded),
        ]
    if cell.watched:
        found += [
            paragraph(
                "列入动态管理关注名单的情形共",
                Claim(f"watched/{cell.scope}", count(len(cell.watched))),
                "项。",
            ),
            watched_table(cell.watched),
        ]
    if not found:
        found.append(paragraph("没有被剔除的填报值，也没有列入动态管理关注名单的建设单位。"))
    return "需核实整改的事项", [*found, _prompt("核实整改的情况。")]


def _outlook(_: _Cell) -> tuple[str, list[Block]]:
    return "存在的问题和下一步工作", [
        _prompt("存在的主要问题和原因。"),
        _prompt("下一步的工作安排、时间和责任。"),
    ]


_SECTIONS = (_scale, _collection, _targets, _indicators, _examples, _mending, _outlook)

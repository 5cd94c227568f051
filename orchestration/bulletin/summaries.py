"""Drafts of the provincial summaries (分任务省级总结报告), one for each province and task.

Belongs here: the content of a draft: the province's figures next to the nation's, the items to
correct, and the passages that an officer fills in. Doesn't belong here: the bulletins
(``documents``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from orchestration.bulletin.counting import reported_beside
from orchestration.bulletin.documents import numbered
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import (
    change_figure,
    excluded_table,
    growth_note,
    watched_table,
)
from orchestration.bulletin.wording import chinese_number, moment
from orchestration.core.catalogue import Indicator, Region, Task
from orchestration.figures.claims import PLACES, counts, texts
from orchestration.figures.numbers import (
    MISSING,
    count,
    share,
    unit_of,
)
from orchestration.figures.wording import clean, level_names

__all__ = ["CLAIMS", "summaries"]

#: The recipient of summaries according to the ministry's notice.
_RECIPIENTS = "教育部职业教育与成人教育司"
#: Aggregations whose provincial figures add up to the nation's: only these have a share of it.
_ADDING = {"sum", "count_true"}
#: Number of examples (as in a bulletin), and the contract's limit on a highlight in characters.
_EXAMPLE_COUNT, _HIGHLIGHT_LENGTH = 5, 500

CLAIMS = {
    # A province's share of all units in percent, with two decimals rounded half up.
    "unit_share": texts(
        "with n as (select p.province_code || '-' || task_code as scope, "
        "(20000 * p.units_expected + t.units_expected) // (2 * t.units_expected) as part "
        "from lake.marts.agg_province_task p join lake.marts.agg_national_task t "
        "using (year, task_code) where year = $year and t.units_expected > 0) "
        "select scope, format('{}.{:02}%', part // 100, part % 100) from n"
    ),
    "watched": counts(
        "select province_code || '-' || task_code as scope, count(*) "
        "from lake.marts.unit_watchlist where year = $year group by 1",
        PLACES,
    ),
}

_MEASURES = (
    ("report_file_rate", "报告上传率"),
    ("targets_set", "设定年度目标（项）"),
    ("targets_met", "完成年度目标（项）"),
    ("targets_not_met", "未完成年度目标（项）"),
    ("targets_without_value", "没有采用值的年度目标（项）"),
    ("target_met_rate", "年度目标完成率"),
    ("assessed_rate", "省级考核率"),
    ("mean_assessment_score", "省级考核平均分"),
)

Units = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class _ProvinceTask:
    """The data of a province in a task: mart rows and lists of its units."""

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
        """The part of a claim's id that names province and task."""
        return f"{self.region.code}-{self.task.code}"


def summaries(marts: Marts) -> Iterator[Document]:
    """Yield every province's draft for every task."""
    lists = [
        _group_by_province_and_task(rows)
        for rows in (marts.absent, marts.excluded, marts.watched, marts.highlights)
    ]
    for region in marts.regions:
        for task in marts.tasks:
            key = (region.code, task.code)
            own = marts.row("agg_province_task", *key)
            nation = marts.row("agg_national_task", task.code)
            yield _draft_document(
                _ProvinceTask(marts, region, task, own, nation, *(rows[key] for rows in lists))
            )


def _group_by_province_and_task(
    rows: Iterable[dict[str, Any]],
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["province_code"], row["task_code"]].append(row)
    return found


def _draft_document(subject: _ProvinceTask) -> Document:
    """Return the draft of a province's summary of a task."""
    year, region, task = subject.marts.year, subject.region, subject.task
    organ = region.name + region.education_organ
    sections: list[Section] = []
    for make_section in (
        _SECTIONS if subject.own["units_expected"] else (_section_without_units, _outlook_section)
    ):
        title, blocks = make_section(subject)
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
        publication_date=subject.marts.period.publication_date,
        opening=paragraph(
            "按照《教育部办公厅关于加快推进现代职业教育体系建设改革重点任务的通知》"
            f"（教职成厅函〔2023〕20号）要求，现将{region.name}{year}年度{task.name}重点任务"
            f"进展情况报告如下。本稿数据采自各建设单位在{moment(subject.marts.period.cutoff_at)}"
            "前的报送，“—”表示没有可采用的数据。"
        ),
        sections=tuple(sections),
        is_synthetic=bool(subject.marts.calendar["is_synthetic"]),
    )


def _prompt(what: str) -> Paragraph:
    """Return a paragraph that asks an officer to write about ``what``."""
    return Paragraph((f"（此处由省级教育行政部门补充研判：{what}）",), is_prompt=True)


def _section_without_units(subject: _ProvinceTask) -> tuple[str, list[Block]]:
    return "建设情况", [
        paragraph(
            f"截至{moment(subject.marts.period.cutoff_at)}，{subject.region.name}没有{subject.task.name}"
            "重点任务的应报建设单位；全国应报建设单位",
            subject.nation.figure("units_expected"),
            "家。",
        ),
        _prompt("没有建设单位的原因，培育和申报的安排。"),
    ]


def _units_section(subject: _ProvinceTask) -> tuple[str, list[Block]]:
    columns = [
        ("units_expected", "合计"),
        *((f"units_{level}", name) for level, name in level_names().items()),
    ]
    lines: list[tuple[Run, ...]] = [
        (
            name,
            subject.own.figure(column),
            subject.nation.figure(column),
            share(subject.own[column], subject.nation[column]),
        )
        for column, name in columns
        if subject.nation[column]
    ]
    return "建设规模", [
        paragraph(
            f"{subject.region.name}应报建设单位",
            subject.own.figure("units_expected"),
            "家，占全国的",
            Claim(
                f"unit_share/{subject.scope}",
                share(subject.own["units_expected"], subject.nation["units_expected"]),
            ),
            "。",
        ),
        Table(
            "应报建设单位（家）",
            (
                Column("级别", 5, "left"),
                Column(subject.region.name, 4),
                Column("全国", 4),
                Column("占全国比重", 4),
            ),
            tuple(lines),
        ),
        _prompt("布局是否合理，推荐、培育和认定工作的做法。"),
    ]


def _reporting_section(subject: _ProvinceTask) -> tuple[str, list[Block]]:
    own, nation = subject.own, subject.nation
    found: list[Block] = [paragraph("建设单位", *reported_beside(own, nation), "。")]
    for title, state, units in (
        ("未报送单位", "silent", [unit for unit in subject.absent if not unit["has_reported"]]),
        ("逾期报送单位", "late", [unit for unit in subject.absent if unit["has_reported"]]),
    ):
        if units:
            rows = tuple(
                (unit["unit_name"], unit["unit_code"], level_names()[unit["level"]])
                for unit in units
            )
            columns = (
                Column("单位", 9, "left"),
                Column("代码", 6, "left"),
                Column("级别", 2, "center"),
            )
            number = Claim(f"units/{state}/{subject.scope}", count(len(units)))
            found += [paragraph(title, number, "家："), Table("", columns, rows)]
    if subject.absent:
        found.append(_prompt("未报送、逾期报送的原因，督促整改的情况。"))
    return "绩效数据采集情况", found


def _targets_section(subject: _ProvinceTask) -> tuple[str, list[Block]]:
    lines: list[tuple[Run, ...]] = [
        (name, subject.own.figure(column), subject.nation.figure(column))
        for column, name in _MEASURES
    ]
    return "年度目标和考核情况", [
        Table(
            "年度目标和省级考核",
            (Column("项目", 6, "left"), Column(subject.region.name, 4), Column("全国", 4)),
            tuple(lines),
        ),
        _prompt("考核的组织、方法和结果，未完成年度目标的原因。"),
    ]


def _comparison_table(
    subject: _ProvinceTask, indicators: Sequence[Indicator], caption: str
) -> Table:
    """Return a table of indicators: province, change, nation, share of the nation."""
    lines: list[tuple[Run, ...]] = []
    compared: list[tuple[Indicator, Row]] = []
    for indicator in indicators:
        own = subject.marts.find(
            "agg_province_indicator", subject.region.code, subject.task.code, indicator.code
        )
        nation = subject.marts.find("agg_national_indicator", subject.task.code, indicator.code)
        if own is None or nation is None:
            continue
        adds_up = indicator.aggregation in _ADDING
        compared.append((indicator, own))
        lines.append(
            (
                indicator.name_zh,
                unit_of(indicator),
                own.figure("value"),
                own.figure("units_counted"),
                change_figure(own, indicator),
                own.figure("matched_units"),
                nation.figure("value"),
                share(own["value"], nation["value"]) if adds_up else MISSING,
            )
        )
    return Table(
        caption,
        (
            Column("指标", 7, "left"),
            Column("单位", 2, "center"),
            Column(subject.region.short_name, 4),
            Column("计入单位", 3),
            Column("同口径增减", 4),
            Column("同口径单位", 3),
            Column("全国", 4),
            Column("占全国比重", 4),
        ),
        tuple(lines),
        "“计入单位”为进入该数的建设单位数；比率、平均数等不计占全国的比重。"
        + growth_note(subject.marts.catalogue, compared),
    )


def _indicators_section(subject: _ProvinceTask) -> tuple[str, list[Block]]:
    marts = subject.marts
    return "指标完成情况", [
        heading("任务指标"),
        _comparison_table(subject, marts.indicators(subject.task.code), f"{subject.task.name}指标"),
        heading("经费投入"),
        _comparison_table(subject, marts.indicators("ALL"), "经费投入"),
        _prompt("主要进展和成效，与全国水平的差距，较上年增减的原因。"),
    ]


def _examples_section(subject: _ProvinceTask) -> tuple[str, list[Block]]:
    found: list[Block] = []
    if subject.highlights:
        found.append(paragraph("以下摘自省级考核优秀单位的年度报送材料，文字由单位提供。"))
    found += [
        paragraph(f"{unit['unit_name']}：{clean(unit['highlight'], _HIGHLIGHT_LENGTH)}")
        for unit in subject.highlights[:_EXAMPLE_COUNT]
    ]
    return "典型经验", [*found, _prompt("可推广的经验和案例。")]


def _corrections_section(subject: _ProvinceTask) -> tuple[str, list[Block]]:
    found: list[Block] = []
    if subject.excluded:
        found += [
            paragraph(
                "共",
                Claim(f"excluded/{subject.scope}", count(len(subject.excluded))),
                "项填报值被剔除，未计入汇总，应由有关单位核实后更正。",
            ),
            excluded_table(subject.marts, subject.excluded),
        ]
    if subject.watched:
        found += [
            paragraph(
                "列入动态管理关注名单的情形共",
                Claim(f"watched/{subject.scope}", count(len(subject.watched))),
                "项。",
            ),
            watched_table(subject.watched),
        ]
    if not found:
        found.append(paragraph("没有被剔除的填报值，也没有列入动态管理关注名单的建设单位。"))
    return "需核实整改的事项", [*found, _prompt("核实整改的情况。")]


def _outlook_section(_: _ProvinceTask) -> tuple[str, list[Block]]:
    return "存在的问题和下一步工作", [
        _prompt("存在的主要问题和原因。"),
        _prompt("下一步的工作安排、时间和责任。"),
    ]


_SECTIONS = (
    _units_section,
    _reporting_section,
    _targets_section,
    _indicators_section,
    _examples_section,
    _corrections_section,
    _outlook_section,
)

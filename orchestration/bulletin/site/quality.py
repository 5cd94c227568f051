"""The quality sheet of an edition, after the headings of the European Statistical System.

The headings are those of the ESS standard for quality reports: relevance, accuracy and
reliability, timeliness and punctuality, coherence and comparability, accessibility and clarity.

Belongs here: the content of ``metadata/quality.html``. Doesn't belong here: the gate's report on
each check (``gate``), and the notes on definitions in the bulletins (``sections.quality_notes``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.bulletin.content import Column, Run, Table
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.policy import is_shown
from orchestration.bulletin.site.editions import EditionNote
from orchestration.bulletin.wording import chinese_date
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.figures.numbers import count
from orchestration.figures.wording import code_names

__all__ = ["QualitySection", "quality_sections"]


@dataclass(frozen=True)
class QualitySection:
    """A heading of the sheet.

    Attributes:
        title: in Chinese, with the English heading.
        parts: paragraphs and tables, in order.
    """

    title: str
    parts: tuple[str | Table, ...]


def quality_sections(marts: Marts, editions: Sequence[EditionNote]) -> tuple[QualitySection, ...]:
    """Return the sheet's sections.

    Args:
        editions: all editions of the year, this one last.
    """
    return (
        QualitySection("一、相关性（Relevance）", _relevance(marts)),
        QualitySection(
            "二、准确性和可靠性（Accuracy and reliability）", _accuracy(marts, editions)
        ),
        QualitySection("三、及时性和准时性（Timeliness and punctuality）", _timeliness(marts)),
        QualitySection("四、可比性和一致性（Coherence and comparability）", _comparability(marts)),
        QualitySection("五、可获得性和清晰度（Accessibility and clarity）", _accessibility()),
    )


def _relevance(marts: Marts) -> tuple[str | Table, ...]:
    catalogue = marts.catalogue
    submitted = sum(indicator.is_submitted for indicator in catalogue.indicators.values())
    return (
        "用途：教育部按年度通报现代职业教育体系建设改革重点任务进展，结果用于"
        + "、".join(use.name for use in catalogue.uses)
        + "。",
        f"范围：{len(marts.tasks)}项重点任务、{len(marts.regions)}个省份的应报建设单位；指标"
        f"{len(catalogue.indicators)}项，其中填报{submitted}项，其余由填报值计算。",
        "统计对象为经省级推荐且未退出的建设单位，属全面报送，没有抽样误差；未报送的单位不作推算。",
    )


def _accuracy(marts: Marts, editions: Sequence[EditionNote]) -> tuple[str | Table, ...]:
    gate = marts.gate
    warned, explained = marts.remarks
    found: list[str | Table] = [
        f"发布前共质量检查{gate.checks}项，提示{len(gate.warnings)}项，经签批豁免{len(gate.waived)}项，"
        "逐项结果见数据质量报告。",
        _response(marts),
        _exclusions(marts),
        f"填报值的提示共{count(warned)}项，其中{count(explained)}项已由单位说明；提示不影响采用。",
        _overcounting(marts),
        _revisions(editions),
    ]
    if marts.flips:
        found.append(
            f"敏感性：另行处理逾期、缺报或剔除数据时，有{len(marts.flips)}项结论可能改变方向，"
            "见全国通报的敏感性说明。"
        )
    return tuple(found)


def _response(marts: Marts) -> Table:
    heads = {
        "units_expected": "应报单位",
        "units_reported": "已报送",
        "reporting_rate": "报送率",
        "on_time_rate": "按时报送率",
        "summary_rate": "省级总结报送率",
    }
    columns = [column for column in heads if is_shown(f"province_scorecard.{column}")]
    rows: list[tuple[Run, ...]] = []
    for name, row in [
        ("全国", marts.nation),
        *((region.name, marts.find("province_scorecard", region.code)) for region in marts.regions),
    ]:
        if row is not None:
            rows.append((name, *map(row.figure, columns)))
    return Table(
        "各省份报送情况",
        (Column("省份", 6, "left"), *(Column(heads[column], 3) for column in columns)),
        tuple(rows),
    )


def _exclusions(marts: Marts) -> Table:
    """A table of the excluded values by rule or error code, with its name."""
    values = Counter(each["exclusion_code"] for each in marts.excluded)
    units = {(each["exclusion_code"], each["unit_code"]) for each in marts.excluded}
    of_code = Counter(code for code, _ in units)
    return Table(
        "剔除的填报值",
        (
            Column("规则或代码", 4, "left"),
            Column("名称", 14, "left"),
            Column("剔除值", 3),
            Column("涉及单位", 3),
        ),
        tuple(
            (code, _exclusion_name(marts, code), count(number), count(of_code[code]))
            for code, number in sorted(values.items(), key=lambda item: (-item[1], item[0]))
        ),
        "" if values else "本年度没有剔除的填报值。",
    )


def _exclusion_name(marts: Marts, code: str) -> str:
    rule = marts.catalogue.rules.get(code)
    return rule.message_zh if rule else code_names("exclusion_code")[code]


def _overcounting(marts: Marts) -> Table:
    catalogue = marts.catalogue
    return Table(
        "已知的重复计算和不可相加的合计",
        (Column("指标", 8, "left"), Column("说明", 14, "left")),
        tuple(
            (f"{code} {catalogue.indicators[code].name_zh}", row.reason_zh)
            for code, row in catalogue.incomparable.items()
        ),
    )


def _revisions(editions: Sequence[EditionNote]) -> Table:
    return Table(
        "版次和更正",
        (
            Column("版次", 2, "left"),
            Column("发布日期", 4, "left"),
            Column("更正事由", 8, "left"),
            Column("变动", 6, "left"),
        ),
        tuple(
            (f"第{each.number}版", each.dated or "—", each.reason or "—", each.changed or "—")
            for each in editions
        ),
        "通报发布后不再改动，更正以新版发布，附更正对照表（changes.csv）；数据仓库中为"
        "publication.figure_revisions。",
    )


def _timeliness(marts: Marts) -> tuple[str | Table, ...]:
    period = marts.period
    days = (period.publication_date - period.cutoff_at.astimezone(SHANGHAI).date()).days
    received = marts.calendar.text("documents_received")
    late = marts.calendar.text("documents_late")
    rows = tuple(
        (
            f"{year}年度",
            _day(row.collection_opens),
            _day(row.submission_cutoff),
            chinese_date(row.publication_date),
            _day(row.correction_cutoff) if row.correction_cutoff else "不设更正期",
        )
        for year, row in sorted(marts.catalogue.calendar.items())
        if year >= marts.year
    )
    heads = ("收集开始", "截止时间（不含）", "发布日期", "更正截止（不含）")
    return (
        f"截止时间至发布日期相隔{days}天。本年度接收文档{received}份，其中逾期{late}份。",
        Table(
            "发布日历",
            (Column("报告年度", 3, "left"), *(Column(head, 4, "left") for head in heads)),
            rows,
        ),
    )


def _day(moment: datetime) -> str:
    return chinese_date(moment.date())


def _comparability(marts: Marts) -> tuple[str | Table, ...]:
    tables = ("agg_national_indicator", "agg_province_indicator")
    statuses = Counter(
        (table, row["observation_status"]) for table in tables for row in marts.rows(table)
    )
    reasons: dict[str, str] = {}
    for rule in marts.catalogue.observation_rules.values():
        reasons.setdefault(rule.status, rule.reason_zh)
    return (
        "跨年比较只用同口径增减：两年均计入的单位之比，另列同口径单位数；单位过少、占比过低或合计重复计算的"
        "不列增减。",
        Table(
            "观测状态（SDMX代码）",
            (
                Column("代码", 2, "left"),
                Column("含义", 14, "left"),
                Column("全国汇总值", 3),
                Column("分省汇总值", 3),
            ),
            tuple(
                (status, reason, *(count(statuses[table, status]) for table in tables))
                for status, reason in reasons.items()
            ),
            "B为序列中断：指标口径有变更，或与上年数主要是不同单位之比。",
        ),
        _breaks(marts),
        "一致性：各省份合计与全国数完全一致；比率由合计数相除得出；通报、网页、开放数据、接口和SDMX"
        "取自同一快照。",
    )


def _breaks(marts: Marts) -> Table:
    rows = tuple(
        (f"{code} {marts.catalogue.indicators[code].name_zh}", row.reason_zh)
        for (code, year), row in sorted(marts.catalogue.breaks.items())
        if year == marts.year
    )
    return Table(
        "本年度变更口径的指标",
        (Column("指标", 8, "left"), Column("变更内容", 14, "left")),
        rows,
        "" if rows else "本年度没有变更口径的指标。",
    )


def _accessibility() -> tuple[str | Table, ...]:
    return (
        "全部文件免费公开，按CC BY 4.0许可使用，引用格式见CITATION.cff。",
        "开放数据（data/，附datapackage.json）、静态接口（api/）、SDMX 3.0（metadata/）同步发布；"
        "每个数字可追溯至填报对象（trace/）。",
        "联系方式不公布；名称、典型经验等文字中的电话、邮箱和身份证号码已略去。",
    )

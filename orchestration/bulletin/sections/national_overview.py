"""Section of the national bulletin: data collection and main results, each in a paragraph."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Claim, Run, heading, paragraph
from orchestration.bulletin.grammar import runs_of
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import expected_summaries
from orchestration.bulletin.sections import Place
from orchestration.bulletin.wording import moment

IN = ("national",)
ORDER = 10
TITLE = "总体情况"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return the paragraphs about data collection and results."""
    return [
        heading("数据采集情况"),
        paragraph(*_collection(marts)),
        heading("建设进展情况"),
        paragraph(*_results(marts), *_funding(marts)),
    ]


def _collection(marts: Marts) -> list[Run]:
    """Return three sentences: units, summaries, excluded values."""
    nation = marts.nation
    expected, sent = expected_summaries(marts)
    return [
        f"截至{moment(marts.period.cutoff_at)}，全国",
        Claim("provinces", str(len(marts.rows("province_scorecard")))),
        "个省份（含新疆生产建设兵团）",
        Claim("tasks", str(len(marts.tasks))),
        "项重点任务应报送年度绩效的建设单位",
        nation.in_prose("units_expected"),
        "家，已报送",
        nation.in_prose("units_reported"),
        "家，按时报送率",
        nation.in_prose("on_time_rate"),
        "。应上传的分任务省级总结",
        Claim("summaries_expected", f"{expected:,}"),
        "份，已上传",
        Claim("summaries_sent", f"{sent:,}"),
        "份。经核对，",
        Claim("excluded/-", f"{len(marts.excluded):,}"),
        "项填报值不符合填报要求，未计入汇总，占填报值的",
        nation.figure("excluded_rate"),
        "。采集情况见附件。",
    ]


def _results(marts: Marts) -> list[Run]:
    """Return the sentences about national targets and the units' own targets."""
    targets = marts.rows("agg_national_target")
    years = "、".join(map(str, sorted({row["target_year"] for row in targets})))
    reached = sum(row["progress_rate"] >= 1 for row in targets)
    behind = sum(row["progress_rate"] < row["time_elapsed_rate"] for row in targets)
    runs: list[Run] = [
        f"对照{years}年建设目标，",
        Claim("targets", str(len(targets))),
        "项数量目标中已达到",
        Claim("targets_reached", str(reached)),
        "项，低于序时进度",
        Claim("targets_behind", str(behind)),
        "项。",
    ]
    if marts.nation["target_met_rate"] is not None:
        runs += [
            "各单位建设方案设定的年度目标，完成",
            marts.nation.in_prose("target_met_rate"),
            "。",
        ]
    return runs


def _funding(marts: Marts) -> list[Run]:
    """Return the sentence about funding; nothing if an amount is missing."""
    codes = {role: indicator.code for role, indicator in marts.catalogue.roles.items()}
    text = (
        f"全年计划投入[{codes['planned']}]元，到位[{codes['received']}]元"
        f"[{codes['received']}:growth]，其中行业企业投入[{codes['from_enterprises']}]元；"
        f"支出[{codes['spent']}]元，支出执行率[{codes['execution_rate']}]%。"
    )
    return runs_of(marts, "ALL", text) or []

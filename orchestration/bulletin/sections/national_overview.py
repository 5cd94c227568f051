"""Section of the national bulletin: data collection and main results, each in a paragraph."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Claim, Run, heading, paragraph
from orchestration.bulletin.counting import national_targets, reported_runs
from orchestration.bulletin.grammar import runs_of
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import expected_summaries
from orchestration.bulletin.problems import is_incomplete
from orchestration.bulletin.sections import Place
from orchestration.bulletin.wording import moment
from orchestration.figures.numbers import NONE, NOT_YET

IN = ("national",)
ORDER = 10
TITLE = "总体情况"


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return the paragraphs about data collection and results."""
    return [
        heading("数据采集情况"),
        paragraph(*_collection(marts)),
        heading("建设进展情况"),
        paragraph(*_basis(marts), *_results(marts), *_funding(marts)),
    ]


def _collection(marts: Marts) -> list[Run]:
    """Return three sentences: units, summaries, excluded values."""
    nation = marts.nation
    expected, sent = expected_summaries(marts)
    runs: list[Run] = [
        f"截至{moment(marts.period.cutoff_at)}，全国",
        Claim("provinces", str(len(marts.rows("province_scorecard")))),
        "个省份（含新疆生产建设兵团）",
        Claim("tasks", str(len(marts.tasks))),
        "项重点任务应报送年度绩效的建设单位",
        nation.in_prose("units_expected"),
        "家，",
        *reported_runs(nation, in_prose=True),
        "。应上传的分任务省级总结",
        Claim("summaries_expected", f"{expected:,}"),
        "份，",
    ]
    number = Claim("summaries_sent", f"{sent:,}")
    runs += ["已上传", number, "份。"] if sent else [Claim(number.claim, NOT_YET), "上传的。"]
    if marts.excluded:
        runs += [
            "经核对，",
            Claim("excluded/-", f"{len(marts.excluded):,}"),
            "项填报值不符合填报要求，未计入汇总，占填报值的",
            nation.figure("excluded_rate"),
            "。",
        ]
    elif nation["units_reported"]:
        runs += ["经核对，", Claim("excluded/-", NONE), "因不符合填报要求而未计入汇总的填报值。"]
    return [*runs, "采集情况见附件。"]


def _basis(marts: Marts) -> list[Run]:
    """Return what the totals rest on, where many units are missing.

    Nothing where the nation's rate of reports on time is as high as is asked of a province.
    """
    nation = marts.nation
    if not is_incomplete(marts) or not nation["units_on_time"]:
        return []
    return [
        "本通报各项合计数只计按时报送的",
        nation.in_prose("units_on_time"),
        "家单位，占应报单位的",
        nation.in_prose("on_time_rate"),
        "，不代表全部建设单位。",
    ]


def _results(marts: Marts) -> list[Run]:
    """Return the sentences about national targets and the units' own targets."""
    runs = national_targets(marts)
    if marts.nation["target_met_rate"] is not None:
        runs += [
            "各单位建设方案设定的年度目标，完成",
            marts.nation.in_prose("target_met_rate"),
            "（没有采用值的未计为完成）。" if is_incomplete(marts) else "。",
        ]
    return runs


def _funding(marts: Marts) -> list[Run]:
    """Return the sentence about funding; nothing if an amount is missing."""
    codes = {role: indicator.code for role, indicator in marts.catalogue.roles.items()}
    text = (
        f"全年计划投入[{codes['planned']}]元{{，到位[{codes['received']}]元"
        f"[{codes['received']}:growth]}}{{，其中行业企业投入[{codes['from_enterprises']}]元}}"
        f"{{；支出[{codes['spent']}]元，支出执行率[{codes['execution_rate']}]%}}。"
    )
    return runs_of(marts, "ALL", text) or []

"""The provinces' figures: reconciliation with the facts, coverage, assessments, movement.

Belongs here: thresholds on province x task and province x indicator. A floor on a cell always
says from how many units on it holds: in a cell of three units one absence is a third, and no
three units may stop the nation's bulletin.
"""

from __future__ import annotations

import great_expectations as gx

from expectations.checks import Check, suites_of

__all__ = ["CHECKS", "LEVEL", "suites"]

LEVEL = "provincial"

_EXACT_ZH = "数值为精确小数，省级数与单位数之间没有舍入余地，差1个末位即为计算错误"
_EXACT_EN = "values are exact decimals: there is no rounding to forgive, one last digit is a fault"
_REBUILD_ZH = "重新执行 transform；仍有问题请检查 dbt 汇总模型"
_REBUILD_EN = "rerun transform; if it stays, look at the dbt aggregate models"

CHECKS: tuple[Check, ...] = (
    # -- reconciliation ----------------------------------------------------------------------
    Check(
        name="cell_keys_unique",
        frame="cells",
        column="copies",
        at_least=1,
        at_most=1,
        severity="critical",
        title_zh="省份×任务汇总行齐全且无重复",
        title_en="Each province x task stands exactly once",
        reason_zh="32个地区×11项任务各1行，多1行即重复计算，少1行即漏报",
        reason_en="32 places x 11 tasks, one row each: one more counts twice, one less drops it",
        remedy_zh=_REBUILD_ZH,
        remedy_en=_REBUILD_EN,
        shown="count",
    ),
    Check(
        name="cell_counts_reconcile",
        frame="cells",
        column="counts_published",
        equals="counts_recomputed",
        severity="critical",
        title_zh="省份×任务的单位数与单位明细一致",
        title_en="Unit counts by province x task equal those of the unit rows",
        reason_zh="单位数是所有比率的分母，必须逐一相符",
        reason_en="unit counts are every rate's denominator and must match one by one",
        remedy_zh=_REBUILD_ZH,
        remedy_en=_REBUILD_EN,
        shown="text",
    ),
    Check(
        name="cell_rates_reconcile",
        frame="cells",
        column="rates_published",
        equals="rates_recomputed",
        severity="critical",
        title_zh="省份×任务的比率与单位数一致",
        title_en="Rates by province x task equal the quotients of their counts",
        reason_zh=_EXACT_ZH,
        reason_en=_EXACT_EN,
        remedy_zh=_REBUILD_ZH,
        remedy_en=_REBUILD_EN,
        shown="text",
    ),
    Check(
        name="rates_are_fractions",
        frame="cells",
        column="extreme_rate",
        at_least=0,
        at_most=1,
        severity="critical",
        title_zh="各项比率在0与1之间",
        title_en="Every rate lies between 0 and 1",
        reason_zh="比率是部分与整体之比，超出即分子分母有误",
        reason_en="a rate is part over whole: outside 0 to 1 one of the two is wrong",
        remedy_zh=_REBUILD_ZH,
        remedy_en=_REBUILD_EN,
        shown="rate",
    ),
    Check(
        name="province_figure_keys_unique",
        frame="province_totals",
        column="copies",
        at_least=1,
        at_most=1,
        severity="critical",
        title_zh="省级指标行齐全且无重复",
        title_en="Each province x task x indicator that is due stands exactly once",
        reason_zh="多1行即重复计算，少1行即漏报",
        reason_en="one row more counts twice, one less drops a figure",
        remedy_zh=_REBUILD_ZH,
        remedy_en=_REBUILD_EN,
        shown="count",
    ),
    Check(
        name="province_figures_reconcile",
        frame="province_totals",
        column="figure_published",
        equals="figure_recomputed",
        severity="critical",
        title_zh="省级指标与单位值重新计算的结果一致",
        title_en="Provincial figures equal those recomputed from the units' values",
        reason_zh=_EXACT_ZH,
        reason_en=_EXACT_EN,
        remedy_zh=_REBUILD_ZH,
        remedy_en=_REBUILD_EN,
        shown="text",
    ),
    # -- coverage ----------------------------------------------------------------------------
    Check(
        name="on_time_rate_cell",
        frame="cells",
        column="on_time_rate",
        at_least=0.50,
        only=(("units_expected", ">=", 10),),
        severity="critical",
        title_zh="分省分任务按时上报率",
        title_en="On-time rate, province x task",
        reason_zh="不足半数时该省该任务的数字只代表少数单位；10个以下单位的缺报在通报中列名即可，不阻断",
        reason_en=(
            "below half, the province's figure speaks for a minority; below 10 units absences are "
            "named in the bulletin instead"
        ),
        remedy_zh="联系该省督促所列单位在截止前填报",
        remedy_en="call the province: the units named must report before the cut-off",
        shown="rate",
        note_zh="{units_expected}个应报单位中{units_on_time}个",
        note_en="{units_on_time} of {units_expected} units",
        culprits="silent_units",
    ),
    Check(
        name="on_time_rate_cell_notice",
        frame="cells",
        column="on_time_rate",
        at_least=0.80,
        only=(("units_expected", ">=", 5),),
        severity="warning",
        title_zh="分省分任务按时上报率（提示）",
        title_en="On-time rate, province x task (notice)",
        reason_zh="每5个单位缺1个以上，省际比较时须注明",
        reason_en="with more than one unit in five absent, comparing provinces needs a note",
        remedy_zh="请该省核对未报单位",
        remedy_en="ask the province about the silent units",
        shown="rate",
        note_zh="{units_expected}个应报单位中{units_on_time}个",
        note_en="{units_on_time} of {units_expected} units",
        culprits="silent_units",
    ),
    Check(
        name="on_time_rate_province",
        frame="provinces",
        column="on_time_rate",
        at_least=0.70,
        only=(("units_expected", ">=", 20),),
        severity="critical",
        title_zh="分省按时上报率",
        title_en="On-time rate, province",
        reason_zh="全省三成以上单位缺报是省级组织问题，不应让其单独拉低全国和省际比较",
        reason_en=(
            "when three units in ten are missing the province's own organisation failed, and "
            "its comparison with others would be unfair both ways"
        ),
        remedy_zh="联系该省职成处",
        remedy_en="call the province's office",
        shown="rate",
        note_zh="{units_expected}个应报单位中{units_on_time}个",
        note_en="{units_on_time} of {units_expected} units",
        culprits="silent_units",
    ),
    Check(
        name="on_time_rate_province_notice",
        frame="provinces",
        column="on_time_rate",
        at_least=0.95,
        only=(("units_expected", ">=", 20),),
        severity="warning",
        title_zh="分省按时上报率（提示）",
        title_en="On-time rate, province (notice)",
        reason_zh="按时填报是各单位的义务，95%留出个别单位更名、退出的余地",
        reason_en="every unit is bound to report; 5% leaves room for mergers and withdrawals",
        remedy_zh="请该省核对未报单位",
        remedy_en="ask the province about the silent units",
        shown="rate",
        note_zh="{units_expected}个应报单位中{units_on_time}个",
        note_en="{units_on_time} of {units_expected} units",
        culprits="silent_units",
    ),
    Check(
        name="units_kept_cell",
        frame="cells",
        column="lost_share",
        at_most=0.20,
        only=(("units_previous", ">=", 10),),
        severity="critical",
        title_zh="上年应报、今年既未退出又不在应报名单的单位比例（分省分任务）",
        title_en="Share of last year's units gone without a removal, province x task",
        reason_zh="单位只因批准退出而减少；成批消失说明推荐意见未收到，上报率会因此虚高",
        reason_en=(
            "units leave only by an approved removal; a batch gone means that reviews didn't "
            "arrive, and coverage then looks better than it is"
        ),
        remedy_zh="核对该省的推荐意见（review）是否全部收到",
        remedy_en="check that the province's reviews came in",
        shown="rate",
        note_zh="上年{units_previous}个，消失{units_lost}个",
        note_en="{units_lost} of last year's {units_previous} units",
        culprits="lost_units",
    ),
    # -- work reports, assessments, summaries ------------------------------------------------
    Check(
        name="report_file_rate_cell",
        frame="cells",
        column="report_file_rate",
        at_least=0.80,
        only=(("units_expected", ">=", 10),),
        severity="warning",
        title_zh="分省分任务年度工作报告提交率",
        title_en="Annual work reports attached, province x task",
        reason_zh="工作报告是数据的佐证；缺报告不影响数字，故只提示",
        reason_en="the report is the evidence behind the figures; they stand without it: a warning",
        remedy_zh="请该省督促补交年度工作报告",
        remedy_en="have the annual reports sent in",
        shown="rate",
        note_zh="{units_expected}个应报单位",
        note_en="{units_expected} units",
    ),
    Check(
        name="assessed_rate_province",
        frame="provinces",
        column="assessed_rate",
        at_least=0.50,
        only=(("units_expected", ">=", 20),),
        severity="critical",
        title_zh="分省考核率",
        title_en="Share of units assessed, province",
        reason_zh="考核结果用于经费分配和遴选；半数未考核的省无法与他省比较",
        reason_en=(
            "assessments decide on funds and selection; a province that assessed fewer than half "
            "can't be compared with others"
        ),
        remedy_zh="请该省提交年度考核结果",
        remedy_en="have the province send its assessments",
        shown="rate",
        note_zh="{units_expected}个应报单位中{units_assessed}个",
        note_en="{units_assessed} of {units_expected} units",
    ),
    Check(
        name="assessed_rate_cell",
        frame="cells",
        column="assessed_rate",
        at_least=0.80,
        only=(("units_expected", ">=", 5),),
        severity="warning",
        title_zh="分省分任务考核率（提示）",
        title_en="Share of units assessed, province x task (notice)",
        reason_zh="每5个单位缺1个以上考核结果时，平均分须注明覆盖范围",
        reason_en="with more than one unit in five unassessed a mean score needs a note",
        remedy_zh="请该省补交考核结果",
        remedy_en="ask the province for the missing assessments",
        shown="rate",
        note_zh="{units_expected}个应报单位中{units_assessed}个",
        note_en="{units_assessed} of {units_expected} units",
    ),
    Check(
        name="summary_present",
        frame="cells",
        column="summary_missing",
        at_most=0,
        only=(("units_expected", ">=", 1),),
        severity="warning",
        title_zh="分任务省级总结报告",
        title_en="Provincial summary of each task",
        reason_zh="通知要求有建设单位的每项任务各报1份省级总结；缺个别份不影响数字，列名提示",
        reason_en=(
            "the notice asks for one summary a task; a few missing don't touch the figures, so "
            "they are named only"
        ),
        remedy_zh="请该省补交所列任务的省级总结",
        remedy_en="ask the province for the summaries named",
        shown="flag",
        note_zh="{units_expected}个应报单位",
        note_en="{units_expected} units",
    ),
    # -- movement ----------------------------------------------------------------------------
    Check(
        name="province_total_in_scale",
        frame="province_totals",
        column="total_factor",
        at_least=0.001,
        at_most=1000,
        only=(("units_both", ">=", 5),),
        severity="critical",
        title_zh="省级合计与上年之比（量级）",
        title_en="Provincial total against last year, order of magnitude",
        reason_zh="千倍变动不可能是真实发展，是元与万元混用一类的量级错误主导了全省合计",
        reason_en=(
            "a thousandfold change is no development: a slip of the unit of measure (yuan for "
            "10,000 yuan) dominates the province's total"
        ),
        remedy_zh="联系贡献最大的单位核实计量单位后重报",
        remedy_en="ring up the unit that contributes most; have it resubmit",
        shown="factor",
        note_zh="上年{previous_text}，今年{value_text}",
        note_en="from {previous_text} to {value_text}",
        culprits="province_movers",
    ),
    Check(
        name="province_average_moves_little",
        frame="province_totals",
        column="unit_factor",
        at_least=0.2,
        at_most=5,
        only=(("units_both", ">=", 10), ("previous_size", ">=", 100)),
        severity="warning",
        title_zh="省级单位平均值与上年之比",
        title_en="Provincial average per unit against last year",
        reason_zh="规则对单个单位变动3倍即提示；10个以上单位的平均值变动5倍多为口径变化",
        reason_en=(
            "rules warn at a factor of 3 for one unit; a factor of 5 in the mean of ten or more "
            "is mostly a change of definition (totals under 100 move by chance: not judged)"
        ),
        remedy_zh="请该省说明变动原因",
        remedy_en="ask the province what changed",
        shown="factor",
        note_zh="上年{previous_text}，今年{value_text}",
        note_en="from {previous_text} to {value_text}",
        culprits="province_movers",
    ),
)


def suites() -> dict[str, gx.ExpectationSuite]:
    """The Great Expectations suites of this level, by frame."""
    return suites_of(LEVEL, CHECKS)

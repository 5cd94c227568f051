"""Checks of the submitted facts: keys, references, bounds, exclusions, lateness, rejections.

Belongs here: thresholds for the data of units and provinces before it is aggregated. Doesn't
belong here: the rules for one unit's values (``dbt_project/seeds/rules.csv``).
"""

from __future__ import annotations

from expectations.checks import Check

__all__ = ["CHECKS"]

#: No violation of a key, reference or bound is allowed: intake and dbt exclude such values, so a
#: single row means an error in the warehouse, whatever the units submitted.
_NONE_ZH = "入库和建模环节已剔除此类数据，出现1条即说明数据仓库有误，与填报质量无关"
_NONE_EN = "intake and the models exclude such data, so a single row means the warehouse is wrong"
_REBUILD_ZH = "重新执行 transform；仍有问题请检查 dbt 模型和测试"
_REBUILD_EN = "rerun transform; if the check still fails, look at the dbt models and their tests"


def _none_of(name: str, column: str, title_zh: str, title_en: str, culprits: str | None) -> Check:
    return Check(
        name=name,
        frame="facts",
        column=column,
        at_most=0,
        severity="critical",
        title_zh=title_zh,
        title_en=title_en,
        reason_zh=_NONE_ZH,
        reason_en=_NONE_EN,
        remedy_zh=_REBUILD_ZH,
        remedy_en=_REBUILD_EN,
        shown="count",
        culprits=culprits,
    )


CHECKS: tuple[Check, ...] = (
    # -- keys, references, bounds ------------------------------------------------------------
    _none_of(
        "fact_keys_unique",
        "duplicate_facts",
        "单位指标值无重复（年度×单位×指标）",
        "No value of a unit appears twice (year x unit x indicator)",
        "duplicate_facts",
    ),
    _none_of(
        "unit_keys_unique",
        "duplicate_units",
        "应报单位无重复（年度×单位）",
        "No expected unit appears twice (year x unit)",
        "duplicate_units",
    ),
    _none_of(
        "codes_known",
        "unknown_codes",
        "省份、任务、指标代码均在目录内",
        "Every province, task and indicator code is in the catalogue",
        "unknown_codes",
    ),
    _none_of(
        "facts_of_expected_units",
        "unexpected_unit_facts",
        "指标值均属于应报单位",
        "Every value belongs to an expected unit",
        "unexpected_unit_facts",
    ),
    _none_of(
        "units_filed_under_own_place",
        "misfiled_rows",
        "单位代码与所属省份、任务一致",
        "A unit's code, province and task agree",
        "misfiled_rows",
    ),
    _none_of(
        "counted_values_within_bounds",
        "outside_bounds",
        "计入的值均在指标目录的上下限之内",
        "Every counted value lies within the catalogue's hard bounds",
        "outside_bounds",
    ),
    _none_of(
        "counts_whole_and_not_negative",
        "bad_counts",
        "数量类指标为非负整数",
        "Counts are whole and not negative",
        "bad_counts",
    ),
    _none_of(
        "missing_is_not_zero",
        "values_without_document",
        "没有采用文档的单位没有计入任何值（未报送不等于0）",
        "A unit without a document that counts has no counted value (missing is not zero)",
        "values_without_document",
    ),
    _none_of(
        "exclusions_consistent",
        "contradictory_exclusions",
        "剔除的值均有原因且未计入",
        "An excluded value has a reason and is not counted",
        "contradictory_exclusions",
    ),
    _none_of(
        "unit_states_consistent",
        "contradictory_units",
        "单位填报状态前后一致",
        "A unit's states agree (on time implies reported, excluded not above reported)",
        "contradictory_units",
    ),
    # -- share of excluded values ------------------------------------------------------------
    Check(
        name="excluded_share_nation",
        frame="nation_values",
        column="excluded_share",
        at_most=0.03,
        severity="critical",
        title_zh="全国被剔除值的比例",
        title_en="Share of values excluded, nation",
        reason_zh="通报的年度变化多在百分之几；剔除超过3%，仅剔除本身就能造成看似真实的升降",
        reason_en=(
            "bulletins discuss changes of a few percent; if more than 3% are excluded, the "
            "exclusions alone could look like a trend"
        ),
        remedy_zh="按剔除原因通知各省更正重报；若集中于某一指标，先核对该指标的规则和上下限",
        remedy_en="have the values corrected; if one indicator dominates, check its rule or bounds",
        shown="rate",
        note_zh="共{submitted}个值，剔除{excluded}个",
        note_en="{excluded} of {submitted} values",
        culprits="excluded_by_indicator",
    ),
    Check(
        name="excluded_share_nation_notice",
        frame="nation_values",
        column="excluded_share",
        at_most=0.01,
        severity="warning",
        title_zh="全国被剔除值的比例（提示）",
        title_en="Share of values excluded, nation (notice)",
        reason_zh="超过1%时，读者需要知道合计数小了多少",
        reason_en="above 1% readers must know how much is missing from the totals",
        remedy_zh="在通报的数据质量说明中列出",
        remedy_en="mention it in the bulletin's quality notes",
        shown="rate",
        note_zh="共{submitted}个值，剔除{excluded}个",
        note_en="{excluded} of {submitted} values",
        culprits="excluded_by_indicator",
    ),
    Check(
        name="excluded_share_cell",
        frame="cell_values",
        column="excluded_share",
        at_most=0.25,
        only=(("units_on_time", ">=", 10),),
        severity="critical",
        title_zh="分省分任务被剔除值的比例",
        title_en="Share of values excluded, province x task",
        reason_zh="剔除四分之一以上不是个别笔误，多为模板错列或口径误解，该省该任务的合计已不可用",
        reason_en=(
            "above a quarter the cause isn't single errors but a shifted column or a misread "
            "definition, and the province's totals for the task mean nothing"
        ),
        remedy_zh="联系该省核对模板和口径后整体重报",
        remedy_en="call the province: wrong template or definition; have all units resubmit",
        shown="rate",
        note_zh="{units_on_time}个单位{submitted}个值，剔除{excluded}个",
        note_en="{excluded} of {submitted} values of {units_on_time} units",
        culprits="excluded_values",
    ),
    Check(
        name="excluded_share_cell_notice",
        frame="cell_values",
        column="excluded_share",
        at_most=0.05,
        only=(("units_on_time", ">=", 5),),
        severity="warning",
        title_zh="分省分任务被剔除值的比例（提示）",
        title_en="Share of values excluded, province x task (notice)",
        reason_zh="一个单位约填20个值，5%即平均每个单位有1个值不可用，省级部门应予核对",
        reason_en="a unit submits some 20 values: 5% is one unusable value of each unit on average",
        remedy_zh="请省级部门核对该任务的填报",
        remedy_en="ask the province to check its reporting of the task",
        shown="rate",
        note_zh="{units_on_time}个单位{submitted}个值，剔除{excluded}个",
        note_en="{excluded} of {submitted} values of {units_on_time} units",
        culprits="excluded_values",
    ),
    Check(
        name="excluded_share_indicator",
        frame="indicator_values",
        column="excluded_share",
        at_most=0.20,
        only=(("submitted", ">=", 50),),
        severity="critical",
        title_zh="分指标被剔除值的比例",
        title_en="Share of values excluded, by indicator",
        reason_zh="五分之一的值不可用时，全国合计不再代表该指标；更可能是指标定义、上下限或规则有误",
        reason_en=(
            "if one value in five is unusable, the national figure doesn't represent the "
            "indicator; its definition, bounds or a rule is more likely wrong"
        ),
        remedy_zh="核对该指标的上下限和规则；确属误填则通知更正",
        remedy_en="check the indicator's bounds and rules in the seeds before blaming the units",
        shown="rate",
        note_zh="共{submitted}个值，剔除{excluded}个",
        note_en="{excluded} of {submitted} values",
        culprits="excluded_by_code",
    ),
    Check(
        name="excluded_share_indicator_notice",
        frame="indicator_values",
        column="excluded_share",
        at_most=0.05,
        only=(("submitted", ">=", 50),),
        severity="warning",
        title_zh="分指标被剔除值的比例（提示）",
        title_en="Share of values excluded, by indicator (notice)",
        reason_zh="上下限和规则按正常填报极少触发设定，超过5%说明口径需要说明",
        reason_en="bounds and rules are set so that correct reports rarely violate them",
        remedy_zh="在填报说明中明确该指标口径",
        remedy_en="explain the indicator better in the reporting guide",
        shown="rate",
        note_zh="共{submitted}个值，剔除{excluded}个",
        note_en="{excluded} of {submitted} values",
        culprits="excluded_by_code",
    ),
    # -- lateness, warnings, rejects ---------------------------------------------------------
    Check(
        name="late_share",
        frame="nation_units",
        column="late_share",
        at_most=0.01,
        severity="warning",
        title_zh="仅在截止后报送的单位比例",
        title_en="Share of units that reported only after the cut-off",
        reason_zh="超过1%即全国百余个单位的业绩要等更正版才能计入，值得考虑发布更正版",
        reason_en=(
            "above 1% (over a hundred units of the nation) the late reports justify a corrected "
            "edition"
        ),
        remedy_zh="核对省级平台是否在截止前关闭，考虑发布更正版",
        remedy_en="consider a corrected edition",
        shown="rate",
        note_zh="{units_expected}个应报单位中{units_late}个",
        note_en="{units_late} of {units_expected} expected units",
        culprits="late_units",
    ),
    Check(
        name="rule_warnings_share",
        frame="nation_units",
        column="warned_share",
        at_most=0.10,
        severity="warning",
        title_zh="规则提示未作说明的单位比例",
        title_en="Share of units with an unresolved rule warning",
        reason_zh="规则提示的值照常计入；十分之一以上的单位有提示时，读者应知道这些值未经核实",
        reason_en=(
            "values with a warning count; if one unit in ten has one, readers must know that they "
            "were not verified"
        ),
        remedy_zh="请各省督促单位更正或补充说明",
        remedy_en="ask the provinces to have these units correct or explain their values",
        shown="rate",
        note_zh="{units_on_time}个按时填报单位中{units_warned}个，另有{units_explained}个已作说明",
        note_en=(
            "{units_warned} of {units_on_time} units that reported on time; "
            "{units_explained} more have explained theirs"
        ),
        culprits="warned_units",
    ),
    Check(
        name="rule_warnings_share_province",
        frame="provinces",
        column="warned_share",
        at_most=0.20,
        only=(("units_on_time", ">=", 20),),
        severity="warning",
        title_zh="分省规则提示未作说明的单位比例",
        title_en="Share of units with an unresolved rule warning, province",
        reason_zh="达到全国要求（10%）的两倍，说明省级没有督促单位更正或说明，而不是个别单位疏忽",
        reason_en=(
            "twice the nation's limit: the province didn't make its units correct or explain their "
            "values; below 20 units a few would decide the share"
        ),
        remedy_zh="请该省督促所列单位更正或提交说明",
        remedy_en="ask the province to have these units correct or explain their values",
        shown="rate",
        note_zh="{units_on_time}个按时填报单位中{units_warned}个，另有{units_explained}个已作说明",
        note_en=(
            "{units_warned} of {units_on_time} units that reported on time; "
            "{units_explained} more have explained theirs"
        ),
        culprits="warned_units_of_province",
    ),
    Check(
        name="unsound_reports_share",
        frame="nation_reports",
        column="unsound_share",
        at_most=0.05,
        severity="critical",
        title_zh="工作报告缺失或有问题的比例",
        title_en="Share of work reports that are missing or damaged",
        reason_zh="报告是数据的依据；超过5%多半是平台没有传完附件，而不是单位的疏忽",
        reason_en=(
            "the report is the evidence for the data; above 5% a transfer was mostly interrupted, "
            "rather than units careless"
        ),
        remedy_zh="核对附件是否全部传入接收区；再逐省通知补传",
        remedy_en="check that all attachments were transferred, then ask the provinces for them",
        shown="rate",
        note_zh="{reports}份报告中{reports_unsound}份",
        note_en="{reports_unsound} of {reports} reports",
        culprits="units_with_unsound_reports",
    ),
    Check(
        name="unsound_reports_share_notice",
        frame="nation_reports",
        column="unsound_share",
        at_most=0,
        severity="warning",
        title_zh="工作报告缺失或有问题（提示）",
        title_en="Work reports that are missing or damaged (notice)",
        reason_zh="每一份缺失的报告都使一个单位的数据没有依据，读者应当知道",
        reason_en="without its report a unit's data has no evidence: readers must know",
        remedy_zh="请相关单位补传报告",
        remedy_en="ask the units for their reports",
        shown="rate",
        note_zh="{reports}份报告中{reports_unsound}份",
        note_en="{reports_unsound} of {reports} reports",
        culprits="units_with_unsound_reports",
    ),
    Check(
        name="rule_fires_rarely",
        frame="rules",
        column="fired_share",
        at_most=0.20,
        only=(("units_judged", ">=", 50),),
        severity="warning",
        title_zh="单条规则触发的单位比例",
        title_en="Share of units on which one rule fires",
        reason_zh="一条规则在五分之一以上的单位触发，多半是规则与实际填报口径不符",
        reason_en="a rule that fires on one unit in five is more likely wrong than the units",
        remedy_zh="核对规则表达式与填报说明",
        remedy_en="check the rule's expression against the reporting guide",
        shown="rate",
        note_zh="{units_judged}个单位中{units_fired}个",
        note_en="{units_fired} of {units_judged} units",
    ),
    Check(
        name="synthetic_and_real_not_mixed",
        frame="nation_senders",
        column="mixed",
        at_most=0,
        severity="critical",
        title_zh="合成数据与真实数据不混用",
        title_en="Synthetic and real documents are not mixed",
        reason_zh="一份合成文档就使全年通报带上合成标记，混入的合成数据又会使各项合计失真，1份也不能有",
        reason_en=(
            "one synthetic document marks every output of its year, and made-up values among real "
            "ones make every total wrong, so not one is allowed"
        ),
        remedy_zh="请所列报送方删除合成文档；演示数据请使用单独的存储",
        remedy_en=(
            "have the senders below remove the synthetic documents; use another store for demos"
        ),
        shown="count",
        note_zh="合成{synthetic}份，真实{authentic}份",
        note_en="{synthetic} synthetic and {authentic} real documents",
        culprits="senders_by_kind",
    ),
    Check(
        name="late_arrivals",
        frame="nation_senders",
        column="late_arrivals",
        at_most=0,
        severity="warning",
        title_zh="截止后到达、按截止前提交计入的文档",
        title_en="Documents submitted before the cut-off that arrived after it and count",
        reason_zh="其提交时间只有报送方的时钟为证，采用时应逐省说明，故有1份即列出",
        reason_en=(
            "only the sender's clock says when they were submitted, so each province that has one "
            "is named"
        ),
        remedy_zh="核对所列省份平台的导出时间",
        remedy_en="compare with the export times of the platforms of the provinces below",
        shown="count",
        counted_zh="份文档",
        culprits="late_arrivals_by_province",
    ),
    Check(
        name="rejected_documents_nation",
        frame="nation_documents",
        column="rejected_share",
        at_most=0.10,
        severity="critical",
        title_zh="被拒收文档的比例，各报送方平均",
        title_en="Share of documents rejected, mean of the senders",
        reason_zh="平台导出格式变化或程序有误时，各报送方的文档都读不进来；各报送方权重相同，"
        "一个省份的废文件再多也不足以阻断全国，由分省检查提示",
        reason_en=(
            "if the platform's export has changed or the intake has an error, documents of all "
            "senders can't be taken in; each sender weighs the same, so the junk of one province, "
            "however much, can't block the nation: the check by province warns of it"
        ),
        remedy_zh="查看被拒收原因最多的代码，核对平台导出格式",
        remedy_en="look at the most frequent error code; compare the platform's export format",
        shown="rate",
        note_zh="共{documents}份，拒收{rejected}份，涉及{senders}个报送方",
        note_en="{rejected} of {documents} documents, of {senders} senders",
        culprits="reject_codes",
    ),
    Check(
        name="rejected_documents_province",
        frame="province_documents",
        column="rejected_share",
        at_most=0.02,
        only=(("documents", ">=", 50),),
        severity="warning",
        title_zh="分省被拒收文档的比例",
        title_en="Share of documents rejected, by province",
        reason_zh="平台校验后上传，正常几乎没有拒收；超过2%说明该省绕过了平台或导出有误",
        reason_en=(
            "the platform checks files before it uploads them, so rejections are rare; above 2% a "
            "province bypassed it or its export is wrong"
        ),
        remedy_zh="请该省查看回执并重新提交",
        remedy_en="ask the province to read its receipts and to submit again",
        shown="rate",
        note_zh="共{documents}份，拒收{rejected}份",
        note_en="{rejected} of {documents} documents",
        culprits="reject_codes_by_province",
    ),
    Check(
        name="scale_slips",
        frame="slips",
        column="slip_units",
        at_most=0,
        severity="warning",
        title_zh="疑似元与万元混用的计入值",
        title_en="Counted values that seem to be in yuan instead of 10,000 yuan, or the reverse",
        reason_zh="与上年相差5千至2万倍不会是真实变化；规则只提示不剔除，须逐一核实",
        reason_en=(
            "5,000 to 20,000 times last year is not a real change; the rules only warn, so each "
            "value must be verified by a person"
        ),
        remedy_zh="逐个联系单位核实计量单位",
        remedy_en="ask each unit about its unit of measure",
        shown="count",
        note_zh="占全国合计{slip_share:.2%}",
        note_en="{slip_share:.2%} of the national total",
        culprits="slips",
    ),
    Check(
        name="scale_slips_weight",
        frame="slips",
        column="slip_share",
        at_most=0.05,
        severity="critical",
        title_zh="疑似元与万元混用的值占全国合计的比例",
        title_en="Share of values in a suspected wrong unit of measure in a national total",
        reason_zh="占到5%即与正常年度增幅相当，该指标的全国合计和同比已不可信",
        reason_en=(
            "5% is as much as the growth of an ordinary year: neither the national total nor its "
            "change is reliable"
        ),
        remedy_zh="联系所列单位更正后重报",
        remedy_en="have the units below correct and resubmit their values",
        shown="rate",
        note_zh="{slip_units}个单位",
        note_en="{slip_units} units",
        culprits="slips",
    ),
)

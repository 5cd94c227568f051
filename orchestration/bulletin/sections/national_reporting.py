"""Attachment of the national bulletin: reporting by units and provinces, excluded values."""

from __future__ import annotations

from collections import Counter

from orchestration.bulletin.content import (
    Block,
    Claim,
    Column,
    Paragraph,
    Run,
    Table,
    heading,
    paragraph,
)
from orchestration.bulletin.counting import reported_runs
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import (
    expected_summaries,
    named_provinces,
    order_of_provinces,
    provinces_lacking_summaries,
    ranked,
    task_name,
    tile_map,
    without_ties,
)
from orchestration.bulletin.sections import Place
from orchestration.bulletin.wording import moment
from orchestration.figures.claims import counts, texts
from orchestration.figures.numbers import NONE, NOT_YET, count
from orchestration.figures.wording import code_names

IN = ("national",)
ATTACHED_TO = ("national",)
ORDER = 10
TITLE = "绩效数据采集情况"

#: Provinces of whose units all were on time that are named; of more only the number is said.
_LISTED = 10
#: Number of provinces named at the end of a ranking; the bulletin of 2018 names its three lowest.
_NAMED = 3

CLAIMS = {
    "provinces": counts("select count(*) from lake.marts.province_scorecard where year = $year"),
    "tasks": counts("select count(*) from lake.marts.agg_national_task where year = $year"),
    "all_on_time": texts(
        "select string_agg(r.short_name, '、' order by r.display_order) "
        "from lake.marts.province_scorecard s join lake.marts.dim_region r using (province_code) "
        "where s.year = $year and s.on_time_rate = 1"
    ),
    "all_on_time_count": counts(
        "select count(*) from lake.marts.province_scorecard where year = $year and on_time_rate = 1"
    ),
    "lowest_on_time": order_of_provinces(
        "on_time_rate", "asc", only="s.is_ranked and s.on_time_rate < 1"
    ),
    # Number of units that reported nothing, by province.
    "silent": texts(
        "with n as (select province_code, count(*) as units from lake.marts.fct_unit_year "
        "where year = $year and not has_reported group by province_code) "
        "select string_agg(r.short_name || n.units || '家', '、' order by r.display_order) "
        "from n join lake.marts.dim_region r using (province_code)"
    ),
    # Number of pairs of task and province from which a summary is expected.
    "summaries_expected": counts(
        "select count(*) from lake.marts.agg_province_task "
        "where year = $year and units_expected > 0"
    ),
    "summaries_sent": counts(
        "select count(*) from lake.marts.agg_province_task "
        "where year = $year and units_expected > 0 and has_provincial_summary"
    ),
    "summaries_lacking": texts(
        "with n as (select province_code, "
        "string_agg(task_code, '、' order by task_code) as tasks "
        "from lake.marts.agg_province_task where year = $year and units_expected > 0 "
        "and not has_provincial_summary group by province_code) "
        "select string_agg(r.short_name || '（' || n.tasks || '）', '；' order by r.display_order) "
        "from n join lake.marts.dim_region r using (province_code)"
    ),
    "highest_excluded": order_of_provinces("excluded_rate", "desc", only="s.is_ranked"),
    # By error code; "rules" counts exclusions by any cross-check rule.
    "excluded_by": counts(
        "select case when regexp_matches(exclusion_code, '^E[0-9]{3}$') then exclusion_code "
        "else 'rules' end as reason, count(*) "
        "from lake.marts.fct_unit_indicator where year = $year and is_excluded group by 1"
    ),
}


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return reporting by province, assessments and summaries, excluded values."""
    return [*_unit_reporting(marts), *_provincial_work(marts), *_exclusions(marts)]


def _unit_reporting(marts: Marts) -> list[Block]:
    """Return the paragraphs, map and table about reporting by units."""
    nation = marts.nation
    scorecards = marts.rows("province_scorecard")
    late = sum(unit["has_reported"] for unit in marts.absent)
    absent = len(marts.absent) - late
    complete = [row for row in scorecards if row["on_time_rate"] == 1]
    unreported = Counter(u["province_code"] for u in marts.absent if not u["has_reported"])
    regions = marts.catalogue.regions
    found: list[Block] = [
        heading("建设单位填报情况"),
        paragraph(
            f"截至{moment(marts.period.cutoff_at)}，全国",
            Claim("provinces", str(len(scorecards))),
            "个省份（含新疆生产建设兵团）",
            Claim("tasks", str(len(marts.tasks))),
            "项重点任务应报建设单位",
            nation.figure("units_expected"),
            "家，",
            *reported_runs(nation),
            *_late_and_silent(nation, late, absent),
            "。",
        ),
    ]
    runs: list[Run] = []
    if complete:
        number = Claim("all_on_time_count", str(len(complete)))
        if len(complete) == len(scorecards):
            runs += ["全部", number, "个省份的单位均按时报送。"]
        elif len(complete) > _LISTED:
            runs += ["全部单位按时报送的有", number, "个省份。"]
        else:
            names = "、".join(regions[row["province_code"]].short_name for row in complete)
            runs += ["全部单位按时报送的省份是", Claim("all_on_time", names), "。"]
    lowest = [r for r in scorecards if r["is_ranked"] and (r["on_time_rate"] or 0) < 1]
    named = without_ties(ranked(lowest, "on_time_rate", lowest=True), "on_time_rate", _NAMED)
    if named:
        runs.append("按时报送率最低的是")
        runs += named_provinces(marts, named, "lowest_on_time", "on_time_rate")
        runs.append("。")
    if unreported:
        ordered = [code for code in regions if unreported[code]]
        names = "、".join(f"{regions[c].short_name}{unreported[c]}家" for c in ordered)
        runs += ["有单位未报送的省份：", Claim("silent", names), "；单位名单见附件。"]
    if runs:
        found.append(Paragraph(tuple(runs)))
    by_province = {row["province_code"]: row for row in scorecards}
    found += [
        tile_map(marts, by_province, "on_time_rate", "各省份按时报送率"),
        _province_table(marts, by_province),
    ]
    return found


def _late_and_silent(nation: Row, late: int, silent: int) -> list[Run]:
    """Return how many units were late, and how many sent nothing; nothing of a number that is 0."""
    parts = (
        ("；逾期报送", "units_reported-units_on_time", late),
        ("；未报送", "units_expected-units_reported", silent),
    )
    found: list[Run] = []
    for before, column, number in parts:
        if number:
            found += [before, nation.figure_with_text(column, count(number)), "家"]
    return found


def _province_table(marts: Marts, rows: dict[str, Row]) -> Table:
    lines: list[tuple[Run, ...]] = []
    for region in marts.regions:
        row = rows.get(region.code)
        if row is None:
            continue
        lines.append(
            (
                region.short_name,
                row.figure("units_expected"),
                row.figure("units_reported"),
                row.figure("units_on_time"),
                row.figure("reporting_rate"),
                row.figure("on_time_rate"),
                row.figure("summary_rate"),
                row.figure("excluded_rate"),
            )
        )
    nation = marts.nation
    lines.append(
        (
            "全国",
            nation.figure("units_expected"),
            nation.figure("units_reported"),
            nation.figure("units_on_time"),
            nation.figure("reporting_rate"),
            nation.figure("on_time_rate"),
            nation.figure("summary_rate"),
            nation.figure("excluded_rate"),
        )
    )
    return Table(
        "各省份绩效数据采集情况",
        (
            Column("省份", 3, "left"),
            Column("应报", 3),
            Column("已报", 3),
            Column("按时", 3),
            Column("报送率", 4),
            Column("按时报送率", 4),
            Column("总结上传率", 4),
            Column("剔除率", 4),
        ),
        tuple(lines),
        "应报、已报、按时单位为家；总结上传率为已上传的分任务省级总结占应上传数；"
        "剔除率为被剔除值占填报值。",
    )


def _provincial_work(marts: Marts) -> list[Block]:
    """Return a paragraph about provincial summaries and a table about assessments."""
    expected, sent = expected_summaries(marts)
    missing = provinces_lacking_summaries(marts)
    found: list[Block] = [
        heading("省级考核和总结上传情况"),
        paragraph(
            "各省份应上传分任务省级总结",
            Claim("summaries_expected", f"{expected:,d}"),
            "份，",
            *_sent_summaries(marts, sent),
            "。" + ("未按时上传的有：" if missing else "各省份均已按时上传全部总结。"),
            Claim("summaries_lacking", missing),
            "。" if missing else "",
        ),
        Table(
            "省级考核和年度工作报告情况（按任务）",
            (
                Column("重点任务", 8, "left"),
                Column("应报单位", 3),
                Column("报告上传率", 4),
                Column("省级考核率", 4),
                Column("考核平均分", 4),
                Column("上传总结省份", 4),
            ),
            tuple(
                (
                    task_name(marts, row["task_code"]),
                    row.figure("units_expected"),
                    row.figure("report_file_rate"),
                    row.figure("assessed_rate"),
                    row.figure("mean_assessment_score"),
                    row.figure("provincial_summaries"),
                )
                for row in marts.rows("agg_national_task")
            ),
            "考核分由各省份自行评定，省份之间比较应当慎重。",
        ),
    ]
    return found


def _sent_summaries(marts: Marts, sent: int) -> list[Run]:
    if not sent:
        return ["截至截止时间", Claim("summaries_sent", NOT_YET), "上传的"]
    number = Claim("summaries_sent", f"{sent:,d}")
    return ["截至截止时间上传", number, "份，上传率", marts.nation.figure("summary_rate")]


def _exclusions(marts: Marts) -> list[Block]:
    """Return a paragraph about excluded values and a table of the reasons."""
    reasons: Counter[str] = Counter()
    for value in marts.excluded:
        code = value["exclusion_code"]
        reasons[code if code in code_names("exclusion_code") else "rules"] += 1
    ordered = ranked(marts.rows("province_scorecard"), "excluded_rate")
    above_zero = [row for row in ordered if row["is_ranked"] and row["excluded_rate"] > 0]
    highest = without_ties(above_zero, "excluded_rate", _NAMED)
    runs: list[Run] = [
        "按填报要求和校验规则，无法识别、应为整数而非整数、超出允许范围或者违反阻断性规则的填报值"
        "不计入任何汇总数。",
    ]
    if not marts.excluded:
        runs += ["本年度", Claim("excluded/-", NONE), "被剔除的填报值。"]
        return [heading("数据剔除情况"), Paragraph(tuple(runs))]
    runs += [
        "本年度共剔除",
        Claim("excluded/-", f"{len(marts.excluded):,d}"),
        "项填报值，占全部填报值的",
        marts.nation.figure("excluded_rate"),
        "。",
    ]
    if highest:
        runs.append("剔除率最高的是")
        runs += named_provinces(marts, highest, "highest_excluded", "excluded_rate")
        runs.append("。")
    runs.append("逐项清单及更正办法见各省份通报。")
    found: list[Block] = [heading("数据剔除情况"), Paragraph(tuple(runs))]
    if reasons:
        names = {**code_names("exclusion_code"), "rules": "违反阻断性校验规则"}
        found.append(
            Table(
                "剔除原因",
                (Column("原因", 6, "left"), Column("代码", 3, "center"), Column("填报值（项）", 3)),
                tuple(
                    (
                        names[code],
                        "—" if code == "rules" else code,
                        Claim(f"excluded_by/{code}", count(number)),
                    )
                    for code, number in sorted(reasons.items(), key=lambda item: -item[1])
                ),
            )
        )
    return found

"""Section of the national bulletin: problems by threshold, with the provinces concerned."""

from __future__ import annotations

from collections import Counter

from orchestration.bulletin.content import Block, Claim, Run, heading, paragraph
from orchestration.bulletin.contradictions import contradictions_by_kind, named_subjects
from orchestration.bulletin.grammar import Problem, load_texts
from orchestration.bulletin.marts import Marts
from orchestration.bulletin.parts import provinces_lacking_summaries, task_name
from orchestration.bulletin.problems import (
    beyond,
    beyond_last_year,
    is_incomplete,
    late_targets,
    limit_text,
    share_text,
)
from orchestration.bulletin.sections import Place
from orchestration.bulletin.wording import listed
from orchestration.figures.claims import Evidence, counts
from orchestration.figures.numbers import count
from orchestration.figures.wording import UNIT_NAME, category_name, clean, level_names

IN = ("national",)
ORDER = 30
TITLE = "存在的主要问题"

#: National units that reported nothing, in the order of the list of absent units.
_SILENT_NATIONAL = (
    "select d.unit_name from lake.marts.fct_unit_year y "
    "join lake.marts.dim_unit d using (year, unit_code) "
    "join lake.marts.dim_region r on r.province_code = y.province_code "
    "where y.year = $year and not y.has_reported and y.level = 'national' "
    "order by r.display_order, y.unit_code"
)


def _silent_national(evidence: Evidence, _: str) -> str:
    rows = evidence.con.execute(_SILENT_NATIONAL, {"year": evidence.year}).fetchall()
    return listed([clean(name, UNIT_NAME) for (name,) in rows])


CLAIMS = {
    "silent_national": _silent_national,
    "silent_national_count": counts(
        "select count(*) from lake.marts.fct_unit_year "
        "where year = $year and not has_reported and level = 'national'"
    ),
}

#: Provinces or targets named with their figure; the attachments have all of them. The bulletin of
#: 2018 names its three lowest; five fit in one sentence.
_NAMED = 5


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return a paragraph for each kind of problem that was found."""
    found = [*_missing_reports(marts), *_late_targets(marts)]
    for problem in load_texts().problems:
        found += _by_threshold(marts, problem)
    found += [*_contradictions(marts), *_left_to_put_right(marts)]
    return found or [paragraph("按照本通报采用的标准，未发现突出问题。")]


def _missing_reports(marts: Marts) -> list[Block]:
    """Return the paragraph about units and provinces that sent nothing."""
    silent = [unit for unit in marts.absent if not unit["has_reported"]]
    runs: list[Run] = []
    if silent:
        runs += ["未报送年度绩效数据的建设单位", Claim("units/silent/-", f"{len(silent):,}"), "家"]
        named = [unit["unit_name"] for unit in silent if unit["level"] == "national"]
        if named:
            number = Claim("silent_national_count", str(len(named)))
            names = Claim("silent_national", listed(named))
            runs += ["，其中国家级", number, "家：", names]
        runs.append("。名单见附件。")
    lacking = provinces_lacking_summaries(marts)
    if lacking:
        runs += [
            "未按时上传分任务省级总结的省份：",
            Claim("summaries_lacking", lacking),
            "。",
        ]
    return [heading("部分单位和省份未报送"), paragraph(*runs)] if runs else []


def _late_targets(marts: Marts) -> list[Block]:
    """Return the paragraph about national targets that are behind the time elapsed."""
    rows = late_targets(marts)
    if not rows:
        return []
    runs: list[Run] = [
        "时间已过",
        rows[0].in_prose("time_elapsed_rate"),
        "，完成进度低于序时进度的目标",
    ]
    if len(rows) > 1:
        runs += ["有", Claim("targets_behind", str(len(rows))), "项，"]
    if len(rows) == 1 or len(rows) > _NAMED:
        runs.append("最低的是" if len(rows) > _NAMED else "是")
    for place, row in enumerate(rows[:_NAMED], 1):
        kind = category_name(row["task_code"], row["category"]) if row["category"] else ""
        name = f"{task_name(marts, row['task_code'])}（{level_names()[row['level']]}{kind}）"
        runs += [
            "、" if place > 1 else "",
            Claim(f"behind/{place}", name),
            row.in_prose("progress_rate"),
        ]
    return [heading("部分任务进展低于序时进度"), paragraph(*runs, "。")]


def _by_threshold(marts: Marts, problem: Problem) -> list[Block]:
    """Return the paragraph that names the provinces beyond a threshold."""
    rows = beyond(marts, problem)
    if not rows:
        return []
    is_below = problem.comparison == "below"
    runs: list[Run] = [
        marts.catalogue.measures[problem.measure].name,
        f"{'低于' if is_below else '高于'}{limit_text(problem)}的",
    ]
    if len(rows) > 1:
        number = Claim(f"beyond_count/{problem.problem}", str(len(rows)))
        runs += ["有", number, "个省份，"]
    if len(rows) > _NAMED:
        runs.append("最低的" if is_below else "最高的")
    if len(rows) == 1 or len(rows) > _NAMED:
        runs.append("是")
    for place, row in enumerate(rows[:_NAMED], 1):
        name = marts.catalogue.regions[row["province_code"]].short_name
        value = row.figure_with_text(problem.measure, share_text(row[problem.measure], problem))
        claim = Claim(f"beyond/{problem.problem}/{place}", name)
        runs += ["、" if place > 1 else "", claim, "（", value, "）"]
    runs.append("。")
    if problem.measure == "target_met_rate" and is_incomplete(marts):
        runs.append("未报送单位的目标未计为完成。")
    again = beyond_last_year(marts, problem, rows)
    if again:
        runs += ["其中" if len(rows) > 1 else ""]
        runs += [Claim(f"beyond_again/{problem.problem}", "、".join(again)), "上年度也在此列。"]
    return [heading(problem.title_zh), paragraph(*runs)]


def _contradictions(marts: Marts) -> list[Block]:
    """Return a paragraph for each kind of contradiction."""
    found: list[Block] = []
    for kind, rows in contradictions_by_kind(marts):
        is_of_units = rows[0]["unit_code"] is not None
        names = Claim(f"contradictory/{kind}", named_subjects(rows))
        number = Claim(f"contradictions/{kind}", f"{len(rows):,}")
        found.append(
            paragraph(
                rows[0]["title_zh"], "有", number, "家：" if is_of_units else "个：", names, "。"
            )
        )
    return [heading("报送、考核和认定结果前后矛盾"), *found] if found else []


def _left_to_put_right(marts: Marts) -> list[Block]:
    """Return the sentence about what verifications found and units have not put right."""
    left = Counter(row["rectification_state"] for row in marts.verifications)
    if not left["open"] + left["overdue"]:
        return []
    runs: list[Run] = [
        "抽查核查发现的问题尚未完成整改的",
        Claim("verification/left/-", count(left["open"] + left["overdue"])),
        "项",
    ]
    if left["overdue"]:
        runs += ["，其中逾期", Claim("verification/overdue/-", count(left["overdue"])), "项"]
    return [paragraph(*runs, "，清单见附件。")]

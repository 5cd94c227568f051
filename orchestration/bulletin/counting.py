"""Phrases about how many of a number: none, one, some or all of them.

Belongs here: phrases that several sections share, each from a row or from numbers, and how those
that are claims are recomputed. Doesn't belong here: finding what is counted (``problems``).
"""

from __future__ import annotations

from orchestration.bulletin.content import Claim, Run
from orchestration.bulletin.marts import Marts, Row
from orchestration.figures.claims import texts
from orchestration.figures.numbers import NONE, NOT_YET
from orchestration.figures.wording import level_names

__all__ = [
    "CLAIMS",
    "level_runs",
    "national_targets",
    "reached",
    "reported_beside",
    "reported_runs",
    "target_runs",
]

CLAIMS = {
    # What is said of the national targets after their number.
    "targets_reached": texts(
        "with n as (select count(*) as n, count(*) filter (where progress_rate >= 1) as r, "
        "count(*) filter (where progress_rate < time_elapsed_rate) as b "
        "from lake.marts.agg_national_target where year = $year), "
        "w as (select *, if(n > 1, '均', '') as every from n) "
        "select case when r = n then every || '已达到' "
        "when r = 0 and b = 0 then format('{0}尚未达到，{0}不低于序时进度', every) "
        "when r = 0 and b = n then format('{0}尚未达到，且{0}低于序时进度', every) "
        "when r = 0 then format('均尚未达到，其中{}项低于序时进度', b) "
        "when b = 0 then format('中{}项已达到，其余{}项不低于序时进度', r, n - r) "
        "when b = n - r then format('中{}项已达到，其余{}项低于序时进度', r, b) "
        "else format('中{}项已达到，{}项低于序时进度', r, b) end from w"
    ),
}


def reached(targets: int, reached: int, behind: int) -> str:
    """Return what is said of targets after their number.

    Args:
        reached: how many of them are reached.
        behind: how many of them are behind the time elapsed; none of them is reached.
    """
    every = "均" if targets > 1 else ""
    left = targets - reached
    if not left:
        return f"{every}已达到"
    if reached:
        pace = {0: f"其余{left}项不低于序时进度", left: f"其余{left}项低于序时进度"}
        return f"中{reached}项已达到，{pace.get(behind, f'{behind}项低于序时进度')}"
    pace = {0: f"{every}不低于序时进度", left: f"且{every}低于序时进度"}
    return f"{every}尚未达到，{pace.get(behind, f'其中{behind}项低于序时进度')}"


def national_targets(marts: Marts) -> list[Run]:
    """Return the sentence about the national targets; empty if there are none."""
    targets = marts.rows("agg_national_target")
    if not targets:
        return []
    years = "、".join(map(str, sorted({row["target_year"] for row in targets})))
    done = sum(row["progress_rate"] >= 1 for row in targets)
    behind = sum(row["progress_rate"] < row["time_elapsed_rate"] for row in targets)
    return [
        f"对照{years}年建设目标，",
        Claim("targets", str(len(targets))),
        "项数量目标",
        Claim("targets_reached", reached(len(targets), done, behind)),
        "。",
    ]


def level_runs(row: Row) -> list[Run]:
    """Return how many units are expected, and how many of each level.

    Args:
        row: row of ``agg_national_task`` or ``agg_province_task`` with expected units.
    """
    found: list[Run] = ["应报单位", row.figure("units_expected"), "家"]
    levels = [level for level in level_names() if row[f"units_{level}"]]
    if len(levels) == 1:
        all_of_them = "，均为" if row["units_expected"] > 1 else "，为"
        return [*found, all_of_them + level_names()[levels[0]]]
    for index, level in enumerate(levels):
        found += [
            ("、" if index else "，其中") + level_names()[level],
            row.figure(f"units_{level}"),
            "家",
        ]
    return found


def reported_runs(row: Row, *, in_prose: bool = False) -> list[Run]:
    """Return how many of the expected units have reported, and how many of them on time.

    Args:
        row: row of a scorecard, of ``agg_national_task`` or of ``agg_province_task``.
        in_prose: in whole per cents, and only the rate of the reports on time.
    """
    if not row["units_reported"]:
        return [row.figure_with_text("units_reported", NOT_YET), "报送的"]
    none: list[Run] = [row.figure_with_text("units_on_time", NONE), "按时报送的"]
    if in_prose:
        rate: list[Run] = (
            ["按时报送率", row.in_prose("on_time_rate")] if row["units_on_time"] else none
        )
        return ["已报送", row.in_prose("units_reported"), "家，", *rate]
    on_time: list[Run] = ["其中按时报送", row.figure("units_on_time"), "家，按时报送率"]
    return [
        "已报送",
        row.figure("units_reported"),
        "家，报送率",
        row.figure("reporting_rate"),
        "；",
        *([*on_time, row.figure("on_time_rate")] if row["units_on_time"] else none),
    ]


def reported_beside(own: Row, nation: Row) -> list[Run]:
    """Return how many units of a province have reported, with the nation's rates in brackets."""
    if not own["units_reported"]:
        return [*reported_runs(own), "（全国报送率", nation.figure("reporting_rate"), "）"]
    on_time: list[Run] = ["按时报送", own.figure("units_on_time"), "家，按时报送率"]
    on_time += [own.figure("on_time_rate"), "（全国"]
    if not own["units_on_time"]:
        on_time = [own.figure_with_text("units_on_time", NONE), "按时报送的（全国按时报送率"]
    return [
        "已报送",
        own.figure("units_reported"),
        "家，报送率",
        own.figure("reporting_rate"),
        "（全国",
        nation.figure("reporting_rate"),
        "）；",
        *on_time,
        nation.figure("on_time_rate"),
        "）",
    ]


def target_runs(row: Row) -> list[Run]:
    """Return the targets of units' plans: set, met, not met, without a value; or nothing.

    Args:
        row: row of ``agg_national_task`` or ``agg_province_task``.
    """
    if not row["targets_set"]:
        return []
    found: list[Run] = ["。建设方案设定年度目标", row.figure("targets_set"), "项"]
    parts = [
        (before, row.figure(column), after)
        for column, before, after in (
            ("targets_met", "完成", "项"),
            ("targets_not_met", "未完成", "项"),
            ("targets_without_value", "", "项没有采用值（未报或被剔除）"),
        )
        if row[column]
    ]
    if len(parts) > 1:
        for before, figure, after in parts:
            found += ["，" + before, figure, after]
    else:
        every = "均" if row["targets_set"] > 1 else ""
        kinds = {row["targets_met"]: "已完成", row["targets_not_met"]: "未完成"}
        what = kinds.get(row["targets_set"], "没有采用值（未报或被剔除）")
        found.append(f"，{every}{what}")
    return [*found, "，目标完成率", row.figure("target_met_rate")]

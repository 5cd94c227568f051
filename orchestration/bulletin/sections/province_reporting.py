"""Section of provincial bulletins: reporting by task, units that are missing or late."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Claim, Column, Run, Table, heading, paragraph
from orchestration.bulletin.counting import reported_beside
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import lacking_summaries, units_heading
from orchestration.bulletin.sections import Place
from orchestration.bulletin.wording import address, moment
from orchestration.figures.claims import PLACES, texts
from orchestration.figures.wording import level_names

IN = ("province",)
ORDER = 10
TITLE = "绩效数据采集情况"

CLAIMS = {
    "province_summaries_lacking": texts(
        "select province_code, string_agg(task_code, '、' order by task_code) "
        "from lake.marts.agg_province_task "
        "where year = $year and units_expected > 0 and not has_provincial_summary group by 1",
        PLACES,
    ),
}


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return reporting of the province and of its tasks, and lists of missing and late units."""
    score = marts.find("province_scorecard", place.code)
    if score is None:
        return [paragraph("本年度没有应报建设单位。")]
    rows = marts.rows("agg_province_task", province_code=place.code)
    lacking = lacking_summaries(marts, place.code)
    found: list[Block] = [
        heading("总体情况"),
        paragraph(
            f"截至{moment(marts.period.cutoff_at)}，{address(place.name)}应报建设单位",
            score.figure("units_expected"),
            "家，",
            *reported_beside(score, marts.nation),
            "。" + ("未按时上传省级总结的任务：" if lacking else "各任务省级总结均已按时上传。"),
            Claim(f"province_summaries_lacking/{place.code}", "、".join(lacking)),
            "。" if lacking else "",
        ),
        Table(
            "分任务采集情况",
            (
                Column("重点任务", 8, "left"),
                Column("应报", 2),
                Column("已报", 2),
                Column("按时", 2),
                Column("按时报送率", 4),
                Column("报告上传率", 4),
                Column("考核率", 4),
                Column("平均分", 3),
                Column("总结", 2, "center"),
            ),
            tuple(_task_row(marts, row) for row in rows if row["units_expected"]),
        ),
    ]
    units = [unit for unit in marts.absent if unit["province_code"] == place.code]
    for title, state, chosen in (
        ("未报送单位", "silent", [u for u in units if not u["has_reported"]]),
        ("逾期报送单位", "late", [u for u in units if u["has_reported"]]),
    ):
        if chosen:
            units_named = tuple(
                (
                    unit["unit_name"],
                    unit["unit_code"],
                    marts.catalogue.tasks[unit["task_code"]].name,
                    level_names()[unit["level"]],
                )
                for unit in chosen
            )
            columns = (
                Column("单位", 8, "left"),
                Column("代码", 5, "left"),
                Column("重点任务", 7, "left"),
                Column("级别", 2, "center"),
            )
            found += [
                units_heading(title, state, place.code, len(chosen)),
                Table(f"{title}名单", columns, units_named),
            ]
    return found


def _task_row(marts: Marts, row: Row) -> tuple[Run, ...]:
    return (
        marts.catalogue.tasks[row["task_code"]].name,
        row.figure("units_expected"),
        row.figure("units_reported"),
        row.figure("units_on_time"),
        row.figure("on_time_rate"),
        row.figure("report_file_rate"),
        row.figure("assessed_rate"),
        row.figure("mean_assessment_score"),
        "有" if row["has_provincial_summary"] else "无",
    )

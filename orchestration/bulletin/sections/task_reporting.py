"""Section of task bulletins: reporting of the task's units by province."""

from __future__ import annotations

from orchestration.bulletin.content import Block, Claim, Column, Run, Table, paragraph
from orchestration.bulletin.counting import reported_runs
from orchestration.bulletin.marts import Marts, Row
from orchestration.bulletin.parts import tile_map
from orchestration.bulletin.sections import Place
from orchestration.bulletin.task_ranks import rank_note, rank_run
from orchestration.bulletin.wording import listed, moment
from orchestration.figures.claims import PLACES, counts, texts
from orchestration.figures.numbers import MISSING

IN = ("task",)
ORDER = 10
TITLE = "绩效数据采集情况"

CLAIMS = {
    # Number of provinces from which a summary is expected.
    "task_provinces": counts(
        "select task_code, count(*) from lake.marts.agg_province_task "
        "where year = $year and units_expected > 0 group by 1",
        PLACES,
    ),
    "task_summaries_lacking": texts(
        "select t.task_code, string_agg(r.short_name, '、' order by r.display_order) "
        "from lake.marts.agg_province_task t join lake.marts.dim_region r using (province_code) "
        "where t.year = $year and t.units_expected > 0 and not t.has_provincial_summary group by 1",
        PLACES,
    ),
}


def blocks(marts: Marts, place: Place) -> list[Block]:
    """Return the nation's reporting, a map and a table of the provinces."""
    nation = marts.row("agg_national_task", place.code)
    rows = [
        row
        for row in marts.rows("agg_province_task", task_code=place.code)
        if row["units_expected"]
    ]
    if not rows:
        return [paragraph("本年度没有应报建设单位。")]
    lacking = [
        marts.catalogue.regions[row["province_code"]].short_name
        for row in rows
        if not row["has_provincial_summary"]
    ]
    by_province = {row["province_code"]: row for row in rows}
    return [
        paragraph(
            f"截至{moment(marts.period.cutoff_at)}，",
            Claim(f"task_provinces/{place.code}", str(len(rows))),
            "个省份应报建设单位",
            nation.figure("units_expected"),
            "家，",
            *reported_runs(nation),
            "。年度工作报告上传率",
            nation.figure("report_file_rate"),
            "，省级考核率",
            nation.figure("assessed_rate"),
            "。" + ("未按时上传省级总结的省份有" if lacking else "各省份均已按时上传省级总结。"),
            Claim(f"task_summaries_lacking/{place.code}", listed(lacking, 40)),
            "。" if lacking else "",
        ),
        tile_map(marts, by_province, "on_time_rate", "各省份按时报送率"),
        _provinces_table(marts, nation, by_province),
    ]


def _place_row(name: str, row: Row, on_time_rank: Run, targets_rank: Run) -> tuple[Run, ...]:
    return (
        name,
        row.figure("units_expected"),
        row.figure("units_on_time"),
        row.figure("on_time_rate"),
        on_time_rank,
        row.figure("units_national"),
        row.figure("units_provincial"),
        row.figure("target_met_rate"),
        targets_rank,
        row.figure("mean_assessment_score"),
    )


def _provinces_table(marts: Marts, nation: Row, rows: dict[str, Row]) -> Table:
    lines = []
    for region in marts.regions:
        if row := rows.get(region.code):
            ranks = (
                rank_run(marts, region.code, row["task_code"], measure)
                for measure in ("on_time_rate", "target_met_rate")
            )
            lines.append(_place_row(region.short_name, row, *ranks))
    return Table(
        "各省份情况",
        (
            Column("省份", 3, "left"),
            Column("应报", 2),
            Column("按时", 2),
            Column("按时报送率", 4),
            Column("名次", 4),
            Column("国家级", 3),
            Column("省级", 2),
            Column("目标完成率", 4),
            Column("名次", 4),
            Column("考核平均分", 3),
        ),
        (*lines, _place_row("全国", nation, MISSING, MISSING)),
        rank_note() + "考核分由各省份自行评定，省份之间比较应当慎重，不列名次。",
    )

"""Daily digests of the provinces: units that have not reported, errors, rejected files.

Belongs here: reading the digests' lists and counts, and the digest as a workbook. No contact data
is read. Doesn't belong here: writing the pages (``run``).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import struck
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.intake.places import MINISTRY
from orchestration.intake.receipts import same_object
from orchestration.lakehouse.records import unreached_rows
from orchestration.lakehouse.rows import rows_as_dicts
from orchestration.workbook import put_text, workbook_bytes

__all__ = ["CODE_LABEL", "COUNTS", "SHEETS", "Digest", "digest_workbook", "province_digests"]

CODE_LABEL = "确认码（签字确认时填入“确认内容摘要”）"
#: Counts of a digest (columns of ``publication.daily_digests``) → Chinese names.
COUNTS = {
    "units_expected": "应报单位",
    "units_reported": "已报送单位",
    "units_with_errors": "有错误的单位",
    "units_late": "仅逾期报送的单位",
    "objects_rejected": "被拒收的文件",
    "units_unassessed": "未考核的单位",
    "summaries_missing": "缺分任务总结的任务",
    "documents_returned": "退回后未重新报送的文档",
}
_RETURNED_COLUMNS = (
    ("unit_code", "单位代码", 18), ("unit_name", "单位名称", 40), ("document", "文档", 30),
    ("sender", "退回方", 10), ("returned_on", "退回日期", 12), ("reason", "退回理由", 50),
    ("due_on", "修改期限", 12),
)  # fmt: skip
#: Lists of a digest → title and columns (name, label, width in characters).
SHEETS: dict[str, tuple[str, tuple[tuple[str, str, int], ...]]] = {
    "absent": (
        "未报送单位",
        (("unit_code", "单位代码", 18), ("unit_name", "单位名称", 40), ("task", "任务", 36),
         ("remark", "情况", 24)),
    ),
    "faulty": (
        "有错误的单位",
        (("unit_code", "单位代码", 18), ("unit_name", "单位名称", 40), ("task", "任务", 36),
         ("errors", "错误数", 8), ("warnings", "提示数", 8), ("explained", "已说明", 8),
         ("first", "首要问题", 70)),
    ),
    "rejected": (
        "被拒收的文件",
        (("object_key", "文件", 60), ("message", "原因", 70)),
    ),
    "unassessed": (
        "未考核的单位",
        (("unit_code", "单位代码", 18), ("unit_name", "单位名称", 40), ("task", "任务", 36)),
    ),
    "figures": (
        "供签字确认的数据",
        (("task", "任务", 36), ("units_expected", "应报单位", 10),
         ("units_on_time", "按时报送", 10), ("units_assessed", "已考核", 10),
         ("values_counted", "采用的填报值", 14), ("confirmation", "签字确认", 40)),
    ),
    "returned": ("退回后未重新报送的文档", _RETURNED_COLUMNS),
    "answered": ("退回后已重新报送的文档", _RETURNED_COLUMNS),
    "unreached": (
        "通知邮件未送达的单位",
        (("unit_code", "单位代码", 18), ("unit_name", "单位名称", 40), ("remark", "情况", 40)),
    ),
    "summaries": (
        "缺分任务总结的任务",
        (("task", "任务", 36), ("units_expected", "应报单位", 10)),
    ),
}  # fmt: skip


@dataclass
class Digest:
    """A province's digest of a day.

    Attributes:
        lists: name in ``SHEETS`` → rows.
        counts: name in ``COUNTS`` → number.
        code: what the province gives as ``document_digest`` when it confirms the figures.
        figures: task code → digest of the task's figures.
        before: row of the last earlier day in ``publication.daily_digests``, or None.
    """

    province_code: str
    province: str
    day: date
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    code: str = ""
    figures: dict[str, str] = field(default_factory=dict)
    before: dict[str, Any] | None = None


_UNITS = """
with findings as (
    select unit_code, count(*) filter (where severity = 'error') as errors,
        count(*) filter (where severity = 'warning') as warnings,
        count(explained_by) as explained,
        min(concat(severity, ' ', code, ' ', message_zh)) as first
    from lake.quality.submission_errors
    where year = $year and unit_code is not null group by unit_code
)
select u.unit_code, u.province_code, u.task_code, d.unit_name, u.has_reported, u.is_on_time,
    u.assessment_grade is null and u.assessment_score is null as is_unassessed,
    coalesce(f.errors, 0) as errors, coalesce(f.warnings, 0) as warnings,
    coalesce(f.explained, 0) as explained, f.first
from lake.marts.fct_unit_year as u
join lake.marts.dim_unit as d using (year, unit_code)
left join findings as f on f.unit_code = u.unit_code
where u.year = $year order by u.unit_code
"""
_REJECTED = f"""
select o.province_code, o.object_key, min(concat(e.code, ' ', e.message_zh)) as message
from lake.raw.objects as o
left join lake.quality.submission_errors as e
    on e.year = $year and {same_object("o", "e")} and e.severity = 'error'
where o.year = $year and o.status = 'rejected'
group by o.province_code, o.object_key order by o.object_key
"""
_SUMMARIES = """
select province_code, task_code, units_expected from lake.marts.agg_province_task
where year = $year and units_expected > 0 and not has_provincial_summary
order by province_code, task_code
"""
_RETURNED = """
select r.*, d.unit_name, cast(timezone('Asia/Shanghai', timezone('UTC', r.returned_at)) as date)
    as returned_on
from lake.quality.returned_documents as r
left join lake.marts.dim_unit as d using (year, unit_code)
where r.year = $year and r.state in ('pending', 'answered')
order by r.unit_code, r.returned_at, r.return_document_id
"""
_FIGURES = """
select f.*, c.state, c.signed_on from lake.quality.province_figures as f
join lake.quality.confirmations as c using (year, province_code, task_code)
where f.year = $year order by f.province_code, f.task_code
"""
#: State of a confirmation → words; ``{day}`` is the day of the signature.
_CONFIRMATIONS = {
    "confirmed": "已确认（{day}）",
    "changed": "确认（{day}）后数据有变动，须重新确认",
    "unmatched": "所填确认内容摘要与本省日报不符",
    "unconfirmed": "未确认",
}
#: Outcome of the last letter → what is to be done.
_UNREACHED_REMARKS = {
    "refused": "邮件服务器拒收，请更新登记的邮箱",
    "bounced": "邮件被退回，请更新登记的邮箱",
    "unaddressed": "登记信息中没有可用的邮箱",
}
_BEFORE = """
select * from lake.publication.daily_digests where year = $year and day < $day
qualify row_number() over (partition by province_code order by day desc) = 1
"""


def province_digests(con: duckdb.DuckDBPyConnection, year: int, day: date) -> list[Digest]:
    """Return every province's digest of a day, in the order of the regions."""
    catalogue = load_catalogue()
    found = {
        code: Digest(code, region.name, day, {name: [] for name in SHEETS})
        for code, region in catalogue.regions.items()
    }
    expected: dict[str, int] = {}
    reported: dict[str, int] = {}
    late: dict[str, int] = {}
    returned = rows_as_dicts(con.execute(_RETURNED, {"year": year}))
    without_other = {
        row["unit_code"]
        for row in returned
        if row["document_type"] == "performance" and row["state"] == "pending"
    }
    names: dict[str, str] = {}
    for row in rows_as_dicts(con.execute(_UNITS, {"year": year})):
        digest = found[row["province_code"]]
        names[row["unit_code"]] = row["unit_name"]
        code = row["province_code"]
        row["task"] = f"{row['task_code']} {catalogue.tasks[row['task_code']].name}"
        expected[code] = expected.get(code, 0) + 1
        reported[code] = reported.get(code, 0) + bool(row["has_reported"])
        late[code] = late.get(code, 0) + bool(row["has_reported"] and not row["is_on_time"])
        if not row["is_on_time"]:
            row["remark"] = "仅逾期报送" if row["has_reported"] else "未报送"
            if row["unit_code"] in without_other:
                row["remark"] = "已退回，未重新报送"
            digest.lists["absent"].append(row)
        if row["errors"]:
            row["first"] = str(row["first"]).removeprefix("error ")
            digest.lists["faulty"].append(row)
        if row["is_unassessed"]:
            digest.lists["unassessed"].append(row)
    for row in rows_as_dicts(con.execute(_FIGURES, {"year": year})):
        digest = found[row["province_code"]]
        digest.figures[row["task_code"]] = row["figures_digest"]
        row["task"] = f"{row['task_code']} {catalogue.tasks[row['task_code']].name}"
        row["confirmation"] = _CONFIRMATIONS[row["state"]].format(day=row["signed_on"])
        digest.lists["figures"].append(row)
    for row in returned:
        row["document"] = f"{DOCUMENT_TYPES[row['document_type']].label_zh} {row['document_id']}"
        row["sender"] = "教育部" if row["returned_by"] == MINISTRY else "本省"
        row["reason"] = row["reason"] or ""
        row["due_on"], row["returned_on"] = str(row["due_on"] or ""), str(row["returned_on"])
        found[row["province_code"]].lists[row["state"].replace("pending", "returned")].append(row)
    for row in rows_as_dicts(con.execute(_REJECTED, {"year": year})):
        if row["province_code"] in found:
            row["object_key"] = struck(row["object_key"])
            found[row["province_code"]].lists["rejected"].append(row)
    for row in unreached_rows(con, year):
        if row["unit_code"] in names:
            row["remark"] = _UNREACHED_REMARKS[row["outcome"]]
            row["unit_name"] = names[row["unit_code"]]
            found[row["province_code"]].lists["unreached"].append(row)
    for row in rows_as_dicts(con.execute(_SUMMARIES, {"year": year})):
        row["task"] = f"{row['task_code']} {catalogue.tasks[row['task_code']].name}"
        found[row["province_code"]].lists["summaries"].append(row)
    before = {
        row["province_code"]: row
        for row in rows_as_dicts(con.execute(_BEFORE, {"year": year, "day": day}))
    }
    for code, digest in found.items():
        content = json.dumps([year, code, digest.figures], sort_keys=True)
        digest.code = hashlib.sha256(content.encode()).hexdigest()
        digest.before = before.get(code)
        digest.counts = {
            "units_expected": expected.get(code, 0),
            "units_reported": reported.get(code, 0),
            "units_with_errors": len(digest.lists["faulty"]),
            "units_late": late.get(code, 0),
            "objects_rejected": len(digest.lists["rejected"]),
            "units_unassessed": len(digest.lists["unassessed"]),
            "summaries_missing": len(digest.lists["summaries"]),
            "documents_returned": len(digest.lists["returned"]),
        }
    return list(found.values())


def digest_workbook(digest: Digest, year: int) -> bytes:
    """Return the digest as XLSX: an overview, then a sheet for each list."""
    workbook = Workbook()
    first = workbook.active
    assert first is not None
    first.title = "概况"
    put_text(first.cell(1, 1), f"{digest.province}{year}年度报送情况（{digest.day}）")
    first.cell(1, 1).font = Font(size=14, bold=True)
    for number, (name, label) in enumerate(COUNTS.items(), start=3):
        put_text(first.cell(number, 1), label)
        first.cell(number, 2).value = digest.counts[name]
        if digest.before:
            first.cell(number, 3).value = digest.before[name]
    last = 4 + len(COUNTS)
    put_text(first.cell(last, 1), CODE_LABEL)
    put_text(first.cell(last, 2), digest.code)
    put_text(first.cell(2, 2), "今日")
    if digest.before:
        put_text(first.cell(2, 3), f"上次（{digest.before['day']}）")
    first.column_dimensions["A"].width = 24
    first.column_dimensions["C"].width = 20
    for name, (title, columns) in SHEETS.items():
        sheet = workbook.create_sheet(title)
        for at, (_, label, width) in enumerate(columns, start=1):
            cell = sheet.cell(1, at)
            put_text(cell, label)
            cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="E7E6E6")
            sheet.column_dimensions[get_column_letter(at)].width = width
        for number, row in enumerate(digest.lists[name], start=2):
            for at, (column, _, _) in enumerate(columns, start=1):
                cell = sheet.cell(number, at)
                if isinstance(row[column], int):
                    cell.value = row[column]
                else:
                    put_text(cell, row[column])
                    cell.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.freeze_panes = "A2"
    return workbook_bytes(workbook)

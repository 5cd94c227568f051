"""The pages of a rehearsal, in Chinese: one for the nation and one for each province.

Belongs here: the content of the pages: what a province causes to block, and what each of its units
can do now. Doesn't belong here: counts and projections (``counts``), contact data.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import jinja2

from orchestration.core.catalogue import load_catalogue
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.gate import Cause, Finding, GateDecision
from orchestration.lakehouse.rows import rows_as_dicts
from orchestration.receipts import common_page_content, templates
from orchestration.rehearsal.counts import GroupStatus, percent
from orchestration.rehearsal.found import Rehearsal

__all__ = ["national_page", "province_pages"]

_OUTLOOKS = {"passes": "预计达标", "uncertain": "可能不达标", "fails": "预计不达标", "none": "—"}

#: Every expected unit with its open tasks, and the day of its report last year.
_UNIT_TASKS = """
with findings as (
    select unit_code, count(*) filter (where severity = 'error') as errors,
        count(*) filter (where severity = 'warning' and explained_by is null) as warnings,
        min(message_zh) filter (where severity = 'error') as first
    from lake.quality.submission_errors
    where year = $year and unit_code is not null group by unit_code
),
returned as (
    select unit_code, arg_max(reason, returned_at) as reason
    from lake.quality.returned_documents
    where year = $year and document_type = 'performance' and state = 'pending' group by unit_code
),
last_year as (
    select unit_code, min(timezone('Asia/Shanghai', cast(submitted_at as timestamptz))) as at
    from lake.raw.performances where year = $year - 1 group by unit_code
)
select u.unit_code, u.province_code, u.task_code, d.unit_name, u.is_on_time, u.has_reported,
    u.has_report_file, u.indicators_missing, u.assessment_score is null
        and u.assessment_grade is null as is_unassessed,
    coalesce(f.errors, 0) as errors, coalesce(f.warnings, 0) as warnings, f.first,
    cast(l.at as date) as last_year, r.unit_code is not null as is_returned,
    r.reason as return_reason
from lake.marts.fct_unit_year as u
join lake.marts.dim_unit as d using (year, unit_code)
left join findings as f on f.unit_code = u.unit_code
left join last_year as l on l.unit_code = u.unit_code
left join returned as r on r.unit_code = u.unit_code
where u.year = $year order by u.unit_code
"""
_SUMMARIES = """
select province_code, task_code from lake.marts.agg_province_task
where year = $year and units_expected > 0 and not has_provincial_summary
order by province_code, task_code
"""


def national_page(
    con: duckdb.DuckDBPyConnection, found: Rehearsal, decision: GateDecision
) -> bytes:
    """The ministry's page: the gate's findings, the reporting status and its projection."""
    return _render("national.html.j2", con, found, decision=decision)


def province_pages(
    con: duckdb.DuckDBPyConnection, found: Rehearsal, decision: GateDecision
) -> Iterator[tuple[str, bytes]]:
    """Yield key and page (HTML) of every province with expected units."""
    catalogue = load_catalogue()
    to_do: dict[str, list[dict[str, Any]]] = {}
    for row in rows_as_dicts(con.execute(_UNIT_TASKS, {"year": found.year})):
        to_do.setdefault(row["province_code"], []).append(row | {"actions": _actions(row)})
    summaries: dict[str, list[str]] = {}
    for row in rows_as_dicts(con.execute(_SUMMARIES, {"year": found.year})):
        summaries.setdefault(row["province_code"], []).append(row["task_code"])
    for status in found.provinces:
        code = status.key["province_code"]
        units = to_do.get(code, [])
        page = _render(
            "province.html.j2",
            con,
            found,
            region=catalogue.regions[code],
            status=status,
            own=_own_findings(decision, code),
            shared_causes=_national_findings(decision, found, status),
            cells=[cell for cell in found.cells if cell.key["province_code"] == code],
            absent=[unit for unit in units if not unit["is_on_time"]],
            incomplete=[unit for unit in units if unit["is_on_time"] and unit["actions"]],
            unassessed=sum(unit["is_unassessed"] for unit in units),
            summaries=summaries.get(code, []),
        )
        yield f"receipts/year={found.year}/province={code}/rehearsal.html", page


def _own_findings(decision: GateDecision, province: str) -> list[tuple[Finding, list[Cause]]]:
    """The blocking findings that this province causes, each with its causes there."""
    found = [
        (finding, [c for c in finding.causes if c.key.get("province_code") == province])
        for finding in decision.blocking
    ]
    return [(finding, causes) for finding, causes in found if causes]


def _national_findings(
    decision: GateDecision, found: Rehearsal, status: GroupStatus
) -> list[tuple[Finding, str]]:
    """The blocking findings about the whole nation, with this province's part where known."""
    share = percent(status.not_reported, found.nation.not_reported)
    findings = []
    for finding in decision.blocking:
        if any("province_code" in cause.key for cause in finding.causes):
            continue
        part = ""
        if finding.expectation == "on_time_rate_nation":
            here, everywhere = status.not_reported, found.nation.not_reported
            part = f"本省未报送{here:,}个，占全国未报送{everywhere:,}个的{share}%"
        findings.append((finding, part))
    return findings


def _actions(unit: dict[str, Any]) -> list[str]:
    """What a unit can do now, the most important first (Chinese)."""
    if unit["is_returned"]:
        return [f"按退回理由修改后重新报送（{unit['return_reason']}）"]
    if not unit["has_reported"]:
        return ["报送年度绩效数据和年度工作报告"]
    actions = []
    if unit["errors"]:
        actions.append(f"更正{unit['errors']}处错误后重新提交（{unit['first']}）")
    if unit["indicators_missing"]:
        actions.append(f"补报{unit['indicators_missing']}项必填指标")
    if unit["is_on_time"] and not unit["has_report_file"]:
        actions.append("补交年度工作报告")
    if unit["warnings"]:
        actions.append(f"核对{unit['warnings']}处提示，更正或提交情况说明")
    return actions


def _render(name: str, con: duckdb.DuckDBPyConnection, found: Rehearsal, **more: Any) -> bytes:
    """Render a page as UTF-8 HTML."""
    catalogue = load_catalogue()
    environment: jinja2.Environment = templates(Path(__file__).parent)
    body = environment.get_template(name).render(
        **common_page_content(con, found.year),
        found=found,
        at=found.at.astimezone(SHANGHAI),
        outlooks=_OUTLOOKS,
        percent=percent,
        region_names={code: region.short_name for code, region in catalogue.regions.items()},
        task_names={code: f"{code} {task.name}" for code, task in catalogue.tasks.items()},
        **more,
    )
    return body.encode("utf-8", "replace")

"""The Chinese wording of traces: places, columns, reasons.

Belongs here: words that the terminal, ``--json`` and the trace pages share. Doesn't belong here:
the format of numbers in a bulletin (``bulletin.wording``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from orchestration.core.catalogue import Catalogue, Indicator
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.figures.recompute import UnitValue
from orchestration.figures.wording import category_name, code_names

__all__ = [
    "DOCUMENTS",
    "STAGES",
    "beijing",
    "exclusion_reason",
    "place_label",
    "value_reason",
]

DOCUMENTS = {name: described.label_zh for name, described in DOCUMENT_TYPES.items()}
#: Document types that figures are made from.
COUNTED_DOCUMENTS = frozenset(
    name for name, described in DOCUMENT_TYPES.items() if described.decides_figures
)
STAGES = {
    "provincial_recommendation": "省级推荐",
    "national_recognition": "国家认定",
    "warning": "警告",
    "removal": "退出",
}


def beijing(submitted_at: str) -> str:
    """Return a submission time (ISO 8601 with offset) in Beijing time, to the second."""
    at = datetime.fromisoformat(submitted_at).astimezone(SHANGHAI)
    return at.strftime("%Y-%m-%d %H:%M:%S")


def exclusion_reason(catalogue: Catalogue, code: str) -> str:
    """Return the Chinese reason for an exclusion code (of a rule or of a finding)."""
    rule = catalogue.rules.get(code)
    return rule.message_zh if rule else code_names("exclusion_code").get(code, code)


def value_reason(
    catalogue: Catalogue, indicator: Indicator, value: UnitValue
) -> tuple[str | None, str]:
    """Return exclusion code and reason of a value that doesn't count; (None, "") if it counts."""
    if value.exclusion_code:
        return value.exclusion_code, exclusion_reason(catalogue, value.exclusion_code)
    if value.counts(indicator):
        return None, ""
    if indicator.aggregation == "none":
        return None, "该指标不汇总"
    if indicator.aggregation == "ratio":
        for part, name, number, code in (
            (indicator.numerator, "分子", value.numerator, value.numerator_code),
            (indicator.denominator, "分母", value.denominator, value.denominator_code),
        ):
            if number is None:
                why = f"被剔除：{exclusion_reason(catalogue, code)}" if code else "未填报"
                return code, f"{name}{part}{why}"
    return None, "未填报"


def place_label(catalogue: Catalogue, key: Mapping[str, str | None]) -> str:
    """Return the Chinese name of a figure's place: nation or province, task, level and kind."""
    province, task = key.get("province_code"), key.get("task_code")
    region = catalogue.regions.get(province or "")
    parts = [region.name if region else (province or "全国")]
    if task == "ALL":
        parts.append("全部任务")
    elif task:
        known = catalogue.tasks.get(task)
        parts.append(f"{task} {known.name}" if known else task)
    if "level" in key:
        level, kind = key["level"] or "", key["category"]
        parts.append(
            catalogue.levels.get(level, level)
            + (f"·{category_name(task or '', kind)}" if kind else "")
        )
    return " ".join(parts)

"""Additional rows of seeds change the project without a change of its code.

Belongs here: tests with copies of the project that have more rows, from submissions to pages.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestration import stages
from orchestration.bulletin.wording import chinese_number
from orchestration.core.catalogue import load_catalogue
from orchestration.core.settings import Settings
from tests.fixtures.checkout import Checkout
from tests.fixtures.landing import Landing


def _indicator(code: str, name: str, **cells: str) -> dict[str, str]:
    """A row of ``indicators.csv``: a submitted count with the aggregation ``sum``."""
    row = {
        "indicator_code": code, "task_code": code.partition("_")[0], "name_zh": name,
        "name_en": "Added indicator", "unit": "个", "value_type": "count", "aggregation": "sum",
        "hard_min": "0", "hard_max": "100", "is_submitted": "true", "is_required": "true",
        "stock_flow": "flow", "direction": "higher", "provenance": "proposed", "source": "test",
    }  # fmt: skip
    return row | cells


def _rule(rule_id: str, expression: str, indicator_codes: str) -> dict[str, str]:
    return {
        "rule_id": rule_id, "task_code": f"T{rule_id[1:3]}", "category": "range",
        "severity": "blocking", "expression": expression, "indicator_codes": indicator_codes,
        "compares_with_last_year": "false", "message_zh": "新增规则", "message_en": "added rule",
        "fix_hint_zh": "核对",
    }  # fmt: skip


def _sql(checkout: Checkout, query: str) -> list[dict[str, Any]]:
    return list(json.loads(checkout.tongbao("sql", query, "--json")))


@pytest.mark.slow
def test_a_new_indicator_and_a_new_rule_need_only_rows(tmp_path: Path) -> None:
    """A new indicator is taken in, judged and aggregated, and a new rule fires."""
    checkout = Checkout(tmp_path)
    checkout.add("indicators", **_indicator("T05_90", "新增指标", is_required="false"))
    checkout.add("rules", **_rule("R05_90", "T05_90 <= T05_02 / 100", "T05_90"))
    settings = Settings(home=checkout.home, catalog=str(checkout.home / "catalog.sqlite"))
    with stages.open_workspace(settings) as ws:
        landing = Landing(ws.store)
        for number, value in ((1, 7), (2, 9), (3, 50), (4, 101)):
            code = f"T05-110000-000{number}"
            landing.unit(code)
            landing.performance(code, {"T05_02": 1000, "T05_90": value})
    checkout.tongbao("intake", "--year", "2024")
    checkout.tongbao("transform", "--year", "2024")
    # 50 breaks the rule (over 10), 101 the bound.
    assert _sql(
        checkout,
        "select value, units_counted, units_excluded from lake.marts.agg_national_indicator "
        "where year = 2024 and task_code = 'T05' and indicator_code = 'T05_90'",
    ) == [{"value": "16.000000", "units_counted": 2, "units_excluded": 2}]
    assert _sql(
        checkout,
        "select unit_code, code from lake.quality.submission_errors "
        "where indicator_code = 'T05_90' order by 1",
    ) == [
        {"unit_code": "T05-110000-0003", "code": "R05_90"},
        {"unit_code": "T05-110000-0004", "code": "E203"},
    ]


#: 90 s of CPU: two years of a small nation in all stages, in child processes.
@pytest.mark.slow
def test_a_new_task_and_a_new_region_need_only_rows(tmp_path: Path) -> None:
    """A year with an additional task and region passes the gate and is published."""
    checkout = Checkout(tmp_path)
    checkout.add(
        "tasks", task_code="T98", task_name="新增任务", task_name_en="Added", display_order="98"
    )
    checkout.add(
        "task_targets", task_code="T98", level="national", target_count="50", target_year="2025",
        source="test",
    )  # fmt: skip
    checkout.add(
        "regions", province_code="990000", province_name="新增省", short_name="新增",
        province_name_en="Added", area="华中", display_order="98", education_organ="教育厅",
        tile_row="9", tile_column="0",
    )  # fmt: skip
    checkout.add("indicators", **_indicator("T98_01", "场所数", hard_min="1"))
    checkout.add("indicators", **_indicator("T98_02", "其中：开放场所数"))
    checkout.add(
        "indicators",
        **_indicator(
            "T98_03", "开放率", unit="%", value_type="ratio", aggregation="ratio",
            numerator="T98_02", denominator="T98_01", is_submitted="false", stock_flow="derived",
        ),
    )  # fmt: skip
    checkout.add("rules", **_rule("R98_01", "T98_02 <= T98_01", "T98_02;T98_01"))
    checkout.tongbao("demo", "--year", "2024", "--scale", "0.002")
    checkout.tongbao("run", "--year", "2024")

    edition = checkout.home / "out" / "2024" / "edition-1"
    tasks, regions = len(load_catalogue().tasks) + 1, len(load_catalogue().regions) + 1
    assert len(list(edition.glob("tasks/*/bulletin.pdf"))) == tasks
    assert len(list(edition.glob("provinces/*/bulletin.pdf"))) == regions
    assert "新增省" in (edition / "provinces/990000/bulletin.html").read_text("utf-8")
    phrase = f"{chinese_number(tasks)}项重点任务、{chinese_number(regions)}个省份"
    assert phrase in (edition / "index.html").read_text("utf-8")

    truth = json.loads((checkout.home / "demo" / "truth-2024.json").read_text("utf-8"))
    expected = {
        row["indicator_code"]: row["value"]
        for row in truth["years"]["2024"]["agg_national_indicator"]
        if row["task_code"] == "T98"
    }
    found = _sql(
        checkout,
        "select indicator_code, value from lake.marts.agg_national_indicator "
        "where year = 2024 and task_code = 'T98'",
    )
    assert {row["indicator_code"]: row["value"] for row in found} == expected
    assert Decimal(expected["T98_01"]) > 0

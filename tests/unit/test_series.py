"""The two years of an indicator: which units, and when growth is said."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from orchestration.core.catalogue import load_catalogue
from orchestration.core.seeds import SeriesBreak
from orchestration.trace.series import two_years

#: 55 units count this year and 49 counted last year, of which 48 count in both.
ROW: dict[str, Any] = {
    "value": Decimal("14011.52"),
    "units_counted": 55,
    "previous_value": Decimal("11873.22"),
    "previous_units_counted": 49,
    "matched_units": 48,
    "matched_value": Decimal("12592.51"),
    "matched_previous_value": Decimal("11719.55"),
    "matched_change_rate": Decimal("0.074488"),
    "matched_change_points": None,
    "growth_withheld_by": None,
}


def _two_years(code: str, **changed: Any) -> Any:
    catalogue = load_catalogue()
    return two_years(ROW | changed, catalogue.indicators[code], catalogue)


def test_growth_is_said_of_the_same_units_only() -> None:
    found = _two_years("C_04")
    everybody, same = found.lines
    assert everybody.cells == ("11,873.22", "49", "14,011.52", "55", "—")
    assert same.cells == ("11,719.55", "48", "12,592.51", "48", "+7.45%")
    assert "两年均计入48个：本年新计入7个，上年计入、本年未计入1个。" in found.remark
    assert "不表述增减" not in found.remark


def test_a_rate_changes_by_percentage_points() -> None:
    [code] = [
        each.code
        for each in load_catalogue().indicators.values()
        if each.unit == "%" and each.aggregation == "ratio" and each.code.startswith("T05")
    ][:1]
    found = _two_years(code, matched_change_points=Decimal("1.5"))
    assert found.lines[1].change == "+1.50个百分点"


@pytest.mark.parametrize(
    ("code", "withheld", "reason"),
    [
        ("C_04", "least_matched_units", load_catalogue().comparison_rules["least_matched_units"]),
        ("T01_01", "incomparable", load_catalogue().incomparable["T01_01"]),
    ],
)
def test_growth_that_is_not_said_has_a_reason(code: str, withheld: str, reason: Any) -> None:
    found = _two_years(code, growth_withheld_by=withheld)
    assert {line.change for line in found.lines} == {"—"}
    assert found.remark.endswith(f"不表述增减：{reason.reason_zh}。")


def test_growth_over_a_break_in_the_series_says_what_changed() -> None:
    catalogue = load_catalogue()
    cells = {"indicator_code": "C_04", "year": "2024", "reason_zh": "改按年末数", "reason_en": "x"}
    changed = SeriesBreak.model_validate(cells)
    row = {**ROW, "year": 2024, "growth_withheld_by": "series_break"}
    found = two_years(
        row, catalogue.indicators["C_04"], replace(catalogue, breaks={("C_04", 2024): changed})
    )
    assert found.remark.endswith("不表述增减：改按年末数。")


def test_without_a_year_before_nothing_is_compared() -> None:
    nothing = dict.fromkeys(
        ("previous_value", "matched_value", "matched_previous_value", "matched_change_rate")
    )
    found = _two_years(
        "C_04", **nothing, previous_units_counted=None, growth_withheld_by="no_matched_value"
    )
    assert found.lines[0].former == "—"
    assert found.remark.startswith("上年没有计入的单位。不表述增减：")

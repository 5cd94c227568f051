"""The two years of an indicator, over whoever counted in each year and over the same units.

Belongs here: the values of both years with their numbers of units, who is new and who is gone, and
why growth is not said. Doesn't belong here: computing these numbers (dbt) and comparing them with
the units (``figures.recompute``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestration.core.catalogue import Catalogue, Indicator
from orchestration.figures import numbers
from orchestration.figures.numbers import MISSING, exact

__all__ = ["SeriesLine", "TwoYears", "two_years"]


@dataclass(frozen=True)
class SeriesLine:
    """An indicator's values in two years over some units.

    Attributes:
        basis: which units, in Chinese.
        change: change from the former year as printed; ``—`` where it is not said.
    """

    basis: str
    former: str
    present: str
    change: str
    former_units: str
    units: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of a table row, after the basis."""
        return self.former, self.former_units, self.present, self.units, self.change


@dataclass(frozen=True)
class TwoYears:
    """An indicator's row in two years.

    Attributes:
        lines: over all counted units, and over those that count in both years.
        remark: Chinese sentences: the change of units, and why growth is not said.
    """

    lines: tuple[SeriesLine, SeriesLine]
    remark: str


def two_years(row: Mapping[str, Any], indicator: Indicator, catalogue: Catalogue) -> TwoYears:
    """Return the two years of a row of ``agg_national_indicator`` or ``agg_province_indicator``."""
    withheld = row["growth_withheld_by"]
    matched_units = exact(row["matched_units"])
    return TwoYears(
        (
            SeriesLine(
                "全部计入单位",
                exact(row["previous_value"]),
                exact(row["value"]),
                MISSING,
                exact(row["previous_units_counted"]),
                exact(row["units_counted"]),
            ),
            SeriesLine(
                "同口径：两年均计入的单位",
                exact(row["matched_previous_value"]),
                exact(row["matched_value"]),
                MISSING if withheld else _change(row, indicator),
                matched_units,
                matched_units,
            ),
        ),
        _units_sentence(row) + (_reason(row, indicator, catalogue) if withheld else ""),
    )


def _change(row: Mapping[str, Any], indicator: Indicator) -> str:
    if numbers.in_points(indicator):
        return numbers.points(row["matched_change_points"])
    return numbers.change(row["matched_change_rate"])


def _units_sentence(row: Mapping[str, Any]) -> str:
    """Return how the units that count changed from year to year."""
    former, present, both = (
        row[name] for name in ("previous_units_counted", "units_counted", "matched_units")
    )
    if not former:
        return "上年没有计入的单位。"
    if both is None:
        return f"上年计入{exact(former)}个单位，本年计入{exact(present)}个。"
    return (
        f"上年计入{exact(former)}个单位，本年计入{exact(present)}个，两年均计入{exact(both)}个："
        f"本年新计入{exact(present - both)}个，上年计入、本年未计入{exact(former - both)}个。"
        "增减只就同口径表述，全部计入单位的变动含单位增减的影响。"
    )


def _reason(row: Mapping[str, Any], indicator: Indicator, catalogue: Catalogue) -> str:
    withheld = row["growth_withheld_by"]
    if withheld == "series_break":
        reason = catalogue.breaks[indicator.code, row["year"]].reason_zh
    elif withheld in catalogue.comparison_rules:
        reason = catalogue.comparison_rules[withheld].reason_zh
    elif indicator.code in catalogue.incomparable:
        reason = catalogue.incomparable[indicator.code].reason_zh
    else:
        reason = "没有同口径上年值，或者其为0"
    return f"不表述增减：{reason}。"

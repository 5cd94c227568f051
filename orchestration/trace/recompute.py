"""Recomputes figures from the units that a trace lists.

Belongs here: the arithmetic of the marts, in whole numbers of millionths, rounded half up once at
the end. It is written independently of the dbt models, so that an error in either shows as a
difference. Doesn't belong here: reading the lake (``evidence``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from orchestration.core.catalogue import Catalogue, Indicator
from orchestration.figures.numbers import plain
from orchestration.trace.model import Number

__all__ = [
    "RATES",
    "SUMS",
    "Computed",
    "Sum",
    "UnitValue",
    "codes_of",
    "indicator_columns",
    "quotient",
    "rank_of",
    "unit_columns",
]

_MILLION = 10**6


def _millionths(number: Decimal | int) -> int:
    return int(number * _MILLION)


def _decimal_of(micro: int | None, precision: int = 24) -> Decimal | None:
    """Return millionths as a decimal; None if it exceeds the precision, as in the marts."""
    if micro is None or abs(micro) >= 10**precision:
        return None
    return Decimal(micro).scaleb(-6)


def _divide_half_up(numerator: int, denominator: int) -> int:
    """Divide two whole numbers and round half away from zero."""
    size = (2 * abs(numerator) + abs(denominator)) // (2 * abs(denominator))
    return size if (numerator < 0) == (denominator < 0) else -size


def quotient(
    numerator: int | None, denominator: int | None, *, factor: int = 1, precision: int = 18
) -> Decimal | None:
    """Return ``factor × numerator ÷ denominator`` to six places; both numbers have one scale."""
    if numerator is None or not denominator:
        return None
    return _decimal_of(_divide_half_up(numerator * factor * _MILLION, denominator), precision)


@dataclass(frozen=True)
class Computed:
    """A recomputed value and a short text that says how it was computed."""

    value: Any
    how: str


# -- indicators -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnitValue:
    """A unit's value of an indicator, as in ``marts.fct_unit_indicator``.

    Attributes:
        numerator, denominator: the unit's counted values of a ratio's parts.
        numerator_code, denominator_code: exclusion codes of these parts, if they are excluded.
    """

    unit_code: str
    unit_name: str
    province_code: str
    task_code: str
    indicator_code: str
    value: Decimal | None
    target: Decimal | None
    exclusion_code: str | None
    document_id: str | None
    submitted_value: str | None
    numerator: Decimal | None
    denominator: Decimal | None
    numerator_code: str | None
    denominator_code: str | None

    def counts(self, indicator: Indicator) -> bool:
        """Whether the value is counted in the indicator's figure."""
        if indicator.aggregation == "ratio":
            both = self.numerator is not None and self.denominator is not None
            return both and self.exclusion_code is None
        return indicator.aggregation != "none" and self.value is not None


def codes_of(text: str | None) -> set[str]:
    """Return the distinct codes of a ``code_list`` value as submitted."""
    return {part.strip().upper() for part in (text or "").split(";") if part.strip()}


def _sum_millionths(numbers: Iterable[Decimal | None]) -> int | None:
    """Return the sum in millionths; None if there is no number."""
    found = [_millionths(number) for number in numbers if number is not None]
    return sum(found) if found else None


def _millionths_text(micro: int | None) -> str:
    return plain(None if micro is None else Decimal(micro).scaleb(-6))


def indicator_columns(
    indicator: Indicator, values: Sequence[UnitValue], before: Sequence[UnitValue] = ()
) -> dict[str, Computed]:
    """Recompute the columns of an indicator's aggregate.

    Args:
        values: the units' values of the year.
        before: the units' values of the year before, for the comparison.
    """
    counted = [each for each in values if each.counts(indicator)]
    targeted = [each for each in counted if each.target is not None]
    factor = 100 if indicator.unit == "%" else 1
    value = target = attainment = Computed(None, "not aggregated")
    v, t = _sum_millionths(e.value for e in targeted), _sum_millionths(e.target for e in targeted)
    per = f"{_millionths_text(v)} / {_millionths_text(t)}"
    match indicator.aggregation:
        case "sum" | "count_true" | "mean":
            total = _sum_millionths(each.value for each in counted)
            if indicator.aggregation == "mean":
                number = len(counted)
                mean = quotient(total, number * _MILLION, precision=24)
                value = Computed(mean, f"{_millionths_text(total)} / {number} units")
                mean = quotient(t, len(targeted) * _MILLION, precision=24)
                target = Computed(mean, f"{_millionths_text(t)} / {len(targeted)} units")
            else:
                value = Computed(_decimal_of(total), f"sum over {len(counted)} units")
                target = Computed(_decimal_of(t), f"sum over {len(targeted)} units with a target")
            attainment = Computed(quotient(v, t), per)
        case "max":
            value = Computed(_largest_of(counted, "value"), f"largest of {len(counted)} units")
            highest = _largest_of(targeted, "value"), _largest_of(targeted, "target")
            target = Computed(highest[1], f"largest of {len(targeted)} targets")
            if None not in highest:
                of_both = [_millionths(number) for number in highest if number is not None]
                attainment = Computed(quotient(*of_both), " / ".join(map(plain, highest)))
        case "ratio":
            n, d = (
                _sum_millionths(e.numerator for e in counted),
                _sum_millionths(e.denominator for e in counted),
            )
            by = f"{factor} × " if factor != 1 else ""
            value = Computed(
                quotient(n, d, factor=factor, precision=24),
                f"{by}{_millionths_text(n)} / {_millionths_text(d)} over {len(counted)} units",
            )
            n, d = (
                _sum_millionths(e.numerator for e in targeted),
                _sum_millionths(e.denominator for e in targeted),
            )
            # Σ target × denominator, in millionths of millionths.
            weight = sum(
                _millionths(e.target) * _millionths(e.denominator)
                for e in targeted
                if e.target is not None and e.denominator is not None
            )
            if targeted and d:
                target = Computed(
                    _decimal_of(_divide_half_up(weight, d)),
                    f"targets of {len(targeted)} units weighted with their denominators",
                )
            if targeted and n is not None:
                attainment = Computed(
                    quotient(n * _MILLION, weight, factor=factor),
                    f"{by}{_millionths_text(n)} / weighted targets",
                )
        case "count_distinct":
            codes = set().union(*(codes_of(each.submitted_value) for each in counted))
            distinct = Decimal(len(codes) * _MILLION).scaleb(-6)
            value = Computed(distinct if codes else None, f"distinct codes of {len(counted)} units")
    columns = {
        "value": value,
        "target": target,
        "attainment": attainment,
        "units_counted": Computed(len(counted), "units counted"),
        "units_excluded": Computed(
            sum(each.exclusion_code is not None for each in values), "units excluded"
        ),
    }
    last = indicator_columns(indicator, before)["value"] if before else Computed(None, "no value")
    columns["previous_value"] = last
    now, then = columns["value"].value, last.value
    if now is not None and then is not None:
        columns["change_rate"] = Computed(
            quotient(_millionths(now - then), _millionths(then)),
            f"({plain(now)} - {plain(then)}) / {plain(then)}",
        )
    else:
        columns["change_rate"] = Computed(None, "one of the two years has no value")
    return columns


def _largest_of(values: Iterable[UnitValue], column: str) -> Decimal | None:
    found = [getattr(each, column) for each in values]
    return max((number for number in found if number is not None), default=None)


# -- counts of units ------------------------------------------------------------------------

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Sum:
    """A quantity that is summed over units.

    Attributes:
        label_zh: Chinese name.
        of: takes a row of ``evidence.unit_years``; returns what the unit adds, or None.
        kinds: document types that the quantity comes from.
        whole: whether it is a count.
        role: of the seed ``indicator_roles``, if it is an amount of an indicator.
    """

    label_zh: str
    of: Callable[[Row], Number]
    kinds: tuple[str, ...]
    whole: bool = True
    role: str = ""

    def label(self, catalogue: Catalogue) -> str:
        """Return the name, and the indicator's code if it has one: ``支出（C_09）``."""
        return self.label_zh + (f"（{catalogue.roles[self.role].code}）" if self.role else "")


def _has_level(level: str) -> Callable[[Row], Number]:
    return lambda row: int(row["level"] == level)


def _has_flag(column: str) -> Callable[[Row], Number]:
    return lambda row: int(bool(row[column]))


def _amount_in(name: str) -> Callable[[Row], Number]:
    return lambda row: row[name]


def _funding(name: str, role: str, other: str, rate: str = "") -> Sum:
    """Return the sum of the amount of a role, over units that have both amounts.

    Args:
        role, other: of the seed ``indicator_roles``, and columns of ``evidence.unit_years``.
        rate: role of the rate that they make; a unit whose rate is excluded adds nothing.
    """

    def of(row: Row) -> Number:
        both = row[role] is not None and row[other] is not None
        return row[role] if both and not (rate and row[f"{rate}_excluded"]) else None

    return Sum(name, of, _PERFORMANCE, whole=False, role=role)


_STATUS_DOCUMENTS = ("registration", "review")
_PERFORMANCE = ("performance",)
_ASSESSMENT = ("assessment",)
_TARGETS = ("plan", "performance")

SUMS: dict[str, Sum] = {
    "units_expected": Sum("应报", lambda _: 1, _STATUS_DOCUMENTS),
    "units_national": Sum("国家级", _has_level("national"), _STATUS_DOCUMENTS),
    "units_provincial": Sum("省级", _has_level("provincial"), _STATUS_DOCUMENTS),
    "units_municipal": Sum("市级", _has_level("municipal"), _STATUS_DOCUMENTS),
    "units_school": Sum("校级", _has_level("school"), _STATUS_DOCUMENTS),
    "units_reported": Sum("已报送", _has_flag("has_reported"), _PERFORMANCE),
    "units_on_time": Sum("按时报送", _has_flag("is_on_time"), _PERFORMANCE),
    "units_with_report": Sum("有工作报告", _has_flag("has_report_file"), _PERFORMANCE),
    "units_assessed": Sum(
        "已考核",
        lambda r: int(r["assessment_score"] is not None or r["assessment_grade"] is not None),
        _ASSESSMENT,
    ),
    "units_excellent": Sum(
        "考核优秀", lambda r: int(r["assessment_grade"] == "excellent"), _ASSESSMENT
    ),
    "units_scored": Sum("有考核分", lambda r: int(r["assessment_score"] is not None), _ASSESSMENT),
    "score_sum": Sum("考核分", _amount_in("assessment_score"), _ASSESSMENT, whole=False),
    "targets_set": Sum("设定目标", _amount_in("targets_set"), _TARGETS),
    "targets_met": Sum("完成目标", _amount_in("targets_met"), _TARGETS),
    "values_submitted": Sum("填报值", _amount_in("indicators_reported"), _PERFORMANCE),
    "values_excluded": Sum("剔除值", _amount_in("indicators_excluded"), _PERFORMANCE),
    "units_watched": Sum(
        "关注名单", _has_flag("is_watched"), ("performance", "assessment", "plan", "review")
    ),
    "arrived": _funding("到位经费", "received", "planned", "arrival_rate"),
    "planned": _funding("计划经费", "planned", "received", "arrival_rate"),
    "spent": _funding("支出", "spent", "received", "execution_rate"),
    "spendable": _funding("到位经费", "received", "spent", "execution_rate"),
    "from_enterprises": _funding("企业投入", "from_enterprises", "received"),
    "received": _funding("到位经费", "received", "from_enterprises"),
}

#: Rate → its numerator and denominator in ``SUMS``.
RATES: dict[str, tuple[str, str]] = {
    "reporting_rate": ("units_reported", "units_expected"),
    "on_time_rate": ("units_on_time", "units_expected"),
    "report_file_rate": ("units_with_report", "units_expected"),
    "assessed_rate": ("units_assessed", "units_expected"),
    "mean_assessment_score": ("score_sum", "units_scored"),
    "target_met_rate": ("targets_met", "targets_set"),
    "excellent_rate": ("units_excellent", "units_assessed"),
    "funding_arrival_rate": ("arrived", "planned"),
    "enterprise_funding_rate": ("from_enterprises", "received"),
    "execution_rate": ("spent", "spendable"),
    "excluded_rate": ("values_excluded", "values_submitted"),
    "watchlist_rate": ("units_watched", "units_expected"),
}


def unit_columns(units: Sequence[Row]) -> dict[str, Computed]:
    """Recompute every count and rate over these units (rows of ``evidence.unit_years``)."""
    totals: dict[str, int | None] = {}
    columns: dict[str, Computed] = {}
    for name, each in SUMS.items():
        found = [number for unit in units if (number := each.of(unit)) is not None]
        if each.whole:
            count = int(sum(found))
            totals[name] = count * _MILLION
            columns[name] = Computed(count, f"sum over {len(units)} units")
        else:
            totals[name] = sum(map(_millionths, found)) if found else None
    for name, (over, under) in RATES.items():
        columns[name] = Computed(
            quotient(totals[over], totals[under]),
            f"{over} {_millionths_text(totals[over])} / {under} {_millionths_text(totals[under])}",
        )
    return columns


def rank_of(own: Number, all_of: Iterable[Number], *, lowest: bool) -> int | None:
    """Return the competition rank (1, 2, 2, 4) of ``own``; 1 is the best.

    Args:
        lowest: whether the lowest number is the best.
    """
    if own is None:
        return None
    others = [number for number in all_of if number is not None]
    return 1 + sum(number < own if lowest else number > own for number in others)

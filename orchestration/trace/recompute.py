"""A figure computed once more, from the units that are listed beside it.

Belongs here: the arithmetic of contract §2 ("How indicators aggregate") in whole numbers of
millionths, written apart from dbt's so that the two can disagree. Half up, once, at the end.
Doesn't belong here: reading the lake (``evidence``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from orchestration.core.catalogue import Indicator
from orchestration.trace.model import Number

__all__ = [
    "RATES",
    "SUMS",
    "Computed",
    "Sum",
    "UnitValue",
    "codes_of",
    "indicator_columns",
    "plain",
    "quotient",
    "rank_of",
    "unit_columns",
]

_MILLION = 10**6


def plain(number: Number) -> str:
    """A number in full, without trailing zeros; — where there is none."""
    if number is None:
        return "—"
    text = f"{number:f}" if isinstance(number, Decimal) else str(number)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _micro(number: Decimal | int) -> int:
    return int(number * _MILLION)


def _decimal(micro: int | None, precision: int = 24) -> Decimal | None:
    """Millionths as a decimal; None where it doesn't fit, as in the marts."""
    if micro is None or abs(micro) >= 10**precision:
        return None
    return Decimal(micro).scaleb(-6)


def _rounded(numerator: int, denominator: int) -> int:
    """Half up, away from zero."""
    size = (2 * abs(numerator) + abs(denominator)) // (2 * abs(denominator))
    return size if (numerator < 0) == (denominator < 0) else -size


def quotient(
    numerator: int | None, denominator: int | None, *, factor: int = 1, precision: int = 18
) -> Decimal | None:
    """``factor × numerator ÷ denominator`` of two numbers of one scale, to six places."""
    if numerator is None or not denominator:
        return None
    return _decimal(_rounded(numerator * factor * _MILLION, denominator), precision)


@dataclass(frozen=True)
class Computed:
    """A column's value and how it came about."""

    value: Any
    how: str


# -- indicators -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnitValue:
    """A unit's value of an indicator, as in ``marts.fct_unit_indicator``.

    Attributes:
        numerator, denominator: its counted values of these, for a ratio.
        numerator_code, denominator_code: why one of them is excluded, if it is.
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
        """Whether it goes into the indicator's figure."""
        if indicator.aggregation == "ratio":
            both = self.numerator is not None and self.denominator is not None
            return both and self.exclusion_code is None
        return indicator.aggregation != "none" and self.value is not None


def codes_of(text: str | None) -> set[str]:
    """The codes of a ``code_list`` value as it was submitted."""
    return {part.strip().upper() for part in (text or "").split(";") if part.strip()}


def _sum(numbers: Iterable[Decimal | None]) -> int | None:
    found = [_micro(number) for number in numbers if number is not None]
    return sum(found) if found else None


def _of(micro: int | None) -> str:
    return plain(None if micro is None else Decimal(micro).scaleb(-6))


def indicator_columns(
    indicator: Indicator, values: Sequence[UnitValue], before: Sequence[UnitValue] = ()
) -> dict[str, Computed]:
    """The columns of an indicator's aggregate.

    Args:
        before: last year's values, for the comparison.
    """
    counted = [each for each in values if each.counts(indicator)]
    targeted = [each for each in counted if each.target is not None]
    factor = 100 if indicator.unit == "%" else 1
    value = target = attainment = Computed(None, "not aggregated")
    v, t = _sum(e.value for e in targeted), _sum(e.target for e in targeted)
    per = f"{_of(v)} / {_of(t)}"
    match indicator.aggregation:
        case "sum" | "count_true" | "mean":
            total = _sum(each.value for each in counted)
            if indicator.aggregation == "mean":
                number = len(counted)
                mean = quotient(total, number * _MILLION, precision=24)
                value = Computed(mean, f"{_of(total)} / {number} units")
                mean = quotient(t, len(targeted) * _MILLION, precision=24)
                target = Computed(mean, f"{_of(t)} / {len(targeted)} units")
            else:
                value = Computed(_decimal(total), f"sum over {len(counted)} units")
                target = Computed(_decimal(t), f"sum over {len(targeted)} units with a target")
            attainment = Computed(quotient(v, t), per)
        case "max":
            value = Computed(_largest(counted, "value"), f"largest of {len(counted)} units")
            highest = _largest(targeted, "value"), _largest(targeted, "target")
            target = Computed(highest[1], f"largest of {len(targeted)} targets")
            if None not in highest:
                of_both = [_micro(number) for number in highest if number is not None]
                attainment = Computed(quotient(*of_both), " / ".join(map(plain, highest)))
        case "ratio":
            n, d = _sum(e.numerator for e in counted), _sum(e.denominator for e in counted)
            by = f"{factor} × " if factor != 1 else ""
            value = Computed(
                quotient(n, d, factor=factor, precision=24),
                f"{by}{_of(n)} / {_of(d)} over {len(counted)} units",
            )
            n, d = _sum(e.numerator for e in targeted), _sum(e.denominator for e in targeted)
            # Σ target × denominator, in millionths of millionths.
            weight = sum(
                _micro(e.target) * _micro(e.denominator)
                for e in targeted
                if e.target is not None and e.denominator is not None
            )
            if targeted and d:
                target = Computed(
                    _decimal(_rounded(weight, d)),
                    f"targets of {len(targeted)} units weighted with their denominators",
                )
            if targeted and n is not None:
                attainment = Computed(
                    quotient(n * _MILLION, weight, factor=factor),
                    f"{by}{_of(n)} / weighted targets",
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
            quotient(_micro(now - then), _micro(then)),
            f"({plain(now)} - {plain(then)}) / {plain(then)}",
        )
    else:
        columns["change_rate"] = Computed(None, "one of the two years has no value")
    return columns


def _largest(values: Iterable[UnitValue], column: str) -> Decimal | None:
    found = [getattr(each, column) for each in values]
    return max((number for number in found if number is not None), default=None)


# -- counts of units ------------------------------------------------------------------------

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Sum:
    """Something that is summed over units.

    Attributes:
        label_zh: what it is called.
        of: what a unit (a row of ``evidence.unit_years``) adds; None where it has nothing.
        kinds: the documents that show it.
        whole: a count, printed without places.
    """

    label_zh: str
    of: Callable[[Row], Number]
    kinds: tuple[str, ...]
    whole: bool = True


def _level(level: str) -> Callable[[Row], Number]:
    return lambda row: int(row["level"] == level)


def _flag(column: str) -> Callable[[Row], Number]:
    return lambda row: int(bool(row[column]))


def _column(name: str) -> Callable[[Row], Number]:
    return lambda row: row[name]


def _pair(one: str, other: str, excluded: str | None = None) -> Callable[[Row], Number]:
    """The first amount, of units where both count (and the ratio of the two does)."""

    def of(row: Row) -> Number:
        both = row[one] is not None and row[other] is not None
        return row[one] if both and not (excluded and row[excluded]) else None

    return of


_STANDING = ("registration", "review")
_PERFORMANCE = ("performance",)
_ASSESSMENT = ("assessment",)
_TARGETS = ("plan", "performance")

SUMS: dict[str, Sum] = {
    "units_expected": Sum("应报", lambda _: 1, _STANDING),
    "units_national": Sum("国家级", _level("national"), _STANDING),
    "units_provincial": Sum("省级", _level("provincial"), _STANDING),
    "units_municipal": Sum("市级", _level("municipal"), _STANDING),
    "units_school": Sum("校级", _level("school"), _STANDING),
    "units_reported": Sum("已报送", _flag("has_reported"), _PERFORMANCE),
    "units_on_time": Sum("按时报送", _flag("is_on_time"), _PERFORMANCE),
    "units_with_report": Sum("有工作报告", _flag("has_report_file"), _PERFORMANCE),
    "units_assessed": Sum(
        "已考核",
        lambda r: int(r["assessment_score"] is not None or r["assessment_grade"] is not None),
        _ASSESSMENT,
    ),
    "units_excellent": Sum(
        "考核优秀", lambda r: int(r["assessment_grade"] == "excellent"), _ASSESSMENT
    ),
    "units_scored": Sum("有考核分", lambda r: int(r["assessment_score"] is not None), _ASSESSMENT),
    "score_sum": Sum("考核分", _column("assessment_score"), _ASSESSMENT, whole=False),
    "targets_set": Sum("设定目标", _column("targets_set"), _TARGETS),
    "targets_met": Sum("完成目标", _column("targets_met"), _TARGETS),
    "values_submitted": Sum("填报值", _column("indicators_reported"), _PERFORMANCE),
    "values_excluded": Sum("剔除值", _column("indicators_excluded"), _PERFORMANCE),
    "units_watched": Sum(
        "关注名单", _flag("is_watched"), ("performance", "assessment", "plan", "review")
    ),
    "arrived": Sum(
        "到位经费（C_05）", _pair("c_05", "c_04", "c_10_excluded"), _PERFORMANCE, whole=False
    ),
    "planned": Sum(
        "计划经费（C_04）", _pair("c_04", "c_05", "c_10_excluded"), _PERFORMANCE, whole=False
    ),
    "spent": Sum("支出（C_09）", _pair("c_09", "c_05", "c_11_excluded"), _PERFORMANCE, whole=False),
    "spendable": Sum(
        "到位经费（C_05）", _pair("c_05", "c_09", "c_11_excluded"), _PERFORMANCE, whole=False
    ),
    "from_enterprises": Sum("企业投入（C_07）", _pair("c_07", "c_05"), _PERFORMANCE, whole=False),
    "received": Sum("到位经费（C_05）", _pair("c_05", "c_07"), _PERFORMANCE, whole=False),
}

#: Column → numerator and denominator.
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
    """Every count and rate over units."""
    totals: dict[str, int | None] = {}
    columns: dict[str, Computed] = {}
    for name, each in SUMS.items():
        found = [number for unit in units if (number := each.of(unit)) is not None]
        if each.whole:
            count = int(sum(found))
            totals[name] = count * _MILLION
            columns[name] = Computed(count, f"sum over {len(units)} units")
        else:
            totals[name] = sum(map(_micro, found)) if found else None
    for name, (over, under) in RATES.items():
        columns[name] = Computed(
            quotient(totals[over], totals[under]),
            f"{over} {_of(totals[over])} / {under} {_of(totals[under])}",
        )
    return columns


def rank_of(own: Number, all_of: Iterable[Number], *, lowest: bool) -> int | None:
    """The competition rank (1, 2, 2, 4), 1 the best."""
    if own is None:
        return None
    others = [number for number in all_of if number is not None]
    return 1 + sum(number < own if lowest else number > own for number in others)

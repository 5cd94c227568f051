"""Recomputes figures from the values of units, as the trace and its pages list them.

Belongs here: the arithmetic of the marts, in whole numbers of millionths, rounded half up once at
the end. It is written independently of the dbt models, so that an error in either shows as a
difference. Doesn't belong here: reading the lake (``trace.evidence``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from orchestration.core.catalogue import Catalogue, Indicator
from orchestration.figures.numbers import half_up, plain

__all__ = [
    "MATCHED",
    "RATES",
    "SUMS",
    "Computed",
    "Number",
    "Sum",
    "UnitValue",
    "codes_of",
    "indicator_columns",
    "quotient",
    "rank_of",
    "unit_columns",
]

#: A number of the marts; None if there is no data.
Number = Decimal | int | None

_MILLION = 10**6

#: Columns of an indicator's aggregate about the units that count in both years.
MATCHED = (
    "matched_units",
    "matched_value",
    "matched_previous_value",
    "matched_change_rate",
    "matched_change_points",
)


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
    indicator: Indicator,
    values: Sequence[UnitValue],
    before: Sequence[UnitValue] | None = None,
) -> dict[str, Computed]:
    """Recompute the columns of an indicator's aggregate.

    Args:
        values: the units' values of the year.
        before: the units' values of the year before, for the comparison; None if the marts have
            no aggregate of that year.
    """
    counted = [each for each in values if each.counts(indicator)]
    return {
        "value": _aggregate(indicator, counted),
        "units_counted": Computed(len(counted), "units counted"),
        "units_excluded": Computed(
            sum(each.exclusion_code is not None for each in values), "units excluded"
        ),
        **_target_columns(indicator, [each for each in counted if each.target is not None]),
        **_previous_columns(indicator, counted, before),
        **_matched_columns(indicator, counted, before or ()),
    }


def _aggregate(indicator: Indicator, counted: Sequence[UnitValue]) -> Computed:
    """Aggregate the values of these units."""
    number = len(counted)
    match indicator.aggregation:
        case "sum" | "count_true":
            total = _sum_millionths(each.value for each in counted)
            return Computed(_decimal_of(total), f"sum over {number} units")
        case "mean":
            total = _sum_millionths(each.value for each in counted)
            mean = quotient(total, number * _MILLION, precision=24)
            return Computed(mean, f"{_millionths_text(total)} / {number} units")
        case "max":
            return Computed(_largest_of(counted, "value"), f"largest of {number} units")
        case "ratio":
            n = _sum_millionths(each.numerator for each in counted)
            d = _sum_millionths(each.denominator for each in counted)
            return Computed(
                quotient(n, d, factor=_factor(indicator), precision=24),
                f"{_times_factor(indicator)}{_millionths_text(n)} / {_millionths_text(d)} "
                f"over {number} units",
            )
        case "count_distinct":
            codes = set().union(*(codes_of(each.submitted_value) for each in counted))
            distinct = Decimal(len(codes) * _MILLION).scaleb(-6)
            return Computed(distinct if codes else None, f"distinct codes of {number} units")
    return Computed(None, "not aggregated")


def _factor(indicator: Indicator) -> int:
    return 100 if indicator.unit == "%" else 1


def _times_factor(indicator: Indicator) -> str:
    return f"{_factor(indicator)} × " if _factor(indicator) != 1 else ""


def _target_columns(indicator: Indicator, targeted: Sequence[UnitValue]) -> dict[str, Computed]:
    """Recompute the columns about targets, from the units with both a value and a target."""
    number = len(targeted)
    target = attainment = with_target = Computed(None, "not aggregated")
    v, t = _sum_millionths(e.value for e in targeted), _sum_millionths(e.target for e in targeted)
    per = f"{_millionths_text(v)} / {_millionths_text(t)}"
    if indicator.aggregation != "count_distinct":
        with_target = _aggregate(indicator, targeted)
    match indicator.aggregation:
        case "sum" | "count_true":
            target = Computed(_decimal_of(t), f"sum over {number} units with a target")
            attainment = Computed(quotient(v, t), per)
        case "mean":
            mean = quotient(t, number * _MILLION, precision=24)
            target = Computed(mean, f"{_millionths_text(t)} / {number} units")
            attainment = Computed(quotient(v, t), per)
        case "max":
            highest = _largest_of(targeted, "value"), _largest_of(targeted, "target")
            target = Computed(highest[1], f"largest of {number} targets")
            if None not in highest:
                of_both = [_millionths(number) for number in highest if number is not None]
                attainment = Computed(quotient(*of_both), " / ".join(map(plain, highest)))
        case "ratio":
            n = _sum_millionths(each.numerator for each in targeted)
            d = _sum_millionths(each.denominator for each in targeted)
            # Σ target × denominator, in millionths of millionths.
            weight = sum(
                _millionths(e.target) * _millionths(e.denominator)
                for e in targeted
                if e.target is not None and e.denominator is not None
            )
            if targeted and d:
                target = Computed(
                    _decimal_of(_divide_half_up(weight, d)),
                    f"targets of {number} units weighted with their denominators",
                )
            if targeted and n is not None:
                attainment = Computed(
                    quotient(n * _MILLION, weight, factor=_factor(indicator)),
                    f"{_times_factor(indicator)}{_millionths_text(n)} / weighted targets",
                )
    return {
        "target": target,
        "value_with_target": with_target,
        "units_with_target": Computed(number, "units with a value and a target"),
        "attainment": attainment,
    }


def _previous_columns(
    indicator: Indicator, counted: Sequence[UnitValue], before: Sequence[UnitValue] | None
) -> dict[str, Computed]:
    """Recompute the comparison of whoever counted in each year."""
    counted_before = [each for each in before or () if each.counts(indicator)]
    last = _aggregate(indicator, counted_before)
    return {
        "previous_value": last,
        "previous_units_counted": Computed(
            None if before is None else len(counted_before), "units counted a year before"
        ),
        "change_rate": _change_rate(_aggregate(indicator, counted).value, last.value),
    }


def _matched_columns(
    indicator: Indicator, counted: Sequence[UnitValue], before: Sequence[UnitValue]
) -> dict[str, Computed]:
    """Recompute the comparison of the units that count in both years."""
    if indicator.aggregation in {"max", "count_distinct"}:
        return dict.fromkeys(MATCHED, Computed(None, "such values have no growth"))
    then = {each.unit_code: each for each in before if each.counts(indicator)}
    pairs = [(each, then[each.unit_code]) for each in counted if each.unit_code in then]
    now = _aggregate(indicator, [this for this, _ in pairs])
    last = _aggregate(indicator, [earlier for _, earlier in pairs])
    points = None
    if indicator.unit == "%" and None not in (now.value, last.value):
        points = now.value - last.value
    return {
        "matched_units": Computed(len(pairs), "units that count in both years"),
        "matched_value": now,
        "matched_previous_value": last,
        "matched_change_rate": _change_rate(now.value, last.value),
        "matched_change_points": Computed(points, f"{plain(now.value)} - {plain(last.value)}"),
    }


def _change_rate(now: Decimal | None, then: Decimal | None) -> Computed:
    if now is None or then is None:
        return Computed(None, "one of the two years has no value")
    return Computed(
        quotient(_millionths(now - then), _millionths(then)),
        f"({plain(now)} - {plain(then)}) / {plain(then)}",
    )


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
        of: takes a row of ``trace.evidence.unit_years``; returns what the unit adds, or None.
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
        role, other: of the seed ``indicator_roles``, and columns of ``trace.evidence.unit_years``.
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
    "targets_not_met": Sum(
        "未完成目标", lambda r: int(r["targets_counted"] - r["targets_met"]), _TARGETS
    ),
    "targets_without_value": Sum(
        "无采用值的目标", lambda r: int(r["targets_set"] - r["targets_counted"]), _TARGETS
    ),
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
    """Recompute every count and rate over these units (rows of ``trace.evidence.unit_years``)."""
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


def rank_of(own: Number, all_of: Iterable[Number], *, lowest: bool, places: int) -> int | None:
    """Return the competition rank (1, 2, 2, 4) of ``own``; 1 is the best.

    Args:
        lowest: whether the lowest number is the best.
        places: decimal places of the numbers as printed, on which the rank is made.
    """
    if own is None:
        return None
    mine = half_up(Decimal(own), places)
    others = [half_up(Decimal(number), places) for number in all_of if number is not None]
    return 1 + sum(number < mine if lowest else number > mine for number in others)

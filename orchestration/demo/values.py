"""Plausible values of every submitted indicator for two years, derived from the catalogue.

By default the values of an indicator are around the geometric mean of its hard bounds. Relations
like "part of a whole" are read from the rules. The tables below add only what neither the bounds
nor the rules say. All numbers are whole millionths, so that sums are exact.

Belongs here: the correct values of units. Doesn't belong here: mistakes (``faults``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isqrt

from orchestration.core.catalogue import Catalogue, Indicator
from orchestration.demo.draws import GROWTH, NOISE, Draw

__all__ = [
    "MILLION",
    "UnitTraits",
    "Value",
    "build_values",
    "in_millionths",
    "submitted_indicators",
]

MILLION = 1_000_000

#: A number in millionths, or the codes of a list.
Value = int | tuple[str, ...]


@dataclass(frozen=True)
class UnitTraits:
    """The traits of a unit that its values depend on.

    Attributes:
        province_code: the first code in its lists of provinces.
        scale: size of the unit times the level of its province, in thousandths.
        pace: growth of its province relative to the nation, in thousandths.
        category: its category, or None.
        funds: funds that arrive, relative to the usual share of the plan, in thousandths.
    """

    province_code: str
    scale: int
    pace: int
    category: str | None
    funds: int = 1000


@dataclass(frozen=True)
class Share:
    """A share or multiple of another indicator, between ``low`` and ``high`` thousandths."""

    base: str
    low: int
    high: int


@dataclass(frozen=True)
class Remainder:
    """A total minus its other parts."""

    total: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Unchanging:
    """A value that is the same in both years."""


@dataclass(frozen=True)
class Cumulative:
    """Last year's value plus this year's ``flow``; last year's is a multiple of ``start``."""

    flow: str
    start: str
    low: int
    high: int


@dataclass(frozen=True)
class Constant:
    """The same value for every unit."""

    value: int


@dataclass(frozen=True)
class Independent:
    """A value drawn independently, although a rule names it as part of a whole."""


Relation = Share | Remainder | Unchanging | Cumulative | Constant | Independent

#: Relations that the catalogue and the rules don't say. With these shares no rule fires.
RELATIONS: Mapping[str, Relation] = {
    "C_05": Share("C_04", 850, 1000),
    "C_06": Share("C_05", 350, 550),
    "C_07": Share("C_05", 150, 350),
    "C_08": Remainder("C_05", ("C_06", "C_07")),
    "C_09": Share("C_05", 750, 970),
    "T01_02": Share("T01_01", 550, 720),
    "T01_03": Share("T01_01", 120, 220),
    "T01_13": Share("T01_12", 450, 800),
    "T02_03": Share("T02_02", 550, 700),
    "T02_04": Share("T02_02", 130, 230),
    "T03_08": Share("T03_04", 900_000, 2_200_000),
    "T03_07": Share("T03_08", 350, 800),
    "T03_06": Share("T03_05", 100, 400),
    "T03_11": Share("T03_10", 1500, 5000),
    "T04_02": Share("T04_01", 600, 980),
    "T04_04": Unchanging(),
    "T04_05": Share("T04_04", 1100, 1900),
    "T04_06": Share("T04_04", 120, 300),
    "T04_08": Unchanging(),
    "T04_10": Share("T04_08", 120, 300),
    "T04_09": Cumulative("T04_10", "T04_08", 1300, 1900),
    "T04_11": Share("T04_09", 300, 800),
    "T05_01": Share("T05_02", 13_000, 19_000),
    "T05_12": Share("T05_02", 800, 2500),
    "T06_06": Share("T06_05", 80, 200),
    "T06_10": Share("T06_11", 1500, 4000),
    "T06_13": Share("T06_11", 50, 250),
    "T07_04": Share("T07_01", 120, 350),
    "T07_08": Share("T07_06", 700, 970),
    "T07_11": Share("T07_10", 100, 300),
    "T08_03": Independent(),
    "T08_04": Cumulative("T08_03", "T08_03", 1200, 4000),
    "T08_07": Share("T08_06", 200, 500),
    "T08_13": Constant(1),
    "T09_04": Share("T09_03", 100, 300),
    "T09_06": Share("T09_05", 10_000, 40_000),
    "T11_02": Share("T11_01", 40_000, 120_000),
    "T11_04": Share("T11_03", 30_000, 80_000),
    "T11_12": Share("T11_11", 3000, 10_000),
}

#: Typical value of an indicator whose bounds have a misleading geometric mean.
TYPICAL: Mapping[str, int] = {
    "C_04": 220,
    "T01_09": 5000,
    "T01_12": 3000,
    "T03_05": 6000,
    "T03_10": 1500,
    "T06_11": 8000,
    "T07_01": 64,
    "T08_03": 3000,
    "T08_12": 8000,
    "T10_02": 4,
    "T10_08": 5,
}

#: Minimum of an indicator for which a rule demands one.
FLOORS: Mapping[str, int] = {"T07_01": 32, "T10_08": 2}

#: Groups of indicators that are 0 together, with the share of units in thousandths.
IDLE: tuple[tuple[tuple[str, ...], int], ...] = (
    (("T01_10", "T01_11"), 30),
    (("T10_11",), 850),
    (("T11_01", "T11_02"), 300),
    (("T11_03", "T11_04"), 350),
)

_PART_OF = re.compile(r"([A-Z0-9]+_\d+) <= ([A-Z0-9]+_\d+)")
_COUNTRIES = (
    "THA", "VNM", "MYS", "IDN", "LAO", "KHM", "MMR", "PHL", "PAK", "KAZ", "UZB", "RUS",
    "EGY", "KEN", "ETH", "TZA", "ZMB", "NGA", "ZAF", "DEU", "GBR", "FRA", "KOR", "JPN",
    "SGP", "BGD", "NPL", "LKA", "MNG", "SRB",
)  # fmt: skip


def in_millionths(number: Decimal) -> int:
    """A decimal with at most six places in millionths."""
    return int(number.scaleb(6))


def submitted_indicators(catalogue: Catalogue, task_code: str) -> list[Indicator]:
    """The indicators that a unit of a task submits: the common ones and the task's own."""
    return [
        indicator
        for indicator in catalogue.indicators.values()
        if indicator.is_submitted and indicator.task_code in (None, task_code)
    ]


def _step(indicator: Indicator) -> int:
    """The smallest step of a value: 1, or 0.01 for money, or 0.1 for percentages."""
    if indicator.value_type == "amount":
        return MILLION // 100
    if indicator.value_type == "percent":
        return MILLION // 10
    return MILLION


def _bounds(indicator: Indicator) -> tuple[int, int]:
    low = in_millionths(indicator.hard_min) if indicator.hard_min is not None else 0
    high = (
        in_millionths(indicator.hard_max)
        if indicator.hard_max is not None
        else low + 10_000 * MILLION
    )
    return low, high


class _Model:
    """Makes the values of one task's units, indicator by indicator, for two years."""

    def __init__(
        self,
        catalogue: Catalogue,
        task_code: str,
        units: Sequence[UnitTraits],
        year: int,
        seed: int,
    ) -> None:
        self.catalogue = catalogue
        self.task_code = task_code
        self.units = units
        self.year = year
        self.seed = seed
        self.indicators = {each.code: each for each in submitted_indicators(catalogue, task_code)}
        self.relations: dict[str, Relation] = {}
        for rule in catalogue.rules.values():
            found = _PART_OF.fullmatch(rule.expression) if rule.severity == "blocking" else None
            if found and found.group(1) in self.indicators and found.group(2) in self.indicators:
                self.relations[found.group(1)] = Share(found.group(2), 300, 700)
        self.relations |= {c: r for c, r in RELATIONS.items() if c in self.indicators}
        self.done: dict[str, tuple[list[Value], list[Value]]] = {}
        self.doing: set[str] = set()

    def values(self, code: str) -> tuple[list[Value], list[Value]]:
        """Values of an indicator of last year and this year, in the order of the units."""
        if code not in self.done:
            self.doing.add(code)
            self.done[code] = self._set_idle(code, *self._make_values(self.indicators[code]))
            self.doing.discard(code)
        return self.done[code]

    def _make_values(self, indicator: Indicator) -> tuple[list[Value], list[Value]]:
        relation = self.relations.get(indicator.code)
        draw = Draw(self.seed, "value", self.task_code, indicator.code)
        needs = _bases(relation)
        if needs & self.doing or not needs <= self.indicators.keys():
            relation = None  # Indicators added to the catalogue may form a cycle.
        if isinstance(relation, Constant):
            constant = relation.value * MILLION
            return [constant] * len(self.units), [constant] * len(self.units)
        if isinstance(relation, Share):
            return self._share(indicator, relation, draw)
        if isinstance(relation, Remainder):
            return self._remainder(relation)
        if isinstance(relation, Cumulative):
            return self._cumulative(indicator, relation, draw)
        if indicator.value_type == "code_list":
            return self._code_list(indicator, draw)
        if indicator.value_type == "yesno":
            return self._yesno(draw)
        if indicator.value_type == "year":
            return self._year(indicator, draw)
        if indicator.direction == "lower":
            return [0] * len(self.units), [0] * len(self.units)
        if indicator.value_type == "percent":
            return self._percent(indicator, draw)
        return self._amount(indicator, draw, frozen=isinstance(relation, Unchanging))

    def _set_idle(
        self, code: str, before: list[Value], now: list[Value]
    ) -> tuple[list[Value], list[Value]]:
        for codes, per_mille in IDLE:
            if code in codes:
                draw = Draw(self.seed, "idle", self.task_code, *codes)
                for index in range(len(self.units)):
                    if draw.happens(per_mille):
                        before[index] = now[index] = 0
        return before, now

    def _amount(
        self, indicator: Indicator, draw: Draw, frozen: bool
    ) -> tuple[list[Value], list[Value]]:
        """Values around the geometric mean of the bounds, scaled by unit and province."""
        low, high = _bounds(indicator)
        middle = TYPICAL.get(indicator.code, 0) * MILLION or isqrt(
            max(low + MILLION, MILLION) * max(high + MILLION, MILLION)
        )
        step = _step(indicator)
        floor = max(low, middle // 8, step, FLOORS.get(indicator.code, 0) * MILLION)
        # Low enough to stay within the bound after a year's growth.
        ceiling = max(floor, high * 2 // 5)
        noise = [draw.below(1024) for _ in self.units]
        growth = [draw.below(1024) for _ in self.units]
        before: list[Value] = []
        now: list[Value] = []
        is_stock = indicator.stock_flow == "stock"
        for unit, n, g in zip(self.units, noise, growth, strict=True):
            value = middle * unit.scale * NOISE[n] // 1_000_000
            value = min(max(value, floor), ceiling) // step * step
            before.append(value)
            if frozen:
                now.append(value)
                continue
            factor = GROWTH[g] * unit.pace // 1000
            if is_stock:
                factor = max(factor, 1000)
            grown = value * factor // 1000
            now.append(max(-(-grown // step) * step if is_stock else grown // step * step, floor))
        return before, now

    def _percent(self, indicator: Indicator, draw: Draw) -> tuple[list[Value], list[Value]]:
        """Values between 70 % and 99.9 % of the upper bound, with one decimal."""
        low, high = _bounds(indicator)
        step = _step(indicator)
        before: list[Value] = []
        now: list[Value] = []
        condition = self._condition(indicator.code)
        for index in range(len(self.units)):
            share = draw.between(700, 940)
            drift = draw.between(-20, 50)
            before.append(max(low, high * share // 1000 // step * step))
            now.append(max(low, high * min(share + drift, 999) // 1000 // step * step))
            if condition:
                before[index] = before[index] if condition[0][index] else 0
                now[index] = now[index] if condition[1][index] else 0
        return before, now

    def _condition(self, code: str) -> tuple[list[Value], list[Value]] | None:
        """Values of the yes/no indicator that must be 1 for the value to be above 0, if any."""
        pattern = re.compile(rf"not \(([A-Z0-9]+_\d+) = 0 and {code} > 0\)")
        for rule in self.catalogue.rules.values():
            found = pattern.fullmatch(rule.expression)
            other = self.indicators.get(found.group(1)) if found else None
            if other and other.value_type == "yesno":
                return self.values(other.code)
        return None

    def _yesno(self, draw: Draw) -> tuple[list[Value], list[Value]]:
        before: list[Value] = []
        now: list[Value] = []
        for _ in self.units:
            was = draw.happens(750)
            before.append(MILLION if was else 0)
            now.append(MILLION if was or draw.happens(400) else 0)
        return before, now

    def _year(self, indicator: Indicator, draw: Draw) -> tuple[list[Value], list[Value]]:
        low, high = _bounds(indicator)
        ages = [draw.below(3) for _ in self.units]

        def at(year: int, age: int) -> int:
            return min(max((year - age) * MILLION, low), high)

        before: list[Value] = [at(self.year - 1, age) for age in ages]
        return before, [at(self.year, min(age + 1, 2)) for age in ages]

    def _code_list(self, indicator: Indicator, draw: Draw) -> tuple[list[Value], list[Value]]:
        allowed = self.catalogue.codes_of(indicator.code)
        own_first = self.catalogue.code_systems.get(indicator.code) == "province"
        codes = sorted(allowed) if own_first else [c for c in _COUNTRIES if c in allowed]
        codes = codes or sorted(allowed)
        before: list[Value] = []
        now: list[Value] = []
        for unit in self.units:
            count = draw.between(2, min(9, len(codes)))
            start, stride = draw.below(len(codes)), 7 if len(codes) % 7 else 1
            chosen = [codes[(start + stride * i) % len(codes)] for i in range(count + 1)]
            if own_first:
                chosen.insert(0, unit.province_code)
            chosen = list(dict.fromkeys(chosen))
            before.append(tuple(sorted(chosen[:count])))
            now.append(tuple(sorted(chosen if draw.happens(500) else chosen[:count])))
        return before, now

    def _share(
        self, indicator: Indicator, relation: Share, draw: Draw
    ) -> tuple[list[Value], list[Value]]:
        """Values as a share of another indicator; the share of a unit changes little."""
        low, high = _bounds(indicator)
        step = _step(indicator)
        whole_before, whole_now = self.values(relation.base)
        spread = max((relation.high - relation.low) // 8, 1)
        before: list[Value] = []
        now: list[Value] = []
        received = indicator.code == self.catalogue.roles["received"].code
        for unit, was, is_ in zip(self.units, whole_before, whole_now, strict=True):
            share = draw.between(relation.low, relation.high)
            later = min(max(share + draw.between(-spread, 2 * spread), relation.low), relation.high)
            if received:
                share, later = share * unit.funds // 1000, later * unit.funds // 1000
            for base, part, into in ((was, share, before), (is_, later, now)):
                size = base if isinstance(base, int) else len(base) * MILLION
                value = size * part // 1000 // step * step
                into.append(min(max(value, min(size, step), low), high))
        if indicator.stock_flow == "stock" and relation.low >= 1000:
            now = [max(a, b) for a, b in zip(before, now, strict=True)]
        return before, now

    def _remainder(self, relation: Remainder) -> tuple[list[Value], list[Value]]:
        total = self.values(relation.total)
        parts = [self.values(code) for code in relation.parts]
        return tuple(  # type: ignore[return-value]
            [
                whole - sum(part[when][index] for part in parts)  # type: ignore[operator,misc]
                for index, whole in enumerate(total[when])
            ]
            for when in (0, 1)
        )

    def _cumulative(
        self, indicator: Indicator, relation: Cumulative, draw: Draw
    ) -> tuple[list[Value], list[Value]]:
        first = self._share(indicator, Share(relation.start, relation.low, relation.high), draw)[0]
        flow = self.values(relation.flow)[1]
        now: list[Value] = [a + b for a, b in zip(first, flow, strict=True)]  # type: ignore[operator]
        return first, now


def _bases(relation: Relation | None) -> set[str]:
    match relation:
        case Share(base=base):
            return {base}
        case Remainder(total=total, parts=parts):
            return {total, *parts}
        case Cumulative(flow=flow, start=start):
            return {flow, start}
    return set()


def build_values(
    catalogue: Catalogue, task_code: str, units: Sequence[UnitTraits], year: int, seed: int
) -> tuple[list[list[Value]], list[list[Value]]]:
    """Make the correct values of a task's units.

    Args:
        units: traits of the task's units.
        year: the reporting year; the other year is the one before.
        seed: of all draws.

    Returns:
        the values of last year and of this year: one list per unit, in the order of
        :func:`submitted_indicators`; numbers in millionths.
    """
    model = _Model(catalogue, task_code, units, year, seed)
    columns = [
        model.values(indicator.code) for indicator in submitted_indicators(catalogue, task_code)
    ]
    before = [list(row) for row in zip(*(column[0] for column in columns), strict=True)]
    now = [list(row) for row in zip(*(column[1] for column in columns), strict=True)]
    return before, now

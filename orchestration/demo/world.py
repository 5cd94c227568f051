"""The nation of the demo year: its units and their histories.

Belongs here: the number of units of each province and task, their categories and levels, and when
they were registered, recommended, recognised, warned and removed. Doesn't belong here: documents
(``generate``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestration.core.catalogue import Catalogue
from orchestration.demo.draws import SIZE, Draw
from orchestration.demo.names import WEIGHTS, city_of, lead_of, unit_name_of
from orchestration.demo.story import Story, build_story
from orchestration.demo.values import UnitTraits, Value, build_values, submitted_indicators

__all__ = ["Unit", "World", "build_world"]

#: Task → number of units at scale 1; about 12,000 in all.
UNITS_AT_SCALE_1: dict[str, int] = {
    "T01": 480, "T02": 700, "T03": 900, "T04": 1600, "T05": 1150, "T06": 1100, "T07": 1900,
    "T08": 2400, "T09": 700, "T10": 340, "T11": 730,
}  # fmt: skip

#: Task → levels at registration, with their shares in thousandths.
LEVELS: dict[str, tuple[tuple[str, int], ...]] = {
    "T01": (("municipal", 550), ("provincial", 450)),
    "T03": (("municipal", 500), ("provincial", 500)),
    "T04": (("school", 400), ("provincial", 600)),
    "T07": (("school", 400), ("provincial", 600)),
}

#: Task → categories of its units, with their shares in thousandths.
CATEGORIES: dict[str, tuple[tuple[str, int], ...]] = {
    "T03": (("school", 500), ("enterprise", 250), ("public", 250)),
    "T04": (("secondary", 350), ("junior_college", 550), ("bachelor", 100)),
    "T07": (("offline", 600), ("online", 400)),
    "T10": (("standard", 250), ("resource", 550), ("equipment", 200)),
    "T11": (("batch1", 400), ("batch2", 350), ("batch3", 250)),
}

#: Achievement of the national targets at the end of last year and of this year, in thousandths.
RECOGNISED = (430, 690)
#: Share of recognised units, in thousandths, for tasks without a national target.
RECOGNISED_SHARE = (60, 110)


@dataclass(slots=True)
class Unit:
    """A construction unit.

    Attributes:
        index: position among the units of its task.
        scale: its size times the level of its province, in thousandths.
        pace: growth of its province relative to the nation, in thousandths.
        registered: year of its registration.
        recommended: year → the province's decision on its recommendation.
        recognised: year of its national recognition, or None.
        warned: year of its warning, or None.
        removed: year of its removal, or None.
        values: correct values of last year and this year, in the catalogue's order.
    """

    code: str
    task_code: str
    province_code: str
    index: int
    name: str
    city: str
    level: str
    category: str | None
    lead_name: str
    lead_type: str
    scale: int
    pace: int
    registered: int
    recommended: dict[int, str] = field(default_factory=dict)
    recognised: int | None = None
    warned: int | None = None
    removed: int | None = None
    values: tuple[list[Value], list[Value]] = ([], [])

    def is_expected(self, year: int) -> bool:
        """Whether it is approved by its province and not removed by the end of the year."""
        decisions = [self.recommended[y] for y in sorted(self.recommended) if y <= year]
        if not decisions or decisions[-1] != "approved":
            return False
        return self.removed is None or self.removed > year


@dataclass(frozen=True)
class World:
    """All units, and the indicator codes that each task submits.

    Attributes:
        units: ordered by province and task.
        codes: task → codes, in the catalogue's order.
        story: what is special in the year.
    """

    year: int
    story: Story
    units: list[Unit]
    codes: dict[str, tuple[str, ...]]


def _unit_counts(catalogue: Catalogue, scale: float) -> dict[tuple[str, str], int]:
    """Province and task → number of units."""
    tasks = {code: UNITS_AT_SCALE_1.get(code, 500) for code in catalogue.tasks}
    weights = {code: WEIGHTS.get(code, 10) for code in catalogue.regions}
    total_weight = sum(weights.values())
    cells: dict[tuple[str, str], int] = {}
    # Systematic rounding: the remainder is carried to the next cell, so that totals are right.
    for province, weight in weights.items():
        remainder = 0.5
        for task, units in tasks.items():
            quota = remainder + scale * units * weight / total_weight
            cells[province, task] = int(quota)
            remainder = quota - int(quota)
    if scale * sum(tasks.values()) >= 3 * len(cells):
        for cell, units_ in cells.items():
            cells[cell] = max(units_, 1)
    # At any scale every province and every task has at least one unit.
    for index, province in enumerate(weights):
        if not any(cells[province, task] for task in tasks):
            cells[province, list(tasks)[index % len(tasks)]] = 1
    for index, task in enumerate(tasks):
        if not any(cells[province, task] for province in weights):
            cells[list(weights)[index % len(weights)], task] = 1
    return cells


def _pick(shares: tuple[tuple[str, int], ...], draw: Draw) -> str:
    point = draw.below(sum(share for _, share in shares))
    for name, share in shares:
        point -= share
        if point < 0:
            return name
    return shares[-1][0]


def build_world(catalogue: Catalogue, year: int, scale: float, seed: int) -> World:
    """Generate all units and their values.

    Args:
        year: the reporting year; units register in it or in the year before.
        scale: 1.0 is about 12,000 units.
        seed: of all draws.
    """
    story = build_story(catalogue, seed)
    cells = _unit_counts(catalogue, scale)
    units: list[Unit] = []
    by_task: dict[str, list[Unit]] = {task: [] for task in catalogue.tasks}
    levels = {
        province: (
            Draw(seed, "province", province).between(820, 1220),
            Draw(seed, "pace", province).between(985, 1035),
        )
        for province in catalogue.regions
    }
    for (province, task), count in cells.items():
        draw = Draw(seed, "cell", province, task)
        level_of_province, pace = levels[province]
        for number in range(1, count + 1):
            category = _pick(CATEGORIES[task], draw) if task in CATEGORIES else None
            if task == "T02":
                category = f"IND{draw.between(1, 13):02d}"
            city = city_of(province, draw)
            lead_name, lead_type = lead_of(task, city, draw)
            unit = Unit(
                code=f"{task}-{province}-{number:04d}",
                task_code=task,
                province_code=province,
                index=len(by_task[task]),
                name=unit_name_of(task, category, city, lead_name, draw),
                city=city,
                level=_pick(LEVELS[task], draw) if task in LEVELS else "provincial",
                category=category,
                lead_name=lead_name,
                lead_type=lead_type,
                scale=SIZE[draw.below(1024)] * level_of_province // 1000,
                pace=pace,
                # One unit in nine registers this year, but not the first of a province and task.
                registered=year if draw.happens(110) and number > 1 else year - 1,
            )
            _draw_reviews(unit, draw, year, first=number == 1)
            by_task[task].append(unit)
            units.append(unit)
    for task, members in by_task.items():
        _recognise(catalogue, story, task, members, year, scale, seed)
        traits = [
            UnitTraits(u.province_code, u.scale, u.pace, u.category, story.funds(u.province_code))
            for u in members
        ]
        before, now = build_values(catalogue, task, traits, year, seed)
        for unit, was, is_ in zip(members, before, now, strict=True):
            copied = story.copies(unit.province_code, Draw(seed, "copied", unit.code))
            unit.values = (was, list(was) if copied else is_)
    codes = {task: tuple(i.code for i in submitted_indicators(catalogue, task)) for task in by_task}
    return World(year, story, units, codes)


def _draw_reviews(unit: Unit, draw: Draw, year: int, *, first: bool) -> None:
    """Draw recommendation, warning and removal of a unit."""
    outcome = draw.below(1000)
    if first or outcome < 955:
        unit.recommended[unit.registered] = "approved"
    elif outcome < 980:
        unit.recommended[unit.registered] = "returned"
    elif outcome < 990:
        unit.recommended[unit.registered] = "rejected"
    if unit.recommended.get(year - 1) == "returned" and draw.happens(500):
        unit.recommended[year] = "approved"
    if unit.recommended.get(unit.registered) != "approved":
        return
    if draw.happens(3):
        unit.warned = year if unit.registered == year else draw.between(year - 1, year)
    if not first and draw.happens(7):
        unit.removed = year if unit.registered == year else draw.between(year - 1, year)


def _recognise(
    catalogue: Catalogue,
    story: Story,
    task: str,
    members: list[Unit],
    year: int,
    scale: float,
    seed: int,
) -> None:
    """Choose the units with national recognition, first last year's, then this year's."""
    targets = [t for t in catalogue.targets if t.task_code == task and t.level == "national"]
    groups: list[tuple[list[Unit], tuple[int, int]]] = []
    share = min(1.0, scale)
    of_target = story.recognised(task, RECOGNISED)
    if any(target.category for target in targets):
        for target in targets:
            kind = [u for u in members if u.category == target.category]
            wanted = [round(target.target_count * part * share / 1000) for part in of_target]
            groups.append((kind, (wanted[0], wanted[1])))
    else:
        number = targets[0].target_count if targets else None
        parts = of_target if number is not None else RECOGNISED_SHARE
        base = number * share if number is not None else len(members)
        groups.append((members, (round(base * parts[0] / 1000), round(base * parts[1] / 1000))))
    for index, (kind, (before, now)) in enumerate(groups):
        order = Draw(seed, "recognised", task, index).shuffled(kind)
        old = [u for u in order if u.is_expected(year - 1) and u.level != "school"]
        for unit in old[: max(before, 1)]:
            unit.recognised = year - 1
        young = [u for u in order if u.recognised is None and u.is_expected(year)]
        for unit in young[: max(now - before, 1)]:
            unit.recognised = year

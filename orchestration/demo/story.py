"""What is special in the demo year: facts that a bulletin should find, chosen by seed.

Without them provinces would differ by chance alone, and a bulletin would have nothing to report.
``truth.json`` lists them under ``story``.

Belongs here: which province or task stands out, in what, and by how much. Doesn't belong here: the
documents that say so (``generate``), and whether a bulletin reports it (the tests compare).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from orchestration.core.catalogue import Catalogue
from orchestration.demo.draws import Draw
from orchestration.demo.faults import Rates
from orchestration.demo.names import WEIGHTS

__all__ = ["Story", "build_story"]

#: Smallest weight of a province that stands out: at scale 1 it has 300 units or more, enough for
#: the difference not to be chance.
_LEAST_WEIGHT = 30
#: Units that are late, in thousandths: 16 times the usual rate, and three times the 5 % from which
#: a bulletin names a province.
_LATE = 160
#: Units with a spoiled value: at about 20 values a unit 4 % of the values, four times the 1 % from
#: which a bulletin names a province.
_SPOILED = 800
#: Units that reported nothing in the year before. So many more units count this year that the
#: totals of the province grow twice as fast as those of its units.
_MISSING_BEFORE = 300
#: Targets relative to the value, in thousandths. Usually two thirds are met; of these every third.
_TARGETS, _HIGH_TARGETS = (820, 1090), (950, 1080)
#: Funds that arrive, relative to the usual share of the plan: 70 % instead of 92 %.
_FUNDS, _LITTLE_FUNDS = 1000, 760
#: Scores of a lenient province are all excellent (900 tenths or more).
_LENIENT_SCORES = (905, 985)
#: Units that send last year's values again, in thousandths: every fifth is too many for a bulletin
#: to overlook at any scale, and few enough that the province's totals still grow.
_COPIED = 200
#: Achievement of the late task's target in both years: 40 % after two thirds of the time.
_LATE_TASK = (260, 400)


@dataclass(frozen=True)
class Story:
    """The provinces and the task that stand out, by what is special about them.

    Attributes:
        late_reports: late in both years.
        mended: late last year and not any more.
        missed_targets: its units meet few of their targets.
        late_funds: few of the planned funds arrive.
        excluded_values: many values can't be used.
        lenient_grades: it grades every unit excellent.
        newly_reporting: many of its units reported nothing last year.
        copied_reports: many of its units send last year's values again.
        late_task: its national target is behind the time elapsed; None if no task has one.
    """

    late_reports: str
    mended: str
    missed_targets: str
    late_funds: str
    excluded_values: str
    lenient_grades: str
    newly_reporting: str
    copied_reports: str
    late_task: str | None

    def rates(self, rates: Rates, province: str, *, is_last_year: bool) -> Rates:
        """Return the rates of faults of a province; a fault that never happens still doesn't."""
        if rates.late and (
            province == self.late_reports or (province == self.mended and is_last_year)
        ):
            rates = replace(rates, late=max(rates.late, _LATE))
        if rates.missing and province == self.newly_reporting and is_last_year:
            rates = replace(rates, missing=max(rates.missing, _MISSING_BEFORE))
        if rates.spoiled and province == self.excluded_values:
            rates = replace(rates, spoiled=max(rates.spoiled, _SPOILED))
        return rates

    def targets(self, province: str) -> tuple[int, int]:
        """Return the lowest and highest target relative to the value, in thousandths."""
        return _HIGH_TARGETS if province == self.missed_targets else _TARGETS

    def funds(self, province: str) -> int:
        """Return the funds that arrive, relative to the usual share, in thousandths."""
        return _LITTLE_FUNDS if province == self.late_funds else _FUNDS

    def lenient_score(self, province: str, draw: Draw) -> int | None:
        """Return a lenient province's score in tenths of a point; None elsewhere."""
        return draw.between(*_LENIENT_SCORES) if province == self.lenient_grades else None

    def copies(self, province: str, draw: Draw) -> bool:
        """Draw whether a unit of a province sends last year's values again."""
        return province == self.copied_reports and draw.happens(_COPIED)

    def recognised(self, task: str, usual: tuple[int, int]) -> tuple[int, int]:
        """Return the achievement of a task's target in both years, in thousandths."""
        return _LATE_TASK if task == self.late_task else usual

    def as_data(self) -> Mapping[str, str | None]:
        """Return the facts by name, for ``truth.json``."""
        return asdict(self)


def build_story(catalogue: Catalogue, seed: int) -> Story:
    """Choose a province for each fact and the task that is late."""
    draw = Draw(seed, "story")
    large = [code for code in catalogue.regions if WEIGHTS.get(code, 0) >= _LEAST_WEIGHT]
    late, mended, missed, funds, excluded, lenient, newly, copied = draw.shuffled(large)[:8]
    tasks = [each.task_code for each in catalogue.targets if each.level == "national"]
    return Story(
        late_reports=late,
        mended=mended,
        missed_targets=missed,
        late_funds=funds,
        excluded_values=excluded,
        lenient_grades=lenient,
        newly_reporting=newly,
        copied_reports=copied,
        late_task=draw.one(tasks) if tasks else None,
    )

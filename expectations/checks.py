"""The type of a check of the gate.

Belongs here: the types and reasons that suites share. Doesn't belong here: thresholds, and Great
Expectations (``suites``), because reading the list of checks must not wait for its import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["GROWTH_EN", "GROWTH_ZH", "Check", "Severity", "Shown"]

#: Why growth is judged, of the nation and of the provinces.
GROWTH_ZH = (
    "两年单位不同的增减反映的是谁报送，不是工作的变化；可刊印的增减须由两年均计入的单位重算得出，"
    "并列明两年的单位数"
)
GROWTH_EN = (
    "growth over other units than last year's says who reported, not what changed: growth that "
    "may be printed follows from the units of both years and has the number of units of each year"
)

Severity = Literal["critical", "warning"]
#: How a judged value is written: a fraction as %, a whole number, a factor with ×, a yes/no flag
#: or a text.
Shown = Literal["rate", "count", "factor", "flag", "text"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One expectation with its threshold, the reason for it and the texts for a failure.

    Attributes:
        name: stable id; suite and name identify a row of ``quality.gate_results``.
        frame: the table that is judged (see ``orchestration.gate.frames``).
        column: the judged column. NULL means that there is nothing to judge, not zero.
        at_least, at_most: the threshold, inclusive; either may be None.
        equals: instead of bounds, a column that must have the same text (NULL equals NULL).
        only: conditions (column, operator, number); a row is judged if it meets all of them.
        severity: "critical" blocks publication, "warning" is published with the bulletin.
        reason_zh, reason_en: the reason for the threshold's value.
        title_zh, title_en: what is judged, in a few words.
        note_zh, note_en: format strings, filled from a failing row: the counts behind its value.
        remedy_zh, remedy_en: what to do about a failure.
        shown: how the judged value is written.
        counted_zh: for a count: what is counted, with its measure word.
        culprits: the query that names the units behind a failing row, or None.
        from_cutoff: True if the check can't pass before the cut-off; rehearsals before then skip
            it.
    """

    name: str
    frame: str
    column: str
    severity: Severity
    title_zh: str
    title_en: str
    reason_zh: str
    reason_en: str
    remedy_zh: str
    remedy_en: str
    shown: Shown
    counted_zh: str = ""
    at_least: float | None = None
    at_most: float | None = None
    equals: str | None = None
    only: tuple[tuple[str, Literal[">=", ">"], float], ...] = ()
    note_zh: str = ""
    note_en: str = ""
    culprits: str | None = None
    from_cutoff: bool = False

    def __post_init__(self) -> None:
        bounded = self.at_least is not None or self.at_most is not None
        if bounded == (self.equals is not None):
            raise ValueError(f"{self.name}: either bounds or equals")

"""What a check of the gate is made of.

Belongs here: the vocabulary that the three suites share. Doesn't belong here: any threshold, and
Great Expectations (``suites``): reading the list of checks must not wait for its import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Check", "Severity", "Shown"]

Severity = Literal["critical", "warning"]
#: How a judged number is written: a fraction as %, a whole number, a factor as ×, or a yes/no.
Shown = Literal["rate", "count", "factor", "flag", "text"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One expectation with its threshold, the reason for it and what to say when it fails.

    Attributes:
        name: stable id; with ``suite`` it names the row of ``quality.gate_results``.
        frame: the table it judges (see ``orchestration.gate.frames``).
        column: the judged column. NULL there means "nothing to judge", never zero.
        at_least, at_most: the threshold, inclusive; either may be None.
        equals: instead of bounds, the column that must hold the same text (NULL equals NULL).
        only: rows judged: (column, operator, number), all of which must hold.
        severity: "critical" blocks publication, "warning" is published with the bulletin.
        reason_zh, reason_en: why this threshold and no other.
        title_zh, title_en: what is judged, in a few words.
        note_zh, note_en: format strings over a failing row: the counts behind its figure.
        remedy_zh, remedy_en: what to do about a failure.
        shown: how the judged number is written.
        counted_zh: of a count: what is counted, with its measure word.
        culprits: name of the query that names the units behind a failing row, or None.
        from_cutoff: nothing can keep it before the cut-off; a rehearsal leaves it out until then.
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

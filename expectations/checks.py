"""What a check of the gate is made of, and the Great Expectations suite made from checks.

Belongs here: the vocabulary that the three suites share. Doesn't belong here: any threshold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column

__all__ = ["Check", "Severity", "Shown", "suites_of"]

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

    def expectation(self) -> gxe.Expectation:
        """The check as a Great Expectations expectation (a new object at every call)."""
        common: dict[str, Any] = {
            "severity": self.severity,
            "meta": {"name": self.name, "title": self.title_zh},
            "notes": f"{self.title_zh}。{self.reason_zh} / {self.title_en}. {self.reason_en}",
        }
        if self.only:
            condition: Any = None
            for column, operator, number in self.only:
                term = Column(column) >= number if operator == ">=" else Column(column) > number
                condition = term if condition is None else condition & term
            common["row_condition"] = condition
        if self.equals is not None:
            return gxe.ExpectColumnPairValuesToBeEqual(
                column_A=self.column,
                column_B=self.equals,
                ignore_row_if="both_values_are_missing",
                **common,
            )
        return gxe.ExpectColumnValuesToBeBetween(
            column=self.column, min_value=self.at_least, max_value=self.at_most, **common
        )


def suites_of(level: str, checks: Iterable[Check]) -> dict[str, gx.ExpectationSuite]:
    """One Great Expectations suite a frame, named ``<level>.<frame>``, in the checks' order."""
    by_frame: dict[str, list[gxe.Expectation]] = {}
    for check in checks:
        by_frame.setdefault(check.frame, []).append(check.expectation())
    return {
        frame: gx.ExpectationSuite(name=f"{level}.{frame}", expectations=expectations)
        for frame, expectations in by_frame.items()
    }

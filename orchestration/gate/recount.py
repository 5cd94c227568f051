"""A verdict's sentences once more: what fails is found in the frames by plain comparison.

Belongs here: the numbers that a bulletin prints of the gate (how many were judged, how many fail,
how far off, which and by whom), without Great Expectations and without what it returned. Doesn't
belong here: the verdict (``judging``), how it is worded (``decision``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import duckdb

from orchestration.gate.decision import GateDecision, Outcome
from orchestration.gate.frames import FRESHNESS
from orchestration.gate.judging import (
    Names,
    Row,
    causes_of,
    judged_rows,
    observed_in,
    read_frame,
)

if TYPE_CHECKING:
    from expectations.checks import Check

__all__ = ["recount"]


def recount(con: duckdb.DuckDBPyConnection, decision: GateDecision) -> dict[str, str]:
    """Suite and check, ``national.places_are_firm`` → the sentence, of all that warns or is waived.

    Args:
        con: a reader pinned at the snapshot that was judged.

    Raises:
        GateBroken: a frame can't be computed.
        Unreachable: the lake's files can't be read.
    """
    names = Names(con, decision.year)

    @cache
    def rows_of(frame: str) -> list[Row]:
        return read_frame(con, frame, decision.year)

    outcomes = tuple(
        outcome if outcome.success else _again(outcome, rows_of, names)
        for outcome in decision.outcomes
    )
    again = replace(decision, outcomes=outcomes)
    return again.warned_zh | again.waived_zh


def _again(outcome: Outcome, rows_of: Callable[[str], list[Row]], names: Names) -> Outcome:
    check = outcome.check
    if check.frame == FRESHNESS:
        return outcome  # of the clock, not of the marts
    judged = judged_rows(check, rows_of(check.frame))
    failed = [row for row in judged if not _keeps(row, check)]
    return replace(
        outcome,
        success=not failed,
        evaluated=len(judged),
        observed=observed_in(check, judged, failed),
        causes=causes_of(check, failed, names),
    )


def _keeps(row: Row, check: Check) -> bool:
    if check.equals is not None:
        return bool(row[check.column] == row[check.equals])
    value, low, high = float(row[check.column]), check.at_least, check.at_most
    return (low is None or value >= low) and (high is None or value <= high)

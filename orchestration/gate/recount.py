"""A verdict's sentences once more: what fails is found in the frames by plain comparison.

Belongs here: the numbers that a bulletin prints of the gate (how many were judged, how many fail,
how far off, which and by whom), without Great Expectations and without what it returned. Doesn't
belong here: the verdict (``judging``), how it is worded (``decision``).
"""

from __future__ import annotations

from dataclasses import replace

import duckdb

from orchestration.gate.decision import GateDecision, Outcome
from orchestration.gate.frames import FRAMES
from orchestration.gate.judging import Names, causes_of, judged_rows, observed_in, read_frame

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
    outcomes = tuple(
        outcome if outcome.success else _again(con, decision.year, outcome, names)
        for outcome in decision.outcomes
    )
    again = replace(decision, outcomes=outcomes)
    return again.warned_zh | again.waived_zh


def _again(con: duckdb.DuckDBPyConnection, year: int, outcome: Outcome, names: Names) -> Outcome:
    check = outcome.check
    frame = FRAMES[check.frame]
    if frame.sql is None or check.equals is not None:
        return outcome  # of the clock, not of the marts; or texts side by side, which are no number
    judged = judged_rows(check, read_frame(con, check.frame, year))
    failed = [row for row in judged if not _keeps(float(row[check.column]), outcome)]
    return replace(
        outcome,
        success=not failed,
        evaluated=len(judged),
        observed=observed_in(check, judged, failed),
        causes=causes_of(con, year, check, failed, names),
    )


def _keeps(value: float, outcome: Outcome) -> bool:
    low, high = outcome.check.at_least, outcome.check.at_most
    return (low is None or value >= low) and (high is None or value <= high)

"""The quality gate: is this snapshot fit to be published?

Belongs here: running the suites of ``expectations`` on the marts, the decision, its report.
Doesn't belong here: thresholds (``expectations``), and storing or waiving results (callers).
"""

from orchestration.gate.decision import Cause, Finding, GateBroken, GateDecision, Outcome
from orchestration.gate.judging import judge, preload

__all__ = [
    "Cause",
    "Finding",
    "GateBroken",
    "GateDecision",
    "Outcome",
    "judge",
    "preload",
]

"""The quality gate: decides whether a snapshot may be published.

Belongs here: running the suites of ``expectations`` on the marts, the decision, its report.
Doesn't belong here: thresholds (``expectations``) and storing results (the callers).
"""

from orchestration.gate.circumstances import Circumstances, circumstances_of, judge_snapshot
from orchestration.gate.decision import Cause, Finding, GateBroken, GateDecision, Outcome
from orchestration.gate.judging import judge
from orchestration.gate.report import quality_files
from orchestration.gate.waivers import Waiver, read_waivers

__all__ = [
    "Cause",
    "Circumstances",
    "Finding",
    "GateBroken",
    "GateDecision",
    "Outcome",
    "Waiver",
    "circumstances_of",
    "judge",
    "judge_snapshot",
    "quality_files",
    "read_waivers",
]

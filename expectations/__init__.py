"""What submitted data must be like before it is published: suites at three levels.

``submissions`` judges the submitted facts, ``provincial`` the provinces' figures, ``national``
the nation's. Each module is the one place of its suite's thresholds: a threshold stands in the
line of its check, with the reason for just that value and the severity ("critical" blocks,
"warning" is printed with the bulletin). Changing a threshold is changing that line.

Doesn't belong here: how the judged columns are computed (``orchestration.gate.frames``), rules
about one unit's document (the seeds), and tests of the models (dbt).

The lists of checks are data. Only ``suites`` imports Great Expectations.
"""

from expectations import national, provincial, submissions
from expectations.checks import Check

__all__ = ["CHECKS"]

#: Level → its checks, in the order in which they are judged and reported.
CHECKS: dict[str, tuple[Check, ...]] = {
    "submissions": submissions.CHECKS,
    "provincial": provincial.CHECKS,
    "national": national.CHECKS,
}

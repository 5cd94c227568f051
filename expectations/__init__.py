"""The checks that data must pass before it is published, as suites at three levels.

``submissions`` judges the submitted facts, ``provincial`` the provinces' figures, ``national``
the nation's. A threshold is only in the definition of its check, next to the reason for its value
and the severity ("critical" blocks publication, "warning" is printed with the bulletin).

Belongs here: checks with their thresholds. Doesn't belong here: the computation of the judged
columns (``orchestration.gate.frames``), rules about one unit's document (the seeds), and tests of
the models (dbt).

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

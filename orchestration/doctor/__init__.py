"""The doctor: what is wrong with this installation, and which setting mends it.

Belongs here: checks of the machine, the settings and everything that the pipeline reaches, in the
order in which they depend on each other. Doesn't belong here: the state of a reporting year
(``rehearsal``, ``alarms``) and repairs.
"""

from orchestration.doctor.examination import CHECKS, examine
from orchestration.doctor.findings import Check, Finding, Report, State, Subject, fault, ok, warning

__all__ = [
    "CHECKS",
    "Check",
    "Finding",
    "Report",
    "State",
    "Subject",
    "examine",
    "fault",
    "ok",
    "warning",
]

"""The rehearsal: runs the whole gate on the present marts and projects reporting to the cut-off.

Belongs here: what would block publication now, which units have not reported, how many will be
missing at the cut-off, and the pages that show this. A rehearsal reads the lake and writes pages.
It records no verdict, so it can't make a publication possible. Doesn't belong here: judging
(``gate``), dates (``core.reporting_calendar``).
"""

from orchestration.rehearsal.counts import GroupStatus
from orchestration.rehearsal.found import Rehearsal
from orchestration.rehearsal.run import run_rehearsal

__all__ = ["GroupStatus", "Rehearsal", "run_rehearsal"]

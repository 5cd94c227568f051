"""The rehearsal: the whole gate against what is there now, projected to the deadline.

Belongs here: what would block publication, who is late, how many will be missing, and the pages
that say so. It reads the lake and writes pages: no verdict is recorded, so that nothing that it
finds can open the way to publication. Doesn't belong here: judging (``gate``), days (the
reporting calendar).
"""

from orchestration.rehearsal.counts import Standing
from orchestration.rehearsal.found import Rehearsal
from orchestration.rehearsal.run import run_rehearsal

__all__ = ["Rehearsal", "Standing", "run_rehearsal"]

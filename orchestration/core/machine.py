"""What the machine gives this process.

Belongs here: the sizes that limits are derived from. Doesn't belong here: settings of a user
(``settings``) and whether the machine is fit for the pipeline (``doctor``).
"""

from __future__ import annotations

import os

__all__ = ["usable_cores"]


def usable_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

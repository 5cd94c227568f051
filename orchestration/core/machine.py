"""What the machine gives this process.

Belongs here: the sizes that limits are derived from. Doesn't belong here: settings of a user
(``settings``) and whether the machine is fit for the pipeline (``doctor``).
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["usable_cores", "usable_memory"]

#: The memory limit of a container: a number of bytes, or ``max`` (Linux, control groups version 2).
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def usable_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_memory(cgroup_limit: Path = _CGROUP_LIMIT) -> int:
    """The bytes of memory of this machine, or of the container that this process runs in."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = cgroup_limit.read_text(encoding="ascii").strip()
    except OSError:
        return installed
    return min(installed, int(limit)) if limit.isdecimal() else installed

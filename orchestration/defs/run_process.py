"""The process of a run, recorded as tags of the run, and whether it has ended.

A run of ``tongbao run`` lives in the process of the command. If that process is killed, nobody
reports the end of the run, and it would block Dagster's queue, which runs one run at a time.

A process is identified by its host and PID namespace, its id, and its start time: ids are used
again, also after a restart of the host. Where there is no ``/proc`` (other systems than Linux),
and for a process of another host or container, the answer is that the process may be alive. The
limit of the runtime ends such a run.

Belongs here: the tags, and the comparison with the processes of this host. Doesn't belong here:
what happens to a run whose process has ended (``run_launcher``, ``in_process``).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

__all__ = ["HOST", "PROCESS_ENDED", "has_ended", "process_tags"]

#: Tag: host and PID namespace of a run's process.
HOST = "tongbao/host"
_PID = "tongbao/pid"
#: Tag: the host's boot, and the process's start in clock ticks since then.
_STARTED = "tongbao/process_started"
#: Why such a run is failed.
PROCESS_ENDED = "the process of the run was killed"
_PROC = Path("/proc")


def process_tags() -> dict[str, str]:
    """Return the tags that identify this process; none where there is no ``/proc``."""
    pid = os.getpid()
    started = _started(pid)
    if not started:
        return {}
    return {HOST: _host(), _PID: str(pid), _STARTED: started}


def has_ended(tags: Mapping[str, str]) -> bool:
    """Whether the process that these tags of a run identify was on this host and has ended."""
    if not tags.get(_PID, "").isdecimal() or not _started(os.getpid()):
        return False
    return tags.get(HOST) == _host() and tags.get(_STARTED) != _started(int(tags[_PID]))


def _host() -> str:
    return f"{socket.gethostname()} {(_PROC / 'self' / 'ns' / 'pid').readlink()}"


def _started(pid: int) -> str:
    """Return the boot and the start time of a process; empty if there is no such process.

    The fields of ``/proc/PID/stat`` are described in proc_pid_stat(5): the 3rd is the state, and
    the 22nd the start time. A zombie (Z, X) has ended, and only its parent has not noticed.
    """
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        boot = (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else f"{boot} {fields[19]}"

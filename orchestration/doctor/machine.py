"""Checks of the machine: Python, installed versions, disk, memory, open files, fonts.

Belongs here: what needs no other machine. Doesn't belong here: network and lake.
"""

from __future__ import annotations

import importlib.metadata
import re
import resource
import shutil
import sys
import tempfile
from pathlib import Path

from orchestration.bulletin.render.fonts import load_fonts
from orchestration.core.errors import UsageError
from orchestration.core.settings import PROJECT_ROOT
from orchestration.core.versions import release
from orchestration.doctor.findings import Finding, Subject, fault, ok, warning

__all__ = ["disk", "fonts", "memory", "open_files", "python", "versions"]

_GB = 1024**3
#: DuckDB moves to disk what exceeds its memory (``TONGBAO_MAX_LAKE_MEMORY``), beside the build
#: file and the copy of the edition: with less than 1 GB a run may end in between. Five times that
#: leaves room for the copies of some editions.
_DISK_NEEDED, _DISK_WANTED = 1 * _GB, 5 * _GB
#: A run of the whole nation needs less than 2 GB (infra/helm/values.yaml).
_MEMORY_WANTED = 2 * _GB
#: The usual limit of Linux, with which everything is tested.
_FILES_WANTED = 1024
#: A line of a lock file: name, version, marker.
_PIN = re.compile(r"^([\w.-]+)(?:\[\S+\])?==(\S+)(.*)$", re.MULTILINE)
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_MEMINFO = Path("/proc/meminfo")
#: Differing versions and missing libraries that are named.
_NAMED = 5


def python(_: Subject) -> Finding:
    """Python's version and encoding."""
    seen = f"{sys.version.split()[0]}, {sys.executable}"
    if sys.getfilesystemencoding() != "utf-8":
        return fault(
            f"{seen}; file names are {sys.getfilesystemencoding()}",
            "set PYTHONUTF8=1: names of folders and files may be Chinese",
        )
    return ok(seen)


def versions(_: Subject) -> Finding:
    """Whether the installed libraries are those of the lock file."""
    text = (PROJECT_ROOT / "requirements.lock").read_text(encoding="utf-8")
    tested: dict[str, set[str]] = {}
    elsewhere = set()  # Needed by some versions of Python or some systems only.
    for name, version, rest in _PIN.findall(text):
        tested.setdefault(name, set()).add(version)
        if ";" in rest:
            elsewhere.add(name)
    differing, missing = [], []
    for name, pinned in tested.items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            if name not in elsewhere:
                missing.append(name)
            continue
        if installed not in pinned:
            differing.append(f"{name} {installed} (tested: {' or '.join(sorted(pinned))})")
    seen = f"tongbao {release()}, {len(tested)} libraries"
    if missing:
        return fault(f"{seen}; missing: {_some(missing)}", "run 'make setup'")
    if differing:
        return warning(f"{seen}; {_some(differing)}", "run 'make setup' for the tested versions")
    return ok(f"{seen} as tested")


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def disk(subject: Subject) -> Finding:
    """Whether the home can be written, and its free space."""
    home = subject.settings.home
    try:
        subject.settings.make_home()
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"tongbao")
    except OSError as error:
        return fault(
            f"{home}: {error.strerror}",
            "set TONGBAO_HOME to a folder that this user can write to, or free some space",
        )
    free = shutil.disk_usage(home).free
    seen = f"{free / _GB:.1f} GB free in {home}"
    advice = f"free {_DISK_WANTED // _GB} GB there, or set TONGBAO_HOME to a larger disk"
    if free < _DISK_NEEDED:
        return fault(seen, advice)
    return warning(seen, advice) if free < _DISK_WANTED else ok(seen)


def memory(subject: Subject) -> Finding:
    """Memory that is free for a run, also by the limit of a container."""
    free = _available_memory()
    if free is None:
        return ok("this system does not tell")
    seen = f"{free / _GB:.1f} GB available"
    if free < _MEMORY_WANTED:
        return warning(
            seen,
            "a national run takes 2 GB: end other programs, raise the container's limit, or lower "
            f"TONGBAO_MAX_OBJECT_MEMORY ({subject.settings.max_object_memory / _GB:.1f} GB)",
        )
    return ok(seen)


def _available_memory() -> int | None:
    """Bytes, or None where Linux's files are missing."""
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", _MEMINFO.read_text(), re.MULTILINE)
    except OSError:
        return None
    free = int(match[1]) * 1024 if match else None
    try:
        limit = _CGROUP_LIMIT.read_text().strip()
    except OSError:
        limit = "max"
    known = [each for each in (free, int(limit) if limit.isdecimal() else None) if each is not None]
    return min(known, default=None)


def open_files(_: Subject) -> Finding:
    """The limit for open files and sockets of a process."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FILES_WANTED:
        return warning(
            f"at most {soft} of a process",
            f"raise the limit to {_FILES_WANTED}: 'ulimit -n {_FILES_WANTED}', or LimitNOFILE of "
            "the systemd unit",
        )
    return ok("no limit" if soft == resource.RLIM_INFINITY else f"at most {soft} of a process")


def fonts(subject: Subject) -> Finding:
    """Whether the fonts can be read, and which the documents are set with."""
    try:
        roles = load_fonts(subject.settings.font_dir).roles
    except (UsageError, OSError) as error:
        return fault(
            str(error), "set TONGBAO_FONT_DIR to a folder of fonts, or unset it", exit_code=2
        )
    return ok(", ".join(f"{role} {family}" for role, family in roles.items()))

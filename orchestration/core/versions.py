"""The version of the code that figures and pages are made with, from the files themselves.

Belongs here: which files count, and the digest over them. Doesn't belong here: who compares
versions (``lakehouse``, ``publication``).
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from orchestration.core.settings import PROJECT_ROOT

__all__ = ["WAIVERS_FILE", "code_version"]

#: What the figures and pages are made from: a change in any of these is a new code version.
_CODE_FOLDERS = ("orchestration", "expectations", "dbt_project")
#: Not code: a signature on the night before publication must not make the marts stale.
WAIVERS_FILE = "waivers.csv"
_CODE_SUFFIXES = {
    ".css",
    ".csv",
    ".html",
    ".j2",
    ".json",
    ".py",
    ".rels",
    ".sql",
    ".typ",
    ".xml",
    ".yml",
}


@cache
def code_version() -> str:
    """``<package version>+<first 12 hex digits of the sha256 over all code and seeds>``.

    The same files give the same version in every checkout, with or without git.
    """
    digest = hashlib.sha256()
    for folder in _CODE_FOLDERS:
        for path in sorted((PROJECT_ROOT / folder).rglob("*")):
            relative = path.relative_to(PROJECT_ROOT)
            skipped = {"target", "logs", "__pycache__"} & set(relative.parts)
            skipped |= {path.name} & {WAIVERS_FILE}
            if path.suffix in _CODE_SUFFIXES and not skipped and path.is_file():
                digest.update(relative.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    try:
        package = version("tongbao")
    except PackageNotFoundError:  # pragma: no cover - running from a bare checkout
        package = "0"
    return f"{package}+{digest.hexdigest()[:12]}"

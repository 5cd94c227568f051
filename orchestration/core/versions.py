"""Two versions, computed from the files themselves: of the figures, and of an edition's files.

``figures_version`` covers what decides a number: marts of another version are rebuilt.
``edition_version`` covers what decides a byte of an edition: with another version every file is
rendered again. A change of anything else moves neither. The same files give the same versions in
every checkout, with or without git.

A verdict of the gate is recorded with both. It judges numbers (``figures_version``), and every
check, threshold and finding is printed in the edition's quality report, so the gate and the
expectations are part of ``edition_version``. A new page style therefore makes the gate judge
once more: this costs seconds and changes no figure, and a third version would be one more thing
to keep.

Belongs here: which files count for which version, with the reason, and the digests. Doesn't
belong here: who compares versions (``lakehouse``, ``publication``).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from orchestration.core.settings import PROJECT_ROOT

__all__ = [
    "FOLDERS",
    "PARTS",
    "WAIVERS_FILE",
    "Version",
    "code_versions",
    "dbt_project_version",
    "edition_version",
    "figures_version",
    "project_files",
    "recorded_versions",
    "release",
    "version_of",
    "versions_of",
]

Version = Literal["figures", "edition"]

WAIVERS_FILE = "waivers.csv"
#: The folders whose files are classified.
FOLDERS = ("dbt_project", "expectations", "orchestration")
#: No part of the code, wherever they lie: what tools leave behind, and the waivers. A waiver that
#: is signed on the night before publication must not make the marts stale.
_IGNORED = {
    ".DS_Store",
    ".gitignore",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".user.yml",
    "__pycache__",
    "dbt_packages",
    "logs",
    "target",
    WAIVERS_FILE,
}
_IGNORED_SUFFIXES = (".pyc", ".swp", "~")

_FIGURES: tuple[Version, ...] = ("figures",)
_EDITION: tuple[Version, ...] = ("edition",)
_BOTH: tuple[Version, ...] = ("figures", "edition")
_NEITHER: tuple[Version, ...] = ()

#: Folder or file → the versions that a change of it moves, and why. The longest path that
#: matches a file decides. ``orchestration`` itself has no entry: a new part must get its own.
PARTS: dict[str, tuple[tuple[Version, ...], str]] = {
    "dbt_project": (_FIGURES, "models, macros and seeds compute every number"),
    "dbt_project/lint": (_NEITHER, "stands in for dbt in the SQL linter"),
    "expectations": (_EDITION, "the quality report prints every check and threshold"),
    "orchestration/__init__.py": (_NEITHER, "holds no code"),
    "orchestration/alarms": (_NEITHER, "watches runs"),
    "orchestration/bulletin": (_EDITION, "renders the documents, pages and open data"),
    "orchestration/cli": (_NEITHER, "calls the stages"),
    "orchestration/core": (_BOTH, "catalogue and calendar are read by intake and by pages"),
    "orchestration/core/__init__.py": (_NEITHER, "holds no code"),
    "orchestration/core/errors.py": (_NEITHER, "names what went wrong"),
    "orchestration/core/settings.py": (_NEITHER, "says where things are"),
    "orchestration/core/versions.py": (_NEITHER, "a change of this table moves the digests itself"),
    "orchestration/core/workspace.py": (_NEITHER, "holds the open store"),
    "orchestration/definitions.py": (_NEITHER, "assembles Dagster's code location"),
    "orchestration/defs": (_NEITHER, "schedules and starts the stages"),
    "orchestration/demo": (_NEITHER, "makes submissions, does not read them"),
    "orchestration/forms": (_NEITHER, "makes reporting forms"),
    "orchestration/gate": (_EDITION, "judges and writes the quality report"),
    "orchestration/intake": (_FIGURES, "decides what is read from a submission"),
    "orchestration/intake/offline.py": (_NEITHER, "checks files that are not submitted yet"),
    "orchestration/intake/receipts.py": (_NEITHER, "answers the sender; counts nothing"),
    "orchestration/intake/schemas": (_NEITHER, "published copies of the contracts"),
    "orchestration/lakehouse": (_FIGURES, "builds the marts and commits them"),
    "orchestration/lakehouse/__init__.py": (_NEITHER, "names what the package offers"),
    "orchestration/lakehouse/attach.py": (_NEITHER, "connects to the lake"),
    "orchestration/lakehouse/maintain.py": (_NEITHER, "deletes what nothing reads"),
    "orchestration/lakehouse/postgres.py": (_NEITHER, "connects to the catalogue"),
    "orchestration/lakehouse/query.py": (_NEITHER, "answers analysts"),
    "orchestration/lakehouse/records.py": (_NEITHER, "records verdicts and editions"),
    "orchestration/lakehouse/rows.py": (_EDITION, "hands query results to the pages"),
    "orchestration/observing": (_NEITHER, "measures and logs"),
    "orchestration/publication": (_EDITION, "puts the edition together"),
    "orchestration/publication/replaying.py": (_NEITHER, "reports; publishes nothing"),
    "orchestration/publication/verifying.py": (_NEITHER, "compares editions, makes none"),
    "orchestration/receipts": (_NEITHER, "pages for senders; no edition has them"),
    "orchestration/rehearsal": (_NEITHER, "a forecast; no edition has it"),
    "orchestration/stages.py": (_NEITHER, "opens store and lake for a stage"),
    "orchestration/storage": (_NEITHER, "moves bytes"),
    "orchestration/trace": (_EDITION, "makes the trace pages of an edition"),
    "orchestration/workbook.py": (_EDITION, "writes the tables of an edition"),
}


def versions_of(path: str) -> tuple[Version, ...] | None:
    """The versions that a change of the file moves.

    Args:
        path: below the project's root, with ``/``.

    Returns:
        None where no entry of :data:`PARTS` covers it.
    """
    for part in (path, *map(str, PurePosixPath(path).parents)):
        if part in PARTS:
            return PARTS[part][0]
    return None


def project_files(root: Path = PROJECT_ROOT, folders: Iterable[str] = FOLDERS) -> list[str]:
    """The files of the code, whatever their suffix, sorted; paths below ``root`` with ``/``."""
    found = []
    for start in folders:
        for folder, subfolders, names in os.walk(root / start):
            subfolders[:] = [name for name in subfolders if name not in _IGNORED]
            found += [
                (Path(folder) / name).relative_to(root).as_posix()
                for name in names
                if name not in _IGNORED and not name.endswith(_IGNORED_SUFFIXES)
            ]
    return sorted(found)


def _digest(paths: Iterable[str], root: Path) -> str:
    """The first 12 hex digits of the sha256 over the files' names and bytes."""
    digest = hashlib.sha256()
    for path in paths:
        body = (root / path).read_bytes()
        digest.update(f"{path}\0{len(body)}\0".encode("utf-8", "surrogateescape") + body)
    return digest.hexdigest()[:12]


def version_of(name: Version, root: Path = PROJECT_ROOT) -> str:
    """One of the versions, computed from the files below ``root``: 12 hex digits."""
    covered = (path for path in project_files(root) if name in (versions_of(path) or ()))
    return _digest(covered, root)


@cache
def figures_version() -> str:
    """The version of what decides a number: 12 hex digits."""
    return version_of("figures")


@cache
def edition_version() -> str:
    """The version of what decides a byte of an edition, its figures aside: 12 hex digits."""
    return version_of("edition")


@cache
def dbt_project_version() -> str:
    """The version of the dbt project alone, which its parsed manifest depends on: 12 hex digits."""
    return _digest(project_files(folders=("dbt_project",)), PROJECT_ROOT)


def code_versions() -> dict[str, str]:
    """Both versions, by the names of their columns in the lake and keys in a manifest."""
    return {"figures_version": figures_version(), "edition_version": edition_version()}


def recorded_versions(record: Mapping[str, Any]) -> dict[str, str]:
    """Both versions as a row of the lake or a manifest names them; "" where it names none.

    A record that is older than the two versions has one ``code_version``, which covered both.
    """
    before = record.get("code_version") or ""
    return {name: record.get(name) or before for name in code_versions()}


def release() -> str:
    """The release of the installed package, such as ``0.1.0``; decides nothing."""
    try:
        return version("tongbao")
    except PackageNotFoundError:  # pragma: no cover - running from a bare checkout
        return "0"

"""The two versions of the code, as digests of its files.

``figures_version`` covers the files that decide a number: if it changes, marts are rebuilt.
``edition_version`` covers the files that decide a byte of an edition: if it changes, every file
of an edition is rendered again. Other files change neither version. The same files give the same
versions in every checkout, with or without git.

A verdict of the gate is recorded with both versions. The gate judges numbers
(``figures_version``), and the edition's quality report prints every check, threshold and finding,
so the gate and the expectations are part of ``edition_version``. A new page style therefore makes
the gate judge again. This costs seconds and changes no figure; a third version would be one more
thing to maintain.

Belongs here: the files that count for each version, with the reason, and the digests. Doesn't
belong here: the comparison of versions (``lakehouse``, ``publication``).
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
    "digest_of",
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
#: Names that are ignored in every folder: files that tools write, and the waivers. A waiver that
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

#: The columns of the lake and the keys of a manifest that hold the versions.
_COLUMNS = ("figures_version", "edition_version")

_FIGURES: tuple[Version, ...] = ("figures",)
_EDITION: tuple[Version, ...] = ("edition",)
_BOTH: tuple[Version, ...] = ("figures", "edition")
_NEITHER: tuple[Version, ...] = ()

#: Folder or file → the versions that it changes, and why. The longest path that matches a file
#: decides. ``orchestration`` itself has no entry, so a new part of it needs its own.
PARTS: dict[str, tuple[tuple[Version, ...], str]] = {
    "dbt_project": (_FIGURES, "models, macros and seeds compute every number"),
    "dbt_project/lint": (_NEITHER, "replaces dbt's macros in the SQL linter"),
    "expectations": (_EDITION, "the quality report prints every check and threshold"),
    "orchestration/__init__.py": (_NEITHER, "holds no code"),
    "orchestration/alarms": (_NEITHER, "watches runs"),
    "orchestration/bulletin": (_EDITION, "renders the documents, pages and open data"),
    "orchestration/cli": (_NEITHER, "calls the stages"),
    "orchestration/core": (_BOTH, "catalogue and calendar are read by intake and by pages"),
    "orchestration/core/__init__.py": (_NEITHER, "holds no code"),
    "orchestration/core/errors.py": (_NEITHER, "names what went wrong"),
    "orchestration/core/page_style.py": (_EDITION, "the colours of pages"),
    "orchestration/core/machine.py": (_NEITHER, "counts cores"),
    "orchestration/core/settings.py": (_NEITHER, "names buckets, folders and limits"),
    "orchestration/core/versions.py": (_NEITHER, "a change of this table changes the digests"),
    "orchestration/core/workspace.py": (_NEITHER, "holds the open store"),
    "orchestration/definitions.py": (_NEITHER, "assembles Dagster's code location"),
    "orchestration/defs": (_NEITHER, "schedules and starts the stages"),
    "orchestration/demo": (_NEITHER, "makes submissions, does not read them"),
    "orchestration/doctor": (_NEITHER, "looks at the installation"),
    "orchestration/figures": (_EDITION, "names, formats and recomputes figures"),
    "orchestration/forms": (_NEITHER, "makes reporting forms"),
    "orchestration/gate": (_EDITION, "judges and writes the quality report"),
    "orchestration/intake": (_FIGURES, "decides what is read from a submission"),
    "orchestration/intake/offline.py": (_NEITHER, "checks files that are not submitted yet"),
    "orchestration/intake/receipts.py": (_NEITHER, "answers the sender; counts nothing"),
    "orchestration/intake/schemas": (_NEITHER, "published copies of the contracts"),
    "orchestration/lakehouse": (_FIGURES, "builds the marts and commits them"),
    "orchestration/lakehouse/__init__.py": (_NEITHER, "names what the package offers"),
    "orchestration/lakehouse/attach.py": (_NEITHER, "connects to the lake"),
    "orchestration/lakehouse/development.py": (_NEITHER, "makes a database that no run reads"),
    "orchestration/lakehouse/files.py": (_NEITHER, "lists files for checks"),
    "orchestration/lakehouse/maintain.py": (_NEITHER, "deletes what nothing reads"),
    "orchestration/lakehouse/postgres.py": (_NEITHER, "connects to the catalogue"),
    "orchestration/lakehouse/records.py": (_NEITHER, "records verdicts and editions"),
    "orchestration/lakehouse/rows.py": (_EDITION, "hands query results to the pages"),
    "orchestration/mail.py": (_NEITHER, "connects to the mail server"),
    "orchestration/observing": (_NEITHER, "measures and logs"),
    "orchestration/publication": (_EDITION, "puts the edition together"),
    "orchestration/publication/database.py": (_NEITHER, "writes a file beside the editions"),
    "orchestration/publication/replaying.py": (_NEITHER, "writes a report, publishes nothing"),
    "orchestration/publication/verifying.py": (_NEITHER, "compares editions, makes none"),
    "orchestration/query": (_NEITHER, "answers analysts"),
    "orchestration/receipts": (_NEITHER, "pages for senders; no edition has them"),
    "orchestration/rehearsal": (_NEITHER, "a forecast; no edition has it"),
    "orchestration/stages.py": (_NEITHER, "opens store and lake for a stage"),
    "orchestration/storage": (_NEITHER, "moves bytes"),
    "orchestration/telling": (_NEITHER, "letters to senders; no edition has them"),
    "orchestration/trace": (_EDITION, "makes the trace pages of an edition"),
    "orchestration/workbook.py": (_EDITION, "writes the tables of an edition"),
}


def versions_of(path: str) -> tuple[Version, ...] | None:
    """The versions that a file is part of.

    Args:
        path: below the project's root, with ``/``.

    Returns:
        None if no entry of :data:`PARTS` covers the file.
    """
    for part in (path, *map(str, PurePosixPath(path).parents)):
        if part in PARTS:
            return PARTS[part][0]
    return None


def project_files(root: Path = PROJECT_ROOT, folders: Iterable[str] = FOLDERS) -> list[str]:
    """All files of the code, sorted, as paths below ``root`` with ``/``."""
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


def digest_of(paths: Iterable[str], root: Path = PROJECT_ROOT) -> str:
    """The first 12 hex digits of a SHA-256 over the names and bytes of files below ``root``."""
    digest = hashlib.sha256()
    for path in paths:
        body = (root / path).read_bytes()
        digest.update(f"{path}\0{len(body)}\0".encode("utf-8", "surrogateescape") + body)
    return digest.hexdigest()[:12]


def version_of(name: Version, root: Path = PROJECT_ROOT) -> str:
    """Compute a version from the files below ``root``: 12 hex digits."""
    covered = (path for path in project_files(root) if name in (versions_of(path) or ()))
    return digest_of(covered, root)


@cache
def figures_version() -> str:
    """The version of the code that decides a number: 12 hex digits."""
    return version_of("figures")


@cache
def edition_version() -> str:
    """The version of the code that turns figures into an edition's files: 12 hex digits."""
    return version_of("edition")


@cache
def dbt_project_version(project: Path) -> str:
    """The version of a dbt project, which dbt's parsed manifest depends on: 12 hex digits."""
    return digest_of(project_files(project.parent, [project.name]), project.parent)


def code_versions() -> dict[str, str]:
    """Both versions by name; the names are columns of the lake and keys of a manifest."""
    return dict(zip(_COLUMNS, (figures_version(), edition_version()), strict=True))


def recorded_versions(record: Mapping[str, Any]) -> dict[str, str]:
    """Both versions from a row of the lake or a manifest; "" for a version that it lacks.

    Older records have one ``code_version``, which covered both.
    """
    former = record.get("code_version") or ""
    return {name: record.get(name) or former for name in _COLUMNS}


def release() -> str:
    """The release of the installed package, such as ``0.1.0``; for display only."""
    try:
        return version("tongbao")
    except PackageNotFoundError:  # pragma: no cover - running from a bare checkout
        return "0"

"""Proof: an edition made again from its snapshot, compared file by file.

Belongs here: the comparison, and why files may differ (code, libraries, fonts).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from orchestration import bulletin, lakehouse
from orchestration.core.errors import UsageError
from orchestration.core.versions import code_version
from orchestration.core.workspace import Progress, Workspace
from orchestration.gate import Circumstances, judge_snapshot
from orchestration.publication.building import build_files, environment
from orchestration.publication.publishing import standing_editions

__all__ = ["VerifySummary", "verify_edition"]

#: Files named in a terminal's answer; ``--json`` has all.
_SHOWN = 20


@dataclass
class VerifySummary:
    """What the comparison found.

    Attributes:
        files: how many files were compared.
        differing, missing, added, damaged: paths: made again with other bytes; in the manifest
            and not made again; made again and not in the manifest; in the store with other bytes
            than the manifest says.
        causes: what is not as it was when the edition was made.
    """

    year: int
    edition: int
    snapshot_id: int
    files: int
    differing: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether every file is what the manifest says, in the store and made again."""
        return not (self.differing or self.missing or self.added or self.damaged)

    @property
    def lines(self) -> list[str]:
        """What a terminal shows."""
        name = f"edition {self.edition} of {self.year}"
        if self.same:
            return [
                f"{name}: all {self.files} files are in the store as the manifest says and come "
                f"out the same, byte for byte, from snapshot {self.snapshot_id}"
            ]
        said = [f"{name} is not what is made today from snapshot {self.snapshot_id}:"]
        for what, paths in (
            ("damaged in the store", self.damaged),
            ("come out with other bytes", self.differing),
            ("are not made any more", self.missing),
            ("are new", self.added),
        ):
            if paths:
                more = f" and {len(paths) - _SHOWN} more (--json names all)"
                listed = ", ".join(paths[:_SHOWN]) + (more if len(paths) > _SHOWN else "")
                said.append(f"  {len(paths)} files {what}: {listed}")
        said += [f"  changed since: {cause}" for cause in self.causes]
        if not self.causes:
            said.append("  code, libraries and fonts are the same as then")
        return said


def verify_edition(
    ws: Workspace, year: int, number: int | None, *, run_id: str, progress: Progress
) -> VerifySummary:
    """Make an edition again from its snapshot and compare every file's sha256.

    Args:
        number: the edition, or None for the newest.

    Raises:
        UsageError: there is no such edition.
    """
    with lakehouse.publisher(ws.settings):  # it may have to finish what a killed run left
        editions = standing_editions(ws, year)
    newest = int(editions[-1]["edition"]) if editions else 0
    if not 1 <= (number or 1) <= newest:
        known = f"it has 1 to {newest}" if newest else "nothing is published"
        raise UsageError(f"{year} has no edition {number or 1}: {known}")
    number = number or newest
    store, bucket = ws.store, ws.settings.publication_bucket
    edition = bulletin.read_edition(store, bucket, year, number)
    said = edition.content
    listed = {entry["path"]: entry["sha256"] for entry in said["files"]}
    stored = {
        item.info.key.removeprefix(edition.prefix): hashlib.sha256(item.body).hexdigest()
        for item in store.get_many(bucket, store.list(bucket, edition.prefix))
    }
    summary = VerifySummary(year, number, said["snapshot_id"], len(listed))
    summary.damaged = sorted(p for p, digest in listed.items() if stored.get(p) != digest)
    progress(f"verify {year}: {len(listed)} files of edition {number} read")
    decision = judge_snapshot(
        ws.settings,
        store,
        year,
        said["snapshot_id"],
        run_id=run_id,
        circumstances=Circumstances.from_data(year, said["gate"]),
    )
    built = build_files(
        ws.settings,
        store,
        year,
        decision,
        number=number,
        editions=[row for row in editions if row["edition"] < number],
        reason=said["reason"],
        inputs_digest=said["inputs_digest"],
        progress=progress,
    )
    again = {path: hashlib.sha256(body).hexdigest() for path, body in built.files.items()}
    summary.differing = sorted(p for p in listed if p in again and again[p] != listed[p])
    summary.missing = sorted(set(listed) - set(again))
    summary.added = sorted(set(again) - set(listed))
    summary.causes = _causes(said, environment(ws.settings.font_dir))
    return summary


def _causes(said: dict[str, Any], today: dict[str, str]) -> list[str]:
    """What of code, libraries and fonts is not as the manifest says."""
    found = []
    if said["code_version"] != code_version():
        found.append(f"code {said['code_version']} → {code_version()}")
    then = said["environment"]
    for name in sorted({*then, *today}):
        before, now = then.get(name, "none"), today.get(name, "none")
        if before != now:
            shown = (each[:12] if name.startswith("font ") else each for each in (before, now))
            found.append(f"{name} {' → '.join(shown)}")
    return found

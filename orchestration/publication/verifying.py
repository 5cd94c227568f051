"""Verification: rebuilds an edition from its snapshot and compares it file by file.

Belongs here: the comparison, and the possible causes of differences (submissions, code, libraries,
fonts).
Doesn't belong here: building the files (``building``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestration import bulletin, lakehouse
from orchestration.core.errors import UsageError
from orchestration.core.versions import code_versions, recorded_versions
from orchestration.core.workspace import Progress, Workspace
from orchestration.gate import Circumstances, judge_snapshot
from orchestration.intake.receipts import receipt_key
from orchestration.lakehouse.tables import utc_naive
from orchestration.publication.building import build_files, environment
from orchestration.publication.publishing import record_edition, recorded_and_foreign

__all__ = ["VerifySummary", "verify_edition"]

#: Files that the terminal lists of each kind, one screenful; ``--json`` lists all.
_LISTED = 20


@dataclass(frozen=True)
class OtherInputs:
    """How the submissions of a lake differ from those that an edition was made from.

    The manifest has only a digest of them, so this is what receipts and the store's times tell.

    Attributes:
        gone: receipts of objects that the lake has not: deleted before it was rebuilt.
        newer: keys of objects that the store received after the edition's last intake: they were
            added or replaced since.
        until: when that intake began to list the objects (aware), or None.
    """

    gone: list[str]
    newer: list[str]
    until: datetime | None

    @property
    def lines(self) -> list[str]:
        """Lines to print on a terminal: what differs, and what to do."""
        lines = ["  cause: the landing bucket has other objects than the edition was made from:"]
        if self.gone:
            lines.append(f"    {len(self.gone)} deleted; their receipts: {_named(self.gone)}")
        if self.newer:
            since = f"{self.until:%Y-%m-%d %H:%M} UTC" if self.until else "the last intake"
            lines.append(
                f"    {len(self.newer)} added or replaced since {since}: {_named(self.newer)}"
            )
        if not (self.gone or self.newer):
            lines.append(
                "    which is not known: neither receipts nor the store's times tell; last year's "
                "marts may also be those of another edition"
            )
        return [
            *lines,
            "  do: restore the catalogue and the lake from a backup; or, without one, rebuild the "
            "lake from a copy of the landing bucket with the objects of then "
            "(TONGBAO_LANDING_BUCKET) and verify again: infra/runbook.md#without-a-backup",
        ]


@dataclass
class VerifySummary:
    """The result of a comparison.

    Attributes:
        files: number of files compared.
        differing: paths of files that were rebuilt with other bytes.
        missing: paths that are in the manifest and were not rebuilt.
        added: paths that were rebuilt and are not in the manifest.
        damaged: paths of files in the store that differ from the manifest's sha256.
        causes: code, libraries and fonts that have changed since the edition was made.
        lost_snapshot: the manifest's snapshot, if that was in a lake that is lost and the edition
            was compared with this lake's; else None.
        other_inputs: how the submissions behind the snapshot differ from the edition's; None if
            they are the same, or if other code read them.
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
    lost_snapshot: int | None = None
    other_inputs: OtherInputs | None = None

    @property
    def same(self) -> bool:
        """Whether every file has the manifest's sha256, both in the store and rebuilt."""
        return not (self.differing or self.missing or self.added or self.damaged)

    @property
    def lines(self) -> list[str]:
        """Lines to print on a terminal."""
        name = f"edition {self.edition} of {self.year}"
        if self.same:
            return [
                f"{name}: all {self.files} files are in the store as the manifest says and come "
                f"out the same, byte for byte, from snapshot {self.snapshot_id}" + self._why
            ]
        lines = [
            f"{name} differs from what is built today from snapshot {self.snapshot_id}{self._why}:"
        ]
        if self.other_inputs:
            lines += self.other_inputs.lines
        for what, paths in (
            ("damaged in the store", self.damaged),
            ("come out with other bytes", self.differing),
            ("are no longer made", self.missing),
            ("are new", self.added),
        ):
            if paths:
                lines.append(f"  {len(paths)} files {what}: {_named(paths)}")
        lines += [f"  changed since: {cause}" for cause in self.causes]
        if not (self.causes or self.other_inputs):
            lines.append("  submissions, code, libraries and fonts have not changed since")
        return lines

    @property
    def _why(self) -> str:
        """Why the snapshot is not the manifest's; "" if it is."""
        if self.lost_snapshot is None:
            return ""
        return (
            f" of the rebuilt lake (the manifest names snapshot {self.lost_snapshot} of a lost one)"
        )


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more (--json names all)"
    return ", ".join(names[:_LISTED]) + (more if len(names) > _LISTED else "")


def verify_edition(
    ws: Workspace, year: int, number: int | None, *, run_id: str, progress: Progress
) -> VerifySummary:
    """Rebuild an edition from its snapshot and compare every file's sha256.

    A first edition that was made from a lake that is lost is compared with the newest marts. If all
    files are the same, the edition is recorded in this lake, and later verifications use the
    recorded snapshot.

    Args:
        number: number of the edition, or None for the newest.
        run_id: id of this run, recorded with the gate's results.

    Raises:
        UsageError: there is no such edition, or this lake has no marts to compare it with.
    """
    with lakehouse.publisher(ws.settings):  # The call may finish an interrupted publication.
        editions, foreign = recorded_and_foreign(ws, year)
    newest = foreign.number if foreign else int(editions[-1]["edition"]) if editions else 0
    if not 1 <= (number or 1) <= newest:
        known = f"it has 1 to {newest}" if newest else "nothing is published"
        raise UsageError(f"{year} has no edition {number or 1}: {known}")
    number = number or newest
    store, bucket = ws.store, ws.settings.publication_bucket
    edition = bulletin.read_edition(store, bucket, year, number)
    manifest = edition.content
    listed = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    stored = {
        item.info.key.removeprefix(edition.prefix): hashlib.sha256(item.body).hexdigest()
        for item in store.get_many(bucket, store.list(bucket, edition.prefix))
    }
    # The manifest's number means another state in a rebuilt lake; the record's does not.
    recorded = {row["edition"]: row["snapshot_id"] for row in editions}.get(number)
    snapshot_id = _rebuilt_snapshot(ws, edition) if recorded is None else recorded
    summary = VerifySummary(year, number, snapshot_id, len(listed))
    if recorded is None or snapshot_id != manifest["snapshot_id"]:
        summary.lost_snapshot = manifest["snapshot_id"]
    summary.other_inputs = _other_inputs(ws, edition, snapshot_id)
    if summary.other_inputs:
        progress(f"verify {year}: {summary.other_inputs.lines[0].partition(': ')[2]}")
    summary.damaged = sorted(p for p, digest in listed.items() if stored.get(p) != digest)
    progress(f"verify {year}: {len(listed)} files of edition {number} read")
    decision = judge_snapshot(
        ws.settings,
        store,
        year,
        snapshot_id,
        run_id=run_id,
        circumstances=Circumstances.from_data(year, manifest["gate"]),
    )
    built = build_files(
        ws.settings,
        store,
        year,
        decision,
        number=number,
        editions=[row for row in editions if row["edition"] < number],
        reason=manifest["reason"],
        inputs_digest=manifest["inputs_digest"],
        progress=progress,
    )
    rebuilt = {path: hashlib.sha256(body).hexdigest() for path, body in built.files.items()}
    summary.differing = sorted(
        path for path in listed if path in rebuilt and rebuilt[path] != listed[path]
    )
    summary.missing = sorted(set(listed) - set(rebuilt))
    summary.added = sorted(set(rebuilt) - set(listed))
    summary.causes = _causes(manifest, environment(ws.settings.font_dir))
    if recorded is None and summary.same:
        with lakehouse.publisher(ws.settings):
            record_edition(ws, edition, None, snapshot_id=snapshot_id)
    return summary


def _rebuilt_snapshot(ws: Workspace, edition: bulletin.Edition) -> int:
    """The snapshot of the newest marts, for a first edition that was made from another lake.

    Raises:
        UsageError: it is a later edition, or there are no marts.
    """
    year = edition.year
    name = f"edition {edition.number} of {year}"
    if edition.number > 1:
        raise UsageError(
            f"{name} was made from another lake: only a first edition can be compared with "
            "rebuilt marts"
        )
    with lakehouse.reader(ws.settings, ws.store) as con:
        snapshot_id = lakehouse.transform_snapshot(con, year)
        if snapshot_id is None:
            raise UsageError(
                f"{name} was made from another lake, and this one has no marts of {year}: "
                f"'tongbao run --year {year} --until gate' makes them"
            )
    return snapshot_id


def _other_inputs(ws: Workspace, edition: bulletin.Edition, snapshot_id: int) -> OtherInputs | None:
    """How the inputs of a snapshot's marts differ from the edition's; None if they don't.

    The digest covers the code as well: between two versions of it, it says nothing.
    """
    manifest = edition.content
    with lakehouse.reader(ws.settings, ws.store, snapshot_id) as con:
        if lakehouse.transform_record(con, edition.year) == manifest["inputs_digest"]:
            return None
        objects = con.execute(
            "select object_key, last_modified, year, province_code, receipt_name "
            "from lake.raw.objects where year <= ? order by object_key",
            [edition.year],
        ).fetchall()
    if recorded_versions(manifest)["figures_version"] != code_versions()["figures_version"]:
        return None
    known = {receipt_key(*place) for _, _, *place in objects}
    receipts = {
        info.key
        for year in {edition.year, *(row[2] for row in objects)}
        for info in ws.store.list(ws.settings.publication_bucket, f"receipts/year={year:04d}/")
        if info.key.endswith(".receipt.json")
    }
    until = Circumstances.from_data(edition.year, manifest["gate"]).last_intake_at
    newer = [key for key, received, *_ in objects if until and received > utc_naive(until)]
    # Of a bucket that was copied as a whole, the store's times say nothing.
    return OtherInputs(sorted(receipts - known), newer if len(newer) < len(objects) else [], until)


def _causes(manifest: dict[str, Any], today: dict[str, str]) -> list[str]:
    """Versions of the code, libraries and fonts that differ from the manifest's, as lines."""
    recorded = recorded_versions(manifest)
    found = [
        f"{name} {recorded[name]} → {now}"
        for name, now in code_versions().items()
        if recorded[name] != now
    ]
    then = manifest["environment"]
    for name in sorted({*then, *today}):
        before, now = then.get(name, "none"), today.get(name, "none")
        if before != now:
            shown = (each[:12] if name.startswith("font ") else each for each in (before, now))
            found.append(f"{name} {' → '.join(shown)}")
    return found

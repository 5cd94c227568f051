"""Publishing: writes an edition to the store, makes it visible and records it in the lake.

A published edition is never changed.

Belongs here: publishing edition 1, the steps that every edition shares, and the list of published
editions. Doesn't belong here: the decision to correct (``correcting``), building the files
(``building``).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestration import bulletin, lakehouse
from orchestration.core.errors import PublicationRefused, TongbaoError
from orchestration.core.versions import recorded_versions
from orchestration.core.workspace import Progress, Workspace
from orchestration.gate import GateDecision
from orchestration.publication.building import Built, build_files
from orchestration.publication.changes import Changes, compare_snapshots

__all__ = [
    "PublishSummary",
    "already_published",
    "publish_edition",
    "publish_first",
    "published_editions",
    "record_edition",
    "recorded_and_foreign",
]


@dataclass
class PublishSummary:
    """The result of a publication.

    Attributes:
        edition: number of the current edition.
        snapshot_id: snapshot that the current edition was made from.
        files: number of files written; 0 if the edition was published before.
        folder: folder of the edition's copy on this machine.
        lines: lines to print on a terminal.
        taken_over: number of files carried over unchanged from the former edition.
    """

    year: int
    edition: int
    snapshot_id: int
    files: int
    folder: str
    lines: list[str]
    taken_over: int = 0

    def metadata(self) -> dict[str, Any]:
        """Metadata of the Dagster asset."""
        return {
            "edition": self.edition,
            "snapshot_id": self.snapshot_id,
            "files_written": self.files,
            "folder": self.folder,
        }


def publish_first(
    ws: Workspace, year: int, decision: GateDecision, *, inputs_digest: str, progress: Progress
) -> PublishSummary:
    """Publish edition 1 from the snapshot that the gate's decision is about.

    Args:
        decision: the gate's decision; it must allow publication.
        inputs_digest: digest of the inputs that the marts were built from.

    Raises:
        TongbaoError: a document can't be typeset, or its text differs from the marts.
    """
    built = build_files(
        ws.settings,
        ws.store,
        year,
        decision,
        number=1,
        editions=(),
        reason="",
        inputs_digest=inputs_digest,
        progress=progress,
    )
    return publish_edition(ws, year, 1, built, progress=progress)


def publish_edition(
    ws: Workspace, year: int, number: int, built: Built, *, progress: Progress
) -> PublishSummary:
    """Write an edition's files, make it visible and record it."""
    settings, store = ws.settings, ws.store
    facts = built.facts | {"published_at": settings.now().isoformat()}
    made = bulletin.make_edition(
        year, number, built.files, contents=built.contents, facts=facts, sums=built.sums
    )
    folder = settings.home / "out"
    with ThreadPoolExecutor(1) as copying:  # Writes the local copy during the upload.
        copied = copying.submit(bulletin.write_staging_folder, made, folder)
        edition = bulletin.publish_edition(store, settings.publication_bucket, made, built.sources)
        record_edition(ws, edition, built.changes)
        copied.result()
    out = bulletin.publish_staging_folder(edition, folder)
    files = len(built.files) + 1
    progress(f"publish {year}: edition {number}, {files} files")
    snapshot_id = int(facts["snapshot_id"])
    lines = [
        f"edition {number} of {year} is published: {built.bulletins} bulletins, "
        f"{files} files, snapshot {snapshot_id}",
        *_locations(ws, edition.prefix, out),
    ]
    if built.undrawn:
        lines.append(
            f"〓 is printed for {len(built.undrawn)} characters that the fonts lack "
            f"({' '.join(sorted(built.undrawn)[:10])}): "
            "set TONGBAO_FONT_DIR to a folder with more fonts"
        )
    return PublishSummary(year, number, snapshot_id, files, str(out), lines, len(built.sources))


def published_editions(ws: Workspace, year: int) -> list[dict[str, Any]]:
    """The rows of ``publication.editions`` for a year, oldest first; the last is the current one.

    It first finishes a publication that was interrupted: an edition whose files are complete but
    not visible yet, or that is visible but not recorded yet. A damaged or deleted ``latest.json``
    is written again from the manifests.

    Raises:
        TongbaoError: the newest edition was made from another lake (:func:`recorded_and_foreign`).
    """
    recorded, foreign = recorded_and_foreign(ws, year)
    if foreign:
        raise TongbaoError(
            f"edition {foreign.number} of {year} is published, but was made from another lake: "
            f"after a loss of the lake, 'tongbao verify --year {year}' compares it with the "
            "rebuilt marts, and records it here if all bytes are the same"
        )
    return recorded


def recorded_and_foreign(
    ws: Workspace, year: int
) -> tuple[list[dict[str, Any]], bulletin.Edition | None]:
    """Finish an interrupted publication, as :func:`published_editions` does.

    Returns:
        the rows of ``publication.editions``; and the newest edition, if it is not among them and
        was made from another lake, else None.
    """
    recorded = _recorded(ws, year)
    bucket = ws.settings.publication_bucket
    number, finished = bulletin.finish_newest_edition(ws.store, bucket, year)
    if not number or number in {row["edition"] for row in recorded}:
        return recorded, None
    edition = finished or bulletin.read_edition(ws.store, bucket, year, number)
    if not _has_snapshot_of(ws, edition):
        return recorded, edition
    record_edition(ws, edition, _changes_of(ws, edition, recorded))
    return _recorded(ws, year), None


def _has_snapshot_of(ws: Workspace, edition: bulletin.Edition) -> bool:
    """Whether the snapshot that a manifest names has, in this lake, the inputs of the edition."""
    manifest = edition.content
    with lakehouse.reader(ws.settings, ws.store) as con:
        return lakehouse.has_marts_from(
            con, edition.year, manifest["snapshot_id"], manifest["inputs_digest"]
        )


def _changes_of(
    ws: Workspace, edition: bulletin.Edition, recorded: Sequence[dict[str, Any]]
) -> Changes | None:
    """Compare an edition with the one that it supersedes; None for the first.

    Args:
        recorded: rows of ``publication.editions`` before this edition.
    """
    manifest = edition.content
    if manifest["supersedes"] is None:
        return None
    before, now = recorded[-1]["snapshot_id"], manifest["snapshot_id"]
    with lakehouse.reader(ws.settings, ws.store, now) as con:
        return compare_snapshots(con, edition.year, before, now, manifest["reason"])


def _recorded(ws: Workspace, year: int) -> list[dict[str, Any]]:
    with lakehouse.reader(ws.settings, ws.store) as con:
        return lakehouse.edition_rows(con, year)


def already_published(
    ws: Workspace, year: int, current: dict[str, Any], snapshot_id: int, *, is_current: bool
) -> PublishSummary:
    """Summarise a publication that has nothing to do: the year has an edition of these marts.

    Args:
        current: row of ``publication.editions`` of the current edition.
        snapshot_id: snapshot that was to be published.
        is_current: whether the snapshot has the marts of the current edition.

    Raises:
        PublicationRefused: the current edition was made from other marts.
    """
    number = current["edition"]
    if not is_current:
        raise PublicationRefused(
            f"publication refused: edition {number} of {year} is published "
            f"(snapshot {current['snapshot_id']}) and the marts are newer "
            f"(snapshot {snapshot_id}): to publish them as a new edition, "
            f"run 'tongbao correct --year {year} --reason …'"
        )
    edition = bulletin.read_edition(ws.store, ws.settings.publication_bucket, year, number)
    out = bulletin.write_out(edition, ws.settings.home / "out")
    snapshot_id = current["snapshot_id"]
    line = f"edition {number} of {year} is published (snapshot {snapshot_id}): nothing to do"
    lines = [line, *_locations(ws, edition.prefix, out)]
    return PublishSummary(year, number, snapshot_id, 0, str(out), lines)


def _locations(ws: Workspace, prefix: str, folder: Path) -> list[str]:
    return [
        f"  national bulletin: {folder / 'national' / 'bulletin.pdf'}",
        f"  as a page:         {folder / 'national' / 'bulletin.html'}",
        f"  in the store:      s3://{ws.settings.publication_bucket}/{prefix}",
    ]


def _write_year_index(
    ws: Workspace, edition: bulletin.Edition, recorded: Sequence[dict[str, Any]]
) -> None:
    """Write the page and the feed that list the year's editions, this one included."""
    year, manifest = edition.year, edition.content
    known = {row["edition"]: row for row in recorded}
    known[edition.number] = {
        "edition": edition.number,
        "published_at": datetime.fromisoformat(manifest["published_at"]),
        "reason": manifest["reason"],
    }
    notes = [
        bulletin.EditionNote.of(year, number, row["published_at"], row["reason"])
        for number, row in sorted(known.items())
    ]
    rows = [known[number] for number in sorted(known)]
    is_synthetic = manifest["synthetic"]
    folder = ws.settings.home / "out" / str(year)
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in (
        ("index.html", bulletin.year_index(year, notes, is_synthetic=is_synthetic)),
        ("feed.xml", bulletin.year_feed(year, rows, is_synthetic=is_synthetic)),
    ):
        ws.store.put(ws.settings.publication_bucket, f"editions/{year}/{name}", body)
        (folder / name).write_bytes(body)


def record_edition(
    ws: Workspace,
    edition: bulletin.Edition,
    changes: Changes | None,
    *,
    snapshot_id: int | None = None,
) -> None:
    """Record a published edition in the lake, and write the page of the year's editions.

    Args:
        snapshot_id: that the edition comes from in this lake; None: the manifest's.
    """
    manifest = edition.content
    with lakehouse.writer(ws.settings, ws.store) as con:
        # The page first: a run killed in between finds the edition unrecorded and does both again.
        _write_year_index(ws, edition, lakehouse.edition_rows(con, edition.year))
        lakehouse.record_edition(
            con,
            {
                "year": edition.year,
                "edition": edition.number,
                "snapshot_id": snapshot_id or manifest["snapshot_id"],
                **recorded_versions(manifest),
                "published_at": datetime.fromisoformat(manifest["published_at"]),
                "manifest_sha256": edition.manifest_sha256,
                "supersedes": manifest["supersedes"],
                "reason": manifest["reason"],
            },
            changes.revisions(edition.number) if changes else (),
        )

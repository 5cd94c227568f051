"""Publishing: the first edition of a year, and what every edition has in common.

Belongs here: which edition stands, putting the next one in place and recording it. A standing
edition is never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestration import bulletin, lakehouse
from orchestration.core.workspace import Progress, Workspace
from orchestration.gate import GateDecision
from orchestration.publication.building import Built, build_files

__all__ = [
    "PublishSummary",
    "publish_first",
    "put_in_place",
    "standing_editions",
    "stands",
]


@dataclass
class PublishSummary:
    """What the publication came to.

    Attributes:
        edition: its number.
        snapshot_id: what it was made from.
        files: how many were written; 0 where the edition stood already.
        folder: where the bulletins are on this machine.
        refused: an edition stands that was made from another snapshot.
        lines: what a terminal shows.
        taken_over: how many files are the former edition's, unchanged.
    """

    year: int
    edition: int
    snapshot_id: int
    files: int
    folder: str
    refused: bool
    lines: list[str]
    taken_over: int = 0

    def metadata(self) -> dict[str, Any]:
        """For the Dagster asset."""
        return {
            "edition": self.edition,
            "snapshot_id": self.snapshot_id,
            "files_written": self.files,
            "folder": self.folder,
        }


def publish_first(
    ws: Workspace, year: int, decision: GateDecision, *, inputs_digest: str, progress: Progress
) -> PublishSummary:
    """Publish edition 1 from the snapshot that the gate let through."""
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
    return put_in_place(ws, year, 1, built, progress=progress)


def put_in_place(
    ws: Workspace, year: int, number: int, built: Built, *, progress: Progress
) -> PublishSummary:
    """Write an edition's files, make it visible and record it."""
    settings, store = ws.settings, ws.store
    facts = built.facts | {"published_at": settings.now().isoformat()}
    made = bulletin.make_edition(
        year, number, built.files, contents=built.contents, facts=facts, sums=built.sums
    )
    folder = settings.home / "out"
    with ThreadPoolExecutor(1) as copying:  # this machine's copy, while the store writes
        aside = copying.submit(bulletin.write_aside, made, folder)
        edition = bulletin.publish_edition(store, settings.publication_bucket, made, built.sources)
        _record(ws, edition)
        aside.result()
    out = bulletin.show_out(edition, folder)
    files = len(built.files) + 1
    progress(f"publish {year}: edition {number}, {files} files")
    snapshot_id = int(facts["snapshot_id"])
    lines = [
        f"edition {number} of {year} is published: {built.bulletins} bulletins, "
        f"{files} files, snapshot {snapshot_id}",
        *_where(ws, edition.prefix, out),
    ]
    if built.undrawn:
        lines.append(
            f"〓 stands for {len(built.undrawn)} characters that the fonts lack "
            f"({' '.join(sorted(built.undrawn)[:10])}): "
            "TONGBAO_FONT_DIR may name a folder with more fonts"
        )
    return PublishSummary(
        year, number, snapshot_id, files, str(out), False, lines, len(built.sources)
    )


def standing_editions(ws: Workspace, year: int) -> list[dict[str, Any]]:
    """The editions of a year, as ``publication.editions`` has them; the last one stands.

    What a killed run left is brought to its end first: an edition that is written to the last
    file and not yet visible, or visible and not yet recorded.
    """
    recorded = _recorded(ws, year)
    bucket = ws.settings.publication_bucket
    latest = bulletin.latest_of(ws.store, bucket, year)
    number = latest["edition"] if latest else 0
    finished = bulletin.finish_edition(ws.store, bucket, year, number + 1)
    if finished:
        number += 1
    if number and number not in {row["edition"] for row in recorded}:
        _record(ws, finished or bulletin.read_edition(ws.store, bucket, year, number))
        recorded = _recorded(ws, year)
    return recorded


def _recorded(ws: Workspace, year: int) -> list[dict[str, Any]]:
    with lakehouse.reader(ws.settings, ws.store) as con:
        return lakehouse.edition_rows(con, year)


def stands(ws: Workspace, year: int, standing: dict[str, Any], snapshot_id: int) -> PublishSummary:
    """Nothing to publish: an edition stands, from this snapshot or from an older one."""
    number = standing["edition"]
    edition = bulletin.read_edition(ws.store, ws.settings.publication_bucket, year, number)
    out = bulletin.write_out(edition, ws.settings.home / "out")
    if standing["snapshot_id"] == snapshot_id:
        said = f"edition {number} of {year} stands (snapshot {snapshot_id}): nothing to do"
        lines = [said, *_where(ws, edition.prefix, out)]
        return PublishSummary(year, number, snapshot_id, 0, str(out), False, lines)
    said = (
        f"edition {number} of {year} stands (snapshot {standing['snapshot_id']}); "
        f"the marts are newer (snapshot {snapshot_id}): a change is a new "
        f"edition, 'tongbao correct --year {year} --reason …'"
    )
    return PublishSummary(year, number, standing["snapshot_id"], 0, str(out), True, [said])


def _where(ws: Workspace, prefix: str, folder: Path) -> list[str]:
    return [
        f"  national bulletin: {folder / 'national' / 'bulletin.pdf'}",
        f"  as a page:         {folder / 'national' / 'bulletin.html'}",
        f"  in the store:      s3://{ws.settings.publication_bucket}/{prefix}",
    ]


def _list_editions(
    ws: Workspace, edition: bulletin.Edition, recorded: Sequence[dict[str, Any]]
) -> None:
    """Write the page of the year's editions, before the edition counts as recorded."""
    year, said = edition.year, edition.content
    known = {row["edition"]: row for row in recorded}
    known[edition.number] = {
        "edition": edition.number,
        "published_at": datetime.fromisoformat(said["published_at"]),
        "reason": said["reason"],
    }
    notes = [
        bulletin.EditionNote.of(year, number, row["published_at"], row["reason"])
        for number, row in sorted(known.items())
    ]
    page = bulletin.year_index(year, notes, is_synthetic=said["synthetic"])
    ws.store.put(ws.settings.publication_bucket, f"editions/{year}/index.html", page)
    folder = ws.settings.home / "out" / str(year)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_bytes(page)


def _record(ws: Workspace, edition: bulletin.Edition) -> None:
    said = edition.content
    with lakehouse.writer(ws.settings, ws.store) as con:
        _list_editions(ws, edition, lakehouse.edition_rows(con, edition.year))
        lakehouse.record_edition(
            con,
            {
                "year": edition.year,
                "edition": edition.number,
                "snapshot_id": said["snapshot_id"],
                "code_version": said["code_version"],
                "published_at": datetime.fromisoformat(said["published_at"]),
                "manifest_sha256": edition.manifest_sha256,
                "supersedes": said["supersedes"],
                "reason": said["reason"],
            },
        )

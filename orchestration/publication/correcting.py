"""Corrections: the next edition of a year, with what changed and why.

Belongs here: deciding whether there is anything to correct and putting the corrected edition in
place. Doesn't belong here: taking in, transforming and judging (``stages`` does that first).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestration import bulletin
from orchestration.core.workspace import Progress, Workspace
from orchestration.gate import GateDecision
from orchestration.publication.building import build_files
from orchestration.publication.changes import Changes
from orchestration.publication.publishing import PublishSummary, put_in_place

__all__ = ["correct_edition"]

#: What says only that there is a correction, which documents hold the same figures now, when the
#: gate looked, and which characters all of that is written with.
_ABOUT_ITSELF = (
    "changes.",
    "national/correction.",
    "editions/",
    "trace/",
    "quality/data_docs/",
    "assets/",
)


def correct_edition(
    ws: Workspace,
    year: int,
    reason: str,
    editions: Sequence[dict[str, Any]],
    decision: GateDecision,
    *,
    inputs_digest: str,
    progress: Progress,
) -> PublishSummary:
    """Publish the next edition from the snapshot that the gate let through.

    Args:
        editions: rows of ``publication.editions``; the last one stands.
        reason: why, in a sentence; it stands in the edition and in ``publication.editions``.
    """
    standing = editions[-1]
    number = standing["edition"] + 1
    bucket = ws.settings.publication_bucket
    out = ws.settings.home / "out"
    former = bulletin.read_edition(ws.store, bucket, year, standing["edition"], reusable_in=out)
    built = build_files(
        ws.settings,
        ws.store,
        year,
        decision,
        number=number,
        editions=editions,
        reason=reason,
        inputs_digest=inputs_digest,
        former=former,
        progress=progress,
    )
    before = {entry["path"]: entry.get("content") for entry in former.content["files"]}
    same = all(
        before.get(path) == content
        for path, content in built.contents.items()
        if not path.startswith(_ABOUT_ITSELF)
    )
    changes = built.changes or Changes(year, reason)
    if not changes.changes and same:
        said = f"edition {standing['edition']} of {year} says what is known: nothing to correct"
        return PublishSummary(
            year, standing["edition"], standing["snapshot_id"], 0, "", False, [said]
        )
    done = put_in_place(ws, year, number, built, progress=progress)
    figures = sum(not change.is_rank for change in changes.changes)
    done.lines[1:1] = [
        f"  {figures} figures and {len(changes.changes) - figures} ranks changed, from "
        f"{len(changes.objects)} documents; {len(built.sources)} files are as before",
        f"  what changed:      {done.folder}/changes.html",
        f"  the notice:        {done.folder}/national/correction.pdf",
    ]
    return done

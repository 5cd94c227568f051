"""Corrections: publishes the next edition of a year, with its changes and their reason.

Belongs here: deciding whether there is anything to correct, and publishing the corrected edition.
Doesn't belong here: intake, transform and gate, which ``stages`` runs first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestration import bulletin
from orchestration.core.workspace import Progress, Workspace
from orchestration.gate import GateDecision
from orchestration.publication.building import build_files
from orchestration.publication.changes import Changes
from orchestration.publication.publishing import PublishSummary, publish_edition

__all__ = ["correct_edition"]

#: Paths whose content may differ without any figure having changed: the change table and notice,
#: the list of editions, ids and hashes of documents behind the same figures, the example queries
#: of the manual (late values), and the characters in the web fonts.
_NOT_COMPARED = (
    "changes.",
    "docs/",
    "national/correction.",
    "editions/",
    "trace/",
    "api/",
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
        reason: the reason in one sentence; printed in the edition and stored in
            ``publication.editions``.
        editions: rows of ``publication.editions``, oldest first; the last is the current edition.
        decision: the gate's decision about the snapshot; it must allow publication.
        inputs_digest: digest of the inputs that the marts were built from.

    Returns:
        the summary of the new edition; of the current one, with 0 files, if nothing changed.

    Raises:
        TongbaoError: a document can't be typeset, or its text differs from the marts.
    """
    current = editions[-1]
    number = current["edition"] + 1
    bucket = ws.settings.publication_bucket
    out = ws.settings.home / "out"
    former = bulletin.read_edition(
        ws.store, bucket, year, current["edition"], carry_over_copies=out
    )
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
        if not path.startswith(_NOT_COMPARED)
    )
    changes = built.changes or Changes(year, reason)
    if not changes.changes and same:
        line = f"edition {current['edition']} of {year} is up to date: nothing to correct"
        return PublishSummary(year, current["edition"], current["snapshot_id"], 0, "", [line])
    summary = publish_edition(ws, year, number, built, progress=progress)
    figures = sum(not change.is_rank for change in changes.changes)
    summary.lines[1:1] = [
        f"  {figures} figures and {len(changes.changes) - figures} ranks changed, from "
        f"{len(changes.objects)} documents; {len(built.sources)} files are carried over",
        f"  changes:           {summary.folder}/changes.html",
        f"  notice:            {summary.folder}/national/correction.pdf",
    ]
    return summary

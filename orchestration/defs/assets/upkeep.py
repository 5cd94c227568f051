"""Upkeep of the lake as an asset: what each maintenance found is its history."""

import dagster as dg

from orchestration import stages
from orchestration.defs.assets.common import WORKSPACE_KEY

__all__ = ["UPKEEP", "upkeep"]

UPKEEP = dg.AssetKey(["lake", "upkeep"])


@dg.asset(
    key=UPKEEP,
    group_name="lake",
    kinds={"ducklake"},
    required_resource_keys={WORKSPACE_KEY},
    description="Old snapshots expired, small files merged, what nothing reads deleted.",
)
def upkeep(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """What 'tongbao lake maintain' does. Not tried again: the next one finds what this one left."""
    ws: stages.Workspace = getattr(context.resources, WORKSPACE_KEY).open()
    done = stages.maintain(ws, dry_run=False, progress=context.log.info)
    for note in done.notes:
        context.log.warning(note)
    counts = {finding.what: len(finding.names) for finding in done.findings}
    return dg.MaterializeResult(metadata=counts | {"snapshots pinned": len(done.pinned)})

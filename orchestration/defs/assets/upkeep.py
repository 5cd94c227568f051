"""Maintenance of the lake as an asset, whose history shows the findings of each run."""

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
    description="Old snapshots expired, small files merged, unused files deleted.",
)
def upkeep(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Do the same as 'tongbao lake maintain', without retries: the next run continues."""
    ws: stages.Workspace = getattr(context.resources, WORKSPACE_KEY).open()
    done = stages.maintain(ws, dry_run=False, progress=context.log.info)
    for note in done.notes:
        context.log.warning(note)
    counts = {finding.what: len(finding.names) for finding in done.findings}
    return dg.MaterializeResult(metadata=counts | {"snapshots pinned": len(done.pinned)})

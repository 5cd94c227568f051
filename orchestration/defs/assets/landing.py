"""The intake as assets (landing → raw)."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration import stages
from orchestration.defs.assets.common import REPORTING_YEAR, WORKSPACE_KEY, run_stage
from orchestration.lakehouse import RAW_TABLES

__all__ = ["LANDING", "RAW", "raw"]

LANDING = dg.AssetKey(["landing", "submissions"])
RAW = [dg.AssetKey(["raw", name]) for name in RAW_TABLES]

landing = dg.AssetSpec(
    LANDING,
    group_name="landing",
    kinds={"s3"},
    description="Submissions as the platform and the provinces upload them to the bucket.",
    partitions_def=REPORTING_YEAR,
)


@dg.multi_asset(
    name="intake",
    specs=[
        dg.AssetSpec(
            key,
            deps=[LANDING],
            group_name="raw",
            kinds={"ducklake"},
            description=f"Submissions as received, with lineage on every row: raw.{key.path[-1]}",
        )
        for key in RAW
    ],
    partitions_def=REPORTING_YEAR,
    required_resource_keys={WORKSPACE_KEY},
)
def raw(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Take in new and changed objects: write their receipts and the ``raw`` tables."""
    done = run_stage(context, stages.intake)
    metadata: dict[str, Any] = {
        "objects_listed": done.listed,
        "objects_fetched": done.fetched,
        "documents": done.documents,
        "errors": done.errors,
        "warnings": done.warnings,
        "by_status": dg.MetadataValue.json(done.by_status),
    }
    for key in RAW:
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)

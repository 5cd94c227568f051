"""marts → receipts: the readable receipts as an asset."""

import dagster as dg

from orchestration import stages
from orchestration.assets.common import REPORTING_YEAR, WORKSPACE_KEY, progress_of, report
from orchestration.assets.warehouse import marts_keys

__all__ = ["RECEIPTS", "receipts"]

RECEIPTS = dg.AssetKey(["publication", "receipts"])


@dg.asset(
    key=RECEIPTS,
    deps=marts_keys(),
    group_name="publication",
    kinds={"html"},
    partitions_def=REPORTING_YEAR,
    required_resource_keys={WORKSPACE_KEY},
    description="Readable receipts, in Chinese: of each object, each unit, each province's day.",
)
def receipts(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Write the pages whose data have changed."""
    done = stages.receipts(
        getattr(context.resources, WORKSPACE_KEY),
        int(context.partition_key),
        run_id=context.run_id,
        progress=progress_of(context),
    )
    report("receipts", done)
    return dg.MaterializeResult(
        metadata={
            "object_pages": done.objects,
            "unit_pages": done.units,
            "province_pages": done.provinces,
        }
    )

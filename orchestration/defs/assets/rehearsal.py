"""The rehearsal as an asset (marts → rehearsal).

The edition doesn't depend on it, so a rehearsal can't make a publication possible.
"""

import dagster as dg

from orchestration import stages
from orchestration.defs.assets.common import REPORTING_YEAR, WORKSPACE_KEY, run_stage
from orchestration.defs.assets.warehouse import marts_keys

__all__ = ["REHEARSAL", "rehearsal"]

REHEARSAL = dg.AssetKey(["publication", "rehearsal"])


@dg.asset(
    key=REHEARSAL,
    deps=marts_keys(),
    group_name="publication",
    kinds={"html", "greatexpectations"},
    partitions_def=REPORTING_YEAR,
    required_resource_keys={WORKSPACE_KEY},
    description="What would block publication now, and how many units will be missing.",
)
def rehearsal(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Judge without recording a verdict; write the page and each province's digest."""
    done = run_stage(context, stages.rehearse)
    nation = done.nation
    return dg.MaterializeResult(
        metadata={
            "would_block": done.would_block,
            "blocking": len(done.blocking),
            "units_expected": nation.expected,
            "units_reported": nation.reported,
            "missing_projected": nation.missing,
            "missing_at_least": nation.missing_low,
            "missing_at_most": nation.missing_high,
            "page": done.page,
        }
    )

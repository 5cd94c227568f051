"""The edition as an asset (gate → bulletins)."""

import dagster as dg

from orchestration import stages
from orchestration.defs.assets.common import REPORTING_YEAR, WORKSPACE_KEY, run_stage
from orchestration.defs.assets.quality import GATE

__all__ = ["EDITION", "edition"]

EDITION = dg.AssetKey(["publication", "edition"])


@dg.asset(
    key=EDITION,
    deps=[GATE],
    group_name="publication",
    kinds={"typst", "html"},
    partitions_def=REPORTING_YEAR,
    required_resource_keys={WORKSPACE_KEY},
    description="The bulletins of the nation, all tasks and all provinces, as one edition.",
)
def edition(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Publish from the snapshot that passed the gate; an existing edition is not changed."""
    done = run_stage(context, stages.publish)
    pages = {
        "national_bulletin": dg.MetadataValue.path(f"{done.folder}/national/bulletin.pdf"),
        "national_page": dg.MetadataValue.url(f"file://{done.folder}/national/bulletin.html"),
        "quality_report": dg.MetadataValue.url(f"file://{done.folder}/quality/index.html"),
    }
    return dg.MaterializeResult(metadata={**done.metadata(), **pages})

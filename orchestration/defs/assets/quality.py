"""The gate's verdict as an asset, each expectation as its asset check (marts → gate)."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from expectations import CHECKS
from orchestration import stages
from orchestration.core.errors import GateBlocked
from orchestration.defs.assets.common import REPORTING_YEAR, WORKSPACE_KEY, failure, run_stage
from orchestration.defs.assets.warehouse import marts_keys

__all__ = ["GATE", "gate"]

GATE = dg.AssetKey(["quality", "gate_results"])


def _check_name(suite: str, expectation: str) -> str:
    return f"{suite}__{expectation}"


_SPECS = [
    dg.AssetCheckSpec(
        _check_name(suite, check.name),
        asset=GATE,
        partitions_def=REPORTING_YEAR,
        description=f"{check.title_zh}（{check.severity}）。{check.reason_zh}",
    )
    for suite, checks in CHECKS.items()
    for check in checks
]


@dg.asset(
    key=GATE,
    deps=marts_keys(),
    group_name="gate",
    kinds={"greatexpectations"},
    partitions_def=REPORTING_YEAR,
    check_specs=_SPECS,
    required_resource_keys={WORKSPACE_KEY},
    description="Whether a snapshot may be published: one row for each run and expectation.",
)
def gate(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Judge the marts' snapshot; a critical finding fails the run before publication."""
    done = run_stage(context, stages.gate)
    for row in done.rows:
        critical = row["severity"] == "critical" and not row["waived_by"]
        yield dg.AssetCheckResult(
            asset_key=GATE,
            check_name=_check_name(row["suite"], row["expectation"]),
            passed=bool(row["success"]),
            severity=dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN,
            metadata={
                "observed": str(row["observed"]),
                "threshold": str(row["threshold"]),
                "waived_by": row["waived_by"] or "",
            },
        )
    if done.blocked:
        raise failure(GateBlocked(done.verdict, done.lines, done.notice))
    yield dg.Output(None, metadata={"snapshot_id": done.snapshot_id, "judged": done.judged})

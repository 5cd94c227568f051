"""The run launcher of ``dagster.yaml``: Dagster's default one, which also knows when a run is dead.

Belongs here: asking the code location whether a run is still its own. Doesn't belong here: what
becomes of a dead run (``run_monitoring`` fails it, ``run_retries`` starts it again).

Dagster's own doesn't ask. A run whose code location was killed with it would hold the one place
of the queue until ``max_runtime_seconds``: an hour without receipts on the deadline night.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

__all__ = ["WatchfulRunLauncher"]


class WatchfulRunLauncher(DefaultRunLauncher):
    """Starts runs in the code location, and tells of those that it no longer has."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """``run_monitoring`` may ask."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether a started run's worker is there.

        A code location that is silent says nothing of its runs: it may be busy, or starting again.
        Then the run counts as running until the next look, or ``max_runtime_seconds``.
        """
        client = self._get_grpc_client_for_termination(run.run_id)
        if client is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "ended meanwhile")
        try:
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id))
        except DagsterUserCodeUnreachableError:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the code location does not answer")
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, "the code location was started again and has no such run"
        )

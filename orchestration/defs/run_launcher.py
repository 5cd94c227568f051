"""The run launcher of ``dagster.yaml``: Dagster's default launcher with a health check of runs.

Belongs here: asking whether a run's process is alive: the code location, or for ``tongbao run`` the
host. Doesn't belong here: what happens to a dead run (``run_monitoring`` fails it, ``run_retries``
restarts it).

Dagster's default launcher has no health check. A run that was killed together with its code
location, or with its command, would block the queue, which runs one run at a time, until
``max_runtime_seconds``: an hour without receipts on the deadline night.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from orchestration.defs.run_process import PROCESS_ENDED, has_ended

__all__ = ["WatchfulRunLauncher"]


class WatchfulRunLauncher(DefaultRunLauncher):
    """Starts runs in the code location, and detects runs that it no longer has."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether ``run_monitoring`` may call the health check: yes."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Check whether a started run's worker is alive.

        If the code location doesn't answer, it may be busy or restarting. The run then counts as
        running until the next check, or until ``max_runtime_seconds``.
        """
        if has_ended(run.tags):
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, PROCESS_ENDED)
        client = self._get_grpc_client_for_termination(run.run_id)
        if client is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the run has ended")
        try:
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id))
        except DagsterUserCodeUnreachableError:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the code location does not answer")
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, "the code location was restarted and has no such run"
        )

"""Observability: structured logs, the journal of stage runs, metrics and row counts.

Nothing here can make a stage fail. Nothing here shows a secret or contact data: logs have a fixed
list of fields, metrics a fixed list of labels, and known secrets are redacted in every line.

Belongs here: what is recorded of every stage in the same way, by one decorator (``observed``).
Doesn't belong here: what a stage does, and what somebody is notified of (``alarms``).
"""

from orchestration.observing.backups import last_backup
from orchestration.observing.journal import StageRun, open_home_database, stage_runs
from orchestration.observing.logs import (
    add_secrets,
    configure_logs,
    log_context,
    redact,
    safe_message,
)
from orchestration.observing.metrics import METRICS_FOLDER, write_metrics
from orchestration.observing.row_counts import MAY_SHRINK, RowCount, broken_bounds, check_rows
from orchestration.observing.stage import log_progress, metrics_once, observed

__all__ = [
    "MAY_SHRINK",
    "METRICS_FOLDER",
    "RowCount",
    "StageRun",
    "add_secrets",
    "broken_bounds",
    "check_rows",
    "configure_logs",
    "last_backup",
    "log_context",
    "log_progress",
    "metrics_once",
    "observed",
    "open_home_database",
    "redact",
    "safe_message",
    "stage_runs",
    "write_metrics",
]

"""Seeing what the pipeline does: structured logs, the journal, metrics, row counts.

Belongs here: what is said about every stage alike, hooked in once (``observed``). Doesn't belong
here: what a stage does, and what deserves to wake somebody (``alarms``). Nothing here can fail a
stage, and nothing here shows a secret or contact data: logs have a fixed list of fields, metrics a
fixed list of labels, and known secrets are struck out of every line.
"""

from orchestration.observing.journal import StageRun, open_home_database, stage_runs
from orchestration.observing.logs import configure_logs, hide, log_context, redact, told_of
from orchestration.observing.metrics import METRICS_FOLDER, write_metrics
from orchestration.observing.row_counts import MAY_SHRINK, RowCount, check_rows, fallen
from orchestration.observing.stage import observed, told

__all__ = [
    "MAY_SHRINK",
    "METRICS_FOLDER",
    "RowCount",
    "StageRun",
    "check_rows",
    "configure_logs",
    "fallen",
    "hide",
    "log_context",
    "observed",
    "open_home_database",
    "redact",
    "stage_runs",
    "told",
    "told_of",
    "write_metrics",
]

"""The decorator of every stage: it logs, records and measures each run.

Belongs here: the decorator for the functions of ``orchestration.stages``, used by the command line
and Dagster alike. Doesn't belong here: log format, journal and metrics themselves.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from orchestration.core.errors import GateBlocked
from orchestration.observing.journal import StageRun, record_stage_run
from orchestration.observing.logs import add_secrets, configure_logs, log_context, safe_message
from orchestration.observing.metrics import write_metrics

__all__ = ["log_progress", "metrics_once", "observed"]

_log = logging.getLogger(__name__)
_Stage = TypeVar("_Stage", bound=Callable[..., Any])


def log_progress(progress: Callable[[str], None]) -> Callable[[str], None]:
    """Wrap ``progress`` so that it logs each of its lines as well."""

    def report(line: str) -> None:
        _log.info("%s", line)
        progress(line)

    return report


#: Whether the metrics are written once several stages have ended.
_metrics_later: ContextVar[bool] = ContextVar("metrics_later", default=False)


@contextlib.contextmanager
def metrics_once(ws: Any) -> Iterator[None]:
    """Write the metrics once for all stages that run in this context, not after each of them.

    Reading them from the lake costs more than a stage that has nothing to do.
    """
    token = _metrics_later.set(True)
    try:
        yield
    finally:
        _metrics_later.reset(token)
        with contextlib.suppress(Exception):  # Metrics decide nothing.
            write_metrics(ws.settings, ws.store)


def observed(stage: _Stage) -> _Stage:
    """Decorate a stage, a function of ``(ws, year, …, *, run_id, progress)``.

    Its start and end are logged, its outcome is recorded in the journal, and metrics are written.
    """
    name = stage.__name__

    @functools.wraps(stage)
    def run(ws: Any, year: int, *args: Any, run_id: str, progress: Any, **more: Any) -> Any:
        configure_logs(ws.settings)
        add_secrets(*ws.store.access.secrets())
        began, clock = ws.settings.now(), time.monotonic()
        result, outcome, reason = None, "stopped", ""
        with log_context(run_id=run_id, stage=name, year=year):
            _log.info("%s %s begins", name, year)
            try:
                result = stage(
                    ws, year, *args, run_id=run_id, progress=log_progress(progress), **more
                )
                outcome = "blocked" if getattr(result, "blocked", False) else "done"
                return result
            except GateBlocked:
                outcome = "blocked"
                raise
            except Exception as error:
                outcome, reason = "failed", f": {safe_message(error)}"
                raise
            finally:
                seconds = round(time.monotonic() - clock, 3)
                _log.log(
                    logging.ERROR if outcome == "failed" else logging.INFO,
                    "%s %s: %s%s",
                    *(name, year, outcome, reason),
                    extra={"outcome": outcome, "seconds": seconds},
                )
                succeeded = ws.settings.now() if outcome in {"done", "blocked"} else None
                counts = dict(getattr(result, "counts", {}))
                try:
                    record_stage_run(
                        ws.settings,
                        StageRun(name, year, run_id, began, seconds, outcome, succeeded, counts),
                    )
                    if not _metrics_later.get():
                        write_metrics(ws.settings, ws.store)
                except Exception:  # Observability must not make a stage fail.
                    _log.warning("%s %s is not in the metrics", name, year, exc_info=True)

    return cast(_Stage, run)

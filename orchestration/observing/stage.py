"""The hook around every stage: log lines, the journal, metrics.

Belongs here: one decorator for the functions of ``orchestration.stages``, whoever calls them (the
command line, Dagster), so that a stage has nothing to do to be seen.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from orchestration.core.errors import GateBlocked
from orchestration.observing.journal import StageRun, note
from orchestration.observing.logs import configure_logs, hide, log_context, told_of
from orchestration.observing.metrics import write_metrics

__all__ = ["observed", "told"]

_log = logging.getLogger(__name__)
_Stage = TypeVar("_Stage", bound=Callable[..., Any])


def told(progress: Callable[[str], None]) -> Callable[[str], None]:
    """``progress``, with each of its lines in the log as well."""

    def say(line: str) -> None:
        _log.info("%s", line)
        progress(line)

    return say


def observed(stage: _Stage) -> _Stage:
    """Log, time and count a stage: a function of ``(ws, year, …, *, run_id, progress)``."""
    name = stage.__name__

    @functools.wraps(stage)
    def run(ws: Any, year: int, *args: Any, run_id: str, progress: Any, **more: Any) -> Any:
        configure_logs(ws.settings)
        hide(ws.store.config.secret_access_key, ws.store.config.session_token)
        began, clock = ws.settings.now(), time.monotonic()
        done, outcome, why = None, "stopped", ""
        with log_context(run_id=run_id, stage=name, year=year):
            _log.info("%s %s begins", name, year)
            try:
                done = stage(ws, year, *args, run_id=run_id, progress=told(progress), **more)
                outcome = "blocked" if getattr(done, "blocked", False) else "done"
                return done
            except GateBlocked:
                outcome = "blocked"
                raise
            except Exception as error:
                outcome, why = "failed", f": {told_of(error)}"
                raise
            finally:
                seconds = round(time.monotonic() - clock, 3)
                _log.log(
                    logging.ERROR if outcome == "failed" else logging.INFO,
                    "%s %s: %s%s",
                    *(name, year, outcome, why),
                    extra={"outcome": outcome, "seconds": seconds},
                )
                succeeded = ws.settings.now() if outcome in {"done", "blocked"} else None
                counts = dict(getattr(done, "counts", {}))
                try:
                    note(
                        ws.settings,
                        StageRun(name, year, run_id, began, seconds, outcome, succeeded, counts),
                    )
                    write_metrics(ws.settings, ws.store)
                except Exception:  # what is seen must not decide what is done
                    _log.warning("%s %s is not in the metrics", name, year, exc_info=True)

    return cast(_Stage, run)

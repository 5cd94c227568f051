"""Runs the Dagster job in this process, for ``tongbao run``.

Belongs here: Dagster's home and instance, the selection of stages, quiet logs, and raising a
stage's own error. The job is the one of ``definitions``, so a run from the command line, a schedule
or the web page executes the same assets. Doesn't belong here: jobs and assets.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import yaml

from orchestration.core.errors import Unreachable
from orchestration.core.reporting_calendar import period_of
from orchestration.core.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    import dagster as dg

    from orchestration.core.workspace import Workspace

__all__ = [
    "dagster_storage",
    "fail_dead_runs",
    "prepare_dagster_home",
    "prepare_dagster_storage",
    "run_in_process",
]

#: Events that Dagster stores at once: more than the 372 of a run that say what is planned.
_EVENT_BATCH_SIZE = "1000"


def _local_config() -> str:
    """Return ``infra/dagster.yaml`` for a home: its own storage, and no time limits of runs.

    A time limit would end a run that has stopped in a debugger.
    """
    config = yaml.safe_load((PROJECT_ROOT / "infra" / "dagster.yaml").read_text(encoding="utf-8"))
    del config["storage"]
    config["event_log_storage"] = {
        "module": "orchestration.defs.run_storage",
        "class": "PooledSqliteEventLogStorage",
        "config": {"base_dir": {"env": "DAGSTER_HOME"}},
    }
    monitoring = config["run_monitoring"]
    config["run_monitoring"] = {
        name: value for name, value in monitoring.items() if not name.endswith("_seconds")
    } | {"poll_interval_seconds": monitoring["poll_interval_seconds"]}
    return yaml.safe_dump(config, sort_keys=False)


def prepare_dagster_home(settings: Settings) -> None:
    """Set ``DAGSTER_HOME`` (default: ``dagster`` in the home) and turn telemetry off."""
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", _EVENT_BATCH_SIZE)
    if not os.environ.get("DAGSTER_HOME"):
        home = settings.make_home() / "dagster"
        home.mkdir(parents=True, exist_ok=True)
        config = home / "dagster.yaml"
        if not config.exists():
            config.write_text(_local_config(), encoding="utf-8")
        os.environ["DAGSTER_HOME"] = str(home)


def prepare_dagster_storage() -> None:
    """Create Dagster's tables now, because two processes that create them at once can fail.

    Raises:
        Unreachable: Dagster's storage can't be read or written.
    """
    with _instance():
        pass


def dagster_storage(settings: Settings) -> str:
    """Open Dagster's storage, read from it, and return its kind and place for people.

    Raises:
        Unreachable: it can't be read or written.
    """
    prepare_dagster_home(settings)
    with _instance() as instance:
        instance.get_run_records(limit=1)
        kind = "PostgreSQL" if "Postgres" in type(instance.run_storage).__name__ else "SQLite"
        return f"{kind}, DAGSTER_HOME {os.environ['DAGSTER_HOME']}"


@contextlib.contextmanager
def _instance() -> Iterator[Any]:
    """Dagster's instance; an error of its storage becomes :class:`Unreachable`."""
    import dagster as dg
    from sqlalchemy.exc import DBAPIError

    try:
        with dg.DagsterInstance.get() as instance:
            yield instance
    except DBAPIError as error:
        home, reason = os.environ["DAGSTER_HOME"], str(error.orig)
        hint = " (is it full?)" if "disk" in reason else ""
        raise Unreachable(f"the storage of Dagster's runs ({home}): {reason}{hint}") from error


def fail_dead_runs(instance: dg.DagsterInstance) -> None:
    """Fail the runs of killed commands on this host.

    Dagster's daemon does the same (``WatchfulRunLauncher``), but a host may have none.
    """
    import dagster as dg

    from orchestration.defs.run_process import PROCESS_ENDED, has_ended

    under_way = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    for run in instance.get_runs(under_way):
        if has_ended(run.tags):
            instance.report_run_failed(run, PROCESS_ENDED)


def run_in_process(
    defs: dg.Definitions,
    year: int,
    until: str,
    *,
    progress: Callable[[str], None],
    ws: Workspace | None = None,
) -> dict[str, Any]:
    """Run the stages up to ``until`` as one Dagster run.

    Args:
        defs: the code location, which has the job ``national_year``.
        until: ``intake``, ``transform``, ``gate`` or ``publish``.
        ws: the caller's open workspace; None to let the run open one.

    Returns:
        the result of each stage by its name, the ``run_id`` and the ``year``.

    Raises:
        TongbaoError: the error that a stage raised.
        Unreachable: Dagster's storage can't be read or written.
    """
    period_of(year)
    settings = Settings.from_env()
    prepare_dagster_home(settings)
    from orchestration.defs.assets.common import LISTENER, Listener
    from orchestration.defs.jobs import UNTIL
    from orchestration.defs.run_process import process_tags
    from orchestration.defs.run_storage import keep_connections

    job = defs.resolve_job_def("national_year")
    graph = defs.resolve_asset_graph()
    listener = Listener(progress, ws)
    token = LISTENER.set(listener)
    try:
        with _instance() as instance:
            keep_connections(instance)
            fail_dead_runs(instance)
            result = job.execute_in_process(
                instance=instance,
                # Whoever started the command decides whether to start it again.
                tags={**process_tags(), "dagster/max_retries": "0"},
                partition_key=str(year),
                asset_selection=sorted(UNTIL[until].resolve(graph)),
                # The listener prints the progress; the instance keeps Dagster's own log.
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
    finally:
        LISTENER.reset(token)
    return {"run_id": result.run_id, "year": year, **listener.outcomes}

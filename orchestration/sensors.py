"""The sensors: new objects start a collection, and what somebody must know is told.

Belongs here: reading the listing's digest and Dagster's own records, as far as the stages and the
alarms can't. No parsing, no fetching, no wording.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from orchestration import alarms, errors, stages
from orchestration.alarms.conditions import RUNS_LOOKED_AT
from orchestration.assets.common import BLOCKED
from orchestration.assets.watching import freshness_events
from orchestration.intake.listing import list_landing
from orchestration.jobs import ALL_JOBS, collect
from orchestration.reporting_calendar import period_of, years
from orchestration.settings import Settings

__all__ = ["new_submissions", "watch"]


@dg.sensor(
    job=collect,
    # A minute: a unit hears of a mistake within minutes, and listing 24,000 keys takes a second.
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="New or changed objects in the landing bucket start an intake.",
)
def new_submissions(
    context: dg.SensorEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Compare the listing's digest with the last one seen."""
    settings = Settings.from_env()
    open_years = [year for year in years() if period_of(year).is_open(settings.now())]
    if not open_years:
        yield dg.SkipReason("no collection is open")
        return
    year = max(open_years)
    with stages.open_workspace(settings) as ws:
        listing = list_landing(ws.store, settings.landing_bucket, year)
    digest = hashlib.sha256()
    for info in listing:
        digest.update(f"{info.key}\0{info.etag}\n".encode("utf-8", "surrogatepass"))
    seen = f"{year}:{digest.hexdigest()}"
    if not listing or seen == context.cursor:
        yield dg.SkipReason("nothing new in the landing bucket")
        return
    context.update_cursor(seen)
    yield dg.RunRequest(run_key=seen, partition_key=str(year))


_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
_FAILURES = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
#: The project's own errors: their messages are ours and quote nothing that was submitted.
_OWN = {
    name
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, errors.TongbaoError)
}


@dg.sensor(
    # A minute, as for new objects: an alarm comes no later than the next look.
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Failed runs, the gate, freshness, row counts: what stands is told once, again "
    "each morning, and when it is over.",
)
def watch(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Gather what Dagster knows, look at everything else, tell."""
    settings = Settings.from_env()
    now = settings.now()
    done = alarms.watch(settings, _runs(context.instance, now))
    if not done.lake_judged:
        return dg.SensorResult(skip_reason=done.line, cursor=context.cursor)
    events, cursor = freshness_events(done.standing, alarms.years_in_play(now), context.cursor)
    return dg.SensorResult(skip_reason=done.line, asset_events=events, cursor=cursor)


def _runs(instance: dg.DagsterInstance, now: datetime) -> list[alarms.RunState]:
    """Of each job and year the last run that ended, and every run under way."""
    found = [
        _state(record, "under way", record.start_time or record.create_timestamp.timestamp())
        for record in instance.get_run_records(dg.RunsFilter(statuses=_UNDER_WAY))
    ]
    for year in alarms.years_in_play(now):
        for job in ALL_JOBS:
            wanted = dg.RunsFilter(
                job_name=job.name,
                statuses=_ENDED,
                tags={"dagster/partition": str(year)},
                created_after=now - RUNS_LOOKED_AT,
            )
            for record in instance.get_run_records(wanted, limit=1):
                failed = record.dagster_run.status == dg.DagsterRunStatus.FAILURE
                state = _state(record, "failed" if failed else "done", record.end_time or 0)
                found.append(_with_error(instance, state) if failed else state)
    return found


def _state(record: Any, state: str, at: float) -> alarms.RunState:
    run = record.dagster_run
    year = run.tags.get("dagster/partition", "")
    return alarms.RunState(
        job=run.job_name,
        year=int(year) if year.isdecimal() else None,
        run_id=run.run_id,
        state=state,
        at=datetime.fromtimestamp(at, UTC),
    )


def _with_error(instance: dg.DagsterInstance, run: alarms.RunState) -> alarms.RunState:
    """With the step that failed first and what may be said of its error."""
    events = [
        record.event_log_entry.dagster_event
        for record in instance.get_records_for_run(run.run_id, of_type=_FAILURES).records
    ]
    step = next((each for each in events if each and each.is_step_failure), None)
    if step is None:
        said = events[0].message if events and events[0] else "it ended without a word"
        return replace(run, error=said or "")
    data = step.step_failure_data
    failed_with = data.user_failure_data.metadata if data.user_failure_data else {}
    chain, error = [], data.error
    while error:
        chain.append(error)
        error = error.cause
    own = next((each for each in chain if each.cls_name in _OWN), None)
    said = own.message.partition(": ")[2].strip() if own else chain[-1].cls_name if chain else ""
    return replace(
        run,
        step=step.step_key or "",
        error=f"{own.cls_name}: {said}" if own else said or "",
        blocked=BLOCKED in failed_with
        or any(each.cls_name == errors.GateBlocked.__name__ for each in chain),
    )

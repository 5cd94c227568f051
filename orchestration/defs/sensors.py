"""The sensors: new objects start a collection, and what somebody must know is told.

Belongs here: reading Dagster's own records, as far as the stages and the alarms can't.
No parsing, no fetching, no wording.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from orchestration import alarms, stages
from orchestration.alarms.conditions import RUN_WINDOW
from orchestration.core import errors
from orchestration.core.reporting_calendar import period_of, years_in_play
from orchestration.core.settings import Settings
from orchestration.defs.assets.common import BLOCKED
from orchestration.defs.assets.watching import freshness_events
from orchestration.defs.jobs import ALL_JOBS, TAKE_IN, collect, intake

__all__ = ["new_submissions", "watch"]


#: Seconds between looks at the landing bucket. From object to receipt it is a look's time, the run
#: under way (18 s, of which 12 are imports) and the run's own. In the night of ``tests.bench --only
#: deadline --minutes 60 --burst`` that was 21 s in the middle and 94 s at most; two minutes are
#: promised. A look itself, at a nation's 60,000 keys, costs 2 s.
LOOK_SECONDS = 30
#: How often, at most, marts and readable pages follow the intakes while the collection is open. For
#: the nation they take 72 s, in which no intake can write: that is the longest wait there is.
MARTS_EVERY = timedelta(minutes=10)
#: A listing whose run failed is asked for again after this long, if nothing else has come: the
#: stages have tried for a quarter of an hour already, unless it is our own mistake.
TRY_AGAIN = timedelta(minutes=10)

#: The listing that a run was asked for.
_LISTING = "tongbao/listing"
_NOT_BEGUN = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
]


@dg.sensor(
    jobs=[intake, collect],
    minimum_interval_seconds=LOOK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="New or changed objects in the landing bucket start an intake; marts and pages "
    "follow at intervals.",
)
def new_submissions(
    context: dg.SensorEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Ask for what waits, unless a run that will find it is on its way.

    What was taken in says the lake, and what was asked for say the runs: a run that failed, a
    lost cursor or a restored catalogue leaves nothing behind.

    From the cut-off on, what is late gets its receipt and no marts follow: it counts for nothing
    before a correction. While publication is awaited no intake comes between gate and edition.
    """
    settings = Settings.from_env()
    now = settings.now()
    # An intake of a year takes in what came of the years before it as well.
    year = max(years_in_play(now), default=None)
    if year is None:
        yield dg.SkipReason("no collection is open, and no correction")
        return
    period = period_of(year)
    with stages.open_workspace(settings) as ws:
        if period.awaits_publication(now) and not stages.is_published(ws, year):
            yield dg.SkipReason(f"{year} is about to be published: its own runs take in")
            return
        waiting = stages.waiting(ws, year)
    marts_follow = period.is_open(now) and waiting.marts_are_behind
    if not waiting.digest and not marts_follow:
        yield dg.SkipReason("nothing new in the landing bucket")
        return
    runs = _RunsOf(context.instance, year)
    if runs.any(_NOT_BEGUN, TAKE_IN):
        yield dg.SkipReason("a run that is about to begin will take in what waits")
        return
    marts_are_due = period.is_open(now) and not runs.any(None, [collect.name], since=MARTS_EVERY)
    if not waiting.digest and not marts_are_due:
        yield dg.SkipReason(f"all is taken in; marts follow once in {MARTS_EVERY}")
        return
    asked = {_LISTING: waiting.digest}
    if waiting.digest and runs.any(_UNDER_WAY, TAKE_IN, tags=asked):
        yield dg.SkipReason("a run is taking in what waits")
        return
    if waiting.digest and runs.any(_FAILED, TAKE_IN, tags=asked, since=TRY_AGAIN):
        yield dg.SkipReason(f"the run for what waits failed; another follows within {TRY_AGAIN}")
        return
    yield dg.RunRequest(
        job_name=collect.name if marts_are_due else intake.name,
        partition_key=str(year),
        tags=asked if waiting.digest else {},
    )


@dataclass(frozen=True)
class _RunsOf:
    """The runs of a year."""

    instance: dg.DagsterInstance
    year: int

    def any(
        self,
        statuses: list[dg.DagsterRunStatus] | None,
        jobs: Collection[str],
        *,
        tags: Mapping[str, str] | None = None,
        since: timedelta | None = None,
    ) -> bool:
        """Whether there is one; ``since`` counts back from the machine's clock, as runs do."""
        wanted = dg.RunsFilter(
            statuses=statuses,
            tags={"dagster/partition": str(self.year), **(tags or {})},
            created_after=datetime.now(UTC) - since if since is not None else None,
        )
        return any(run.job_name in jobs for run in self.instance.get_runs(wanted))


_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_FAILED = [dg.DagsterRunStatus.FAILURE]
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
    if not done.lake_checked:
        return dg.SensorResult(skip_reason=done.line, cursor=context.cursor)
    events, cursor = freshness_events(done.active, context.cursor)
    return dg.SensorResult(skip_reason=done.line, asset_events=events, cursor=cursor)


def _runs(instance: dg.DagsterInstance, now: datetime) -> list[alarms.RunState]:
    """Of each job and year the last run that ended, and every run under way."""
    found = [
        _state(record, "under way", record.start_time or record.create_timestamp.timestamp())
        for record in instance.get_run_records(dg.RunsFilter(statuses=_UNDER_WAY))
    ]
    for year in years_in_play(now):
        for job in ALL_JOBS:
            wanted = dg.RunsFilter(
                job_name=job.name,
                statuses=_ENDED,
                tags={"dagster/partition": str(year)},
                created_after=now - RUN_WINDOW,
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

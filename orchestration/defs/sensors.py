"""The sensors: ``new_submissions`` starts runs for new objects, ``watch`` sends alarms.

Belongs here: reading Dagster's own records, which stages and alarms don't know. Doesn't belong
here: parsing and fetching (intake), the texts of alarms (``alarms``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
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


#: Seconds between listings of the landing bucket. The time from object to receipt is this interval,
#: the rest of the current run and the object's own run (5 to 6 s of CPU each). Measured with
#: ``tests.bench --only deadline --minutes 60 --burst``: median 21 s, maximum 94 s; two minutes are
#: promised. Listing a nation's 60,000 keys takes 2 s.
LOOK_SECONDS = 30
#: Least time between builds of marts and receipt pages while the collection is open. For the nation
#: a build takes 72 s, in which no intake can write.
MARTS_EVERY = timedelta(minutes=10)
#: Time until a failed run is requested again for an unchanged listing. Unless the failure is a bug,
#: the stages have already retried for a quarter of an hour.
TRY_AGAIN = timedelta(minutes=10)

#: The tag of a run with the digest of the listing that it was requested for.
_LISTING = "tongbao/listing"
_NOT_STARTED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
]


@dg.sensor(
    jobs=[intake, collect],
    minimum_interval_seconds=LOOK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="New or changed objects in the landing bucket start an intake; marts and receipt "
    "pages follow at intervals.",
)
def new_submissions(
    context: dg.SensorEvaluationContext,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Request a run for waiting objects, unless another run will take them in.

    The sensor keeps no state. The lake shows which objects are taken in, and the tags of runs show
    which listings were requested, so nothing is lost by a failed run, a lost cursor or a restored
    catalogue.

    After the cut-off, late objects get receipts but no marts are built, because late documents
    count only for a correction. Before publication no run is requested, so that no intake comes
    between gate and edition.
    """
    settings = Settings.from_env()
    now = settings.now()
    # An intake of a year also takes in the objects of earlier years.
    year = max(years_in_play(now), default=None)
    if year is None:
        yield dg.SkipReason("no collection is open and no correction is possible")
        return
    period = period_of(year)
    with stages.open_workspace(settings) as ws:
        if period.awaits_publication(now) and not stages.is_published(ws, year):
            yield dg.SkipReason(
                f"{year} is about to be published: the publication's runs take in objects"
            )
            return
        waiting = stages.waiting(ws, year)
    marts_follow = period.is_open(now) and waiting.marts_are_behind
    if not waiting.digest and not marts_follow:
        yield dg.SkipReason("nothing new in the landing bucket")
        return
    runs = _YearRuns(context.instance, year)
    if runs.any(_NOT_STARTED, TAKE_IN):
        yield dg.SkipReason("a run that is about to begin will take in the waiting objects")
        return
    marts_are_due = period.is_open(now) and not runs.any(None, [collect.name], since=MARTS_EVERY)
    if not waiting.digest and not marts_are_due:
        yield dg.SkipReason(f"all objects are taken in; marts are built every {MARTS_EVERY}")
        return
    listing_tag = {_LISTING: waiting.digest}
    if waiting.digest and runs.any(_UNDER_WAY, TAKE_IN, tags=listing_tag):
        yield dg.SkipReason("a run is taking in the waiting objects")
        return
    if waiting.digest and runs.any(_FAILED, TAKE_IN, tags=listing_tag, since=TRY_AGAIN):
        yield dg.SkipReason(
            f"the run for the waiting objects failed; another follows within {TRY_AGAIN}"
        )
        return
    yield dg.RunRequest(
        job_name=collect.name if marts_are_due else intake.name,
        partition_key=str(year),
        tags=listing_tag if waiting.digest else {},
    )


@dataclass(frozen=True)
class _YearRuns:
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
        """Whether there is a run with these properties.

        Args:
            statuses: the allowed statuses; None for any.
            jobs: names of the allowed jobs.
            tags: the tags that it must have.
            since: how long ago it may have been created, by the machine's clock.
        """
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
#: Names of the project's own errors, whose messages quote no submitted content.
_OWN_ERRORS = {
    name
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, errors.TongbaoError)
}


@dg.sensor(
    # An alarm is sent at most a minute after its condition arises.
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Alarms about failed runs, the gate, freshness and row counts: sent when a "
    "condition arises, again each morning, and when it ends.",
)
def watch(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Collect the states of runs, evaluate all alarm conditions and send the alarms."""
    settings = Settings.from_env()
    now = settings.now()
    done = alarms.watch(
        settings, _run_states(context.instance, now), _failing_ticks(context.instance)
    )
    if not done.lake_checked:
        return dg.SensorResult(skip_reason=done.line, cursor=context.cursor)
    events, cursor = freshness_events(done.active, context.cursor)
    return dg.SensorResult(skip_reason=done.line, asset_events=events, cursor=cursor)


def _run_states(instance: dg.DagsterInstance, now: datetime) -> list[alarms.RunState]:
    """The last ended run of each job and year, and every run in progress."""
    found = [
        _run_state(record, "under way", record.start_time or record.create_timestamp.timestamp())
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
                state = _run_state(record, "failed" if failed else "done", record.end_time or 0)
                found.append(_with_error(instance, state) if failed else state)
    return found


#: Ticks of a sensor or schedule that are read: 25 minutes of ``new_submissions``.
_TICKS = 50


def _failing_ticks(instance: dg.DagsterInstance) -> list[alarms.TickState]:
    """Each running sensor and schedule whose last tick failed.

    The sensor that calls this one is among them: its present tick has not ended.
    """
    found = []
    for state in instance.all_instigator_state():
        if not state.is_running:
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=_TICKS)
        ended = (tick for tick in ticks if tick.is_failure or tick.is_completed)
        failed = list(takewhile(lambda tick: tick.is_failure, ended))
        if failed:
            found.append(
                alarms.TickState(
                    name=state.name,
                    since=datetime.fromtimestamp(failed[-1].timestamp, UTC),
                    error=_quotable(_error_chain(failed[0].error)),
                )
            )
    return found


def _run_state(record: Any, state: str, at: float) -> alarms.RunState:
    """A run as the alarms know it; ``at`` is in seconds since 1970."""
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
    """Add the step that failed first and the part of its error that may be quoted."""
    events = [
        record.event_log_entry.dagster_event
        for record in instance.get_records_for_run(run.run_id, of_type=_FAILURES).records
    ]
    step = next((each for each in events if each and each.is_step_failure), None)
    if step is None:
        message = events[0].message if events and events[0] else "it ended without an error message"
        return replace(run, error=message or "")
    data = step.step_failure_data
    failed_with = data.user_failure_data.metadata if data.user_failure_data else {}
    chain = _error_chain(data.error)
    return replace(
        run,
        step=step.step_key or "",
        error=_quotable(chain),
        blocked=BLOCKED in failed_with
        or any(each.cls_name == errors.GateBlocked.__name__ for each in chain),
    )


def _error_chain(error: Any) -> list[Any]:
    """An error that Dagster recorded (or None) and its causes."""
    chain = []
    while error:
        chain.append(error)
        error = error.cause
    return chain


def _quotable(chain: Sequence[Any]) -> str:
    """The message of the first error of the project's own; otherwise the class of the cause."""
    own = next((each for each in chain if each.cls_name in _OWN_ERRORS), None)
    if own:
        return f"{own.cls_name}: {own.message.partition(': ')[2].strip()}"
    return (chain[-1].cls_name or "") if chain else ""

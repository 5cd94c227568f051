"""The sensor's requests with runs in every state: no request twice, and no object left out."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin

from orchestration import lakehouse, stages
from orchestration.definitions import defs
from orchestration.defs import sensors
from orchestration.defs.sensors import new_submissions
from tests.conftest import Environment
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

_UNIT = "T05-110000-0001"
Status = dg.DagsterRunStatus


class Night:
    """The sensor, and a Dagster instance to which a test adds runs in any state."""

    def __init__(self, ws: stages.Workspace) -> None:
        self.ws = ws
        self.instance = dg.DagsterInstance.ephemeral()

    def request(self) -> dg.RunRequest | None:
        """The request of one tick, without the cursor of the tick before."""
        context = dg.build_sensor_context(
            instance=self.instance, repository_def=defs.get_repository_def()
        )
        requests = new_submissions.evaluate_tick(context).run_requests or []
        assert len(requests) <= 1
        return requests[0] if requests else None

    def run(self, request: dg.RunRequest | None, status: Status) -> None:
        """Add the requested run in a state."""
        assert request
        assert request.job_name
        tags = {**request.tags, "dagster/partition": str(request.partition_key)}
        origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("tests"), "__repository__")
        self.instance.add_run(
            dg.DagsterRun(
                request.job_name,
                str(uuid.uuid4()),
                status=status,
                tags=tags,
                remote_job_origin=origin.get_job_origin(request.job_name),  # a queued run needs it
            )
        )

    def take_in(self) -> None:
        stages.intake(self.ws, 2024, run_id="r", progress=no_progress)


def _job(request: dg.RunRequest | None) -> str | None:
    return request.job_name if request else None


@pytest.fixture
def night(ws: stages.Workspace, landing: Landing, environment: Environment) -> Night:
    environment(ws, "2024-12-14T23:00:00+08:00")
    landing.unit(_UNIT)
    return Night(ws)


def _object(landing: Landing) -> None:
    landing.performance(_UNIT, {"C_04": 1}, report=None)


def test_no_second_run_while_one_has_not_begun(night: Night, landing: Landing) -> None:
    first = night.request()
    assert _job(first) == "collect"
    night.run(first, Status.QUEUED)
    assert not night.request()
    # The run lists the bucket when it begins, so it takes in this object too.
    _object(landing)
    assert not night.request()


@pytest.mark.parametrize("status", [Status.NOT_STARTED, Status.STARTING])
@pytest.mark.parametrize("job", ["intake_year", "rehearse_year", "national_year"])
def test_no_run_while_another_job_is_about_to_take_in(
    night: Night, status: Status, job: str
) -> None:
    night.run(dg.RunRequest(job_name=job, partition_key="2024"), status)
    assert not night.request()
    night.run(dg.RunRequest(job_name="transform_year", partition_key="2024"), status)
    assert not night.request()


def test_runs_of_other_jobs_and_years_do_not_count(night: Night) -> None:
    night.run(dg.RunRequest(job_name="transform_year", partition_key="2024"), Status.QUEUED)
    night.run(dg.RunRequest(job_name="intake_year", partition_key="2023"), Status.QUEUED)
    assert night.request()


def test_an_object_that_lands_during_a_run_is_left_to_the_next_run(
    night: Night, landing: Landing
) -> None:
    night.run(night.request(), Status.STARTED)
    assert not night.request(), "no second run for the same listing"
    _object(landing)
    second = night.request()
    assert _job(second) == "intake_year", "marts follow at intervals"
    night.run(second, Status.QUEUED)
    assert not night.request()


def test_an_object_that_lands_after_a_runs_listing_is_requested(
    night: Night, landing: Landing
) -> None:
    first = night.request()
    night.take_in()
    _object(landing)
    night.run(first, Status.SUCCESS)
    second = night.request()
    assert _job(second) == "intake_year"
    night.take_in()
    night.run(second, Status.SUCCESS)
    assert not night.request()


def test_a_failed_run_loses_nothing(
    night: Night, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = night.request()
    night.run(first, Status.FAILURE)
    assert not night.request(), "no retry every half minute"
    _object(landing)
    second = night.request()
    assert second, "a new object needn't wait"
    night.run(second, Status.FAILURE)
    assert not night.request()
    monkeypatch.setattr(sensors, "TRY_AGAIN", timedelta(0))
    assert night.request()


@pytest.mark.parametrize("status", [Status.CANCELED, Status.SUCCESS])
def test_an_ended_run_that_left_objects_is_followed_by_another(
    night: Night, status: Status
) -> None:
    """For example after a catalogue was restored, so that it lacks the rows of the run."""
    night.run(night.request(), status)
    assert night.request()


@pytest.mark.slow
def test_marts_are_built_at_intervals_until_they_include_everything(
    night: Night, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.run(night.request(), Status.SUCCESS)
    night.take_in()
    assert not night.request(), "within the interval"
    monkeypatch.setattr(sensors, "MARTS_EVERY", timedelta(0))
    assert _job(night.request()) == "collect"
    stages.transform(night.ws, 2024, run_id="r", progress=no_progress)
    assert not night.request()
    _object(landing)
    assert _job(night.request()) == "collect"


def test_an_overwritten_object_is_new(night: Night, landing: Landing) -> None:
    landing.put("performance/year=2024/province=110000/a.json", "{}")
    night.run(night.request(), Status.SUCCESS)
    night.take_in()
    assert not night.request()
    landing.put("performance/year=2024/province=110000/a.json", "{ }")
    assert night.request()


def test_nothing_is_requested_before_a_collection_opens(
    night: Night, environment: Environment
) -> None:
    environment(night.ws, "2024-06-30T23:59:59+08:00")
    assert not night.request()


def test_late_objects_get_receipts_but_not_between_gate_and_edition(
    night: Night, landing: Landing, environment: Environment
) -> None:
    night.run(night.request(), Status.SUCCESS)
    night.take_in()
    environment(night.ws, "2024-12-15T00:00:00+08:00")
    assert not night.request(), "no marts are built any more"
    _object(landing)
    assert _job(night.request()) == "intake_year"
    environment(night.ws, "2024-12-15T06:00:00+08:00")
    assert not night.request(), "the publication's own intake takes it in"
    with lakehouse.writer(night.ws.settings, night.ws.store) as con:
        lakehouse.record_edition(con, _edition(lakehouse.current_snapshot(con)))
    assert _job(night.request()) == "intake_year"
    environment(night.ws, "2025-02-01T00:00:00+08:00")
    assert not night.request(), "no correction is possible any more"


def _edition(snapshot_id: int) -> dict[str, object]:
    return {
        "year": 2024,
        "edition": 1,
        "snapshot_id": snapshot_id,
        "figures_version": "x",
        "edition_version": "x",
        "published_at": datetime(2024, 12, 14, 22, 5, tzinfo=UTC),
        "manifest_sha256": "0" * 64,
        "supersedes": None,
        "reason": None,
    }


def test_an_empty_bucket_requests_nothing(ws: stages.Workspace, environment: Environment) -> None:
    environment(ws, "2024-12-14T23:00:00+08:00")
    assert not Night(ws).request()

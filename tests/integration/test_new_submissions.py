"""What the sensor asks for, beside runs in every state: nothing twice, and nothing left behind."""

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
    """The sensor and an instance whose runs are put into a state by hand."""

    def __init__(self, ws: stages.Workspace) -> None:
        self.ws = ws
        self.instance = dg.DagsterInstance.ephemeral()

    def asked(self) -> dg.RunRequest | None:
        """What a tick asks for; a cursor is never handed on: nothing hangs on it."""
        context = dg.build_sensor_context(
            instance=self.instance, repository_def=defs.get_repository_def()
        )
        requests = new_submissions.evaluate_tick(context).run_requests or []
        assert len(requests) <= 1
        return requests[0] if requests else None

    def run(self, request: dg.RunRequest | None, status: Status) -> None:
        """The run that was asked for, in a state."""
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
    first = night.asked()
    assert _job(first) == "collect"
    night.run(first, Status.QUEUED)
    assert not night.asked()
    # It will list when it begins, so it takes this one too.
    _object(landing)
    assert not night.asked()


@pytest.mark.parametrize("status", [Status.NOT_STARTED, Status.STARTING])
@pytest.mark.parametrize("job", ["intake_year", "rehearse_year", "national_year"])
def test_nor_while_another_job_is_about_to_take_in(night: Night, status: Status, job: str) -> None:
    night.run(dg.RunRequest(job_name=job, partition_key="2024"), status)
    assert not night.asked()
    night.run(dg.RunRequest(job_name="transform_year", partition_key="2024"), status)
    assert not night.asked()


def test_another_job_s_run_stands_in_for_nothing(night: Night) -> None:
    night.run(dg.RunRequest(job_name="transform_year", partition_key="2024"), Status.QUEUED)
    night.run(dg.RunRequest(job_name="intake_year", partition_key="2023"), Status.QUEUED)
    assert night.asked()


def test_what_comes_while_a_run_is_on_is_taken_by_the_next(night: Night, landing: Landing) -> None:
    night.run(night.asked(), Status.STARTED)
    assert not night.asked(), "a second run for the same listing"
    _object(landing)
    second = night.asked()
    assert _job(second) == "intake_year", "marts follow at intervals"
    night.run(second, Status.QUEUED)
    assert not night.asked()


def test_what_came_after_the_listing_of_a_run_is_asked_for(night: Night, landing: Landing) -> None:
    first = night.asked()
    night.take_in()
    _object(landing)
    night.run(first, Status.SUCCESS)
    second = night.asked()
    assert _job(second) == "intake_year"
    night.take_in()
    night.run(second, Status.SUCCESS)
    assert not night.asked()


def test_a_failed_run_loses_nothing(
    night: Night, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = night.asked()
    night.run(first, Status.FAILURE)
    assert not night.asked(), "again at once, every half minute"
    _object(landing)
    second = night.asked()
    assert second, "what came since need not wait"
    night.run(second, Status.FAILURE)
    assert not night.asked()
    monkeypatch.setattr(sensors, "TRY_AGAIN", timedelta(0))
    assert night.asked()


@pytest.mark.parametrize("status", [Status.CANCELED, Status.SUCCESS])
def test_a_run_that_left_something_behind_is_followed(night: Night, status: Status) -> None:
    """As after a catalogue was restored: the run succeeded, and the lake doesn't have it."""
    night.run(night.asked(), status)
    assert night.asked()


def test_marts_follow_at_intervals_until_they_hold_everything(
    night: Night, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.run(night.asked(), Status.SUCCESS)
    night.take_in()
    assert not night.asked(), "within the interval"
    monkeypatch.setattr(sensors, "MARTS_EVERY", timedelta(0))
    assert _job(night.asked()) == "collect"
    stages.transform(night.ws, 2024, run_id="r", progress=no_progress)
    assert not night.asked()
    _object(landing)
    assert _job(night.asked()) == "collect"


def test_an_overwritten_object_is_new(night: Night, landing: Landing) -> None:
    landing.put("performance/year=2024/province=110000/a.json", "{}")
    night.run(night.asked(), Status.SUCCESS)
    night.take_in()
    assert not night.asked()
    landing.put("performance/year=2024/province=110000/a.json", "{ }")
    assert night.asked()


def test_nothing_is_asked_for_before_a_collection_opens(
    night: Night, environment: Environment
) -> None:
    environment(night.ws, "2024-06-30T23:59:59+08:00")
    assert not night.asked()


def test_what_is_late_gets_its_receipt_but_not_between_gate_and_edition(
    night: Night, landing: Landing, environment: Environment
) -> None:
    night.run(night.asked(), Status.SUCCESS)
    night.take_in()
    environment(night.ws, "2024-12-15T00:00:00+08:00")
    assert not night.asked(), "marts follow no more"
    _object(landing)
    assert _job(night.asked()) == "intake_year"
    environment(night.ws, "2024-12-15T06:00:00+08:00")
    assert not night.asked(), "the publication's own intake takes it in"
    with lakehouse.writer(night.ws.settings, night.ws.store) as con:
        lakehouse.record_edition(con, _edition(lakehouse.current_snapshot(con)))
    assert _job(night.asked()) == "intake_year"
    environment(night.ws, "2025-02-01T00:00:00+08:00")
    assert not night.asked(), "nobody can correct any more"


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


def test_an_empty_bucket_asks_for_nothing(ws: stages.Workspace, environment: Environment) -> None:
    environment(ws, "2024-12-14T23:00:00+08:00")
    assert not Night(ws).asked()

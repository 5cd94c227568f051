"""A lake that is lost with its catalogue and rebuilt from the landing bucket."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestration import bulletin, lakehouse, stages
from orchestration.core.errors import TongbaoError, UsageError
from tests.fixtures.homes import NOW, YEAR, PreparedYear, Shared
from tests.fixtures.progress import no_progress

#: A year is taken in and built again, and every document is rendered again.
pytestmark = pytest.mark.slow


def _publish(ws: stages.Workspace) -> stages.PublishSummary:
    return stages.publish(ws, YEAR, run_id="r", progress=no_progress)


def test_a_published_edition_verifies_in_a_rebuilt_lake(
    prepared: PreparedYear, shared: Shared, tmp_path: Path
) -> None:
    settings = shared.copy(prepared.published, tmp_path / "home", NOW)
    for catalogue in tmp_path.glob("home/catalog.sqlite*"):
        catalogue.unlink()
    shutil.rmtree(settings.home / "s3" / "lake")
    with stages.open_workspace(settings) as ws:
        stages.intake(ws, YEAR, run_id="r", progress=no_progress)
        with lakehouse.writer(settings, ws.store) as con:
            # From here on, snapshots have other numbers than in the lost lake.
            con.execute("comment on table lake.raw.objects is 'another'")
        with pytest.raises(UsageError, match=r"this one has no marts of 2024: 'tongbao run --year"):
            stages.verify(ws, YEAR, None, run_id="v", progress=no_progress)
        stages.transform(ws, YEAR, run_id="r", progress=no_progress)
        assert not stages.gate(ws, YEAR, run_id="r", progress=no_progress).blocked
        with lakehouse.reader(settings, ws.store) as con:
            rebuilt = lakehouse.transform_snapshot(con, YEAR)
        bucket = settings.publication_bucket
        lost = bulletin.published_snapshots(ws.store, bucket)[YEAR, 1]
        assert lost != rebuilt
        # Nothing is said to come from a snapshot of the lost lake.
        with pytest.raises(TongbaoError, match=r"made from another lake.*'tongbao verify --year"):
            _publish(ws)
        with lakehouse.reader(settings, ws.store) as con:
            assert lakehouse.edition_rows(con, YEAR) == []

        done = stages.verify(ws, YEAR, None, run_id="v", progress=no_progress)
        assert done.same, done.lines
        assert (done.lost_snapshot, done.snapshot_id) == (lost, rebuilt)
        assert f"from snapshot {rebuilt} of the rebuilt lake (the manifest " in done.lines[0]
        with lakehouse.reader(settings, ws.store) as con:
            [row] = lakehouse.edition_rows(con, YEAR)
        assert row["snapshot_id"] == rebuilt
        assert "nothing to do" in _publish(ws).lines[0]
        again = stages.verify(ws, YEAR, None, run_id="v", progress=no_progress)
        assert (again.same, again.snapshot_id) == (True, rebuilt), again.lines


def test_other_marts_are_not_said_to_be_those_of_an_edition(
    prepared: PreparedYear, shared: Shared, tmp_path: Path
) -> None:
    """An object of the landing bucket was lost, too."""
    settings = shared.copy(prepared.published, tmp_path / "home", NOW)
    for catalogue in tmp_path.glob("home/catalog.sqlite*"):
        catalogue.unlink()
    shutil.rmtree(settings.home / "s3" / "lake")
    with stages.open_workspace(settings) as ws:
        prefix = f"performance/year={YEAR}/province=440000/"
        lost = next(info.key for info in ws.store.list("landing", prefix) if "T05" in info.key)
        ws.store.delete("landing", [lost])
        stages.intake(ws, YEAR, run_id="r", progress=no_progress)
        stages.transform(ws, YEAR, run_id="r", progress=no_progress)
        stages.gate(ws, YEAR, run_id="r", progress=no_progress)
        done = stages.verify(ws, YEAR, None, run_id="v", progress=no_progress)
        assert not done.same
        assert "provinces/440000/bulletin.pdf" in done.differing
        with lakehouse.reader(settings, ws.store) as con:
            assert lakehouse.edition_rows(con, YEAR) == []

"""A lake that is lost with its catalogue and rebuilt from the landing bucket."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
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
        manifests = bulletin.published_manifests(ws.store, bucket)
        lost = manifests[YEAR, 1]["snapshot_id"]
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
            pins = lakehouse.pinned_snapshots(con, manifests)
        assert row["snapshot_id"] == rebuilt
        # Nothing is wrong with this catalogue: its unused files may be deleted.
        assert not pins.catalogue_is_older
        assert f"edition 1 of {YEAR}" in pins.snapshots[rebuilt]
        assert all(
            f"edition 1 of {YEAR}" not in whys or key == rebuilt
            for key, whys in pins.snapshots.items()
        )
        assert "nothing to do" in _publish(ws).lines[0]
        again = stages.verify(ws, YEAR, None, run_id="v", progress=no_progress)
        assert (again.same, again.snapshot_id) == (True, rebuilt), again.lines


def test_other_marts_are_not_said_to_be_those_of_an_edition(
    prepared: PreparedYear, shared: Shared, tmp_path: Path
) -> None:
    """An object of the landing bucket was lost, too, and one was replaced."""
    settings = shared.copy(prepared.published, tmp_path / "home", NOW)
    for catalogue in tmp_path.glob("home/catalog.sqlite*"):
        catalogue.unlink()
    shutil.rmtree(settings.home / "s3" / "lake")
    landing = settings.home / "s3" / "landing"
    before, after = (NOW + timedelta(days=days) for days in (-1, 1))
    for path in landing.rglob("*.*"):
        os.utime(path, (before.timestamp(), before.timestamp()))
    lost, replaced = sorted(landing.glob(f"performance/year={YEAR}/province=440000/*T05*"))[:2]
    lost.unlink()
    replaced.write_bytes(replaced.read_bytes() + b"\n")
    os.utime(replaced, (after.timestamp(), after.timestamp()))
    with stages.open_workspace(settings) as ws:
        stages.intake(ws, YEAR, run_id="r", progress=no_progress)
        stages.transform(ws, YEAR, run_id="r", progress=no_progress)
        stages.gate(ws, YEAR, run_id="r", progress=no_progress)
        with lakehouse.writer(settings, ws.store) as con:
            manifests = bulletin.published_manifests(ws.store, settings.publication_bucket)
            pins = lakehouse.pinned_snapshots(con, manifests)
        assert any(f"'tongbao verify --year {YEAR}' compares" in note for note in pins.notes)
        assert not any("edition 1" in why for whys in pins.snapshots.values() for why in whys)

        done = stages.verify(ws, YEAR, None, run_id="v", progress=no_progress)
        assert not done.same
        assert "provinces/440000/bulletin.pdf" in done.differing
        assert done.other_inputs
        receipt = f"receipts/year={YEAR}/province=440000/{lost.name}.receipt.json"
        assert done.other_inputs.gone == [receipt]
        assert done.other_inputs.newer == [str(replaced.relative_to(landing))]
        said = "\n".join(done.lines)
        assert "the landing bucket has other objects than the edition was made from" in said
        assert f"1 deleted; their receipts: {receipt}" in said
        assert "have not changed" not in said
        with lakehouse.reader(settings, ws.store) as con:
            assert lakehouse.edition_rows(con, YEAR) == []

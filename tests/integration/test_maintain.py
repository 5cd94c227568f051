"""Maintenance of the lake: what is deleted, what is kept, and that a dry run changes nothing.

``test_editions`` tests that editions can be rebuilt afterwards.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration import bulletin, lakehouse, stages
from orchestration.core.errors import Unreachable
from orchestration.lakehouse.maintain import GRACE, pinned_snapshots
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

YEAR = 2024
_SECOND = timedelta(seconds=1)
_SCHEDULED = "delete files scheduled"


def _maintain(ws: stages.Workspace, *, at: datetime | None = None, **more: Any) -> Any:
    if at:
        ws = replace(ws, settings=replace(ws.settings, fixed_now=at))
    return stages.maintain(ws, **{"dry_run": False, "progress": no_progress, **more})


def _found(done: Any) -> dict[str, list[str]]:
    """First words of a step → its findings."""
    return {" ".join(each.what.split()[:3]): each.names for each in done.findings}


def _objects(ws: stages.Workspace) -> list[Any]:
    return [(i.key, i.etag) for name in ("lake", "publication") for i in ws.store.list(name)]


@pytest.fixture
def filled(ws: stages.Workspace, landing: Landing) -> stages.Workspace:
    """A lake with the files of three intakes; smaller insertions would stay in the catalogue."""
    for number in range(3):
        for unit in range(12):
            landing.unit(f"T05-440000-{number}{unit:03d}", recommended=False)
        stages.intake(ws, YEAR, run_id=f"r{number}", progress=no_progress)
    return ws


def test_a_dry_run_lists_what_would_be_deleted_and_changes_nothing(
    filled: stages.Workspace,
) -> None:
    filled.store.put("lake", "data/raw/objects/ducklake-lost.parquet", b"12345")
    filled.store.put("publication", f"editions/{YEAR}/edition-1/a", b"123")
    build = filled.settings.home / "build" / "tongbao.duckdb"
    build.parent.mkdir()
    build.write_bytes(b"1234")
    later = datetime.now(UTC) + GRACE + timedelta(hours=1)
    before, catalogue = _objects(filled), Path(filled.settings.catalog).read_bytes()
    would = _maintain(filled, at=later, keep=timedelta(0), dry_run=True)
    assert _objects(filled) == before
    assert Path(filled.settings.catalog).read_bytes() == catalogue
    assert build.exists()
    assert _found(would)["delete orphaned files,"] == ["raw/objects/ducklake-lost.parquet"]
    assert would.findings[0].bytes == 5
    assert _found(would)["delete objects of"] == [f"editions/{YEAR}/edition-1/a"]
    assert _found(would)["delete files that"] == ["build/tongbao.duckdb"]
    assert "raw.objects" in _found(would)["merge the small"]
    assert "dry run" in would.lines[0]

    done = _maintain(filled, at=later, keep=timedelta(0))
    assert _found(done) == _found(would)
    again = _maintain(filled, at=later, keep=timedelta(0))
    nothing = {"delete orphaned files,", "delete objects of", "merge the small"}
    assert {what for what, names in _found(again).items() if not names} >= nothing
    with lakehouse.reader(filled.settings, filled.store) as con:
        units = con.execute("select count(distinct unit_code) from raw.registrations")
        assert units.fetchone() == (36,)


@pytest.mark.slow
def test_a_dry_run_predicts_the_merging_of_files(
    filled: stages.Workspace,
) -> None:
    with lakehouse.reader(filled.settings, filled.store) as con:
        count = "select count(*) from ducklake_list_files('lake', 'objects', schema => 'raw')"
        assert con.execute(count).fetchone() == (3,)
        rows = con.execute("select * from raw.objects order by all").fetchall()
    _maintain(filled)
    with lakehouse.reader(filled.settings, filled.store) as con:
        assert con.execute(count).fetchone() == (1,)
        assert con.execute("select * from raw.objects order by all").fetchall() == rows


@pytest.mark.slow
def test_young_files_are_kept(filled: stages.Workspace) -> None:
    """An orphan may belong to a running run, and a query may still read a merged file."""
    filled.store.put("lake", "data/raw/objects/ducklake-lost.parquet", b"12345")
    filled.store.put("publication", f"editions/{YEAR}/edition-1/a", b"123")
    _maintain(filled, keep=timedelta(0))
    now = datetime.now(UTC)
    whole_day = timedelta(days=1)  # Scheduled files are deleted by whole days.
    for after, gone in (
        (GRACE - timedelta(minutes=5), set()),
        (GRACE + _SECOND, {"delete orphaned files,", "delete objects of"}),
        (GRACE + whole_day, {"delete orphaned files,", "delete objects of", _SCHEDULED}),
    ):
        found = _found(_maintain(filled, at=now + after, dry_run=True))
        assert {step for step, names in found.items() if names} - {"expire snapshots from"} == gone


@pytest.mark.slow
def test_if_records_of_editions_disagree_what_they_were_made_from_is_kept(
    filled: stages.Workspace,
) -> None:
    row = {
        "figures_version": "v",
        "edition_version": "v",
        "published_at": datetime.now(UTC),
        "manifest_sha256": "",
        "supersedes": None,
        "reason": None,
        "year": YEAR,
    }
    with lakehouse.writer(filled.settings, filled.store) as con:
        con.execute(
            "insert into lake.quality.transform_runs (year, inputs_digest) values (?, 'this')",
            [YEAR],
        )
        built = lakehouse.current_snapshot(con)
        for edition, snapshot in ((1, 2), (2, 4), (3, 99)):
            lakehouse.record_edition(con, row | {"edition": edition, "snapshot_id": snapshot})
    # Editions 1 and 5 are of another lake; the snapshots that they name are others in this one.
    for edition, snapshot, digest in (
        (1, 3, "another"),
        (3, 99, "this"),
        (4, built, "this"),
        (5, 1, "another"),
    ):
        facts = {"snapshot_id": snapshot, "inputs_digest": digest}
        files = bulletin.make_edition(YEAR, edition, {}, contents={}, facts=facts)
        filled.store.put("publication", files.prefix + "manifest.json", files.manifest)
    manifests = bulletin.published_manifests(filled.store, "publication")
    with lakehouse.reader(filled.settings, filled.store) as con:
        pins = pinned_snapshots(con, manifests)
        current = lakehouse.current_snapshot(con)
    assert {2, 4, built, current} == set(pins.snapshots)
    said = "\n".join(pins.notes)
    assert "edition 1 of 2024: snapshot 2 in publication.editions, which is kept" in said
    assert "edition 2 of 2024 is in publication.editions and not in the publication bucket" in said
    missing = "of 2024 is in the publication bucket and not in publication.editions: "
    assert f"edition 4 {missing}'tongbao run --year 2024' records it" in said
    assert f"edition 5 {missing}it was made from another lake. After a rebuild, 'tongbao " in said
    assert "snapshot 99 (edition 3 of 2024) is not in the catalogue" in said

    filled.store.put("lake", "data/raw/objects/ducklake-lost.parquet", b"12345")
    later = datetime.now(UTC) + GRACE + timedelta(hours=1)
    done = _maintain(filled, at=later, keep=timedelta(0))
    assert "delete orphaned files," not in _found(done)
    assert any("older copy" in note for note in done.notes)
    assert filled.store.exists("lake", "data/raw/objects/ducklake-lost.parquet")
    with lakehouse.reader(filled.settings, filled.store) as con:
        kept = {
            row[0] for row in con.execute("select snapshot_id from lake.snapshots()").fetchall()
        }
    assert {2, 4, built} <= kept
    assert not {1, 3} & kept


def test_writing_and_publishing_are_locked_meanwhile(
    filled: stages.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.lakehouse.attach._WAIT_SECONDS", 0.1)
    with (
        lakehouse.writer(filled.settings, filled.store),
        pytest.raises(Unreachable, match="another run is writing"),
    ):
        _maintain(filled, dry_run=True)
    with (
        lakehouse.publisher(filled.settings),
        pytest.raises(Unreachable, match="another run is publishing"),
    ):
        _maintain(filled, dry_run=True)


def test_without_a_lake_it_is_an_error(ws: stages.Workspace) -> None:
    with pytest.raises(Unreachable, match="no lakehouse yet"):
        _maintain(ws)

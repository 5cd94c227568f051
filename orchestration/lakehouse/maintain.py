"""Maintenance of the lake: expires snapshots, merges small files, deletes unused files.

Belongs here: what is deleted, what is kept and why, and the calls of DuckLake's functions.
Doesn't belong here: when maintenance runs (``schedules``), and the list of files that unfinished
publications left (the caller passes it).

Expiring and merging only schedule files for deletion. A later maintenance, at least two days on,
deletes them. Before that, every pinned snapshot is read and compared with its former content.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration.core.errors import TongbaoError
from orchestration.core.settings import Settings
from orchestration.lakehouse.attach import data_path, reader
from orchestration.lakehouse.build import build_file
from orchestration.lakehouse.records import newest_verdicts
from orchestration.lakehouse.snapshots import has_marts_from, set_commit_message
from orchestration.storage import ObjectInfo, Store

__all__ = ["KEEP_SNAPSHOTS", "MaintainSummary", "Pins", "maintain", "pinned_snapshots"]

#: 30 days: how long a snapshot is kept that nothing pins. A nightly collection is compared with
#: the nights before it, and questions about last month's figures come within a month.
KEEP_SNAPSHOTS = timedelta(days=30)

#: 2 days: how long a file is kept that no table names or that is scheduled for deletion. A younger
#: file may belong to a run in progress on another host (which this host's lock doesn't show), to a
#: running query, or to last night's dump of the catalogue, which may be restored.
GRACE = timedelta(days=2)

#: The terminal shows this many names of a finding; ``--json`` has all.
_SHOWN = 3


@dataclass
class Finding:
    """What one step of maintenance found; unless it was a dry run, the step was also carried out.

    Attributes:
        what: the step, such as "delete orphaned files".
        names: all snapshots, tables, objects or files that it concerns.
        bytes: their total size; 0 if it is not known.
    """

    what: str
    names: list[str]
    bytes: int = 0

    @property
    def line(self) -> str:
        """The line for the terminal."""
        if not self.names:
            return f"  {self.what}: none"
        size = f", {self.bytes:,} bytes" if self.bytes else ""
        more = len(self.names) - _SHOWN
        shown = ", ".join(self.names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        return f"  {self.what}: {len(self.names)}{size}: {shown}"


@dataclass
class MaintainSummary:
    """What maintenance did, or would do.

    Attributes:
        dry_run: whether nothing was changed.
        older_than: snapshots from before this time (UTC aware) are expired unless pinned.
        pinned: snapshot id → why it is kept.
        findings: one for each step, in order.
        notes: disagreements between the records of editions, for the operator.
    """

    dry_run: bool
    older_than: datetime
    pinned: dict[int, list[str]]
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The lines for the terminal."""
        head = "dry run, nothing is changed; it would" if self.dry_run else "done"
        kept = [f"    snapshot {key}: {'; '.join(why)}" for key, why in sorted(self.pinned.items())]
        return [
            f"lake maintain: {head}",
            *(finding.line for finding in self.findings),
            f"  snapshots that are always kept: {len(kept)}",
            *kept,
            *(f"  note: {note}" for note in self.notes),
        ]


@dataclass
class Pins:
    """The snapshots that must be kept.

    Attributes:
        snapshots: snapshot id → why it is kept.
        notes: disagreements between the records of editions, for the operator.
        catalogue_is_older: whether the catalogue lacks an edition of the bucket or a snapshot of
            an edition; it may then be an older copy, or was rebuilt.
    """

    snapshots: dict[int, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    catalogue_is_older: bool = False


def pinned_snapshots(
    con: duckdb.DuckDBPyConnection, manifests: Mapping[tuple[int, int], Mapping[str, Any]]
) -> Pins:
    """The snapshots that editions, marts and verdicts need.

    Args:
        manifests: (year, edition) → the manifest in the publication bucket. The recorded
            snapshot of an edition is kept, and the manifest's if that has the marts that the
            edition was made from: in a lake that was rebuilt, its number means another state.
    """
    pins = Pins()
    pinned, notes = pins.snapshots, pins.notes
    recorded = {
        (int(year), int(edition)): int(snapshot)
        for year, edition, snapshot in con.execute(
            "select year, edition, snapshot_id from lake.publication.editions order by all"
        ).fetchall()
    }
    for year, edition in sorted({*recorded, *manifests}):
        name = f"edition {edition} of {year}"
        lake, manifest = recorded.get((year, edition)), manifests.get((year, edition))
        wanted = [] if lake is None else [lake]
        if manifest is None:
            notes.append(f"{name} is in publication.editions and not in the publication bucket")
        elif (named := int(manifest["snapshot_id"])) != lake:
            is_here = has_marts_from(con, year, named, manifest["inputs_digest"])
            notes.append(_disagreement(year, name, lake, named, is_here=is_here))
            pins.catalogue_is_older |= lake is None
            wanted += [named] if is_here else []
        for snapshot in wanted:
            pinned.setdefault(snapshot, []).append(name)
    # The marts of a year are found by their transform's snapshot, so it must be kept.
    for year, snapshot in con.execute(
        "select json_extract_string(commit_extra_info, '$.year') as year, max(snapshot_id) "
        "from lake.snapshots() "
        "where json_extract_string(commit_extra_info, '$.kind') = 'transform' "
        "group by year order by year"
    ).fetchall():
        pinned.setdefault(int(snapshot), []).append(f"marts of {year}")
    for year, verdict in newest_verdicts(con).items():
        pinned.setdefault(int(verdict[0]["snapshot_id"]), []).append(f"verdict on {year}")
    [(current, known)] = con.execute(
        "select max(snapshot_id), list(snapshot_id) from lake.snapshots()"
    ).fetchall()
    pinned.setdefault(int(current), []).append("current")
    for snapshot in sorted(set(pinned) - set(known)):
        pins.catalogue_is_older = True
        notes.append(
            f"snapshot {snapshot} ({'; '.join(pinned.pop(snapshot))}) is not in the catalogue"
        )
    return pins


def _disagreement(year: int, name: str, recorded: int | None, named: int, *, is_here: bool) -> str:
    """What is said of an edition whose manifest names another snapshot than the lake records.

    Args:
        recorded: the snapshot in ``publication.editions``; None if the edition is not there.
        named: the manifest's snapshot.
        is_here: whether this lake has the named snapshot.
    """
    if recorded is None:
        missing = f"{name} is in the publication bucket and not in publication.editions: "
        if is_here:
            return f"{missing}'tongbao run --year {year}' records it"
        return (
            f"{missing}it was made from another lake. After a rebuild, 'tongbao verify --year "
            f"{year}' compares it with this lake's marts and records it; if an older catalogue "
            "was restored, restore the newest"
        )
    if is_here:
        return (
            f"{name}: snapshot {named} in its manifest, {recorded} in publication.editions; "
            "both are kept"
        )
    return (
        f"{name}: snapshot {recorded} in publication.editions, which is kept; its manifest names "
        f"{named}, of a lake that this one replaces"
    )


def maintain(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    store: Store,
    *,
    manifests: Mapping[tuple[int, int], Mapping[str, Any]],
    unfinished: Sequence[ObjectInfo],
    folders: Sequence[Path],
    keep: timedelta = KEEP_SNAPSHOTS,
    dry_run: bool,
    progress: Callable[[str], None] = lambda _: None,
) -> MaintainSummary:
    """Maintain the lake, or report what maintenance would do.

    Args:
        con: the writing connection, so nobody else writes at the same time.
        manifests: (year, edition) → manifest, see :func:`pinned_snapshots`.
        unfinished: objects of the publication bucket that killed publications left.
        folders: folders of the home that killed publications left.
        keep: how long a snapshot is kept that nothing pins.
        dry_run: change nothing.
        progress: called with a line of progress.

    Raises:
        TongbaoError: the content of a pinned snapshot has changed; the files that it was read
            from before still exist.
    """
    now = settings.now()
    pins = pinned_snapshots(con, manifests)
    done = MaintainSummary(dry_run, now - keep, pins.snapshots, notes=pins.notes)
    bucket = settings.lake_bucket
    sizes = {f"s3://{bucket}/{info.key}": info.size for info in store.list(bucket, "data/")}

    def found(what: str, names: list[str]) -> None:
        weight = sum(sizes.get(name, 0) for name in names)
        short = [name.removeprefix(data_path(settings)) for name in names]
        done.findings.append(Finding(what, short, weight))
        progress(f"maintain: {what}: {len(names)}")

    # Deletion comes first, so that files that are scheduled below wait for a later maintenance.
    dry = "true" if dry_run else "false"
    before = now - GRACE
    if pins.catalogue_is_older:
        pins.notes.append(
            "the catalogue may be an older copy, or lacks an edition: files that it does not name "
            "are kept"
        )
    else:
        found(
            "delete orphaned files, which no table names",
            _paths(con, f"ducklake_delete_orphaned_files('lake', {_arguments(dry, before)})"),
        )
    # A SQLite catalogue compares these times as text, which is right for whole days only.
    day = before.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(microseconds=1)
    found(
        "delete files scheduled for deletion before",
        _paths(con, f"ducklake_cleanup_old_files('lake', {_arguments(dry, day)})"),
    )
    _expire_and_merge(con, settings, store, done, progress)
    _delete_leftovers(settings, store, done, unfinished, folders, before)
    return done


def _arguments(dry_run: str, before: datetime) -> str:
    return f"dry_run => {dry_run}, older_than => {_literal(before)}"


def _literal(moment: datetime) -> str:
    return f"timestamptz '{moment.astimezone(UTC).isoformat()}'"


def _paths(con: duckdb.DuckDBPyConnection, call: str) -> list[str]:
    return sorted(str(row[0]) for row in con.execute(f"select path from {call}").fetchall())


def _expire_and_merge(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    store: Store,
    done: MaintainSummary,
    progress: Callable[[str], None],
) -> None:
    """Expire old unpinned snapshots and merge small files, and check the pinned snapshots."""
    old = {
        int(snapshot): str(message)
        for snapshot, message in con.execute(
            "select snapshot_id, coalesce(commit_message, '-') from lake.snapshots() "
            f"where snapshot_time < {_literal(done.older_than)} order by snapshot_id"
        ).fetchall()
        if int(snapshot) not in done.pinned
    }
    what = f"expire snapshots from before {done.older_than:%Y-%m-%d %H:%M} UTC that nothing pins"
    done.findings.append(Finding(what, [f"{key} ({said})" for key, said in old.items()]))
    small = con.execute(
        "select s.schema_name || '.' || t.table_name, count(*), sum(f.file_size_bytes) "
        "from __ducklake_metadata_lake.ducklake_data_file f "
        "join __ducklake_metadata_lake.ducklake_table t "
        "on t.table_id = f.table_id and t.end_snapshot is null "
        "join __ducklake_metadata_lake.ducklake_schema s "
        "on s.schema_id = t.schema_id and s.end_snapshot is null "
        "where f.end_snapshot is null and f.data_file_id not in "
        "(select data_file_id from __ducklake_metadata_lake.ducklake_delete_file "
        "where end_snapshot is null) "
        "group by all having count(*) > 1 order by all"
    ).fetchall()
    merged = Finding("merge the small files of tables", [name for name, _, _ in small])
    merged.bytes = sum(int(size) for _, _, size in small)
    done.findings.append(merged)
    if done.dry_run or not (old or small):
        return
    before = {snapshot: _digest(settings, store, snapshot) for snapshot in done.pinned}
    if old:
        con.execute(f"call ducklake_expire_snapshots('lake', versions => {list(old)})")
    con.execute("begin")
    con.execute("call ducklake_merge_adjacent_files('lake')")
    set_commit_message(con, "maintain")
    con.execute("commit")
    for snapshot, digest in before.items():
        if _digest(settings, store, snapshot) != digest:
            raise TongbaoError(
                f"snapshot {snapshot} ({'; '.join(done.pinned[snapshot])}) reads differently "
                "after small files were merged: restore the catalogue from its backup before the "
                f"files are deleted, in {GRACE.days} days"
            )
    progress(f"maintain: {len(before)} pinned snapshots read as before")


def _digest(settings: Settings, store: Store, snapshot: int) -> str:
    """A digest of a snapshot: the number and the hash of all rows of each table.

    The bodies of objects are left out; their SHA-256 is a column.
    """
    with reader(settings, store, snapshot) as con:
        tables = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where database_name = 'lake' order by all"
        ).fetchall()
        each = (
            f"select '{name}' as name, count(*) as rows, sum(hash(t)::hugeint) as digest "
            f"from (select columns(c -> c <> 'body') from {name}) t"
            for (name,) in tables
        )
        return repr(con.execute(" union all ".join(each) + " order by all").fetchall())


def _delete_leftovers(
    settings: Settings,
    store: Store,
    done: MaintainSummary,
    unfinished: Sequence[ObjectInfo],
    folders: Sequence[Path],
    before: datetime,
) -> None:
    """Delete what killed runs left in the publication bucket and in the home."""
    objects = [info for info in unfinished if info.last_modified < before]
    done.findings.append(
        Finding(
            "delete objects of unfinished editions",
            [info.key for info in objects],
            sum(info.size for info in objects),
        )
    )
    # The writer's lock is held, so no build is running and its file may go at any age. DuckDB's
    # spill files may belong to a reader.
    build = build_file(settings)
    files = [path for path in build.parent.glob(build.name + "*") if path.is_file()]
    scratch = [*(settings.home / "tmp").glob("*"), *folders]
    files += [path for path in scratch if path.stat().st_mtime < before.timestamp()]
    done.findings.append(
        Finding(
            "delete files that killed runs left in the home",
            [str(path.relative_to(settings.home)) for path in files],
            sum(
                part.stat().st_size
                for path in files
                for part in (path, *path.rglob("*"))
                if part.is_file()
            ),
        )
    )
    if done.dry_run:
        return
    store.delete(settings.publication_bucket, [info.key for info in objects])
    for path in files:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

"""The sha256 of each data file of the lake, recorded once and compared later.

A lost file, and one whose bytes have changed, must be noticed before its figures are published:
some changed bytes give other values without an error of the reader. The sums are one object in the
lake bucket, next to ``data/``. Every intake, transform and maintenance brings it up to date and
reads each new file once. It has the sums of the files that the catalogue records, and no others.

Belongs here: recording the sums, and comparing files with them. Doesn't belong here: the
catalogue's list of files (``files``), and restoring them (``infra/backup.sh``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from orchestration.core.errors import LakeDamaged
from orchestration.core.settings import Settings
from orchestration.lakehouse.files import mart_files, raw_files, recorded_files, way_back
from orchestration.storage import Store

__all__ = ["CHECKSUMS", "LakeCheck", "check_lake", "check_marts", "check_raw", "record_checksums"]

#: Key in the lake bucket.
CHECKSUMS = "checksums.json"
#: Files that a message names.
_NAMED = 3


@dataclass(frozen=True)
class LakeCheck:
    """The result of a comparison; keys are those of the lake bucket.

    Attributes:
        files: number of files compared.
        missing: files that the store does not have.
        altered: files with another size or sha256 than recorded.
        unrecorded: files without a recorded sum: only their size was compared.
        way_back: what to do about damage.
    """

    files: int
    missing: tuple[str, ...]
    altered: tuple[str, ...]
    unrecorded: tuple[str, ...]
    way_back: str

    @property
    def is_damaged(self) -> bool:
        """Whether a file is missing or altered."""
        return bool(self.missing or self.altered)

    @property
    def line(self) -> str:
        """One line; for damage with the first files and the way back."""
        if not self.is_damaged:
            more = f", {len(self.unrecorded)} compared by size only" if self.unrecorded else ""
            return f"the lake's {self.files} data files are whole{more}"
        named = ", ".join([*self.missing, *self.altered][:_NAMED])
        return (
            f"of {self.files} data files of the lake {len(self.missing)} are missing and "
            f"{len(self.altered)} altered: {named}. {self.way_back}"
        )

    @property
    def lines(self) -> list[str]:
        """Lines to print on a terminal: each damaged file, then the summary."""
        return [
            *(f"missing: {key}" for key in self.missing),
            *(f"altered: {key}" for key in self.altered),
            self.line,
        ]


def record_checksums(con: duckdb.DuckDBPyConnection, settings: Settings, store: Store) -> int:
    """Record the sums of the files that have none, and forget those of deleted files.

    Args:
        con: the writing connection: one writer at a time changes the object.

    Returns:
        the number of files read.
    """
    keys = _keys(settings, recorded_files(con, settings))
    known = _recorded_sums(settings, store)
    sums = {key: known[key] for key in keys.keys() & known}
    new = keys.keys() - known
    sums |= _sums(settings, store, new)
    if sums != known:
        body = json.dumps(sums, indent=0, sort_keys=True).encode()
        store.put(settings.lake_bucket, CHECKSUMS, body)
    return len(new)


def check_lake(con: duckdb.DuckDBPyConnection, settings: Settings, store: Store) -> LakeCheck:
    """Compare every data file of every snapshot with its recorded size and sha256."""
    return _compare(settings, store, recorded_files(con, settings))


def check_marts(
    con: duckdb.DuckDBPyConnection, settings: Settings, store: Store, year: int, snapshot_id: int
) -> None:
    """Compare the files that hold a year's marts, and those of the year before.

    Raises:
        LakeDamaged: one is missing or altered.
    """
    found = _compare(settings, store, mart_files(con, settings, year, snapshot_id))
    if found.is_damaged:
        raise LakeDamaged(
            f"{found.line}. If only marts of a year without an edition are damaged, 'tongbao "
            f"transform --year {year} --force' is enough"
        )


def check_raw(
    con: duckdb.DuckDBPyConnection, settings: Settings, store: Store, year: int, snapshot_id: int
) -> None:
    """Compare the files of ``raw`` that a year's marts are made from.

    Raises:
        LakeDamaged: one is missing or altered.
    """
    found = _compare(settings, store, raw_files(con, settings, year, snapshot_id))
    if found.is_damaged:
        raise LakeDamaged(found.line)


def _compare(settings: Settings, store: Store, files: Mapping[str, int]) -> LakeCheck:
    sizes = _keys(settings, files)
    stored = {info.key: info.size for info in store.list(settings.lake_bucket, "data/")}
    known = _recorded_sums(settings, store)
    present = sizes.keys() & stored
    sums = _sums(settings, store, present & known.keys())
    return LakeCheck(
        files=len(sizes),
        missing=tuple(sorted(sizes.keys() - stored)),
        altered=tuple(
            sorted(
                key
                for key in present
                if stored[key] != sizes[key] or (key in sums and sums[key] != known[key])
            )
        ),
        unrecorded=tuple(sorted(present - known.keys())),
        way_back=way_back(settings),
    )


def _keys(settings: Settings, files: Mapping[str, int]) -> dict[str, int]:
    prefix = f"s3://{settings.lake_bucket}/"
    return {path.removeprefix(prefix): size for path, size in files.items()}


def _recorded_sums(settings: Settings, store: Store) -> dict[str, str]:
    if not store.exists(settings.lake_bucket, CHECKSUMS):
        return {}
    return dict(json.loads(store.get(settings.lake_bucket, CHECKSUMS)))


def _sums(settings: Settings, store: Store, keys: Iterable[str]) -> dict[str, str]:
    """The sha256 of these files; one that the store doesn't have is left out."""
    wanted = set(keys)
    listed = [info for info in store.list(settings.lake_bucket, "data/") if info.key in wanted]
    return {
        each.info.key: hashlib.sha256(each.body).hexdigest()
        for each in store.get_many(settings.lake_bucket, listed)
        if each.failure is None
    }

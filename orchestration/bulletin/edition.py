"""Editions: written once, under a temporary prefix, checked, then made visible.

Belongs here: the files of an edition, their manifest, and how they reach the publication bucket
and ``out/``. Doesn't belong here: what a bulletin says, and whether it may be published.

Order of a publication, so that a run killed anywhere leaves either nothing visible or a whole
edition, and starting again ends in the same bytes: files under ``.edition-N.writing/`` → read
back and compared → copied to ``edition-N/`` → ``manifest.json`` last, refused where one stands →
``latest.json``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from orchestration.errors import TongbaoError
from orchestration.storage import Store

__all__ = [
    "Edition",
    "EditionStands",
    "latest_of",
    "make_edition",
    "publish_edition",
    "read_edition",
    "write_out",
]


class EditionStands(TongbaoError):
    """An edition of that number is published already: it is never written again."""


@dataclass(frozen=True)
class Edition:
    """The files of an edition.

    Attributes:
        files: path below the edition → bytes, without the manifest.
        manifest: the bytes of ``manifest.json``; they name every file with its sha256.
    """

    year: int
    number: int
    files: Mapping[str, bytes]
    manifest: bytes

    @property
    def prefix(self) -> str:
        """Where it stands in the publication bucket."""
        return f"editions/{self.year}/edition-{self.number}/"

    @property
    def manifest_sha256(self) -> str:
        """Hex digest of the manifest."""
        return hashlib.sha256(self.manifest).hexdigest()


def _json(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def make_edition(
    year: int,
    number: int,
    files: Mapping[str, bytes],
    *,
    snapshot_id: int,
    code_version: str,
    gate: Mapping[str, Any],
    inputs_digest: str,
    is_synthetic: bool,
) -> Edition:
    """Put the manifest to the files. Nothing in it depends on the clock or the run.

    Args:
        gate: the gate's summary: what was judged, what warns.
        inputs_digest: of the raw objects that the snapshot was built from.
    """
    manifest = {
        "year": year,
        "edition": number,
        "snapshot_id": snapshot_id,
        "code_version": code_version,
        "inputs_digest": inputs_digest,
        "synthetic": is_synthetic,
        "gate": gate,
        "files": [
            {"path": path, "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
            for path, body in sorted(files.items())
        ],
    }
    return Edition(year, number, dict(sorted(files.items())), _json(manifest))


def latest_of(store: Store, bucket: str, year: int) -> dict[str, Any] | None:
    """What ``latest.json`` of a year says, or None where nothing is published."""
    key = f"editions/{year}/latest.json"
    if not store.exists(bucket, key):
        return None
    return dict(json.loads(store.get(bucket, key)))


def publish_edition(store: Store, bucket: str, edition: Edition) -> None:
    """Write an edition and make it visible.

    Raises:
        EditionStands: that number, or a later one, is published already.
        TongbaoError: what was read back is not what was written.
    """
    latest = latest_of(store, bucket, edition.year)
    if latest and latest["edition"] >= edition.number:
        raise EditionStands(
            f"edition {latest['edition']} of {edition.year} is published already and stands"
        )
    manifest_key = edition.prefix + "manifest.json"
    if not (
        store.exists(bucket, manifest_key) and store.get(bucket, manifest_key) == edition.manifest
    ):
        _write(store, bucket, edition)
        if not store.put_new(bucket, manifest_key, edition.manifest):
            raise EditionStands(f"edition {edition.number} of {edition.year} is being written")
    store.put(
        bucket,
        f"editions/{edition.year}/latest.json",
        _json(
            {
                "year": edition.year,
                "edition": edition.number,
                "prefix": edition.prefix,
                "manifest_sha256": edition.manifest_sha256,
            }
        ),
    )
    _clear(store, bucket, _temporary(edition))


def read_edition(store: Store, bucket: str, year: int, number: int) -> Edition:
    """A published edition's manifest, and its files when somebody asks for them."""
    prefix = f"editions/{year}/edition-{number}/"
    manifest = store.get(bucket, prefix + "manifest.json")
    paths = [entry["path"] for entry in json.loads(manifest)["files"]]
    return Edition(year, number, _Published(store, bucket, prefix, paths), manifest)


class _Published(Mapping[str, bytes]):
    """The files of a published edition, read one by one."""

    def __init__(self, store: Store, bucket: str, prefix: str, paths: list[str]) -> None:
        self._read = lambda path: store.get(bucket, prefix + path)
        self._paths = paths

    def __getitem__(self, path: str) -> bytes:
        return self._read(path)

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _temporary(edition: Edition) -> str:
    return f"editions/{edition.year}/.edition-{edition.number}.writing/"


def _clear(store: Store, bucket: str, prefix: str) -> None:
    store.delete(bucket, [info.key for info in store.list(bucket, prefix)])


def _write(store: Store, bucket: str, edition: Edition) -> None:
    temporary = _temporary(edition)
    # What a killed run left: nobody has seen it, since latest.json doesn't name it.
    _clear(store, bucket, temporary)
    _clear(store, bucket, edition.prefix)
    for path, body in edition.files.items():
        store.put(bucket, temporary + path, body)
    written = {
        fetched.info.key: hashlib.sha256(fetched.body).digest()
        for fetched in store.get_many(bucket, store.list(bucket, temporary))
    }
    for path, body in edition.files.items():
        if written.get(temporary + path) != hashlib.sha256(body).digest():
            raise TongbaoError(f"{path}: what the store gives back is not what was written")
    for path in edition.files:
        store.copy(bucket, temporary + path, edition.prefix + path)


def write_out(edition: Edition, folder: Path) -> Path:
    """Put the edition into ``out/``, whole or not at all.

    Returns:
        the edition's folder.
    """
    target = folder / str(edition.year) / f"edition-{edition.number}"
    with contextlib.suppress(FileNotFoundError):
        if (target / "manifest.json").read_bytes() == edition.manifest:
            return target
    temporary = target.with_name(f".{target.name}.writing")
    for stale in (temporary, target):
        shutil.rmtree(stale, ignore_errors=True)
    for path, body in (*edition.files.items(), ("manifest.json", edition.manifest)):
        file = temporary / PurePosixPath(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    temporary.rename(target)
    return target

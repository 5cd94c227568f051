"""Editions: their files and manifests, and how they are published.

Belongs here: building the manifest, writing an edition to the publication bucket and to ``out/``,
reading it back. Doesn't belong here: what a bulletin says, and whether it may be published.

An edition is published in these steps. A run that is killed at any of them leaves the former
edition visible (or none). A second run keeps what is written and ends with the same bytes.

1. Write the new files to ``edition-N/``, and copy those carried over from the former edition.
2. Compare what the store has with what was written: by ETag, or by reading it back.
3. Write ``manifest.json``, unless there is one already. Without it a folder is no edition.
4. Write ``latest.json``.

An edition that has a manifest is never written again: only step 4 is repeated.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from orchestration.core.errors import TongbaoError
from orchestration.storage import ObjectInfo, Store

__all__ = [
    "Edition",
    "EditionExists",
    "finish_edition",
    "finish_newest_edition",
    "make_edition",
    "publish_edition",
    "publish_staging_folder",
    "published_manifests",
    "read_edition",
    "read_latest",
    "unfinished_folders",
    "unfinished_objects",
    "write_out",
    "write_staging_folder",
]


class EditionExists(TongbaoError):
    """An edition of that number exists already; it is never written again."""


@dataclass(frozen=True)
class Edition:
    """The files of an edition.

    Attributes:
        files: path below the edition → bytes, without the manifest.
        manifest: bytes of ``manifest.json``, which lists every file with its sha256.
    """

    year: int
    number: int
    files: Mapping[str, bytes]
    manifest: bytes

    @property
    def content(self) -> dict[str, Any]:
        """The parsed manifest."""
        return dict(json.loads(self.manifest))

    @property
    def prefix(self) -> str:
        """The edition's prefix in the publication bucket."""
        return f"editions/{self.year}/edition-{self.number}/"

    @property
    def manifest_sha256(self) -> str:
        """The manifest's sha256 in hex."""
        return hashlib.sha256(self.manifest).hexdigest()


def _json_bytes(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def make_edition(
    year: int,
    number: int,
    files: Mapping[str, bytes],
    *,
    contents: Mapping[str, str],
    facts: Mapping[str, Any],
    sums: Mapping[str, str] | None = None,
) -> Edition:
    """Build an edition: its files and their manifest. The manifest doesn't depend on the run.

    Args:
        contents: path → digest of what the file was made from, for the files that a later
            edition may carry over.
        facts: further entries of the manifest: snapshot, versions, environment, gate, inputs.
        sums: path → sha256 in hex, of files whose sum is known already.
    """
    sums = sums or {}
    listed = []
    for path, body in sorted(files.items()):
        entry: dict[str, Any] = {
            "path": path,
            "sha256": sums.get(path) or hashlib.sha256(body).hexdigest(),
            "bytes": len(body),
        }
        if path in contents:
            entry["content"] = contents[path]
        listed.append(entry)
    manifest = {"year": year, "edition": number, **facts, "files": listed}
    return Edition(year, number, dict(sorted(files.items())), _json_bytes(manifest))


def read_latest(store: Store, bucket: str, year: int) -> dict[str, Any] | None:
    """Return the parsed ``latest.json`` of a year.

    Returns:
        None if nothing is published, or if the file is damaged: it is no JSON object, or names an
        edition whose manifest has another sha256. :func:`finish_newest_edition` writes it again.
    """
    key = f"editions/{year}/latest.json"
    if not store.exists(bucket, key):
        return None
    try:
        latest = json.loads(store.get(bucket, key))
    except ValueError:
        return None
    if not isinstance(latest, dict) or not isinstance(latest.get("edition"), int):
        return None
    manifest_key = _manifest_key(year, latest["edition"])
    if not store.exists(bucket, manifest_key):
        return None
    digest = hashlib.sha256(store.get(bucket, manifest_key)).hexdigest()
    return latest if latest == _latest(year, latest["edition"], digest) else None


def _manifest_key(year: int, number: int) -> str:
    return f"editions/{year}/edition-{number}/manifest.json"


def _latest(year: int, number: int, manifest_sha256: str) -> dict[str, Any]:
    """Return the content of ``latest.json``."""
    return {
        "year": year,
        "edition": number,
        "prefix": f"editions/{year}/edition-{number}/",
        "manifest_sha256": manifest_sha256,
    }


def publish_edition(
    store: Store, bucket: str, edition: Edition, sources: Mapping[str, str] | None = None
) -> Edition:
    """Write an edition and make it visible.

    Args:
        sources: path → key of the same file in a published edition; the store copies it.

    Returns:
        the edition with the manifest in the store, which a killed run may have written.

    Raises:
        EditionExists: that number or a later one is published already, or that number is written
            with other files.
        TongbaoError: the store returns other bytes than were written.
    """
    latest = read_latest(store, bucket, edition.year)
    if latest and latest["edition"] >= edition.number:
        raise EditionExists(f"edition {latest['edition']} of {edition.year} is published already")
    manifest_key = edition.prefix + "manifest.json"
    if not store.exists(bucket, manifest_key):
        _write_files(store, bucket, edition, sources or {})
        if not store.put_new(bucket, manifest_key, edition.manifest):
            raise EditionExists(f"edition {edition.number} of {edition.year} is being written")
    elif _sha256_by_path(json.loads(store.get(bucket, manifest_key))) != _sha256_by_path(
        edition.content
    ):
        raise EditionExists(
            f"edition {edition.number} of {edition.year} is written already, with other files: "
            f"look at {edition.prefix}"
        )
    published = Edition(
        edition.year, edition.number, edition.files, store.get(bucket, manifest_key)
    )
    _make_visible(store, bucket, published)
    return published


def finish_newest_edition(store: Store, bucket: str, year: int) -> tuple[int, Edition | None]:
    """Make ``latest.json`` name the newest edition that has a manifest.

    It doesn't where a run was killed after the manifest, and where the file is damaged or deleted.

    Returns:
        the number of the newest edition, 0 if there is none; and the edition if ``latest.json``
        was written.

    Raises:
        TongbaoError: a file of that edition differs from its manifest; nothing is written.
    """
    latest = read_latest(store, bucket, year)
    number = visible = latest["edition"] if latest else 0
    while store.exists(bucket, _manifest_key(year, number + 1)):
        number += 1
    return number, finish_edition(store, bucket, year, number) if number > visible else None


def finish_edition(store: Store, bucket: str, year: int, number: int) -> Edition | None:
    """Make an edition visible whose manifest a killed run has written.

    Returns:
        the edition, or None if there is no such manifest.

    Raises:
        TongbaoError: a file differs from the manifest.
    """
    if not store.exists(bucket, _manifest_key(year, number)):
        return None
    edition = read_edition(store, bucket, year, number)
    found = {
        item.info.key.removeprefix(edition.prefix): hashlib.sha256(item.body).hexdigest()
        for item in store.get_many(bucket, store.list(bucket, edition.prefix))
    }
    for path, digest in _sha256_by_path(edition.content).items():
        if found.get(path) != digest:
            raise TongbaoError(f"{edition.prefix}{path}: the file differs from the manifest")
    _make_visible(store, bucket, edition)
    return edition


def _make_visible(store: Store, bucket: str, edition: Edition) -> None:
    """Write ``latest.json``."""
    latest = _latest(edition.year, edition.number, edition.manifest_sha256)
    store.put(bucket, f"editions/{edition.year}/latest.json", _json_bytes(latest))


def _sha256_by_path(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return path → sha256 in hex of the files that a manifest lists."""
    return {entry["path"]: entry["sha256"] for entry in manifest["files"]}


def read_edition(
    store: Store, bucket: str, year: int, number: int, *, carry_over_copies: Path | None = None
) -> Edition:
    """Read a published edition's manifest; its files are read when the first one is accessed.

    Args:
        carry_over_copies: if given, only the files that a later edition may carry over are read.
            The folder may hold this machine's copies of them (:func:`write_out`): a copy that
            equals the store's file is read instead of it.
    """
    prefix = f"editions/{year}/edition-{number}/"
    manifest = store.get(bucket, prefix + "manifest.json")
    paths = [
        entry["path"]
        for entry in json.loads(manifest)["files"]
        if carry_over_copies is None or "content" in entry
    ]
    copy = carry_over_copies / str(year) / f"edition-{number}" if carry_over_copies else None
    return Edition(year, number, _Published(store, bucket, prefix, paths, copy), manifest)


class _Published(Mapping[str, bytes]):
    """The files of a published edition, read in bulk when the first one is accessed."""

    def __init__(
        self, store: Store, bucket: str, prefix: str, paths: list[str], copy: Path | None
    ) -> None:
        self._store, self._bucket, self._prefix = store, bucket, prefix
        self._paths, self._copy = dict.fromkeys(paths), copy

    def __getitem__(self, path: str) -> bytes:
        return self._bodies[path]

    @cached_property
    def _bodies(self) -> dict[str, bytes]:
        here: dict[str, bytes] = {}
        elsewhere = []
        for info in self._store.list(self._bucket, self._prefix):
            if info.key.removeprefix(self._prefix) not in self._paths:
                continue
            body = self._local_copy(info)
            if body is None:
                elsewhere.append(info)
            else:
                here[info.key.removeprefix(self._prefix)] = body
        read = self._store.get_many(self._bucket, elsewhere)
        return here | {item.info.key.removeprefix(self._prefix): item.body for item in read}

    def _local_copy(self, info: ObjectInfo) -> bytes | None:
        """Return this machine's copy of an object if it is known to be the same, or None."""
        if self._copy is None:
            return None
        try:
            body = (self._copy / PurePosixPath(info.key.removeprefix(self._prefix))).read_bytes()
        except OSError:
            return None
        return body if _has_bytes(info, body) else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _write_files(store: Store, bucket: str, edition: Edition, sources: Mapping[str, str]) -> None:
    """Write an edition's files and check them; no manifest.

    What a killed run has written is kept where it is the same. It is not visible: ``latest.json``
    doesn't name it.
    """
    kept, others = _compare(store, bucket, edition)
    store.delete(bucket, others)
    missing = [path for path in edition.files if path not in kept]
    store.copy_many(bucket, ((sources[p], edition.prefix + p) for p in missing if p in sources))
    store.put_many(
        bucket, ((edition.prefix + p, edition.files[p]) for p in missing if p not in sources)
    )
    equal, _ = _compare(store, bucket, edition)
    for path in missing:
        if path not in equal:
            raise TongbaoError(f"{path}: the store returns other bytes than were written")


def _compare(store: Store, bucket: str, edition: Edition) -> tuple[set[str], list[str]]:
    """Compare the objects under an edition's prefix with the edition's files.

    Returns:
        the paths of the files that are in the store, and the keys of all other objects.
    """
    equal: set[str] = set()
    unknown: list[ObjectInfo] = []
    listed = store.list(bucket, edition.prefix)
    for info in listed:
        path = info.key.removeprefix(edition.prefix)
        body = edition.files.get(path)
        if body is not None and _has_bytes(info, body):
            equal.add(path)
        elif body is not None and len(body) == info.size:
            unknown.append(info)
    for item in store.get_many(bucket, unknown):
        path = item.info.key.removeprefix(edition.prefix)
        if item.body == edition.files[path]:
            equal.add(path)
    keys = (info.key for info in listed)
    return equal, [key for key in keys if key.removeprefix(edition.prefix) not in equal]


def _has_bytes(info: ObjectInfo, body: bytes) -> bool:
    """Whether size and ETag show that an object has these bytes; False if they can't show it.

    An ETag is the object's MD5, except for objects written in parts or encrypted with their own
    key (Amazon S3 API, "Object").
    """
    same = hashlib.md5(body, usedforsecurity=False).hexdigest() == info.etag
    return same and len(body) == info.size


_MANIFEST = re.compile(r"editions/(\d{4})/edition-(\d+)/manifest\.json")
_FILE = re.compile(r"editions/\d{4}/edition-\d+/")


def published_manifests(store: Store, bucket: str) -> dict[tuple[int, int], dict[str, Any]]:
    """Return (year, edition) → manifest, without the list of files, for every edition."""
    found = {}
    for info in store.list(bucket, "editions/"):
        match = _MANIFEST.fullmatch(info.key)
        if match:
            manifest = json.loads(store.get(bucket, info.key))
            del manifest["files"]
            found[int(match[1]), int(match[2])] = manifest
    return found


def unfinished_objects(store: Store, bucket: str) -> list[ObjectInfo]:
    """Return the objects that killed runs left: those of editions without a manifest."""
    listed = store.list(bucket, "editions/")
    whole = {info.key.rpartition("/")[0] + "/" for info in listed if _MANIFEST.fullmatch(info.key)}
    return [info for info in listed if (match := _FILE.match(info.key)) and match[0] not in whole]


def unfinished_folders(folder: Path) -> list[Path]:
    """Return the staging folders below ``out/`` that killed runs left."""
    return sorted(folder.glob("*/.edition-*.writing"))


def write_out(edition: Edition, folder: Path) -> Path:
    """Write the edition into ``out/`` atomically, unless it is there already.

    Returns:
        the edition's folder.
    """
    target = _edition_folder(edition, folder)
    with contextlib.suppress(FileNotFoundError):
        if (target / "manifest.json").read_bytes() == edition.manifest:
            return target
    write_staging_folder(edition, folder)
    return publish_staging_folder(edition, folder)


def write_staging_folder(edition: Edition, folder: Path) -> None:
    """Write an edition's files, without the manifest, into its staging folder below ``out/``."""
    staging = _staging_folder(edition, folder)
    shutil.rmtree(staging, ignore_errors=True)
    for path, body in edition.files.items():
        file = staging / PurePosixPath(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)


def publish_staging_folder(edition: Edition, folder: Path) -> Path:
    """Add the manifest to the staging folder and rename it to the edition's folder."""
    target, staging = _edition_folder(edition, folder), _staging_folder(edition, folder)
    (staging / "manifest.json").write_bytes(edition.manifest)
    shutil.rmtree(target, ignore_errors=True)
    staging.rename(target)
    return target


def _edition_folder(edition: Edition, folder: Path) -> Path:
    return folder / str(edition.year) / f"edition-{edition.number}"


def _staging_folder(edition: Edition, folder: Path) -> Path:
    target = _edition_folder(edition, folder)
    return target.with_name(f".{target.name}.writing")

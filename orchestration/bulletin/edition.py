"""Editions: written once, under a temporary prefix, checked, then made visible.

Belongs here: the files of an edition, their manifest, and how they reach the publication bucket
and ``out/``. Doesn't belong here: what a bulletin says, and whether it may be published.

Order of a publication, so that a run killed anywhere leaves the former edition (or nothing)
visible, and starting again ends in the same bytes: files under ``.edition-N.writing/`` → read
back and compared → copied to ``edition-N/``, and beside them what the former edition has already,
from there → ``manifest.json`` last, refused where one stands → the temporary prefix cleared →
``latest.json``. An edition whose manifest stands is never written again, it is only made visible.
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
    "EditionStands",
    "finish_edition",
    "latest_of",
    "make_edition",
    "publish_edition",
    "published_snapshots",
    "read_edition",
    "show_out",
    "unfinished_folders",
    "unfinished_objects",
    "write_aside",
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
    def content(self) -> dict[str, Any]:
        """What the manifest says."""
        return dict(json.loads(self.manifest))

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
    contents: Mapping[str, str],
    facts: Mapping[str, Any],
    sums: Mapping[str, str] | None = None,
) -> Edition:
    """Put the manifest to the files. Nothing in it depends on the run.

    Args:
        contents: path → digest of what the file says and what it was rendered with, for files
            that a later edition may take over as they are.
        facts: what else the manifest says: snapshot, code version, environment, gate, inputs.
        sums: path → sha256 in hex, of files that were compared with it already.
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
    return Edition(year, number, dict(sorted(files.items())), _json(manifest))


def latest_of(store: Store, bucket: str, year: int) -> dict[str, Any] | None:
    """What ``latest.json`` of a year says, or None where nothing is published."""
    key = f"editions/{year}/latest.json"
    if not store.exists(bucket, key):
        return None
    return dict(json.loads(store.get(bucket, key)))


def publish_edition(
    store: Store, bucket: str, edition: Edition, sources: Mapping[str, str] | None = None
) -> Edition:
    """Write an edition and make it visible.

    Args:
        sources: path → key of the same file in an edition that stands: the store copies it.

    Returns:
        the edition as it stands: a run that was killed may have left its manifest.

    Raises:
        EditionStands: that number, or a later one, is published already, or one of that number
            is written with other files.
        TongbaoError: what was read back is not what was written.
    """
    latest = latest_of(store, bucket, edition.year)
    if latest and latest["edition"] >= edition.number:
        raise EditionStands(
            f"edition {latest['edition']} of {edition.year} is published already and stands"
        )
    manifest_key = edition.prefix + "manifest.json"
    if not store.exists(bucket, manifest_key):
        _write(store, bucket, edition, sources or {})
        if not store.put_new(bucket, manifest_key, edition.manifest):
            raise EditionStands(f"edition {edition.number} of {edition.year} is being written")
    elif _sums(json.loads(store.get(bucket, manifest_key))) != _sums(edition.content):
        raise EditionStands(
            f"edition {edition.number} of {edition.year} is written already, with other files: "
            f"look at {edition.prefix}"
        )
    # What is written stands: the manifest in the store is the edition's, whoever wrote it.
    standing = Edition(edition.year, edition.number, edition.files, store.get(bucket, manifest_key))
    _show(store, bucket, standing)
    return standing


def finish_edition(store: Store, bucket: str, year: int, number: int) -> Edition | None:
    """Make an edition visible that a killed run wrote to its end, or None where there is none.

    Raises:
        TongbaoError: a file is not what the manifest says.
    """
    if not store.exists(bucket, f"editions/{year}/edition-{number}/manifest.json"):
        return None
    edition = read_edition(store, bucket, year, number)
    found = {
        item.info.key.removeprefix(edition.prefix): hashlib.sha256(item.body).hexdigest()
        for item in store.get_many(bucket, store.list(bucket, edition.prefix))
    }
    for path, digest in _sums(edition.content).items():
        if found.get(path) != digest:
            raise TongbaoError(f"{edition.prefix}{path}: not the file that the manifest names")
    _show(store, bucket, edition)
    return edition


def _show(store: Store, bucket: str, edition: Edition) -> None:
    latest = {
        "year": edition.year,
        "edition": edition.number,
        "prefix": edition.prefix,
        "manifest_sha256": edition.manifest_sha256,
    }
    # Before it is visible: whoever is killed while clearing up is made good by the next run.
    _clear(store, bucket, _temporary(edition))
    store.put(bucket, f"editions/{edition.year}/latest.json", _json(latest))


def _sums(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {entry["path"]: entry["sha256"] for entry in manifest["files"]}


def read_edition(
    store: Store, bucket: str, year: int, number: int, *, reusable_in: Path | None = None
) -> Edition:
    """A published edition's manifest, and its files when somebody asks for them.

    Args:
        reusable_in: only the files that a later edition may take over. The folder is where this
            machine may have copies (:func:`write_out`): what is there as the store has it isn't
            read from the store.
    """
    prefix = f"editions/{year}/edition-{number}/"
    manifest = store.get(bucket, prefix + "manifest.json")
    paths = [
        entry["path"]
        for entry in json.loads(manifest)["files"]
        if reusable_in is None or "content" in entry
    ]
    copy = reusable_in / str(year) / f"edition-{number}" if reusable_in else None
    return Edition(year, number, _Published(store, bucket, prefix, paths, copy), manifest)


class _Published(Mapping[str, bytes]):
    """The files of a published edition, read in bulk when the first is asked for."""

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
            body = self._copied(info)
            if body is None:
                elsewhere.append(info)
            else:
                here[info.key.removeprefix(self._prefix)] = body
        read = self._store.get_many(self._bucket, elsewhere)
        return here | {item.info.key.removeprefix(self._prefix): item.body for item in read}

    def _copied(self, info: ObjectInfo) -> bytes | None:
        """This machine's copy, where size and ETag say that the store has the same bytes.

        An ETag is an object's MD5 unless it was written in parts or encrypted with a key of its
        own (Amazon S3 API, "Object"): then it equals no copy's, and the object is read.
        """
        if self._copy is None:
            return None
        try:
            body = (self._copy / PurePosixPath(info.key.removeprefix(self._prefix))).read_bytes()
        except OSError:
            return None
        same = hashlib.md5(body, usedforsecurity=False).hexdigest() == info.etag
        return body if same and len(body) == info.size else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _temporary(edition: Edition) -> str:
    return f"editions/{edition.year}/.edition-{edition.number}.writing/"


def _clear(store: Store, bucket: str, prefix: str) -> None:
    store.delete(bucket, [info.key for info in store.list(bucket, prefix)])


def _write(store: Store, bucket: str, edition: Edition, sources: Mapping[str, str]) -> None:
    temporary = _temporary(edition)
    # What a killed run left: nobody has seen it, since latest.json doesn't name it.
    _clear(store, bucket, temporary)
    _clear(store, bucket, edition.prefix)
    new = {path: body for path, body in edition.files.items() if path not in sources}
    store.put_many(bucket, ((temporary + path, body) for path, body in new.items()))
    written = {
        fetched.info.key: hashlib.sha256(fetched.body).digest()
        for fetched in store.get_many(bucket, store.list(bucket, temporary))
    }
    for path, body in new.items():
        if written.get(temporary + path) != hashlib.sha256(body).digest():
            raise TongbaoError(f"{path}: what the store gives back is not what was written")
    store.copy_many(
        bucket,
        ((sources.get(path, temporary + path), edition.prefix + path) for path in edition.files),
    )


_MANIFEST = re.compile(r"editions/(\d{4})/edition-(\d+)/manifest\.json")
_FILE = re.compile(r"editions/\d{4}/(\.?)edition-\d+(?:\.writing)?/")


def published_snapshots(store: Store, bucket: str) -> dict[tuple[int, int], int]:
    """(year, edition) → the snapshot that its manifest names, of all that have a manifest."""
    found = {}
    for info in store.list(bucket, "editions/"):
        match = _MANIFEST.fullmatch(info.key)
        if match:
            manifest = json.loads(store.get(bucket, info.key))
            found[int(match[1]), int(match[2])] = int(manifest["snapshot_id"])
    return found


def unfinished_objects(store: Store, bucket: str) -> list[ObjectInfo]:
    """What publications that were killed left: temporary prefixes, editions without a manifest."""
    listed = store.list(bucket, "editions/")
    whole = {info.key.rpartition("/")[0] + "/" for info in listed if _MANIFEST.fullmatch(info.key)}
    return [
        info
        for info in listed
        if (match := _FILE.match(info.key)) and (match[1] or match[0] not in whole)
    ]


def unfinished_folders(folder: Path) -> list[Path]:
    """The same below ``out/``."""
    return sorted(folder.glob("*/.edition-*.writing"))


def write_out(edition: Edition, folder: Path) -> Path:
    """Put the edition into ``out/``, whole or not at all.

    Returns:
        the edition's folder.
    """
    target = _folder(edition, folder)
    with contextlib.suppress(FileNotFoundError):
        if (target / "manifest.json").read_bytes() == edition.manifest:
            return target
    write_aside(edition, folder)
    return show_out(edition, folder)


def write_aside(edition: Edition, folder: Path) -> None:
    """The first half: the files, where nobody looks for them."""
    temporary = _aside(edition, folder)
    shutil.rmtree(temporary, ignore_errors=True)
    for path, body in edition.files.items():
        file = temporary / PurePosixPath(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)


def show_out(edition: Edition, folder: Path) -> Path:
    """The second half: the manifest, and the name under which the edition is looked for."""
    target, temporary = _folder(edition, folder), _aside(edition, folder)
    (temporary / "manifest.json").write_bytes(edition.manifest)
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)
    return target


def _folder(edition: Edition, folder: Path) -> Path:
    return folder / str(edition.year) / f"edition-{edition.number}"


def _aside(edition: Edition, folder: Path) -> Path:
    target = _folder(edition, folder)
    return target.with_name(f".{target.name}.writing")

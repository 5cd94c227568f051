"""The S3 access layer: one class over two S3 clients.

obstore does bulk reads, writes and listings (measured: it reads 4,000 small objects a second, boto3
500); boto3 does the rest. Both retry with backoff and have timeouts.

Belongs here: S3 requests and how their failures are handled. Doesn't belong here: anything that
depends on the content of objects.
"""

from __future__ import annotations

import base64
import builtins
import contextlib
import hashlib
import mimetypes
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, TypeVar

import obstore
from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import Unreachable
from orchestration.core.settings import S3Config, Settings
from orchestration.core.workspace import Workspace
from orchestration.storage.local_server import local_server

__all__ = [
    "Fetched",
    "Inspected",
    "ObjectInfo",
    "Store",
    "is_usable_key",
    "open_store",
    "open_workspace",
]

#: Requests in flight. Measured: with more than 16, reads and writes of 3 kB objects get no faster
#: on two cores with the server on the same machine.
_THREADS = 16
#: Objects fetched ahead of the caller: enough to keep 16 requests in flight, few enough to bound
#: the memory that large objects take.
_AHEAD = 128
#: Objects per task of a thread: a task for each object costs more than reading the object.
_CHUNK = 4
#: Bytes of a chunk of an object that is read as a stream.
_STREAM_CHUNK = 1024 * 1024
#: Bytes kept of the start of such an object.
_HEAD = 4096
_CONNECT_SECONDS = 5
_READ_SECONDS = 60
_RETRIES = 4
#: Attempts to read a body, each with the client's own retries: three, a second or two apart,
#: outlast the restart of a gateway.
_READS = 3
_READ_PAUSE = 1.0
#: Failed reads before the store counts as unreachable: a broken disk sector affects a few objects;
#: two rounds of all threads are an outage, and waiting for every object would take hours.
_MAX_FAILURES = 2 * _THREADS

#: Empty objects whose key is looked up in a listing: a look-up takes as long as listing 50 objects.
_MAX_LOOK_UPS = 20

#: obstore refuses such keys, or asks for another key; so do other clients and file systems.
_UNUSABLE = re.compile(r"(\A|/)\.{0,2}(/|\Z)|[\x00-\x1f\x7f-\x9f]")

T = TypeVar("T")


@dataclass(frozen=True)
class ObjectInfo:
    """One object of a listing.

    Attributes:
        key: the object's key in its bucket.
        etag: the store's ETag, without quotes.
        size: in bytes.
        last_modified: aware, UTC.
    """

    key: str
    etag: str
    size: int
    last_modified: datetime


@dataclass(frozen=True)
class Fetched:
    """An object and its bytes.

    Attributes:
        info: from the response to the read; from the listing if the read failed.
        failure: why the object could not be read, or None.
    """

    info: ObjectInfo
    body: bytes
    failure: str | None = None


@dataclass(frozen=True)
class Inspected:
    """An object's digest and first bytes, for objects too large to keep.

    Attributes:
        sha256: in hex; None if the object was not read.
        head: the first bytes, at most ``_HEAD``.
    """

    info: ObjectInfo
    sha256: str | None
    head: bytes


def is_usable_key(key: str) -> bool:
    """Whether an object can be read under its key: no empty or dot segment, no control character.

    S3 itself takes any key, and lists it.
    """
    return _UNUSABLE.search(key) is None


class Store:
    """Access to an S3 store.

    Every method raises Unreachable when the store can't be reached or refuses the request.
    """

    def __init__(self, config: S3Config) -> None:
        self.config = config
        self._obstores: dict[str, S3Store] = {}

    @cached_property
    def client(self) -> Any:
        """The boto3 client, created on first use because its import takes 0.1 s."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.config.endpoint,
            region_name=self.config.region,
            aws_access_key_id=self.config.access_key_id,
            aws_secret_access_key=self.config.secret_access_key,
            aws_session_token=self.config.session_token,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"max_attempts": _RETRIES, "mode": "standard"},
                s3={"addressing_style": "path"} if self.config.endpoint else {},
                # S3 servers other than AWS don't support the newer checksum trailers.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def _bulk(self, bucket: str) -> S3Store:
        if bucket not in self._obstores:
            config: Any = {
                "access_key_id": self.config.access_key_id,
                "secret_access_key": self.config.secret_access_key,
                "region": self.config.region,
                # A bucket with object lock refuses uploads without it (S3 guide, "Object Lock").
                "checksum_algorithm": "SHA256",
            }
            if self.config.session_token:
                config["session_token"] = self.config.session_token
            if self.config.endpoint:
                config |= {
                    "endpoint": self.config.endpoint,
                    "virtual_hosted_style_request": False,
                }
            self._obstores[bucket] = S3Store(
                bucket,
                config=config,
                client_options={
                    "allow_http": True,
                    "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
                    "timeout": timedelta(seconds=_READ_SECONDS),
                },
                retry_config={
                    "max_retries": _RETRIES,
                    "retry_timeout": timedelta(seconds=_READ_SECONDS),
                    "backoff": {
                        "init_backoff": timedelta(milliseconds=100),
                        "max_backoff": timedelta(seconds=5),
                        "base": 2,
                    },
                },
            )
        return self._obstores[bucket]

    def ensure_buckets(self, buckets: Iterable[str]) -> None:
        """Create the buckets that are missing.

        Raises:
            Unreachable: the store can't be reached, or a missing bucket can't be created.
        """
        for bucket in buckets:
            with self._errors_of(bucket):
                try:
                    self.client.head_bucket(Bucket=bucket)
                except ClientError as error:
                    if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                        raise
                    options: dict[str, Any] = {}
                    if not self.config.endpoint and self.config.region != "us-east-1":
                        options["CreateBucketConfiguration"] = {
                            "LocationConstraint": self.config.region
                        }
                    self.client.create_bucket(Bucket=bucket, **options)

    def list(self, bucket: str, prefix: str = "") -> list[ObjectInfo]:
        """All objects under ``prefix``, from all pages of the listing, sorted by key.

        Keys are as the store has them, including those that :func:`is_usable_key` refuses. obstore
        lists objects in a tenth of the time that boto3 takes, but fails at most of such keys, and
        leaves out a final slash; boto3 lists whatever there is.
        """
        with self._errors_of(bucket):
            found = None
            if not prefix or is_usable_key(prefix.removesuffix("/")):
                with contextlib.suppress(BaseError):
                    pages = obstore.list(self._bulk(bucket), prefix=prefix or None, chunk_size=5000)
                    found = [_info(meta) for page in pages for meta in page]
            if found is None or _has_doubtful_keys(found):
                found = self._listed(bucket, prefix)[0]
            else:
                found = [self._with_slash(bucket, info) for info in found]
        found.sort(key=lambda info: info.key)
        return found

    def _with_slash(self, bucket: str, info: ObjectInfo) -> ObjectInfo:
        """An object with its final slash, if it is the empty object that marks a folder."""
        if info.size:
            return info
        marker = info.key + "/"
        listed = self._listed(bucket, marker, "/")[0]
        return next((each for each in listed if each.key == marker), info)

    def prefixes(self, bucket: str, prefix: str) -> builtins.list[str]:
        """The common prefixes ("folders") directly under ``prefix``, sorted.

        Args:
            prefix: empty, or ends in ``/``.
        """
        with self._errors_of(bucket):
            return sorted(self._listed(bucket, prefix, "/")[1])

    def list_here(self, bucket: str, prefix: str) -> builtins.list[ObjectInfo]:
        """The objects directly under ``prefix``, without those in "folders", sorted by key."""
        with self._errors_of(bucket):
            found = self._listed(bucket, prefix, "/")[0]
            return sorted(found, key=lambda info: info.key)

    def _listed(
        self, bucket: str, prefix: str, delimiter: str = ""
    ) -> tuple[builtins.list[ObjectInfo], builtins.list[str]]:
        """Objects and common prefixes as S3 lists them, whatever their keys."""
        objects: builtins.list[ObjectInfo] = []
        prefixes: builtins.list[str] = []
        paginator = self.client.get_paginator("list_objects_v2")
        for page in paginator.paginate(Bucket=bucket, Prefix=prefix, Delimiter=delimiter):
            objects += [
                ObjectInfo(
                    key=each["Key"],
                    etag=each.get("ETag", "").strip('"'),
                    size=each["Size"],
                    last_modified=each["LastModified"],
                )
                for each in page.get("Contents", [])
                # rclone reads a prefix as a path: "a//" lists what is under "a/".
                if each["Key"].startswith(prefix)
            ]
            prefixes += [each["Prefix"] for each in page.get("CommonPrefixes", [])]
        return objects, prefixes

    def get(self, bucket: str, key: str) -> bytes:
        """The bytes of one object."""
        with self._errors_of(f"{bucket}/{key}"):
            return bytes(obstore.get(self._bulk(bucket), key).bytes())

    def exists(self, bucket: str, key: str) -> bool:
        """Whether the object exists."""
        with self._errors_of(f"{bucket}/{key}"):
            try:
                obstore.head(self._bulk(bucket), key)
            except (NotFoundError, FileNotFoundError):
                return False
            return True

    def put(self, bucket: str, key: str, body: bytes, content_type: str | None = None) -> None:
        """Write one object; without ``content_type`` it is guessed from the key's extension."""
        with self._errors_of(f"{bucket}/{key}"):
            self.client.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=content_type or _content_type(key),
                ChecksumSHA256=_checksum(body),
            )

    def put_new(self, bucket: str, key: str, body: bytes) -> bool:
        """Write one object unless the key exists.

        S3 checks this atomically (``If-None-Match: *``). Some servers ignore the condition, so the
        key is looked up first; on those, another writer can still come in between.

        Returns:
            whether the object was written.
        """
        if self.exists(bucket, key):
            return False
        with self._errors_of(f"{bucket}/{key}"):
            try:
                self.client.put_object(
                    Bucket=bucket,
                    Key=key,
                    Body=body,
                    ContentType=_content_type(key),
                    ChecksumSHA256=_checksum(body),
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                    return False
                raise
        return True

    def copy_many(self, bucket: str, keys: Iterable[tuple[str, str]]) -> int:
        """Copy many objects within a bucket, server-side and in parallel.

        Args:
            keys: pairs of old and new key.

        Returns:
            the number of objects copied.
        """
        store = self._bulk(bucket)

        def copied(pair: tuple[str, str]) -> None:
            obstore.copy(store, pair[0], pair[1])

        with self._errors_of(bucket):
            return sum(1 for _ in _map_ahead(copied, keys))

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete objects in parallel; a missing object is no error."""
        store = self._bulk(bucket)

        def remove(key: str) -> None:
            with self._errors_of(f"{bucket}/{key}"), contextlib.suppress(FileNotFoundError):
                obstore.delete(store, key)

        for _ in _map_ahead(remove, keys):
            pass

    def get_many(self, bucket: str, infos: Iterable[ObjectInfo]) -> Iterator[Fetched]:
        """Read many objects, in the given order, up to ``_AHEAD`` ahead of the caller.

        An object that was deleted since the listing is left out; one that was overwritten has the
        ETag, size and time of the version that was read. A truncated body is read again. An object
        that still can't be read has its ``failure`` set, so that the others are not held up.

        Raises:
            Unreachable: more than ``_MAX_FAILURES`` objects can't be read.
        """
        store = self._bulk(bucket)

        def read(info: ObjectInfo) -> Fetched | None:
            for attempt in range(_READS):
                if attempt:
                    time.sleep(_READ_PAUSE * attempt)
                try:
                    result = obstore.get(store, info.key)
                    fetched = Fetched(_info(result.meta), bytes(result.bytes()))
                except (NotFoundError, FileNotFoundError):
                    return None
                except (BaseError, OSError) as error:
                    failure = _reason(error)
                    continue
                if len(fetched.body) == fetched.info.size:
                    return fetched
                failure = f"{len(fetched.body)} of {fetched.info.size} bytes arrived"
            return Fetched(info, b"", failure)

        failures = 0
        with self._errors_of(bucket):
            for fetched in _map_ahead(read, infos):
                if fetched is None:
                    continue
                failures += fetched.failure is not None
                if failures > _MAX_FAILURES:
                    raise OSError(f"{failures} objects can't be read: {fetched.failure}")
                yield fetched

    def inspect_many(self, bucket: str, infos: Iterable[ObjectInfo]) -> Iterator[Inspected]:
        """Hash many objects as streams: memory holds one chunk of each object in flight.

        An object that was deleted since the listing is left out.
        """
        store = self._bulk(bucket)

        def inspect(info: ObjectInfo) -> Inspected | None:
            try:
                result = obstore.get(store, info.key)
            except (NotFoundError, FileNotFoundError):
                return None
            digest, head = hashlib.sha256(), b""
            for chunk in result.stream(min_chunk_size=_STREAM_CHUNK):
                data = bytes(chunk)
                head = head or data[:_HEAD]
                digest.update(data)
            return Inspected(_info(result.meta), digest.hexdigest(), head)

        with self._errors_of(bucket):
            for inspected in _map_ahead(inspect, infos):
                if inspected is not None:
                    yield inspected

    def put_many(self, bucket: str, items: Iterable[tuple[str, bytes]]) -> int:
        """Write many small objects in parallel.

        Args:
            items: pairs of key and body, taken from the iterator as they are written.

        Returns:
            the number of objects written.
        """
        store = self._bulk(bucket)

        def write(item: tuple[str, bytes]) -> None:
            attributes = {"Content-Type": _content_type(item[0])}
            obstore.put(store, item[0], item[1], attributes=attributes, use_multipart=False)

        with self._errors_of(bucket):
            return sum(1 for _ in _map_ahead(write, items))

    @contextlib.contextmanager
    def _errors_of(self, what: str) -> Iterator[None]:
        """Raise every failure of either client as Unreachable, with a message of one line."""
        where = self.config.endpoint or "AWS S3"
        try:
            yield
        except (BotoCoreError, ClientError, BaseError, OSError) as error:
            raise Unreachable(f"object storage {where}, {what}: {_reason(error)}") from error


@cache
def _type_of(suffix: str) -> str:
    guessed = mimetypes.guess_type("x" + suffix)[0] or "application/octet-stream"
    is_text = guessed.startswith("text/") or guessed == "application/json"
    return f"{guessed}; charset=utf-8" if is_text else guessed


def _checksum(body: bytes) -> str:
    """The value of x-amz-checksum-sha256, which buckets with object lock require."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _content_type(key: str) -> str:
    """Guess the content type from the extension; text is UTF-8."""
    return _type_of(PurePosixPath(key).suffix)


def _has_doubtful_keys(infos: Sequence[ObjectInfo]) -> bool:
    """Whether keys repeat, or too many objects may be folders to look them up one by one."""
    empty = sum(1 for info in infos if not info.size)
    return empty > _MAX_LOOK_UPS or len({info.key for info in infos}) < len(infos)


def _reason(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else repr(error)


def _info(meta: Any) -> ObjectInfo:
    modified = meta["last_modified"]
    return ObjectInfo(
        key=meta["path"],
        etag=(meta.get("e_tag") or "").strip('"'),
        size=int(meta["size"]),
        last_modified=modified if modified.tzinfo else modified.replace(tzinfo=UTC),
    )


def _map_ahead(work: Callable[[Any], T], items: Iterable[Any]) -> Iterator[T]:
    """Run ``work`` on items in threads; yield results in order, at most ``_AHEAD`` ahead."""

    def chunk(some: Sequence[Any]) -> list[T]:
        return [work(item) for item in some]

    iterator = iter(items)
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting: deque[Future[list[T]]] = deque()
        try:
            while some := list(islice(iterator, _CHUNK)):
                waiting.append(pool.submit(chunk, some))
                if len(waiting) * _CHUNK >= _AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@contextlib.contextmanager
def open_store(settings: Settings, *, read_only: bool = False) -> Iterator[Store]:
    """Open the store that the settings name, or the local server, and create missing buckets.

    Args:
        read_only: don't look for buckets nor create them, as an analyst has access to a part of
            one bucket only.

    Raises:
        Unreachable: the store can't be reached.
        UsageError: the settings of the store are invalid.
    """
    buckets = (settings.landing_bucket, settings.lake_bucket, settings.publication_bucket)
    with contextlib.ExitStack() as stack:
        if settings.uses_local_store:
            config = stack.enter_context(local_server(settings.home / "s3"))
        else:
            config = settings.resolve_s3()
        store = Store(config)
        if not read_only:
            store.ensure_buckets(buckets)
        yield store


@contextlib.contextmanager
def open_workspace(settings: Settings, *, read_only: bool = False) -> Iterator[Workspace]:
    """Check the catalogue, open the store and give it to a command as a workspace.

    A broken seed is refused here, before a stage reads or writes anything. Later it would end in
    the receipt of each object, or in the middle of a publication.

    Args:
        read_only: for commands that analysts may use, see :func:`open_store`.

    Raises:
        UsageError: a seed is missing or broken.
        Unreachable: the store can't be reached.
    """
    load_catalogue()
    with open_store(settings, read_only=read_only) as store:
        yield Workspace(settings, store)

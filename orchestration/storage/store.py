"""The S3 access layer: two clients behind one face.

Bulk reads, writes and listings go through obstore (measured: 4,000 small objects a second
where boto3 reads 500); buckets and everything that is not bulk go through boto3. Both retry
with backoff and have timeouts. Belongs here: nothing that knows what an object holds.
"""

from __future__ import annotations

import base64
import builtins
import contextlib
import hashlib
import mimetypes
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

from orchestration.core.errors import Unreachable
from orchestration.core.settings import S3Config, Settings
from orchestration.core.workspace import Workspace
from orchestration.storage.local_server import local_server

__all__ = ["Fetched", "Inspected", "ObjectInfo", "Store", "open_store", "open_workspace"]

#: Requests in flight. 16 is where reading and writing of 3 kB objects stops getting faster
#: on two cores with the server on the same machine.
_THREADS = 16
#: How far ahead of the reader objects are fetched: enough to keep 16 requests in flight,
#: few enough that 64 objects of the largest size are the bound on memory.
_AHEAD = 128
#: Objects that one thread takes at a time: handing over each one alone costs more than reading it.
_CHUNK = 4
#: Of an object that is read as a stream; and how much of its beginning is kept.
_STREAM_CHUNK = 1024 * 1024
_HEAD = 4096
_CONNECT_SECONDS = 5
_READ_SECONDS = 60
_RETRIES = 4
#: On top of the client's own retries, for a body that was cut short: three reads a second apart
#: outlast a restart of a gateway.
_READS = 3
_READ_PAUSE = 1.0
#: Objects that may fail before the store itself is said to fail: one broken disk sector is a few
#: objects; two rounds of all threads are an outage, and waiting for each would take hours.
_FAILURES = 2 * _THREADS

T = TypeVar("T")


@dataclass(frozen=True)
class ObjectInfo:
    """One object of a listing.

    Attributes:
        key: the object's key in its bucket.
        etag: as the store gives it, without quotes.
        size: bytes.
        last_modified: UTC aware.
    """

    key: str
    etag: str
    size: int
    last_modified: datetime


@dataclass(frozen=True)
class Fetched:
    """An object and its bytes; ``info`` is what the store said when it answered the read.

    Attributes:
        failure: why it could not be read, or None; then ``info`` is that of the listing.
    """

    info: ObjectInfo
    body: bytes
    failure: str | None = None


@dataclass(frozen=True)
class Inspected:
    """What is known of an object without keeping its bytes.

    Attributes:
        sha256: hex; None where it was not read.
        head: its first bytes, ``_HEAD`` at most.
    """

    info: ObjectInfo
    sha256: str | None
    head: bytes


class Store:
    """S3, as the rest of the project sees it.

    Raises (every method): Unreachable, when the store can't be reached or refuses.
    """

    def __init__(self, config: S3Config) -> None:
        self.config = config
        self._obstores: dict[str, S3Store] = {}

    @cached_property
    def client(self) -> Any:
        """The boto3 client, for what obstore doesn't do; importing it takes 0.1 s."""
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
                # Other S3 servers than AWS don't know the newer checksum trailers.
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
                # A bucket with object lock takes no upload without one (S3 guide, "Object Lock").
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
        """Make the buckets that are missing, where that is allowed.

        Raises:
            Unreachable: the store can't be reached, or a bucket is missing and can't be made.
        """
        for bucket in buckets:
            with self._answering(bucket):
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
        """Every object under ``prefix``, sorted by key. The store's pages are followed."""
        found: list[ObjectInfo] = []
        with self._answering(bucket):
            for batch in obstore.list(self._bulk(bucket), prefix=prefix or None, chunk_size=5000):
                found += [_info(meta) for meta in batch]
        found.sort(key=lambda info: info.key)
        return found

    def prefixes(self, bucket: str, prefix: str) -> builtins.list[str]:
        """The "folders" right below ``prefix`` (which ends in ``/`` or is empty), sorted."""
        with self._answering(bucket):
            result = obstore.list_with_delimiter(self._bulk(bucket), prefix or None)
            return sorted(name.rstrip("/") + "/" for name in result["common_prefixes"])

    def list_here(self, bucket: str, prefix: str) -> builtins.list[ObjectInfo]:
        """The objects right below ``prefix``, without those in "folders" below it."""
        with self._answering(bucket):
            result = obstore.list_with_delimiter(self._bulk(bucket), prefix or None)
            found = [_info(meta) for meta in result["objects"]]
            return sorted(found, key=lambda info: info.key)

    def get(self, bucket: str, key: str) -> bytes:
        """One object's bytes."""
        with self._answering(f"{bucket}/{key}"):
            return bytes(obstore.get(self._bulk(bucket), key).bytes())

    def exists(self, bucket: str, key: str) -> bool:
        """Whether the object is there."""
        with self._answering(f"{bucket}/{key}"):
            try:
                obstore.head(self._bulk(bucket), key)
            except (NotFoundError, FileNotFoundError):
                return False
            return True

    def put(self, bucket: str, key: str, body: bytes, content_type: str | None = None) -> None:
        """Write one object; the content type is guessed from the name when it isn't given."""
        with self._answering(f"{bucket}/{key}"):
            self.client.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=content_type or _content_type(key),
                ChecksumSHA256=_checksum(body),
            )

    def put_new(self, bucket: str, key: str, body: bytes) -> bool:
        """Write one object unless there is one.

        Real S3 refuses by itself (``If-None-Match: *``); a server that ignores the condition is
        asked first, which leaves a moment between question and write.

        Returns:
            whether it was written.
        """
        if self.exists(bucket, key):
            return False
        with self._answering(f"{bucket}/{key}"):
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
        """Copy many objects within a bucket, in the store itself, in parallel.

        Args:
            keys: each object's key and its new one.

        Returns:
            how many were copied.
        """
        store = self._bulk(bucket)

        def copied(pair: tuple[str, str]) -> None:
            obstore.copy(store, pair[0], pair[1])

        with self._answering(bucket):
            return sum(1 for _ in _ahead(copied, keys))

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete objects, in parallel; those that aren't there are no error."""
        store = self._bulk(bucket)

        def remove(key: str) -> None:
            with self._answering(f"{bucket}/{key}"), contextlib.suppress(FileNotFoundError):
                obstore.delete(store, key)

        for _ in _ahead(remove, keys):
            pass

    def get_many(self, bucket: str, infos: Iterable[ObjectInfo]) -> Iterator[Fetched]:
        """Read many objects, in the order asked for, up to ``_AHEAD`` ahead of the caller.

        An object that was deleted since it was listed is left out; one that was overwritten
        comes with the ETag, size and time of what was really read. A body that was cut short is
        read again. One that can't be read for all that comes with its ``failure``, so that it
        keeps nobody else waiting; too many of them are a store that fails.
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
                failure = f"{len(fetched.body)} of {fetched.info.size} bytes came"
            return Fetched(info, b"", failure)

        failures = 0
        with self._answering(bucket):
            for fetched in _ahead(read, infos):
                if fetched is None:
                    continue
                failures += fetched.failure is not None
                if failures > _FAILURES:
                    raise OSError(f"{failures} objects can't be read: {fetched.failure}")
                yield fetched

    def inspect_many(self, bucket: str, infos: Iterable[ObjectInfo]) -> Iterator[Inspected]:
        """Hash many objects as streams: memory holds a chunk of each in flight.

        An object that was deleted since it was listed is left out.
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

        with self._answering(bucket):
            for inspected in _ahead(inspect, infos):
                if inspected is not None:
                    yield inspected

    def put_many(self, bucket: str, items: Iterable[tuple[str, bytes]]) -> int:
        """Write many small objects in parallel.

        Args:
            items: key and body; taken from the iterator as they are written.

        Returns:
            how many were written.
        """
        store = self._bulk(bucket)

        def write(item: tuple[str, bytes]) -> None:
            attributes = {"Content-Type": _content_type(item[0])}
            obstore.put(store, item[0], item[1], attributes=attributes, use_multipart=False)

        with self._answering(bucket):
            return sum(1 for _ in _ahead(write, items))

    @contextlib.contextmanager
    def _answering(self, what: str) -> Iterator[None]:
        """Turn every failure of either client into one line and exit code 4."""
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
    """As a header of the upload, which every server knows or passes over; see ``_bulk``."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _content_type(key: str) -> str:
    """From the name's extension; text is UTF-8."""
    return _type_of(PurePosixPath(key).suffix)


def _reason(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else repr(error)


def _info(meta: Any) -> ObjectInfo:
    moment = meta["last_modified"]
    return ObjectInfo(
        key=meta["path"],
        etag=(meta.get("e_tag") or "").strip('"'),
        size=int(meta["size"]),
        last_modified=moment if moment.tzinfo else moment.replace(tzinfo=UTC),
    )


def _ahead(work: Callable[[Any], T], items: Iterable[Any]) -> Iterator[T]:
    """Run ``work`` on the items in ``_THREADS`` threads, results in order, bounded ahead."""

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
    """The store that the environment names, or the project's own local server.

    The three buckets are made when they are missing and that is allowed.

    Args:
        read_only: look for no bucket and make none: an analyst may see but a part of one.

    Raises:
        Unreachable: the store can't be reached.
        UsageError: the settings of the store can't be used.
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
    """Open the store for the time of a command.

    Args:
        read_only: for a command that an analyst may use, see :func:`open_store`.

    Raises:
        Unreachable: the store can't be reached.
    """
    with open_store(settings, read_only=read_only) as store:
        yield Workspace(settings, store)

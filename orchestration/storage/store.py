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
from pathlib import Path
from posixpath import splitext
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import obstore
from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import Unreachable
from orchestration.core.machine import usable_cores
from orchestration.core.settings import Settings
from orchestration.core.workspace import Workspace
from orchestration.storage.access import Access, S3Config, resolve_s3
from orchestration.storage.local_server import local_server

if TYPE_CHECKING:
    from botocore.session import Session

__all__ = [
    "ATTEMPTS",
    "FIRST_PAUSE",
    "Fetched",
    "Inspected",
    "ObjectInfo",
    "Store",
    "is_usable_key",
    "open_store",
    "open_workspace",
]

#: Requests in flight: eight a core. Measured: with more than 16, reads and writes of 3 kB objects
#: get no faster on two cores with the server on the same machine. One core waits for a distant
#: store as long as two, so 16 are the fewest.
_THREADS = max(16, 8 * usable_cores())
#: Objects fetched ahead of the caller: enough to keep all requests in flight, few enough to bound
#: the memory that large objects take.
_AHEAD = 8 * _THREADS
#: Objects per task of a thread: a task for each object costs more than reading the object.
_CHUNK = 4
#: Bytes of a chunk of an object that is read as a stream.
_STREAM_CHUNK = 1024 * 1024
#: Bytes kept of the start of such an object.
_HEAD = 4096
_CONNECT_SECONDS = 5
_READ_SECONDS = 60
#: Retries of boto3, which it spreads over some seconds.
_CLIENT_RETRIES = 4
#: Retries of obstore, within a fraction of a second. It retries no DELETE, and no response that is
#: cut short, so that :func:`_retried` does the rest.
_BULK_RETRIES = 1
#: Attempts at an operation of obstore. Where one request in fourteen is lost, an edition of 8,000
#: requests fails once in 10,000 times (0.07 ** 7 * 8,000). The pauses between them, 0.1 s and
#: twice as long each time, add up to 6 s, which outlasts the restart of a gateway.
ATTEMPTS = 7
FIRST_PAUSE = 0.1
#: Errors of obstore that a repetition doesn't change.
_PERMANENT = (
    AlreadyExistsError,
    FileNotFoundError,
    InvalidPathError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
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

    def __init__(self, config: S3Config, session: Session | None = None) -> None:
        """Set up access; nothing is requested yet.

        Args:
            session: the botocore session that found the credentials; None: a new one finds them.
        """
        self.config = config
        self.access = Access(config, session)
        self._obstores: dict[str, S3Store] = {}

    @cached_property
    def client(self) -> Any:
        """The boto3 client, created on first use because its import takes 0.1 s."""
        import boto3
        from botocore.config import Config

        config = self.config
        return boto3.Session(botocore_session=self.access.session).client(
            "s3",
            endpoint_url=config.endpoint,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"max_attempts": _CLIENT_RETRIES, "mode": "standard"},
                s3={"addressing_style": "virtual" if config.is_virtual_hosted else "path"},
                proxies={urlsplit(config.endpoint).scheme: config.proxy} if config.proxy else {},
                # S3 servers other than AWS don't support the newer checksum trailers.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def _bulk(self, bucket: str) -> S3Store:
        if bucket not in self._obstores:
            self._obstores[bucket] = S3Store(
                bucket,
                config=self._bulk_config(bucket),
                client_options=self._bulk_client_options(),
                credential_provider=self._bulk_credentials(),
                retry_config={
                    "max_retries": _BULK_RETRIES,
                    "retry_timeout": timedelta(seconds=_READ_SECONDS),
                    "backoff": {"init_backoff": timedelta(milliseconds=100)},
                },
            )
        return self._obstores[bucket]

    def _bulk_config(self, bucket: str) -> Any:
        scheme, _, host = self.config.endpoint.partition("://")
        is_virtual = self.config.has_virtual_host(bucket)
        return {
            "region": self.config.region,
            "endpoint": f"{scheme}://{bucket}.{host}" if is_virtual else self.config.endpoint,
            "virtual_hosted_style_request": is_virtual,
            # A bucket with object lock refuses uploads without it (S3 guide, "Object Lock").
            "checksum_algorithm": "SHA256",
        }

    def _bulk_client_options(self) -> Any:
        options: dict[str, Any] = {
            "allow_http": True,
            "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
            "timeout": timedelta(seconds=_READ_SECONDS),
        }
        if self.config.ca_bundle:
            options["root_certificate"] = Path(self.config.ca_bundle).read_bytes()
        if self.config.proxy:
            options["proxy_url"] = self.config.proxy
        return options

    def _bulk_credentials(self) -> Any:
        """What obstore calls for credentials, and again before they expire."""
        access = self.access

        def provide() -> dict[str, Any]:
            keys = access.keys()
            until = datetime.now(UTC) + Access.KEYS_VALID if access.are_keys_renewed else None
            return {
                "access_key_id": keys.access_key_id,
                "secret_access_key": keys.secret_access_key,
                "token": keys.session_token,
                "expires_at": until,
            }

        return provide

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
                    if self.config.is_aws and self.config.region != "us-east-1":
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
            store = self._bulk(bucket)
            return _retried(lambda: bytes(obstore.get(store, key).bytes()))

    def exists(self, bucket: str, key: str) -> bool:
        """Whether the object exists."""
        with self._errors_of(f"{bucket}/{key}"):
            store = self._bulk(bucket)
            try:
                _retried(lambda: obstore.head(store, key))
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
                answer = error.response["ResponseMetadata"]
                if answer["HTTPStatusCode"] not in (409, 412):
                    raise
                # The response to an earlier attempt, which wrote the object, may have been lost.
                return bool(answer.get("RetryAttempts")) and self.get(bucket, key) == body
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
            _retried(lambda: obstore.copy(store, pair[0], pair[1]))

        with self._errors_of(bucket):
            return sum(1 for _ in _map_ahead(copied, keys))

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete objects in parallel; a missing object is no error."""
        store = self._bulk(bucket)

        def remove(key: str) -> None:
            with self._errors_of(f"{bucket}/{key}"), contextlib.suppress(FileNotFoundError):
                _retried(lambda: obstore.delete(store, key))

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

        def read_once(info: ObjectInfo) -> Fetched:
            result = obstore.get(store, info.key)
            fetched = Fetched(_info(result.meta), bytes(result.bytes()))
            if len(fetched.body) != fetched.info.size:
                raise OSError(f"{len(fetched.body)} of {fetched.info.size} bytes arrived")
            return fetched

        def read(info: ObjectInfo) -> Fetched | None:
            try:
                return _retried(lambda: read_once(info))
            except (NotFoundError, FileNotFoundError):
                return None
            except (BaseError, OSError) as error:
                return Fetched(info, b"", _reason(error))

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

        def inspect_once(info: ObjectInfo) -> Inspected:
            result = obstore.get(store, info.key)
            digest, head = hashlib.sha256(), b""
            for chunk in result.stream(min_chunk_size=_STREAM_CHUNK):
                data = bytes(chunk)
                head = head or data[:_HEAD]
                digest.update(data)
            return Inspected(_info(result.meta), digest.hexdigest(), head)

        def inspect(info: ObjectInfo) -> Inspected | None:
            try:
                return _retried(lambda: inspect_once(info))
            except (NotFoundError, FileNotFoundError):
                return None

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
            _retried(
                lambda: obstore.put(
                    store, item[0], item[1], attributes=attributes, use_multipart=False
                )
            )

        with self._errors_of(bucket):
            return sum(1 for _ in _map_ahead(write, items))

    @contextlib.contextmanager
    def _errors_of(self, what: str) -> Iterator[None]:
        """Raise every failure of either client as Unreachable, with a message of one line."""
        try:
            yield
        except (BotoCoreError, ClientError, BaseError, OSError) as error:
            where = self.config.shown
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
    return _type_of(splitext(key)[1])


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


def _retried(operation: Callable[[], T]) -> T:
    """Do an operation of obstore that may be repeated, until it succeeds or fails for good.

    Raises:
        BaseError, OSError: it failed for a reason that an attempt later can't change, or
            ``ATTEMPTS`` times.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return operation()
        except _PERMANENT:
            raise
        except (BaseError, OSError):
            time.sleep(FIRST_PAUSE * 2**attempt)
    return operation()


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
            store = Store(stack.enter_context(local_server(settings.make_home() / "s3")))
        else:
            store = Store(*resolve_s3(settings))
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

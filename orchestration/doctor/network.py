"""Checks of the object store: settings, proxy, TLS, clock, region, buckets and rights.

Belongs here: everything between this machine and the buckets. Doesn't belong here: what the
buckets hold.
"""

from __future__ import annotations

import contextlib
import socket
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError, ProxyConnectionError, SSLError

from orchestration.core.errors import TongbaoError
from orchestration.core.settings import is_loopback
from orchestration.doctor.findings import Finding, Subject, fault, ok, warning
from orchestration.storage import Store, open_store, without_user

__all__ = ["buckets", "clock", "proxy", "reach", "region", "store", "tls"]

_UNREACHABLE = 4
_SETTING = 2
_CONNECT_SECONDS = 5.0
#: S3 refuses requests whose time differs by more (S3 API, error RequestTimeTooSkewed).
_CLOCK_REFUSED = timedelta(minutes=15)
#: The times of responses are whole seconds, and a response takes some; a synchronised clock
#: differs by much less than a second.
_CLOCK_WANTED = timedelta(seconds=10)


def store(subject: Subject) -> Finding:
    """The settings of the store, as all clients have them."""
    subject.store = subject.opened.enter_context(open_store(subject.settings, read_only=True))
    config = subject.store.config
    if subject.settings.uses_local_store:
        return ok(f"the project's own server, folder {subject.settings.home / 's3'}")
    style = "virtual hosts" if config.is_virtual_hosted else "path style"
    keys = "temporary keys" if subject.store.access.are_keys_renewed else "fixed keys"
    return ok(f"{config.endpoint}, {config.region}, {style}, {keys}")


def proxy(subject: Subject) -> Finding:
    """Whether the proxy of the store, if there is one, takes connections."""
    url = subject.store.config.proxy
    if url is None:
        return ok("none for the store")
    parts = urlsplit(url)
    shown = without_user(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), _CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        return fault(
            f"{shown}: {error}",
            f"correct HTTPS_PROXY or HTTP_PROXY, or add {_host(subject)} to NO_PROXY if the store "
            "is reached without a proxy",
            exit_code=_UNREACHABLE,
        )
    return ok(shown)


def reach(subject: Subject) -> Finding:
    """Whether the store answers at all, whatever it answers."""
    config = subject.store.config
    try:
        answer = subject.store.client.head_bucket(Bucket=subject.settings.landing_bucket)
    except ClientError as error:
        answer = error.response
    except SSLError as error:
        return fault(
            str(error),
            "set AWS_CA_BUNDLE (or SSL_CERT_FILE) to the PEM file of the authority that issued the "
            "store's certificate",
            exit_code=_SETTING,
        )
    except ProxyConnectionError as error:
        return fault(
            f"{config.shown}: {error}",
            f"let the proxy allow {_host(subject)}, or add it to NO_PROXY",
            exit_code=_UNREACHABLE,
        )
    except (BotoCoreError, ValueError) as error:
        return fault(
            f"{config.shown}: {error}",
            _other_way(subject),
            exit_code=_UNREACHABLE,
        )
    subject.response = answer["ResponseMetadata"]["HTTPHeaders"]
    return ok(f"{config.shown} answers")


def _other_way(subject: Subject) -> str:
    """What may be wrong if no store answers: only what applies to its host and addressing."""
    config = subject.store.config
    ways = ["correct AWS_ENDPOINT_URL_S3 (or AWS_ENDPOINT_URL, or endpoint_url of the profile)"]
    if is_loopback(_host(subject)):
        ways.append("start the S3 server on this machine")
    elif config.proxy is None:
        ways.append("if only a proxy leads there, set HTTPS_PROXY")
    if config.is_virtual_hosted:
        ways.append(
            "where no name resolves with the bucket before it, set TONGBAO_S3_ADDRESSING=path"
        )
    return "; ".join(ways)


def tls(subject: Subject) -> Finding:
    """Whether requests are encrypted; that the certificate is trusted is known by now."""
    config = subject.store.config
    if config.uses_tls:
        return ok(f"verified against {config.ca_bundle or 'the public authorities'}")
    if is_loopback(_host(subject)):
        return ok("not needed on this machine")
    return warning(
        "the endpoint is http://: whoever is on the way reads all documents",
        "set AWS_ENDPOINT_URL_S3 to https://…",
    )


def clock(subject: Subject) -> Finding:
    """This machine's clock against the store's."""
    try:
        there = parsedate_to_datetime(subject.response["date"])
    except (KeyError, ValueError):
        return ok("the store does not tell the time")
    behind = there - datetime.now(UTC)
    seen = f"{abs(behind.total_seconds()):.0f} s {'behind' if behind > timedelta() else 'ahead of'}"
    advice = "set the clock: start chrony, systemd-timesyncd or the like"
    if abs(behind) >= _CLOCK_REFUSED:
        return fault(f"{seen} the store's: it refuses requests", advice)
    if abs(behind) > _CLOCK_WANTED:
        return warning(f"{seen} the store's", advice)
    return ok("equal to the store's")


def region(subject: Subject) -> Finding:
    """The region against that of the landing bucket, where the store names it."""
    config = subject.store.config
    there = subject.response.get("x-amz-bucket-region")
    if there and there != config.region:
        return fault(
            f"{config.region}, but the bucket {subject.settings.landing_bucket} is in {there}",
            f"set AWS_REGION={there}",
            exit_code=_SETTING,
        )
    return ok(config.region)


def buckets(subject: Subject) -> Finding:
    """Each right that a run needs, by using it; what was written is deleted."""
    settings = subject.settings
    names = {
        "TONGBAO_LANDING_BUCKET": (settings.landing_bucket, _try_reading),
        "TONGBAO_LAKE_BUCKET": (settings.lake_bucket, _try_writing),
        "TONGBAO_PUBLICATION_BUCKET": (settings.publication_bucket, _try_writing),
    }
    wrong = []
    for variable, (bucket, attempt) in names.items():
        problem = _problem(subject, bucket, attempt)
        if problem:
            wrong.append(f"{bucket} ({variable}): {problem}")
    shown = ", ".join(bucket for bucket, _ in names.values())
    if not wrong:
        return ok(f"{shown}: listed, read; the last two also written and deleted")
    return fault(
        "; ".join(wrong),
        "correct the name or create the bucket; give the keys the rights of "
        "infra/policies/pipeline.json; where the store takes virtual hosts only (OSS, COS), set "
        "TONGBAO_S3_ADDRESSING=virtual",
        exit_code=_UNREACHABLE,
    )


def _problem(subject: Subject, bucket: str, attempt: Callable[[Store, str], Iterator[str]]) -> str:
    """What fails in a bucket, or "". A missing bucket is no problem if a run can create it."""
    doing = "look for it"
    try:
        subject.store.ensure_buckets([bucket])
        steps = attempt(subject.store, bucket)
        while True:
            try:
                doing = next(steps)
            except StopIteration:
                return ""
    except TongbaoError as error:
        reason = str(error).rpartition(f"{bucket}: ")[2]
    except (BotoCoreError, ClientError) as error:
        reason = str(error)
    return f"can't {doing}: {' '.join(reason.split())[:200]}"


def _try_reading(store: Store, bucket: str) -> Iterator[str]:
    """Yield each step before it is done."""
    yield "list"
    listed = store.client.list_objects_v2(Bucket=bucket, MaxKeys=1).get("Contents", [])
    for each in listed:
        yield "read"
        store.client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read(1)


def _try_writing(store: Store, bucket: str) -> Iterator[str]:
    yield from _try_reading(store, bucket)
    key = f"doctor/{uuid.uuid4().hex}.txt"
    copy = f"{key}.copy"
    try:
        yield "write"
        store.put_many(bucket, [(key, b"doctor")])
        yield "copy"
        store.copy_many(bucket, [(key, copy)])
        yield "read"
        store.get(bucket, copy)
    finally:
        with contextlib.suppress(TongbaoError):
            store.delete(bucket, [copy])
    yield "delete"
    store.delete(bucket, [key])


def _host(subject: Subject) -> str:
    return urlsplit(subject.store.config.endpoint).hostname or ""

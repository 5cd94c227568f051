"""The settings, read from the environment in this module only.

Belongs here: every ``TONGBAO_*`` variable, its default and the reason for it. Doesn't belong here:
how the S3 store is reached (``storage.access``), dates of the reporting year
(``reporting_calendar``) and thresholds of the gate (``expectations``).

A ``.env`` file in the working folder sets variables that the environment doesn't set.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import getaddresses
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from dotenv import load_dotenv

from orchestration.core.errors import UsageError
from orchestration.core.machine import usable_memory

__all__ = ["PROJECT_ROOT", "Mail", "Settings", "is_loopback"]

#: The root of the checkout; the dbt project and its seeds are read from there (the Makefile
#: installs the package as editable).
PROJECT_ROOT = Path(__file__).resolve().parents[2]

#: 64 MiB. The largest legitimate JSON object is a big province's bulk file of one document type
#: (about 1,500 documents of 2 kB a year, 3 MB). The limit is twenty times that, and sixteen
#: parallel reads of the largest object and the warehouse together still fit in 2 GB.
DEFAULT_MAX_OBJECT_BYTES = 64 * 1024 * 1024

#: 256 MiB. The limit for the unpacked size of an XLSX or Parquet object: a million rows of the
#: long form are some 100 MiB; a decompression bomb unpacks to a thousand times its size.
DEFAULT_MAX_EXPANDED_BYTES = 256 * 1024 * 1024

#: 2,000,000. The limit for the rows of one object, over all its sheets: twice a big province's bulk
#: file of a year.
DEFAULT_MAX_ROWS = 2_000_000

#: 500. The limit for the sheets of a workbook: a big province has some 150 units of one task, and a
#: workbook with a sheet for each of them has further sheets of notes.
DEFAULT_MAX_SHEETS = 500

#: 500. The limit for the columns of a sheet that hold values: the contract's widest table has 20.
DEFAULT_MAX_COLUMNS = 500

#: 32 MiB. The limit for each part of an XLSX object that is kept in memory (shared strings, styles,
#: the list of sheets). The texts of a big province's bulk file are 3 MB; in memory, short strings
#: need eight times their bytes.
DEFAULT_MAX_HELD_BYTES = 32 * 1024 * 1024

#: 100,000. The limit for the documents of one object: eight times the units of the nation, and
#: twice what a table of a million values holds. A list of 64 MiB can hold 20 million empty ones.
DEFAULT_MAX_DOCUMENTS = 100_000

#: 1,000 (contract §1, "Receipts and rejects"): more findings than that are one mistake repeated,
#: and a receipt of them all has a gigabyte.
DEFAULT_MAX_FINDINGS = 1_000

#: 1 GiB. The limit for the memory of a process that reads an object: a million rows take half of
#: it, and one process for each of two cores fits beside the warehouse in 4 GB.
DEFAULT_MAX_OBJECT_MEMORY = 1024**3

#: 40. The limit for the CPU seconds of reading one object: a million rows take ten. With the first
#: try, which takes at most 15 (``intake.isolation``), the worst object ends within a minute.
DEFAULT_MAX_OBJECT_SECONDS = 40

#: 300. The limit for the CPU seconds that a run spends on objects that reach their limit. When it
#: is used up, the run no longer tries such objects at length, so that a thousand of them cost a run
#: minutes and not a night.
DEFAULT_MAX_RUN_SECONDS = 300

#: 100 MiB. A scanned work report of 200 pages of 300 KB is 60 MB. Attachments are read as
#: streams, so the limit bounds time, not memory.
DEFAULT_MAX_ATTACHMENT_BYTES = 100 * 1024 * 1024

#: DuckDB spills to disk beyond this limit, which makes a run slower and changes nothing else. A
#: process has some 0.6 GB besides: with 1 GB a run of the nation stays under 2 GB, with a twentieth
#: of 24 GB one of ten nations. It is no larger share, because the machine also has the store,
#: PostgreSQL, Dagster and for each core a process that reads objects; and half of a small memory.
DEFAULT_MAX_LAKE_MEMORY = max(min(10**9, usable_memory() // 2), usable_memory() // 20)

#: The bounds of intake and of the lake: attribute of Settings → variable and default.
_BOUNDS = {
    "max_object_bytes": ("TONGBAO_MAX_OBJECT_BYTES", DEFAULT_MAX_OBJECT_BYTES),
    "max_expanded_bytes": ("TONGBAO_MAX_EXPANDED_BYTES", DEFAULT_MAX_EXPANDED_BYTES),
    "max_rows": ("TONGBAO_MAX_ROWS", DEFAULT_MAX_ROWS),
    "max_sheets": ("TONGBAO_MAX_SHEETS", DEFAULT_MAX_SHEETS),
    "max_columns": ("TONGBAO_MAX_COLUMNS", DEFAULT_MAX_COLUMNS),
    "max_held_bytes": ("TONGBAO_MAX_HELD_BYTES", DEFAULT_MAX_HELD_BYTES),
    "max_documents": ("TONGBAO_MAX_DOCUMENTS", DEFAULT_MAX_DOCUMENTS),
    "max_findings": ("TONGBAO_MAX_FINDINGS", DEFAULT_MAX_FINDINGS),
    "max_object_memory": ("TONGBAO_MAX_OBJECT_MEMORY", DEFAULT_MAX_OBJECT_MEMORY),
    "max_object_seconds": ("TONGBAO_MAX_OBJECT_SECONDS", DEFAULT_MAX_OBJECT_SECONDS),
    "max_run_seconds": ("TONGBAO_MAX_RUN_SECONDS", DEFAULT_MAX_RUN_SECONDS),
    "max_attachment_bytes": ("TONGBAO_MAX_ATTACHMENT_BYTES", DEFAULT_MAX_ATTACHMENT_BYTES),
    "max_lake_memory": ("TONGBAO_MAX_LAKE_MEMORY", DEFAULT_MAX_LAKE_MEMORY),
}

#: If one of these variables is set, the user has an S3 store and no local one is started.
_STORE_VARIABLES = (
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_REGION",
)

#: The first is the default.
_FORMATS = ("text", "json")
#: The first is the default: it needs nothing but this package.
_ENGINES = ("duckdb", "spark")
#: The first is the default: nobody gets a letter before somebody has read what it would say.
_TELL = ("off", "dry-run", "on")

_MAIL_VARIABLES = ("TONGBAO_SMTP_URL", "TONGBAO_MAIL_FROM", "TONGBAO_MAIL_TO")
#: The ports of RFC 6409 (submission, STARTTLS) and RFC 8314 (submission over TLS).
_MAIL_PORTS = {"smtp": 587, "smtps": 465}
#: The styles of S3 addresses, as in ``s3.addressing_style`` of an AWS profile.
_ADDRESSING = ("auto", "path", "virtual")

#: The names and addresses of this machine, as ``NO_PROXY`` takes them.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Mail:
    """The mail server and addresses for alarms by e-mail.

    Attributes:
        host, port: of the mail server.
        implicit_tls: True for ``smtps://`` (TLS from the first byte), False for STARTTLS.
        user, password: None if the server needs none.
        sender: the address of the From line.
        recipients: the addresses of the To line.
    """

    host: str
    port: int
    implicit_tls: bool
    sender: str
    recipients: tuple[str, ...]
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """All settings; :meth:`from_env` reads them.

    Attributes:
        home: the folder of the local S3 store, local catalogue, build files, Dagster home and
            ``out/``.
        landing_bucket, lake_bucket, publication_bucket: bucket names.
        catalog: path of a SQLite file, or a ``postgresql://`` URL. The URL may hold a password, so
            it is not in the repr.
        uses_local_store: True if no variable names a store; the project then starts its own.
        region: ``AWS_REGION``, which takes precedence over ``AWS_DEFAULT_REGION`` and the profile
            (AWS SDKs guide, "AWS Region"; botocore itself doesn't read it), or None.
        addressing: ``path``, ``virtual`` or ``auto``, before ``s3.addressing_style`` of the
            profile; None: the profile decides. ``auto`` is ``virtual`` for AWS, otherwise
            ``path``, which most other servers need.
        ca_bundle: PEM file of certificate authorities (``SSL_CERT_FILE``), used if neither
            ``AWS_CA_BUNDLE`` nor the profile names one; or None.
        fixed_now: the time instead of the clock, for tests and rebuilds (``TONGBAO_NOW``), or None.
        max_object_bytes: larger objects are rejected without being read.
        max_expanded_bytes: an XLSX or Parquet object that unpacks to more is rejected.
        max_rows: an object with more rows, over all its sheets, is rejected.
        max_sheets: a workbook with more sheets is rejected.
        max_columns: a sheet with values in more columns is rejected.
        max_held_bytes: a workbook with a larger part that is kept in memory is rejected.
        max_documents: an object with more documents is rejected.
        max_findings: findings listed in a receipt; the others are counted.
        max_object_memory: bytes of memory for reading an object; one that needs more is rejected.
        max_object_seconds: CPU seconds for reading an object; one that needs more is rejected.
        max_run_seconds: CPU seconds of a run for objects that reach ``max_object_seconds``.
        max_attachment_bytes: a larger report file is an error of the document that names it.
        max_lake_memory: bytes of memory for DuckDB over the lake; beyond it, DuckDB uses the disk.
        font_dir: a folder with the office's own fonts, or None.
        extension_dir: a folder with official extensions of DuckDB instead of those in wheels, or
            None.
        webhook_urls: the URLs that alarms are posted to. Their paths and queries are often secrets.
        heartbeat_url: the URL of a dead-man's switch that every check of the alarms calls, or None.
            Its path is often a secret.
        mail: settings for alarms by e-mail, or None.
        tell: whether those who submit get letters: ``off``, ``dry-run`` (only counted) or ``on``.
        publication_url: where readers find the publication bucket, with a slash at the end, for
            links in letters; or None.
        province_addresses: a CSV file with the addresses of the provinces' letters, or None.
        log_format: ``text`` (progress lines, for people) or ``json``.
        engine: what reads objects and builds the marts: ``duckdb`` (on this machine) or ``spark``.
    """

    home: Path
    landing_bucket: str = "landing"
    lake_bucket: str = "lake"
    publication_bucket: str = "publication"
    catalog: str = field(default="", repr=False)
    uses_local_store: bool = True
    region: str | None = None
    addressing: str | None = None
    ca_bundle: str | None = None
    fixed_now: datetime | None = None
    max_object_bytes: int = DEFAULT_MAX_OBJECT_BYTES
    max_expanded_bytes: int = DEFAULT_MAX_EXPANDED_BYTES
    max_rows: int = DEFAULT_MAX_ROWS
    max_sheets: int = DEFAULT_MAX_SHEETS
    max_columns: int = DEFAULT_MAX_COLUMNS
    max_held_bytes: int = DEFAULT_MAX_HELD_BYTES
    max_documents: int = DEFAULT_MAX_DOCUMENTS
    max_findings: int = DEFAULT_MAX_FINDINGS
    max_object_memory: int = DEFAULT_MAX_OBJECT_MEMORY
    max_object_seconds: int = DEFAULT_MAX_OBJECT_SECONDS
    max_run_seconds: int = DEFAULT_MAX_RUN_SECONDS
    max_attachment_bytes: int = DEFAULT_MAX_ATTACHMENT_BYTES
    max_lake_memory: int = DEFAULT_MAX_LAKE_MEMORY
    font_dir: Path | None = None
    extension_dir: Path | None = None
    webhook_urls: tuple[str, ...] = field(default=(), repr=False)
    heartbeat_url: str | None = field(default=None, repr=False)
    mail: Mail | None = None
    tell: str = _TELL[0]
    publication_url: str | None = None
    province_addresses: Path | None = None
    log_format: str = "text"
    engine: str = "duckdb"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the environment (and ``.env``).

        Args:
            environ: used instead of the process environment in tests.

        Raises:
            UsageError: a variable has an invalid value.
        """
        if environ is None:
            load_dotenv(Path.cwd() / ".env", override=False)
            _exempt_loopback_from_proxies()
            environ = os.environ
        home = Path(environ.get("TONGBAO_HOME") or ".tongbao").expanduser().resolve()
        catalog = environ.get("TONGBAO_CATALOG") or str(home / "catalog.sqlite")
        if "://" in catalog and not catalog.startswith(("postgresql://", "postgres://")):
            raise UsageError("TONGBAO_CATALOG must be a file path or a postgresql:// URL")
        return cls(
            home=home,
            landing_bucket=environ.get("TONGBAO_LANDING_BUCKET") or "landing",
            lake_bucket=environ.get("TONGBAO_LAKE_BUCKET") or "lake",
            publication_bucket=environ.get("TONGBAO_PUBLICATION_BUCKET") or "publication",
            catalog=catalog,
            uses_local_store=not any(environ.get(name) for name in _STORE_VARIABLES),
            region=environ.get("AWS_REGION") or None,
            addressing=_addressing(environ.get("TONGBAO_S3_ADDRESSING")),
            ca_bundle=environ.get("SSL_CERT_FILE") or None,
            fixed_now=_utc_time("TONGBAO_NOW", environ.get("TONGBAO_NOW")),
            **{
                name: _positive_int(variable, environ.get(variable), default)
                for name, (variable, default) in _BOUNDS.items()
            },
            font_dir=_path(environ.get("TONGBAO_FONT_DIR")),
            extension_dir=_path(environ.get("TONGBAO_EXTENSION_DIR")),
            webhook_urls=_secret_urls("TONGBAO_WEBHOOK_URL", environ),
            heartbeat_url=next(iter(_secret_urls("TONGBAO_HEARTBEAT_URL", environ)), None),
            mail=_mail(environ),
            tell=_one_of("TONGBAO_TELL", environ.get("TONGBAO_TELL"), _TELL),
            publication_url=_folder_url("TONGBAO_PUBLICATION_URL", environ),
            province_addresses=_path(environ.get("TONGBAO_PROVINCE_ADDRESSES")),
            log_format=_one_of("TONGBAO_LOG_FORMAT", environ.get("TONGBAO_LOG_FORMAT"), _FORMATS),
            engine=_one_of("TONGBAO_ENGINE", environ.get("TONGBAO_ENGINE"), _ENGINES),
        )

    def make_home(self) -> Path:
        """Create the home if it is missing, so that only its owner can read it, and return it.

        The local catalogue, the local store and the logs hold contacts and names. An existing
        folder keeps its rights: an office may have given them to a group.
        """
        self.home.parent.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(mode=0o700, exist_ok=True)
        return self.home

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets of these settings and the environment, which no log or message may show."""
        urls = [urlsplit(url) for url in (*self.webhook_urls, self.heartbeat_url) if url]
        catalog = urlsplit(self.catalog if self.catalog_is_postgres else "")
        known = [
            os.environ.get("AWS_SECRET_ACCESS_KEY"),
            os.environ.get("AWS_SESSION_TOKEN"),
            os.environ.get("PGPASSWORD"),
            catalog.password and unquote(catalog.password),
            self.mail and self.mail.password,
            *(url.password and unquote(url.password) for url in urls),
            *(url.path.strip("/") for url in urls),
            *(url.query for url in urls),
            *(value for url in urls for _, value in parse_qsl(url.query)),
        ]
        return tuple(secret for secret in known if secret)

    @property
    def catalog_is_postgres(self) -> bool:
        """Whether the DuckLake catalogue is a PostgreSQL database."""
        return "://" in self.catalog

    def now(self) -> datetime:
        """The current time (UTC aware), or ``TONGBAO_NOW`` if that is set."""
        return self.fixed_now or datetime.now(UTC)

    def with_home(self, home: Path) -> Settings:
        """These settings with another home folder, and its catalogue unless it is PostgreSQL."""
        catalog = self.catalog if self.catalog_is_postgres else str(home / "catalog.sqlite")
        return replace(self, home=home, catalog=catalog)


def _utc_time(name: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{name} is not an ISO 8601 time: {text!r}") from None
    if moment.tzinfo is None:
        raise UsageError(f"{name} needs an offset, e.g. 2024-12-15T08:00:00+08:00")
    return moment.astimezone(UTC)


def _one_of(name: str, text: str | None, allowed: tuple[str, ...]) -> str:
    if text and text not in allowed:
        raise UsageError(f"{name} must be {' or '.join(allowed)}, not {text!r}")
    return text or allowed[0]


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _exempt_loopback_from_proxies() -> None:
    """Add this machine to ``NO_PROXY`` of this process and its children, if a proxy is set.

    Every client in use obeys that variable (urllib3, libcurl in DuckDB, obstore, gRPC in Dagster),
    and not all of them have a setting for it.
    """
    if not any(os.environ.get(name) or os.environ.get(name.lower()) for name in _PROXY_VARIABLES):
        return
    # Clients differ in which of the two they prefer.
    for name in ("NO_PROXY", "no_proxy"):
        entries = os.environ.get(name) or os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        listed = [entry.strip() for entry in (entries or "").split(",") if entry.strip()]
        if "*" not in listed:
            missing = [each for each in _LOOPBACK if each not in listed]
            os.environ[name] = ",".join([*listed, *missing])


def _addressing(text: str | None) -> str | None:
    return _one_of("TONGBAO_S3_ADDRESSING", text, _ADDRESSING) if text else None


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _folder_url(variable: str, environ: Mapping[str, str]) -> str | None:
    """A URL that keys are appended to."""
    text = environ.get(variable)
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise UsageError(f"{variable} must be https://host/ or https://host/path/, not {text!r}")
    return text if text.endswith("/") else f"{text}/"


def _secret_urls(variable: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Check URLs that are called. No error repeats one: the URL alone permits to call it."""
    urls = tuple((environ.get(variable) or "").split())
    for url in urls:
        try:
            parts = urlsplit(url)
            # HTTP without TLS is allowed only to this machine.
            is_local = parts.scheme == "http" and is_loopback(parts.hostname or "")
            usable = parts.scheme == "https" or is_local
        except ValueError:
            usable = False
        if not usable or not parts.hostname:
            raise UsageError(f"{variable} must start with https:// (http:// on this machine)")
    return urls


def _mail(environ: Mapping[str, str]) -> Mail | None:
    """Read the mail settings: all three variables are set, or none."""
    url, sender, recipients = (environ.get(name) for name in _MAIL_VARIABLES)
    if not (url or sender or recipients):
        return None
    if not (url and sender and recipients):
        raise UsageError(f"{', '.join(_MAIL_VARIABLES)}: set all three, or none")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in _MAIL_PORTS:
        raise UsageError(
            "TONGBAO_SMTP_URL must be smtp://user:password@host:port (STARTTLS) or smtps://…; "
            "write @ and / in the password as %40 and %2F"
        )
    addresses = [address for _, address in getaddresses([sender, recipients])]
    if len(addresses) < 2 or not all("@" in each and each.isascii() for each in addresses):
        raise UsageError("TONGBAO_MAIL_FROM, TONGBAO_MAIL_TO must be addresses (more: a,b)")
    return Mail(
        host=host,
        port=port or _MAIL_PORTS[parts.scheme],
        implicit_tls=parts.scheme == "smtps",
        sender=addresses[0],
        recipients=tuple(addresses[1:]),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def _positive_int(name: str, text: str | None, default: int) -> int:
    if not text:
        return default
    if not text.isdecimal() or int(text) == 0:
        raise UsageError(f"{name} must be a whole number above 0, not {text!r}")
    return int(text)

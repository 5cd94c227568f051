"""Structured logs: one JSON object per line, on stderr.

Other modules log with ``logging.getLogger(__name__)`` and pass fields in ``extra``. Run id, stage
and year are added to every line of a stage.

Belongs here: the format, the list of allowed fields, and redacting secrets. Doesn't belong here:
what is logged.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from orchestration.core.errors import TongbaoError
from orchestration.core.settings import Settings

__all__ = [
    "LineFormatter",
    "add_secrets",
    "configure_logs",
    "log_context",
    "redact",
    "safe_message",
]

#: Fields that a line may have besides its message. The list is closed, so that no other field can
#: bring somebody's telephone number into a log.
FIELDS = (
    "run_id",
    "stage",
    "year",
    "object_key",
    "document_id",
    "unit_code",
    "code",
    "severity",
    "status",
    "seconds",
    "outcome",
    "alarm",
    "channel",
)

#: Characters. Shorter strings are no secrets, and redacting them would make lines unreadable.
_SHORTEST_SECRET = 4

_context: ContextVar[dict[str, Any] | None] = ContextVar("log_context", default=None)
_secrets: set[str] = set()


def add_secrets(*secrets: str | None) -> None:
    """Register secrets, as given and URL-encoded, that :func:`redact` removes from now on."""
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_SECRET:
            _secrets.update({secret, quote(secret, safe="")})


def redact(text: str) -> str:
    """Replace every registered secret in ``text`` by ``***``."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def safe_message(error: BaseException) -> str:
    """The message of a project error; of any other error, the name of its class.

    The message of a library may quote the value that it failed at, e.g. somebody's address.
    """
    if isinstance(error, TongbaoError):
        return str(error)
    return type(error).__name__


@contextlib.contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Add fields to every line that is logged inside the context."""
    token = _context.set({**(_context.get() or {}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


class LineFormatter(logging.Formatter):
    """Formats a record as one line: a JSON object, or text.

    An exception is added as :func:`safe_message` gives it, without a stack trace.
    """

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Format the record, with secrets redacted."""
        message = " ".join(record.getMessage().split())
        if record.exc_info and record.exc_info[1]:
            message += f": {safe_message(record.exc_info[1])}"
        if not self._as_json:
            return redact(f"tongbao: {record.levelname.lower()}: {message}")
        logged_at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": logged_at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        fields = {**(_context.get() or {}), **record.__dict__}
        line |= {name: fields[name] for name in FIELDS if fields.get(name) is not None}
        return redact(json.dumps(line, ensure_ascii=False, default=str))


class _Stderr(logging.StreamHandler[Any]):
    """Writes to the current ``sys.stderr``, which Dagster and tests replace."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        """The current stderr."""
        return sys.stderr

    @stream.setter
    def stream(self, _: Any) -> None:
        """Ignored."""


def configure_logs(settings: Settings) -> None:
    """Send the project's log lines to stderr, in the format of ``TONGBAO_LOG_FORMAT``; idempotent.

    In text format only warnings and errors are shown, as progress lines show the rest.
    """
    add_secrets(*settings.secrets)
    as_json = settings.log_format == "json"
    logger = logging.getLogger("orchestration")
    for handler in [each for each in logger.handlers if isinstance(each, _Stderr)]:
        logger.removeHandler(handler)
    handler = _Stderr()
    handler.setFormatter(LineFormatter(as_json=as_json))
    handler.setLevel(logging.INFO if as_json else logging.WARNING)
    if not as_json:
        # The caller reports the outcome of a stage.
        handler.addFilter(lambda record: not hasattr(record, "outcome"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # At lower levels it logs the path of each request, and a webhook's path is a secret.
    logging.getLogger("urllib3").setLevel(logging.WARNING)

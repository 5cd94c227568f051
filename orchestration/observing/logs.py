"""Structured logs: one JSON object a line, on stderr, for whatever collects logs there.

Belongs here: the format, the fields that a line may have, and striking out secrets. Code that has
something to say uses ``logging.getLogger(__name__)`` and these fields in ``extra``; run id, stage
and year are on every line of a stage without being named.
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

__all__ = ["LineFormatter", "configure_logs", "hide", "log_context", "redact", "told_of"]

#: What a line may say beside its message. A closed list: a field that is not here can't carry
#: somebody's telephone number into a log.
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

#: 4: what is shorter would strike out half of every line, and is no secret.
_SHORTEST_SECRET = 4

_context: ContextVar[dict[str, Any] | None] = ContextVar("log_context", default=None)
_hidden: set[str] = set()


def hide(*secrets: str | None) -> None:
    """Strike these out of every line and message from now on, also as URLs write them."""
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_SECRET:
            _hidden.update({secret, quote(secret, safe="")})


def redact(text: str) -> str:
    """``text`` without any known secret."""
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def told_of(error: BaseException) -> str:
    """What may be said of an error: the message of the project's own, the class of any other.

    A library's message may quote what it stumbled over, and that may be somebody's address.
    """
    if isinstance(error, TongbaoError):
        return str(error)
    return type(error).__name__


@contextlib.contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Put these fields on every line that is said inside."""
    token = _context.set({**(_context.get() or {}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


class LineFormatter(logging.Formatter):
    """A record as one line: a JSON object, or text for people.

    Of an exception it says what :func:`told_of` says, without a stack trace.
    """

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """The line, without secrets."""
        message = " ".join(record.getMessage().split())
        if record.exc_info and record.exc_info[1]:
            message += f": {told_of(record.exc_info[1])}"
        if not self._as_json:
            return redact(f"tongbao: {record.levelname.lower()}: {message}")
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        said = {**(_context.get() or {}), **record.__dict__}
        line |= {name: said[name] for name in FIELDS if said.get(name) is not None}
        return redact(json.dumps(line, ensure_ascii=False, default=str))


class _Stderr(logging.StreamHandler[Any]):
    """Whatever stderr is when a line is said: Dagster and tests put another in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        """The stream of now."""
        return sys.stderr

    @stream.setter
    def stream(self, _: Any) -> None:
        """Not kept."""


def configure_logs(settings: Settings) -> None:
    """Send the project's log lines to stderr, as ``TONGBAO_LOG_FORMAT`` says; idempotent.

    As text only warnings are shown: the lines of progress are for people and say the rest.
    """
    hide(*settings.secrets)
    as_json = settings.log_format == "json"
    logger = logging.getLogger("orchestration")
    for handler in [each for each in logger.handlers if isinstance(each, _Stderr)]:
        logger.removeHandler(handler)
    handler = _Stderr()
    handler.setFormatter(LineFormatter(as_json=as_json))
    handler.setLevel(logging.INFO if as_json else logging.WARNING)
    if not as_json:
        # How a stage went, its caller says.
        handler.addFilter(lambda record: not hasattr(record, "outcome"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # Below this it writes every request's path, and a webhook's path is its password.
    logging.getLogger("urllib3").setLevel(logging.WARNING)

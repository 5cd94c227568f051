"""The ways out: a webhook (JSON over HTTPS) and e-mail (SMTP with TLS).

Belongs here: sending one message, with timeouts, and why it failed, without a secret. Servers are
verified against the machine's certificates (``SSL_CERT_FILE`` names others). Doesn't belong here:
when it is tried again (``ledger``: at the next look, under the same id).
"""

from __future__ import annotations

import json
import smtplib
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol
from urllib.parse import urlsplit

import urllib3

from orchestration.alarms.messages import Message
from orchestration.core.errors import TongbaoError
from orchestration.core.settings import Mail, Settings
from orchestration.observing import redact

__all__ = ["Channel", "Email", "Undelivered", "Webhook", "channels"]

#: Seconds for each answer. Two tries of the webhook and one mail end within the minute that
#: Dagster gives a sensor, also where nobody answers.
_SECONDS = 8.0
#: A try more at once outlasts a connection that was reset; an outage is for the next look.
_TRIES = 2
_PAUSE = 1.0


class Undelivered(TongbaoError):
    """A channel did not take a message."""


class Channel(Protocol):
    """A way out.

    Attributes:
        name: ``webhook`` or ``mail``.
        target: where to, without a secret.
    """

    @property
    def name(self) -> str: ...

    @property
    def target(self) -> str: ...

    def send(self, message: Message) -> None:
        """Deliver.

        Raises:
            Undelivered: it was not taken.
        """


@dataclass(frozen=True)
class Webhook:
    """POST of a message's JSON, with its id as ``Idempotency-Key``."""

    url: str
    name: str = "webhook"

    @property
    def target(self) -> str:
        """The host: a path or a query may be the password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def send(self, message: Message) -> None:
        """Deliver; only an answer of 2xx is a delivery, and no redirection is followed."""
        body = json.dumps(message.as_json(), ensure_ascii=False).encode()
        headers = {
            "content-type": "application/json; charset=utf-8",
            "idempotency-key": message.id,
            "user-agent": "tongbao",
        }
        said = ""
        with urllib3.PoolManager(timeout=urllib3.Timeout(total=_SECONDS), retries=False) as pool:
            for number in range(_TRIES):
                time.sleep(_PAUSE if number else 0)
                try:
                    answer = pool.request("POST", self.url, body=body, headers=headers)
                except (urllib3.exceptions.HTTPError, OSError) as error:
                    said = _reason(error)
                    continue
                if 200 <= answer.status < 300:
                    return
                said = f"answered {answer.status}"
                if answer.status < 500 and answer.status != 429:
                    break
        raise Undelivered(f"{self.target}: {said}")


@dataclass(frozen=True)
class Email:
    """A mail of plain text to all recipients."""

    mail: Mail
    name: str = "mail"

    @property
    def target(self) -> str:
        """The server and how many addresses."""
        scheme = "smtps" if self.mail.implicit_tls else "smtp"
        return f"{scheme}://{self.mail.host}:{self.mail.port}, {len(self.mail.recipients)} to"

    def send(self, message: Message) -> None:
        """Deliver; TLS always, but for a server on this machine that offers none."""
        try:
            with self._connected() as server:
                if self.mail.user and self.mail.password is not None:
                    server.login(self.mail.user, self.mail.password)
                refused = server.send_message(
                    _letter(message, self.mail), self.mail.sender, self.mail.recipients
                )
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(f"{self.target}: {_reason(error)}") from None
        if refused:
            raise Undelivered(f"{self.target}: {len(refused)} addresses were refused")

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        where = (self.mail.host, self.mail.port)
        if self.mail.implicit_tls:
            return smtplib.SMTP_SSL(*where, timeout=_SECONDS, context=context)
        server = smtplib.SMTP(*where, timeout=_SECONDS)
        try:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif self.mail.password is not None or self.mail.host not in _HERE:
                raise Undelivered(f"{self.target}: the server offers no STARTTLS")
        except BaseException:
            server.close()
            raise
        return server


_HERE = {"127.0.0.1", "::1", "localhost"}


def _letter(message: Message, mail: Mail) -> EmailMessage:
    letter = EmailMessage()
    letter["Subject"] = message.subject
    letter["From"] = mail.sender
    letter["To"] = ", ".join(mail.recipients)
    letter["Date"] = format_datetime(datetime.fromisoformat(message.data["said_at"]))
    letter["Message-ID"] = f"<{message.id}@tongbao>"
    # No holiday answers to a machine (RFC 3834).
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(message.text)
    return letter


def _reason(error: Exception) -> str:
    """The class and the server's words, without secrets and without the request's path."""
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return redact(f"{error.smtp_code} {' '.join(said.split())[:200]}")
    cause = error.__cause__ or error.__context__
    said = str(cause if isinstance(cause, OSError) else error)
    return redact(f"{type(error).__name__}: {' '.join(said.split())[:200]}")


def channels(settings: Settings) -> Sequence[Channel]:
    """The channels that are set."""
    found: list[Channel] = []
    if settings.webhook_url:
        found.append(Webhook(settings.webhook_url))
    if settings.mail:
        found.append(Email(settings.mail))
    return found

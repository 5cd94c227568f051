"""Channels of delivery: a webhook (JSON over HTTPS) and e-mail (SMTP with TLS).

Servers are verified against the machine's certificates, or those in ``SSL_CERT_FILE``.

Belongs here: sending one message with timeouts, the heartbeat, and error messages without secrets.
Doesn't belong here: trying again later (``ledger``: at the next check, with the same id).
"""

from __future__ import annotations

import json
import smtplib
import socket
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

__all__ = ["Channel", "Email", "Undelivered", "Webhook", "configured_channels", "send_heartbeat"]

#: Timeout in seconds of each response. Even without a response, two attempts at the webhook and one
#: mail end within the minute that Dagster allows a sensor.
_SECONDS = 8.0
#: Attempts, and seconds between them. A second attempt outlasts a connection that was reset; after
#: an outage the next check tries again.
_ATTEMPTS = 2
_PAUSE = 1.0


class Undelivered(TongbaoError):
    """A channel did not accept a message."""


def send_heartbeat(url: str) -> None:
    """Call the URL of a dead-man's switch, which raises an alarm when the calls stop.

    Raises:
        Undelivered: there was no 2xx response. There is no second attempt: the next check follows
            in a minute, and a switch waits for several.
    """
    target = Webhook(url).target
    try:
        with urllib3.PoolManager(timeout=urllib3.Timeout(total=_SECONDS), retries=False) as pool:
            headers = {"content-type": "application/json", "user-agent": "tongbao"}
            answer = pool.request("POST", url, body=b'{"sensor": "watch"}', headers=headers)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Undelivered(f"{target}: {_reason(error)}") from error
    if not 200 <= answer.status < 300:
        raise Undelivered(f"{target}: answered {answer.status}")


class Channel(Protocol):
    """A channel of delivery.

    Attributes:
        name: ``webhook`` or ``mail``.
        target: the address that it delivers to, without secrets.
    """

    @property
    def name(self) -> str: ...

    @property
    def target(self) -> str: ...

    def send(self, message: Message) -> None:
        """Deliver a message.

        Raises:
            Undelivered: the message was not accepted.
        """

    def connect(self) -> None:
        """Connect as for a message, and send none.

        Raises:
            Undelivered: the server can't be reached or is not trusted.
        """


@dataclass(frozen=True)
class Webhook:
    """POSTs a message as JSON, with its id as ``Idempotency-Key``."""

    url: str
    name: str = "webhook"

    @property
    def target(self) -> str:
        """Scheme, host and port; the path and the query may contain a secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def send(self, message: Message) -> None:
        """Deliver a message. Only a 2xx response counts as delivery; redirects are not followed.

        Raises:
            Undelivered: both attempts failed.
        """
        body = json.dumps(message.as_json(), ensure_ascii=False).encode()
        headers = {
            "content-type": "application/json; charset=utf-8",
            "idempotency-key": message.id,
            "user-agent": "tongbao",
        }
        failure = ""
        with urllib3.PoolManager(timeout=urllib3.Timeout(total=_SECONDS), retries=False) as pool:
            for number in range(_ATTEMPTS):
                time.sleep(_PAUSE if number else 0)
                try:
                    answer = pool.request("POST", self.url, body=body, headers=headers)
                except (urllib3.exceptions.HTTPError, OSError) as error:
                    failure = _reason(error)
                    continue
                if 200 <= answer.status < 300:
                    return
                failure = f"answered {answer.status}"
                if answer.status < 500 and answer.status != 429:
                    break
        raise Undelivered(f"{self.target}: {failure}")

    def connect(self) -> None:
        """Connect, with TLS if the URL is https.

        Raises:
            Undelivered: the server can't be reached or its certificate is not trusted.
        """
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        is_tls = parts.scheme == "https"
        where = (host, parts.port or (443 if is_tls else 80))
        try:
            with socket.create_connection(where, _SECONDS) as connection:
                if is_tls:
                    context = ssl.create_default_context()
                    context.wrap_socket(connection, server_hostname=host).close()
        except OSError as error:
            raise Undelivered(f"{self.target}: {_reason(error)}") from None


@dataclass(frozen=True)
class Email:
    """Sends a message as plain-text mail to all recipients."""

    mail: Mail
    name: str = "mail"

    @property
    def target(self) -> str:
        """The server, and the number of recipients."""
        scheme = "smtps" if self.mail.implicit_tls else "smtp"
        return f"{scheme}://{self.mail.host}:{self.mail.port}, {len(self.mail.recipients)} to"

    def send(self, message: Message) -> None:
        """Deliver a message, with TLS unless the server is on this machine and offers none.

        Raises:
            Undelivered: the server refused the message or a recipient.
        """
        try:
            with self._connected() as server:
                self._log_in(server)
                refused = server.send_message(
                    _mail_message(message, self.mail), self.mail.sender, self.mail.recipients
                )
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(f"{self.target}: {_reason(error)}") from None
        if refused:
            raise Undelivered(f"{self.target}: {len(refused)} addresses were refused")

    def connect(self) -> None:
        """Connect and log in.

        Raises:
            Undelivered: the server can't be reached, is not trusted or refuses the login.
        """
        try:
            with self._connected() as server:
                self._log_in(server)
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(f"{self.target}: {_reason(error)}") from None

    def _log_in(self, server: smtplib.SMTP) -> None:
        if self.mail.user and self.mail.password is not None:
            server.login(self.mail.user, self.mail.password)

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
            elif self.mail.password is not None or self.mail.host not in _LOCAL_HOSTS:
                raise Undelivered(f"{self.target}: the server offers no STARTTLS")
        except BaseException:
            server.close()
            raise
        return server


_LOCAL_HOSTS = {"127.0.0.1", "::1", "localhost"}


def _mail_message(message: Message, mail: Mail) -> EmailMessage:
    email = EmailMessage()
    email["Subject"] = message.subject
    email["From"] = mail.sender
    email["To"] = ", ".join(mail.recipients)
    email["Date"] = format_datetime(datetime.fromisoformat(message.data["said_at"]))
    email["Message-ID"] = f"<{message.id}@tongbao>"
    # Asks for no automatic replies (RFC 3834).
    email["Auto-Submitted"] = "auto-generated"
    email.set_content(message.text)
    return email


def _reason(error: Exception) -> str:
    """The error's class and message, or the server's reply, without secrets and request paths."""
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        reply = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return redact(f"{error.smtp_code} {' '.join(reply.split())[:200]}")
    cause = error.__cause__ or error.__context__
    reason = str(cause if isinstance(cause, OSError) else error)
    return redact(f"{type(error).__name__}: {' '.join(reason.split())[:200]}")


def configured_channels(settings: Settings) -> Sequence[Channel]:
    """The channels that the settings name."""
    found: list[Channel] = []
    if settings.webhook_url:
        found.append(Webhook(settings.webhook_url))
    if settings.mail:
        found.append(Email(settings.mail))
    return found

"""Channels of delivery: a webhook (JSON over HTTPS) and e-mail (SMTP with TLS).

Servers are verified against the machine's certificates, or those in ``SSL_CERT_FILE``.

Belongs here: sending one message with timeouts, and the heartbeat. Doesn't belong here: trying
again later (``ledger``: at the next check, with the same id), the mail server
(``orchestration.mail``).
"""

from __future__ import annotations

import json
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
from orchestration.mail import MAIL_ERRORS, failure_reason, mail_session, server_name

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
        raise Undelivered(f"{target}: {failure_reason(error)}") from error
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
                    failure = failure_reason(error)
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
            raise Undelivered(f"{self.target}: {failure_reason(error)}") from None


@dataclass(frozen=True)
class Email:
    """Sends a message as plain-text mail to all recipients."""

    mail: Mail
    name: str = "mail"

    @property
    def target(self) -> str:
        """The server, and the number of recipients."""
        return f"{server_name(self.mail)}, {len(self.mail.recipients)} to"

    def send(self, message: Message) -> None:
        """Deliver a message, with TLS unless the server is on this machine and offers none.

        Raises:
            Undelivered: the server refused the message or a recipient.
        """
        try:
            with mail_session(self.mail) as server:
                refused = server.send_message(
                    _mail_message(message, self.mail), self.mail.sender, self.mail.recipients
                )
        except MAIL_ERRORS as error:
            raise Undelivered(f"{self.target}: {failure_reason(error)}") from None
        if refused:
            raise Undelivered(f"{self.target}: {len(refused)} addresses were refused")

    def connect(self) -> None:
        """Connect and log in.

        Raises:
            Undelivered: the server can't be reached, is not trusted or refuses the login.
        """
        try:
            with mail_session(self.mail):
                pass
        except MAIL_ERRORS as error:
            raise Undelivered(f"{self.target}: {failure_reason(error)}") from None


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


def configured_channels(settings: Settings) -> Sequence[Channel]:
    """The channels that the settings name."""
    found: list[Channel] = []
    if settings.webhook_url:
        found.append(Webhook(settings.webhook_url))
    if settings.mail:
        found.append(Email(settings.mail))
    return found

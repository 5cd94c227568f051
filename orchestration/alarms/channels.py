"""Channels of delivery: webhooks (JSON over HTTPS), robots of messengers, e-mail (SMTP with TLS).

A messenger's robot is a webhook with the messenger's own JSON. It answers HTTP 200 also where it
refuses a message, and names an error in the answer. Apprise, the library for it, takes such an
answer of WeCom and of DingTalk for a delivery (2.3.0), so that a refused alarm would be lost.

Servers are verified against the machine's certificates, or those in ``SSL_CERT_FILE``.

Belongs here: sending one message with timeouts, and the heartbeat. Doesn't belong here: trying
again later (``ledger``: at the next check, with the same id), the mail server
(``orchestration.mail``).
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Protocol
from urllib.parse import unquote, urljoin, urlsplit

import urllib3

from orchestration.alarms.messages import Message
from orchestration.core.errors import TongbaoError
from orchestration.core.settings import Mail, Settings
from orchestration.mail import MAIL_ERRORS, failure_reason, mail_session, server_name
from orchestration.observing import redact
from orchestration.storage import proxy_for, without_user

__all__ = [
    "Channel",
    "Email",
    "Robot",
    "Undelivered",
    "Webhook",
    "configured_channels",
    "send_heartbeat",
]

#: Timeout in seconds of each response. Even without a response, two attempts at the webhook and one
#: mail end within the minute that Dagster allows a sensor.
_SECONDS = 8.0
#: Attempts, and seconds between them. A second attempt outlasts a connection that was reset; after
#: an outage the next check tries again.
_ATTEMPTS = 2
_PAUSE = 1.0


class Undelivered(TongbaoError):
    """A channel did not accept a message."""


def _connections(url: str) -> urllib3.PoolManager:
    """Connections to a URL, through the proxy if there is one for it."""
    timeout = urllib3.Timeout(total=_SECONDS)
    proxy = proxy_for(url)
    if proxy is None:
        return urllib3.PoolManager(timeout=timeout, retries=False)
    parts = urlsplit(proxy)
    headers = None
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=user)
    return urllib3.ProxyManager(
        without_user(proxy), proxy_headers=headers, timeout=timeout, retries=False
    )


def send_heartbeat(url: str) -> None:
    """Call the URL of a dead-man's switch, which raises an alarm when the calls stop.

    Raises:
        Undelivered: there was no 2xx response. There is no second attempt: the next check follows
            in a minute, and a switch waits for several.
    """
    target = Webhook(url).target
    try:
        with _connections(url) as pool:
            headers = {"content-type": "application/json", "user-agent": "tongbao"}
            answer = pool.request("POST", url, body=b'{"sensor": "watch"}', headers=headers)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Undelivered(f"{target}: {failure_reason(error)}") from error
    if not 200 <= answer.status < 300:
        raise Undelivered(f"{target}: answered {answer.status}")


class Channel(Protocol):
    """A channel of delivery.

    Attributes:
        name: ``webhook``, a messenger's name or ``mail``; of several of a kind, with a number.
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

    def content(self, message: Message) -> dict[str, Any]:
        """The JSON object that is posted."""
        return message.as_json()

    def refusal(self, answer: bytes) -> str:
        """Why a 2xx response is no delivery; empty if it is one."""
        del answer
        return ""

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
        body = json.dumps(self.content(message), ensure_ascii=False).encode()
        headers = {
            "content-type": "application/json; charset=utf-8",
            "idempotency-key": message.id,
            "user-agent": "tongbao",
        }
        failure = ""
        with _connections(self.url) as pool:
            for number in range(_ATTEMPTS):
                time.sleep(_PAUSE if number else 0)
                try:
                    answer = pool.request("POST", self.url, body=body, headers=headers)
                except (urllib3.exceptions.HTTPError, OSError) as error:
                    failure = failure_reason(error)
                    continue
                if 200 <= answer.status < 300:
                    failure = self.refusal(answer.data)
                    if not failure:
                        return
                    break
                failure = f"answered {answer.status}"
                if answer.status < 500 and answer.status != 429:
                    break
        raise Undelivered(f"{self.target}: {failure}")

    def connect(self) -> None:
        """Ask for the host's first page, which says that the host is there and is trusted.

        Raises:
            Undelivered: the host can't be reached or its certificate is not trusted.
        """
        try:
            with _connections(self.url) as pool:
                pool.request("HEAD", urljoin(self.url, "/"), redirect=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Undelivered(f"{self.target}: {failure_reason(error)}") from None


@dataclass(frozen=True, kw_only=True)
class Messenger:
    """How the group robots of a messenger take a text.

    Attributes:
        name: of the channel.
        path: the beginning of its URLs' paths, also on an organisation's own servers.
        max_bytes: of a text, in UTF-8.
        content: makes the JSON object from a text.
        code, reason: the fields of the answer with the error, 0 for none, and its description.
    """

    name: str
    path: str
    max_bytes: int
    content: Callable[[str], dict[str, Any]]
    code: str
    reason: str


def _text_message(text: str) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": text}}


#: After the documentation of 企业微信 (群机器人配置说明), 钉钉 (自定义机器人接入) and 飞书
#: (自定义机器人使用指南). WeCom limits a text to 2,048 bytes, the others a request to 20,000; a
#: tenth is left for the JSON around the text.
_MESSENGERS = (
    Messenger(
        name="wecom",
        path="/cgi-bin/webhook/send",
        max_bytes=2_048,
        content=_text_message,
        code="errcode",
        reason="errmsg",
    ),
    Messenger(
        name="dingtalk",
        path="/robot/send",
        max_bytes=18_000,
        content=_text_message,
        code="errcode",
        reason="errmsg",
    ),
    Messenger(
        name="feishu",
        path="/open-apis/bot/",
        max_bytes=18_000,
        content=lambda text: {"msg_type": "text", "content": {"text": text}},
        code="code",
        reason="msg",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Robot(Webhook):
    """Sends a message as text to the group of a messenger's robot."""

    messenger: Messenger

    def content(self, message: Message) -> dict[str, Any]:
        """The messenger's JSON object with the subject and as much of the text as it takes."""
        text = f"{message.subject}\n{message.text}"
        if len(text.encode()) > self.messenger.max_bytes:
            kept = text.encode()[: self.messenger.max_bytes - len("…".encode())]
            text = kept.decode(errors="ignore") + "…"
        return self.messenger.content(text)

    def refusal(self, answer: bytes) -> str:
        """The error that the answer names; an answer of something else is one as well."""
        try:
            result = json.loads(answer)
            code, reason = result[self.messenger.code], result.get(self.messenger.reason)
        except (ValueError, KeyError, TypeError, AttributeError):
            return "the answer is not that of a robot"
        return "" if code == 0 else redact(f"refused: {code} {reason}"[:200])


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
    names: Counter[str] = Counter()
    for url in settings.webhook_urls:
        path = urlsplit(url).path
        messenger = next((each for each in _MESSENGERS if path.startswith(each.path)), None)
        name = messenger.name if messenger else "webhook"
        names[name] += 1
        if names[name] > 1:
            name = f"{name}-{names[name]}"
        found.append(
            Robot(url=url, name=name, messenger=messenger) if messenger else Webhook(url, name)
        )
    if settings.mail:
        found.append(Email(settings.mail))
    return found

"""The connection to the mail server, for alarms and for letters to those who submit.

The server is verified against the machine's certificates, or those in ``SSL_CERT_FILE``.

Belongs here: connecting with TLS, logging in, and reasons of failures without secrets. Doesn't
belong here: what is sent, and to whom.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.core.errors import TongbaoError
from orchestration.core.settings import Mail, is_loopback
from orchestration.observing import redact

__all__ = ["MAIL_ERRORS", "NoTls", "failure_reason", "mail_session", "server_name"]

#: Timeout in seconds of each response.
_SECONDS = 8.0


class NoTls(TongbaoError):
    """The server offers no encryption, and is not on this machine or wants a password."""


#: What connecting and sending raise.
MAIL_ERRORS = (smtplib.SMTPException, OSError, NoTls)


def server_name(mail: Mail) -> str:
    """Scheme, host and port of the server."""
    return f"{'smtps' if mail.implicit_tls else 'smtp'}://{mail.host}:{mail.port}"


@contextmanager
def mail_session(mail: Mail) -> Iterator[smtplib.SMTP]:
    """Connect and log in, with TLS unless the server is on this machine and offers none.

    Raises:
        smtplib.SMTPException, OSError: the server can't be reached or refuses the login.
        NoTls: the server offers no encryption.
    """
    with _connected(mail) as server:
        if mail.user and mail.password is not None:
            server.login(mail.user, mail.password)
        yield server


def failure_reason(error: Exception) -> str:
    """The error's class and message, or the server's reply, without secrets and request paths."""
    if isinstance(error, NoTls):
        return str(error)
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        reply = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return redact(f"{error.smtp_code} {' '.join(reply.split())[:200]}")
    cause = error.__cause__ or error.__context__
    reason = str(cause if isinstance(cause, OSError) else error)
    return redact(f"{type(error).__name__}: {' '.join(reason.split())[:200]}")


def _connected(mail: Mail) -> smtplib.SMTP:
    context = ssl.create_default_context()
    where = (mail.host, mail.port)
    if mail.implicit_tls:
        return smtplib.SMTP_SSL(*where, timeout=_SECONDS, context=context)
    server = smtplib.SMTP(*where, timeout=_SECONDS)
    try:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        elif mail.password is not None or not is_loopback(mail.host):
            raise NoTls("the server offers no STARTTLS")
    except BaseException:
        server.close()
        raise
    return server

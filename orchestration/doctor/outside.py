"""Checks of what the project talks to besides the store and the catalogue: the alarm channels.

Belongs here: connecting as for a message. Doesn't belong here: sending a message, which
'tongbao alarm --test' does.
"""

from __future__ import annotations

from orchestration.alarms import Undelivered, configured_channels
from orchestration.doctor.findings import Finding, Subject, fault, ok, warning

__all__ = ["alarm_channels"]


def alarm_channels(subject: Subject) -> Finding:
    """Whether there is a channel, and whether each takes connections."""
    channels = configured_channels(subject.settings)
    if not channels:
        return warning(
            "no channel: nobody hears of a failed run",
            "set TONGBAO_WEBHOOK_URL, or TONGBAO_SMTP_URL with TONGBAO_MAIL_FROM and "
            "TONGBAO_MAIL_TO",
        )
    failed = []
    for channel in channels:
        try:
            channel.connect()
        except Undelivered as error:
            failed.append(f"{channel.name}: {error}")
    if failed:
        return fault(
            "; ".join(failed),
            "correct TONGBAO_WEBHOOK_URL or TONGBAO_SMTP_URL; SSL_CERT_FILE names the certificates "
            "of a private authority",
        )
    shown = ", ".join(f"{channel.name} {channel.target}" for channel in channels)
    return ok(f"{shown}; 'tongbao alarm --test' sends a message")

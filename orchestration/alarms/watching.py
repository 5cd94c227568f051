"""Checks for active conditions, and reports and delivers the messages that are due.

A failed delivery raises nothing: it is logged, the message waits in the outbox, and no run fails.

Belongs here: the sequence of check, report and delivery. Doesn't belong here: its parts
(``conditions``, ``ledger``, ``channels``).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from orchestration.alarms import conditions, ledger
from orchestration.alarms.channels import Channel, Undelivered, configured_channels, send_heartbeat
from orchestration.alarms.conditions import CheckResult, Condition, RunState, TickState
from orchestration.alarms.kinds import (
    ROWS_FELL,
    RUN_FAILED,
    RUN_STUCK,
    STORE_UNREACHABLE,
    TICKS_FAIL,
)
from orchestration.alarms.messages import Message, condition_message, test_message
from orchestration.core.errors import Unreachable
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.core.settings import Settings
from orchestration.observing import broken_bounds, configure_logs
from orchestration.observing.metrics import write_alarms, write_backups
from orchestration.storage import open_workspace

__all__ = [
    "ActiveAlarms",
    "WatchResult",
    "active_alarms",
    "send_notice",
    "try_channels",
    "watch",
]

_log = logging.getLogger(__name__)

#: Codes of conditions that only Dagster knows.
_FROM_DAGSTER = frozenset({RUN_FAILED.code, RUN_STUCK.code, TICKS_FAIL.code})
#: Codes of conditions that every check can detect: if not found, they are resolved.
_ALWAYS_CHECKED = frozenset({RUN_STUCK.code, ROWS_FELL.code, TICKS_FAIL.code})


@dataclass(frozen=True)
class WatchResult:
    """The result of a check.

    Attributes:
        active: all active conditions.
        lake_checked: False if the lake could not be reached.
        messages: messages put into the outbox.
        delivered: number of messages delivered.
        failed: a line for each channel that failed.
    """

    active: Sequence[Condition]
    lake_checked: bool
    messages: Sequence[Message] = ()
    delivered: int = 0
    failed: Sequence[str] = field(default_factory=tuple)

    @property
    def line(self) -> str:
        """The line to show with the sensor's tick."""
        active = ", ".join(sorted(each.key for each in self.active)) or "none"
        text = f"active: {active}; {len(self.messages)} messages, {self.delivered} delivered"
        return text + "".join(f"; not delivered: {line}" for line in self.failed)


def watch(
    settings: Settings, runs: Sequence[RunState], failing: Sequence[TickState] = ()
) -> WatchResult:
    """Check all conditions, queue the messages that are due, and deliver the outbox.

    Args:
        runs: see :func:`conditions.run_conditions`.
        failing: see :func:`conditions.tick_conditions`.

    Raises:
        Exception: an unexpected error of the check of the lake; raised after the delivery.
    """
    configure_logs(settings)
    now = settings.now()
    run_check = conditions.run_conditions(runs, now)
    ticks = conditions.tick_conditions(failing, datetime.now(UTC))
    active = [*run_check.active, *ticks, *conditions.row_count_conditions(broken_bounds(settings))]
    lake_check: CheckResult | None = None
    unexpected: Exception | None = None
    try:
        with open_workspace(settings) as ws:
            lake_check = conditions.lake_conditions(ws, now)
            write_backups(settings, ws.store)
        active += lake_check.active
    except Unreachable as error:
        active.append(conditions.unreachable_condition(error, now))
    except Exception as error:  # Raised below, after the conditions of runs are reported.
        unexpected = error

    def is_resolved(code: str, key: str) -> bool | None:
        if code in _ALWAYS_CHECKED:
            return True
        if code == RUN_FAILED.code:
            return True if key in run_check.inactive else None
        if lake_check is None:
            return False
        return True if code == STORE_UNREACHABLE.code or key in lake_check.inactive else None

    channels = configured_channels(settings)
    names = [channel.name for channel in channels]
    messages = ledger.update(settings, active, is_resolved, names, now)
    for message in messages:
        _log.warning("%s", message.subject, extra={"alarm": message.data["code"]})
    delivered, failed = _deliver(settings, channels, now)
    _send_heartbeat(settings)
    write_alarms(settings, [(each.kind.code, each.year) for each in active], len(failed))
    if unexpected:
        raise unexpected
    return WatchResult(active, lake_check is not None, messages, delivered, failed)


@dataclass(frozen=True)
class ActiveAlarms:
    """The active conditions, for ``tongbao alarm``.

    Attributes:
        messages: one for each active condition; they are not sent.
        waiting: a line for each channel with undelivered messages.
    """

    messages: Sequence[Message]
    waiting: Sequence[str]

    @property
    def lines(self) -> list[str]:
        """Lines to print on a terminal."""
        lines = []
        for message in self.messages:
            data = message.data
            name = f"{data['code']} ({data['severity']}) {data['year'] or ''}".rstrip()
            since = datetime.fromisoformat(data["since"]).astimezone(SHANGHAI)
            lines += [f"{name}: {data['title_en']}, since {since:%Y-%m-%d %H:%M} (Beijing)"]
            lines += [f"  {data['what_en']}", f"  next: {data['next']}"]
        return [*lines, *self.waiting] or ["no condition is active"]


def active_alarms(settings: Settings) -> ActiveAlarms:
    """Check all conditions without sending messages.

    The conditions of Dagster's runs are those of the sensor's last check.

    Raises:
        Unreachable: the store or the catalogue doesn't answer.
    """
    configure_logs(settings)
    now = settings.now()
    active = ledger.active_conditions(settings, _FROM_DAGSTER)
    active += conditions.row_count_conditions(broken_bounds(settings))
    with open_workspace(settings) as ws:
        active += conditions.lake_conditions(ws, now).active
    messages = [condition_message(each, "still", each.since, now) for each in active]
    return ActiveAlarms(messages, ledger.undelivered(settings))


def send_notice(settings: Settings, message: Message) -> None:
    """Send a message that has no condition; if delivery fails, the next check tries again."""
    channels = configured_channels(settings)
    now = settings.now()
    ledger.enqueue(settings, message, [channel.name for channel in channels], now)
    _log.warning("%s", message.subject, extra={"alarm": message.data["code"]})
    _deliver(settings, channels, now)


def try_channels(settings: Settings) -> list[tuple[str, str | None]]:
    """Send a test message by every channel, without the outbox.

    Returns:
        for each channel its name and target, and None or why it failed.
    """
    configure_logs(settings)
    message = test_message(settings.now())
    return [
        (f"{channel.name} {channel.target}", _send(channel, message))
        for channel in configured_channels(settings)
    ]


def _send_heartbeat(settings: Settings) -> None:
    """Tell the dead-man's switch that conditions are checked, also if some are active."""
    if settings.heartbeat_url is None:
        return
    try:
        send_heartbeat(settings.heartbeat_url)
    except Undelivered as error:
        # The switch itself raises the alarm.
        _log.warning("the heartbeat was not delivered: %s", error)


def _deliver(
    settings: Settings, channels: Sequence[Channel], now: datetime
) -> tuple[int, list[str]]:
    by_name = {channel.name: channel for channel in channels}

    def send(name: str, message: Message) -> str | None:
        return _send(by_name[name], message)

    return ledger.deliver(settings, list(by_name), send, now)


def _send(channel: Channel, message: Message) -> str | None:
    """Send a message; return None, or why it failed."""
    fields = {"alarm": message.data["code"], "channel": channel.name}
    try:
        channel.send(message)
    except Undelivered as error:
        _log.warning("an alarm could not be delivered: %s", error, extra=fields)
        return str(error)
    _log.info("an alarm is delivered", extra=fields)
    return None

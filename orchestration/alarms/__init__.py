"""Alarms: detect conditions that somebody must act on, and send messages about them.

Every check reads the conditions from records (the lake, the journal, Dagster's runs) and doesn't
wait for events. So a daemon that was down for an hour still reports what happened meanwhile, also
that a condition was resolved. A message is sent when a condition becomes active, each morning while
it is active, and when it is resolved.

Belongs here: the kinds of condition (``kinds``), detecting them (``conditions``), the messages
(``messages``), what was reported and is still to be delivered (``ledger``), and the ways of
delivery (``channels``). Doesn't belong here: when to check (``orchestration.defs.sensors``), and
the gate's decision.
"""

from orchestration.alarms.channels import Channel, Undelivered, configured_channels
from orchestration.alarms.conditions import (
    Affected,
    Condition,
    RunState,
    TickState,
    lake_conditions,
)
from orchestration.alarms.kinds import KINDS, Kind
from orchestration.alarms.messages import Message, notice, service_failed
from orchestration.alarms.watching import (
    ActiveAlarms,
    WatchResult,
    active_alarms,
    send_notice,
    try_channels,
    watch,
)

__all__ = [
    "KINDS",
    "ActiveAlarms",
    "Affected",
    "Channel",
    "Condition",
    "Kind",
    "Message",
    "RunState",
    "TickState",
    "Undelivered",
    "WatchResult",
    "active_alarms",
    "configured_channels",
    "lake_conditions",
    "notice",
    "send_notice",
    "service_failed",
    "try_channels",
    "watch",
]

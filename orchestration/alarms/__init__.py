"""Alarms: what stands that somebody must know, said once and to the right people.

Belongs here: which conditions there are (``kinds``), whether one stands (``conditions``), how it
reads (``messages``), what has been said and is still to be delivered (``ledger``), and by what way
(``channels``). Doesn't belong here: when to look (``orchestration.defs.sensors``) and what the gate
decides.

A condition is read from records (the lake, the journal, Dagster's runs) at every look, not heard
as an event: a daemon that was down for an hour says what it missed, and what has mended itself is
said too. It is said once, again each morning while it stands, and once more when it is over.
"""

from orchestration.alarms.channels import Channel, Undelivered, channels
from orchestration.alarms.conditions import (
    Condition,
    RunState,
    Touched,
    of_lake,
)
from orchestration.alarms.kinds import KINDS, Kind
from orchestration.alarms.messages import Message, notice
from orchestration.alarms.watching import Standing, Watched, post, standing, try_channels, watch

__all__ = [
    "KINDS",
    "Channel",
    "Condition",
    "Kind",
    "Message",
    "RunState",
    "Standing",
    "Touched",
    "Undelivered",
    "Watched",
    "channels",
    "notice",
    "of_lake",
    "post",
    "standing",
    "try_channels",
    "watch",
]

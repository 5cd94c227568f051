"""One look: what stands, what is to be said, what could be delivered.

Belongs here: the order of these. Nothing that goes wrong with telling gets out of here: an alarm
that can't be delivered is logged, waits in the outbox, and never fails a run.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orchestration.alarms import conditions, ledger
from orchestration.alarms.channels import Channel, Undelivered, channels
from orchestration.alarms.conditions import Condition, Found, RunState
from orchestration.alarms.kinds import ROWS_FELL, RUN_FAILED, RUN_STUCK, STORE_UNREACHABLE
from orchestration.alarms.messages import Message, of_condition, test_message
from orchestration.core.errors import Unreachable
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.core.settings import Settings
from orchestration.observing import configure_logs, fallen
from orchestration.observing.metrics import write_alarms
from orchestration.storage import open_workspace

__all__ = ["Standing", "Watched", "post", "standing", "try_channels", "watch"]

_log = logging.getLogger(__name__)

#: What Dagster alone knows.
_OF_DAGSTER = frozenset({RUN_FAILED.code, RUN_STUCK.code})
#: What is over whenever it is not found.
_ALWAYS_SEEN = frozenset({RUN_STUCK.code, ROWS_FELL.code})


@dataclass(frozen=True)
class Watched:
    """What a look came to.

    Attributes:
        standing: all conditions that stand.
        lake_judged: False where the lake could not be reached.
        said: messages that were put into the outbox.
        delivered: how many the channels took.
        failed: a line for each channel that failed.
    """

    standing: Sequence[Condition]
    lake_judged: bool
    said: Sequence[Message] = ()
    delivered: int = 0
    failed: Sequence[str] = field(default_factory=tuple)

    @property
    def line(self) -> str:
        """What the sensor's tick shows."""
        standing = ", ".join(sorted(each.key for each in self.standing)) or "nothing"
        text = f"stands: {standing}; {len(self.said)} said, {self.delivered} delivered"
        return text + "".join(f"; not delivered: {line}" for line in self.failed)


def watch(settings: Settings, runs: Sequence[RunState]) -> Watched:
    """Look, say what is new, and deliver what waits.

    Args:
        runs: see :func:`conditions.of_runs`.
    """
    configure_logs(settings)
    now = settings.now()
    of_runs = conditions.of_runs(runs, now)
    standing = [*of_runs.standing, *conditions.of_rows(fallen(settings))]
    of_lake: Found | None = None
    broken: Exception | None = None
    try:
        with open_workspace(settings) as ws:
            of_lake = conditions.of_lake(ws, now)
        standing += of_lake.standing
    except Unreachable as error:
        standing.append(conditions.unreachable(error, now))
    except Exception as error:  # what Dagster knows is told first
        broken = error

    def is_over(code: str, key: str) -> bool | None:
        if code in _ALWAYS_SEEN:
            return True
        if code == RUN_FAILED.code:
            return True if key in of_runs.over else None
        if of_lake is None:
            return False
        return True if code == STORE_UNREACHABLE.code or key in of_lake.over else None

    ways = channels(settings)
    said = ledger.settle(settings, standing, is_over, [way.name for way in ways], now)
    for message in said:
        _log.warning("%s", message.subject, extra={"alarm": message.data["code"]})
    delivered, failed = _deliver(settings, ways, now)
    write_alarms(settings, [(each.kind.code, each.year) for each in standing], len(failed))
    if broken:
        raise broken
    return Watched(standing, of_lake is not None, said, delivered, failed)


@dataclass(frozen=True)
class Standing:
    """What stands at this moment, for whoever asks; nothing is said to anybody.

    Attributes:
        messages: one for each condition.
        waiting: a line for each channel that has not taken what it was to deliver.
    """

    messages: Sequence[Message]
    waiting: Sequence[str]

    @property
    def lines(self) -> list[str]:
        """What a terminal shows."""
        lines = []
        for message in self.messages:
            data = message.data
            said = f"{data['code']} ({data['severity']}) {data['year'] or ''}".rstrip()
            since = datetime.fromisoformat(data["since"]).astimezone(SHANGHAI)
            lines += [f"{said}: {data['title_en']}, since {since:%Y-%m-%d %H:%M} (Beijing)"]
            lines += [f"  {data['what_en']}", f"  next: {data['next']}"]
        return [*lines, *self.waiting] or ["nothing stands"]


def standing(settings: Settings) -> Standing:
    """Look without saying anything; of Dagster's runs, as the sensor last saw them.

    Raises:
        Unreachable: the store or the catalogue doesn't answer.
    """
    configure_logs(settings)
    now = settings.now()
    found = ledger.standing(settings, _OF_DAGSTER)
    found += conditions.of_rows(fallen(settings))
    with open_workspace(settings) as ws:
        found += conditions.of_lake(ws, now).standing
    messages = [of_condition(each, "still", each.since, now) for each in found]
    return Standing(messages, ledger.waiting(settings))


def post(settings: Settings, message: Message) -> None:
    """Say something once; what can't be delivered now is tried again at the next look."""
    ways = channels(settings)
    now = settings.now()
    ledger.put(settings, message, [way.name for way in ways], now)
    _log.warning("%s", message.subject, extra={"alarm": message.data["code"]})
    _deliver(settings, ways, now)


def try_channels(settings: Settings) -> list[tuple[str, str | None]]:
    """Send a test message by every channel, now and past the outbox.

    Returns:
        of each channel where it leads, and why it failed or None.
    """
    configure_logs(settings)
    message = test_message(settings.now())
    return [(f"{way.name} {way.target}", _send(way, message)) for way in channels(settings)]


def _deliver(settings: Settings, ways: Sequence[Channel], now: datetime) -> tuple[int, list[str]]:
    by_name = {way.name: way for way in ways}

    def send(channel: str, message: Message) -> str | None:
        return _send(by_name[channel], message)

    return ledger.deliver(settings, list(by_name), send, now)


def _send(way: Channel, message: Message) -> str | None:
    about = {"alarm": message.data["code"], "channel": way.name}
    try:
        way.send(message)
    except Undelivered as error:
        _log.warning("an alarm could not be delivered: %s", error, extra=about)
        return str(error)
    _log.info("an alarm is delivered", extra=about)
    return None

"""The ledger of reported conditions and undelivered messages, in ``alarms.sqlite`` of the home.

If the file is lost, active conditions are reported once more; nothing else is lost.

Belongs here: when a message about a condition is due (at first, each morning, and when it is
resolved), and the outbox, which keeps a message until a channel has accepted it. Doesn't belong
here: the text of messages (``messages``) and sending them (``channels``).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from time import monotonic
from typing import Literal

from orchestration.alarms.conditions import Condition
from orchestration.alarms.kinds import KINDS
from orchestration.alarms.messages import Message, condition_message
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.core.settings import Settings
from orchestration.observing import open_home_database

__all__ = [
    "MORNING",
    "active_conditions",
    "deliver",
    "enqueue",
    "last_morning",
    "undelivered",
    "update",
]

#: Time of the daily repetition, in Beijing. At 09:00 those who can act are at work, and the
#: publication at 06:00 has been attempted.
MORNING = time(9, 0)
#: Minimum time between two messages about a condition, unless its cause changes. It prevents a
#: flood of messages about a condition that comes and goes, e.g. a failing run that is started each
#: minute.
_MIN_INTERVAL = timedelta(hours=1)
#: How long messages and resolved conditions are kept: for 30 days somebody may ask about them, and
#: what could not be delivered by then was repeated on thirty mornings.
_RETENTION = timedelta(days=30)
#: Time limit for starting deliveries: Dagster allows a sensor a minute; the next check continues.
_DELIVERY_SECONDS = 20.0

_TABLES = (
    "create table if not exists alarms (key text primary key, code text not null, year integer, "
    "subject text not null, stage text not null, since text not null, zh text not null, "
    "en text not null, sign text not null, is_open integer not null, said_at text, "
    "last_state text)",
    "create table if not exists outbox (id text not null, channel text not null, "
    "message text not null, made_at text not null, tries integer not null, last_error text, "
    "delivered_at text, primary key (id, channel))",
)


@contextmanager
def _open(settings: Settings) -> Iterator[sqlite3.Connection]:
    with open_home_database(settings.home / "alarms.sqlite", *_TABLES) as con:
        con.row_factory = sqlite3.Row
        yield con


def last_morning(now: datetime) -> datetime:
    """The last :data:`MORNING` at or before ``now`` (aware)."""
    local = now.astimezone(SHANGHAI)
    morning = datetime.combine(local.date(), MORNING, SHANGHAI)
    return morning if morning <= local else morning - timedelta(days=1)


def update(
    settings: Settings,
    active: Sequence[Condition],
    is_resolved: Callable[[str, str], bool | None],
    to: Sequence[str],
    now: datetime,
) -> list[Message]:
    """Record the active conditions, and put the messages that are due into the outbox.

    Args:
        active: all active conditions.
        is_resolved: called with code and key of each condition that was active and is not in
            ``active``. True: it is resolved. False: it could not be checked and stays active.
            None: it is no longer checked and is closed without a message.
        to: names of the channels.
        now: aware, UTC.

    Returns:
        the messages put into the outbox.
    """
    messages: list[Message] = []
    with _open(settings) as con:
        for condition in active:
            message = _record_active(con, condition, now)
            if message:
                messages.append(message)
        keys = {condition.key for condition in active}
        for row in con.execute("select * from alarms where is_open = 1 order by key").fetchall():
            resolved = False if row["key"] in keys else is_resolved(row["code"], row["key"])
            if resolved is None:
                con.execute("update alarms set is_open = 0 where key = ?", [row["key"]])
            elif resolved and (message := _record_resolved(con, row, now)):
                messages.append(message)
        _enqueue(con, messages, to, now)
        oldest = (now - _RETENTION).isoformat()
        con.execute("delete from outbox where made_at < ?", [oldest])
        con.execute("delete from alarms where is_open = 0 and said_at < ?", [oldest])
    return messages


def enqueue(settings: Settings, message: Message, to: Sequence[str], now: datetime) -> None:
    """Put a message into the outbox, unless it is or was there already."""
    with _open(settings) as con:
        _enqueue(con, [message], to, now)


def deliver(
    settings: Settings,
    to: Sequence[str],
    send: Callable[[str, Message], str | None],
    now: datetime,
) -> tuple[int, list[str]]:
    """Deliver the undelivered messages, oldest first; skip a channel after its first failure.

    Args:
        to: names of the configured channels.
        send: sends a message by the channel of that name; returns None, or why it failed.
        now: aware, UTC.

    Returns:
        the number of messages delivered, and a line for each channel that failed.
    """
    with _open(settings) as con:
        rows = con.execute(
            "select * from outbox where delivered_at is null order by made_at, rowid"
        ).fetchall()
    delivered = 0
    failed: dict[str, str] = {}
    deadline = monotonic() + _DELIVERY_SECONDS
    for row in rows:
        channel = row["channel"]
        if channel not in to or channel in failed or monotonic() > deadline:
            continue
        error = send(channel, Message(**json.loads(row["message"])))
        # Recorded after each message: if the process is killed here, one message at most is sent
        # twice, with the same id.
        with _open(settings) as con:
            con.execute(
                "update outbox set tries = tries + 1, last_error = ?, delivered_at = ? "
                "where id = ? and channel = ?",
                [error, None if error else now.isoformat(), row["id"], channel],
            )
        if error:
            failed[channel] = error
        else:
            delivered += 1
    return delivered, [f"{channel}: {error}" for channel, error in failed.items()]


def active_conditions(settings: Settings, codes: frozenset[str]) -> list[Condition]:
    """The conditions of kinds with these codes that were active at the last check."""
    with _open(settings) as con:
        rows = con.execute("select * from alarms where is_open = 1 order by key").fetchall()
    return [_condition(row) for row in rows if row["code"] in codes]


def undelivered(settings: Settings) -> list[str]:
    """A line for each channel that has undelivered messages."""
    with _open(settings) as con:
        rows = con.execute(
            "select channel, count(*) as n, min(made_at) as since, max(last_error) as error "
            "from outbox where delivered_at is null group by channel order by channel"
        ).fetchall()
    return [
        f"{row['channel']}: {row['n']} not delivered since {row['since']}: "
        f"{row['error'] or 'not tried yet'}"
        for row in rows
    ]


def _condition(row: sqlite3.Row, prefixes: tuple[str, str] = ("", "")) -> Condition:
    """The condition of a row.

    Args:
        prefixes: texts before its Chinese and its English sentence.
    """
    return Condition(
        kind=next(each for each in KINDS if each.code == row["code"]),
        year=row["year"],
        since=datetime.fromisoformat(row["since"]),
        zh=prefixes[0] + row["zh"],
        en=prefixes[1] + row["en"],
        subject=row["subject"],
        stage=row["stage"],
    )


def _record_active(con: sqlite3.Connection, condition: Condition, now: datetime) -> Message | None:
    """Record an active condition; return the message if one is due."""
    row = con.execute("select * from alarms where key = ?", [condition.key]).fetchone()
    since = condition.since
    if row and row["is_open"]:
        since = min(since, datetime.fromisoformat(row["since"]))
    state = _due_state(row, condition, since, now)
    con.execute(
        "insert into alarms values (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, null, null) "
        "on conflict (key) do update set since = excluded.since, zh = excluded.zh, "
        "en = excluded.en, is_open = 1",
        [
            condition.key,
            condition.kind.code,
            condition.year,
            condition.subject,
            condition.stage,
            since.isoformat(),
            condition.zh,
            condition.en,
            condition.sign,
        ],
    )
    if state is None:
        return None
    con.execute(
        "update alarms set said_at = ?, last_state = ?, sign = ? where key = ?",
        [now.isoformat(), state, condition.sign, condition.key],
    )
    return condition_message(condition, state, since, now)


def _due_state(
    row: sqlite3.Row | None, condition: Condition, since: datetime, now: datetime
) -> Literal["alarm", "still"] | None:
    """The state of the message that is due now, or None."""
    # If the clock was set back, ``since`` may be in the future; it then counts as now.
    if max(now - since, timedelta(0)) < condition.kind.after:
        return None
    if row is None or row["said_at"] is None:
        return "alarm"
    said_at = datetime.fromisoformat(row["said_at"])
    if row["is_open"] and row["sign"] != condition.sign:
        return "alarm"  # The cause has changed.
    if now - said_at < _MIN_INTERVAL:
        return None
    if row["last_state"] == "over":
        return "alarm"
    return "still" if said_at < last_morning(now) else None


def _record_resolved(con: sqlite3.Connection, row: sqlite3.Row, now: datetime) -> Message | None:
    """Close a condition; return a message if its last message reported it as active."""
    was_reported = row["last_state"] in {"alarm", "still"}
    con.execute(
        "update alarms set is_open = 0, said_at = coalesce(iif(?, ?, null), said_at), "
        "last_state = iif(?, 'over', last_state) where key = ?",
        [was_reported, now.isoformat(), was_reported, row["key"]],
    )
    if not was_reported:
        return None
    condition = _condition(row, ("此前：", "it was: "))
    return condition_message(condition, "over", condition.since, now)


def _enqueue(
    con: sqlite3.Connection, messages: Sequence[Message], to: Sequence[str], now: datetime
) -> None:
    for message in messages:
        body = json.dumps(message.__dict__, ensure_ascii=False)
        con.executemany(
            "insert or ignore into outbox values (?, ?, ?, ?, 0, null, null)",
            [(message.id, channel, body, now.isoformat()) for channel in to],
        )

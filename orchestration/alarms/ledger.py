"""What has been said and what is still to be delivered, in ``alarms.sqlite`` of the home.

Belongs here: when a condition is said (once, each morning, and when it is over) and the outbox,
from which a message goes only once a channel has taken it. Doesn't belong here: how it reads and
how it is sent. Losing this file costs nothing but that what stands is said once more.
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
from orchestration.alarms.messages import Message, of_condition
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.core.settings import Settings
from orchestration.observing import open_home_database

__all__ = ["MORNING", "deliver", "last_morning", "put", "settle", "standing", "waiting"]

#: 09:00 in Beijing: whoever can do something is at work and reads what came in the night; the
#: publication of the morning (06:00) has been tried by then.
MORNING = time(9, 0)
#: What was said less than an hour ago is not said again, by the morning or because a condition
#: that comes and goes is back: a failing run that is started each minute is one message.
_QUIET = timedelta(hours=1)
#: 30 days: for so long somebody may ask what was said; what could not be delivered by then has
#: been said again on thirty mornings.
_KEPT = timedelta(days=30)
#: No message is begun after this: Dagster gives a sensor a minute, and the next look goes on.
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
    """The last 09:00 in Beijing, at or before ``now`` (aware)."""
    local = now.astimezone(SHANGHAI)
    morning = datetime.combine(local.date(), MORNING, SHANGHAI)
    return morning if morning <= local else morning - timedelta(days=1)


def settle(
    settings: Settings,
    standing: Sequence[Condition],
    is_over: Callable[[str, str], bool | None],
    to: Sequence[str],
    now: datetime,
) -> list[Message]:
    """Bring the ledger in line with what stands, and put into the outbox what is to be said.

    Args:
        is_over: asked for the code and key of what stood and does not; True says that it is
            over, False leaves it as it was (it could not be looked at), None lets it go without a
            word (nobody looks at it any more).
        to: names of the channels.
        now: UTC aware.

    Returns:
        the messages that were put there.
    """
    said: list[Message] = []
    with _open(settings) as con:
        for condition in standing:
            message = _stands(con, condition, now)
            if message:
                said.append(message)
        keys = {condition.key for condition in standing}
        for row in con.execute("select * from alarms where is_open = 1 order by key").fetchall():
            over = False if row["key"] in keys else is_over(row["code"], row["key"])
            if over is None:
                con.execute("update alarms set is_open = 0 where key = ?", [row["key"]])
            elif over and (message := _over(con, row, now)):
                said.append(message)
        _put(con, said, to, now)
        oldest = (now - _KEPT).isoformat()
        con.execute("delete from outbox where made_at < ?", [oldest])
        con.execute("delete from alarms where is_open = 0 and said_at < ?", [oldest])
    return said


def put(settings: Settings, message: Message, to: Sequence[str], now: datetime) -> None:
    """Put a message into the outbox; one that is there or was delivered is not put twice."""
    with _open(settings) as con:
        _put(con, [message], to, now)


def deliver(
    settings: Settings,
    to: Sequence[str],
    send: Callable[[str, Message], str | None],
    now: datetime,
) -> tuple[int, list[str]]:
    """Hand out what waits, oldest first; a channel that fails is left until the next look.

    Args:
        to: names of the channels that are set.
        send: delivers to the channel of that name, or returns why it could not.

    Returns:
        how many were delivered, and a line for each channel that failed.
    """
    with _open(settings) as con:
        rows = con.execute(
            "select * from outbox where delivered_at is null order by made_at, rowid"
        ).fetchall()
    delivered = 0
    failed: dict[str, str] = {}
    until = monotonic() + _DELIVERY_SECONDS
    for row in rows:
        channel = row["channel"]
        if channel not in to or channel in failed or monotonic() > until:
            continue
        error = send(channel, Message(**json.loads(row["message"])))
        # Noted at once: a look that is killed in between sends one message twice at most, under
        # the same id.
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


def standing(settings: Settings, of: frozenset[str]) -> list[Condition]:
    """The conditions of these kinds that stood at the last look."""
    with _open(settings) as con:
        rows = con.execute("select * from alarms where is_open = 1 order by key").fetchall()
    return [_condition(row) for row in rows if row["code"] in of]


def waiting(settings: Settings) -> list[str]:
    """A line for each channel with messages that it has not taken."""
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


def _condition(row: sqlite3.Row, before: tuple[str, str] = ("", "")) -> Condition:
    return Condition(
        kind=next(each for each in KINDS if each.code == row["code"]),
        year=row["year"],
        since=datetime.fromisoformat(row["since"]),
        zh=before[0] + row["zh"],
        en=before[1] + row["en"],
        subject=row["subject"],
        stage=row["stage"],
    )


def _stands(con: sqlite3.Connection, condition: Condition, now: datetime) -> Message | None:
    row = con.execute("select * from alarms where key = ?", [condition.key]).fetchone()
    since = condition.since
    if row and row["is_open"]:
        since = min(since, datetime.fromisoformat(row["since"]))
    state = _due(row, condition, since, now)
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
    return of_condition(condition, state, since, now)


def _due(
    row: sqlite3.Row | None, condition: Condition, since: datetime, now: datetime
) -> Literal["alarm", "still"] | None:
    """Whether it is to be said now, and as what."""
    # A clock that was set back makes nothing wait: what stands since later stands since now.
    if max(now - since, timedelta(0)) < condition.kind.after:
        return None
    if row is None or row["said_at"] is None:
        return "alarm"
    said_at = datetime.fromisoformat(row["said_at"])
    if row["is_open"] and row["sign"] != condition.sign:
        return "alarm"  # another reason than the one that was said
    if now - said_at < _QUIET:
        return None
    if row["last_state"] == "over":
        return "alarm"
    return "still" if said_at < last_morning(now) else None


def _over(con: sqlite3.Connection, row: sqlite3.Row, now: datetime) -> Message | None:
    """Close it; said only where it was said that it stood, and is not said already to be over."""
    said = row["last_state"] in {"alarm", "still"}
    con.execute(
        "update alarms set is_open = 0, said_at = coalesce(iif(?, ?, null), said_at), "
        "last_state = iif(?, 'over', last_state) where key = ?",
        [said, now.isoformat(), said, row["key"]],
    )
    if not said:
        return None
    condition = _condition(row, ("此前：", "it was: "))
    return of_condition(condition, "over", condition.since, now)


def _put(
    con: sqlite3.Connection, messages: Sequence[Message], to: Sequence[str], now: datetime
) -> None:
    for message in messages:
        body = json.dumps(message.__dict__, ensure_ascii=False)
        con.executemany(
            "insert or ignore into outbox values (?, ?, ?, ?, 0, null, null)",
            [(message.id, channel, body, now.isoformat()) for channel in to],
        )

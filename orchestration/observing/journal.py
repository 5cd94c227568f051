"""The journal: how each stage of each year last went, also when it found nothing to do.

Belongs here: one row a stage and year, in ``journal.sqlite`` of the home. The lake records what a
run has changed; whether anybody looked, and how long it took, only this says. Doesn't belong here:
anything that a figure or a decision depends on: a home without a journal is as good.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestration.core.errors import TongbaoError
from orchestration.core.settings import Settings

__all__ = ["StageRun", "note", "open_home_database", "stage_runs"]

#: Seconds to wait for another process that writes; a write takes milliseconds.
_BUSY_SECONDS = 5.0

_TABLE = """
create table if not exists stage_runs (
    stage text not null, year integer not null, run_id text not null,
    started_at text not null, seconds real not null, outcome text not null,
    succeeded_at text, counts text not null, primary key (stage, year)
)
"""


@dataclass(frozen=True)
class StageRun:
    """How a stage of a year last went.

    Attributes:
        stage: ``intake``, ``transform``, ``gate``, …
        started_at: UTC aware.
        seconds: how long it took.
        outcome: ``done``, ``blocked`` (the gate), ``failed`` or ``stopped`` (from outside).
        succeeded_at: when it was last done (a blocked gate is done), UTC aware, or None.
        counts: what the stage counted, by name; of the last one that was done.
    """

    stage: str
    year: int
    run_id: str
    started_at: datetime
    seconds: float
    outcome: str
    succeeded_at: datetime | None
    counts: Mapping[str, int]


@contextlib.contextmanager
def open_home_database(path: Path, *tables: str) -> Iterator[sqlite3.Connection]:
    """A small database of the home; what is done inside is one transaction.

    Args:
        tables: ``create table if not exists`` statements.

    Raises:
        TongbaoError: it can't be read or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with contextlib.closing(
            sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        ) as con:
            con.execute("begin immediate")
            for table in tables:
                con.execute(table)
            yield con
            con.execute("commit")
    except sqlite3.OperationalError as error:  # locked, a full disk
        raise TongbaoError(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise TongbaoError(f"{path}: {error} (move it away: it is made anew)") from error


def _open(settings: Settings) -> contextlib.AbstractContextManager[sqlite3.Connection]:
    return open_home_database(settings.home / "journal.sqlite", _TABLE)


def note(settings: Settings, run: StageRun) -> None:
    """Write down how a stage went; the last success stays until the next one."""
    values = (
        run.stage,
        run.year,
        run.run_id,
        run.started_at.isoformat(),
        run.seconds,
        run.outcome,
        run.succeeded_at.isoformat() if run.succeeded_at else None,
        json.dumps(run.counts),
    )
    with _open(settings) as con:
        con.execute(
            "insert into stage_runs values (?, ?, ?, ?, ?, ?, ?, ?) "
            "on conflict (stage, year) do update set run_id = excluded.run_id, "
            "started_at = excluded.started_at, seconds = excluded.seconds, "
            "outcome = excluded.outcome, "
            "succeeded_at = coalesce(excluded.succeeded_at, succeeded_at), "
            "counts = iif(excluded.succeeded_at is null, counts, excluded.counts)",
            values,
        )


def stage_runs(settings: Settings) -> list[StageRun]:
    """All rows, by stage and year."""
    with _open(settings) as con:
        rows = con.execute("select * from stage_runs order by stage, year").fetchall()
    return [
        StageRun(
            stage=row[0],
            year=row[1],
            run_id=row[2],
            started_at=datetime.fromisoformat(row[3]),
            seconds=row[4],
            outcome=row[5],
            succeeded_at=datetime.fromisoformat(row[6]) if row[6] else None,
            counts=json.loads(row[7]),
        )
        for row in rows
    ]

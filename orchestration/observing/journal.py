"""The journal: the last run of each stage and year, also of runs that found nothing to do.

It has one row per stage and year, in ``journal.sqlite`` of the home. The lake records what a run
changed; only the journal records that a stage ran, and how long it took.

Belongs here: the journal, and opening small databases of the home. Doesn't belong here: anything
that a figure or a decision depends on; the pipeline works the same without a journal.
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

__all__ = ["StageRun", "open_home_database", "record_stage_run", "stage_runs"]

#: Seconds to wait for the lock while another process writes; a write takes milliseconds.
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
    """The last run of a stage for a year.

    Attributes:
        stage: ``intake``, ``transform``, ``gate``, …
        started_at: aware, UTC.
        seconds: duration.
        outcome: ``done``, ``blocked`` (by the gate), ``failed`` or ``stopped`` (interrupted).
        succeeded_at: end of the last run with outcome ``done`` or ``blocked``; aware, UTC; None
            if there is none.
        counts: the counts of that last successful run, by name.
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
    """Open an SQLite database of the home; the context is one transaction.

    Args:
        path: the file; it and its folder are created if missing.
        tables: ``create table if not exists`` statements.

    Raises:
        TongbaoError: the file can't be read or written.
    """
    # The home, if it is missing: only its owner may read it (``Settings.make_home``).
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with contextlib.closing(
            sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        ) as con:
            con.execute("begin immediate")
            for table in tables:
                con.execute(table)
            yield con
            con.execute("commit")
    except sqlite3.OperationalError as error:  # E.g. locked, or the disk is full.
        raise TongbaoError(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise TongbaoError(f"{path}: {error} (move the file away: it is created again)") from error


def _open(settings: Settings) -> contextlib.AbstractContextManager[sqlite3.Connection]:
    return open_home_database(settings.home / "journal.sqlite", _TABLE)


def record_stage_run(settings: Settings, run: StageRun) -> None:
    """Record a run of a stage; time and counts of the last success stay until the next success."""
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
    """All rows of the journal, sorted by stage and year."""
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

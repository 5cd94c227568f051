"""The digests that provinces may sign, in the publication bucket as well as in the lake.

A province signs once, and what it signed can't be made again: the figures of that day are gone.
With a copy outside the catalogue, a confirmation still matches after lake and catalogue were lost
and made again from the landing bucket, or restored from a backup of the night before.

Belongs here: the objects ``signable/year=YYYY/DAY-SHA256.jsonl``, one for each run that made such
digests, and reading them back. Doesn't belong here: making digests (``digests``) and comparing
them with confirmations (``int_confirmations``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import duckdb

from orchestration.core.settings import Settings
from orchestration.lakehouse.tables import OTHER_TABLES, insert_rows
from orchestration.storage import Store

__all__ = ["record_signable", "restore_signable", "save_signable"]

_TABLE = "publication.signable_digests"


def save_signable(
    store: Store, settings: Settings, year: int, day: date, rows: Sequence[dict[str, Any]]
) -> None:
    """Write the digests of a run as one object; the same digests have the same key.

    Raises:
        Unreachable: the store fails.
    """
    lines = [json.dumps({**row, "day": f"{row['day']}"}, sort_keys=True) for row in rows]
    body = "\n".join([*lines, ""]).encode()
    key = f"{_prefix(year)}{day}-{hashlib.sha256(body).hexdigest()}.jsonl"
    store.put(settings.publication_bucket, key, body)


def record_signable(con: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Record digests in the lake. They are saved before, so that no recorded one can be lost."""
    if rows:
        insert_rows(con, _TABLE, OTHER_TABLES[_TABLE].table_of(rows))


def restore_signable(
    con: duckdb.DuckDBPyConnection, store: Store, settings: Settings, year: int
) -> int:
    """Record the saved digests of a year that the lake doesn't have; return their number.

    Objects of days before the last recorded one are not read: only a lost or an older catalogue
    lacks any.

    Raises:
        Unreachable: the store fails.
    """
    bucket = settings.publication_bucket
    row = con.execute(f"select max(day) from lake.{_TABLE} where year = ?", [year]).fetchone()
    last = f"{row[0]}" if row and row[0] else ""
    keys = [info.key for info in store.list(bucket, _prefix(year))]
    saved = [
        json.loads(line)
        for key in keys
        if key.removeprefix(_prefix(year)) >= last
        for line in store.get(bucket, key).splitlines()
    ]
    known = con.execute(
        f"select province_code, cast(day as varchar), document_digest, task_code "
        f"from lake.{_TABLE} where year = ?",
        [year],
    ).fetchall()
    missing = {_identity(each): each for each in saved}
    for each in known:
        missing.pop(each, None)
    rows = [{**each, "day": date.fromisoformat(each["day"])} for each in missing.values()]
    record_signable(con, rows)
    return len(rows)


def _prefix(year: int) -> str:
    return f"signable/year={year}/"


def _identity(row: dict[str, Any]) -> tuple[str, ...]:
    """What tells two digests apart, in the order of the query above."""
    return row["province_code"], row["day"], row["document_digest"], row["task_code"]

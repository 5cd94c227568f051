"""Whether an intake on the cluster gives the same rows, findings and receipts as a local one.

Both take in the same landing bucket, each into a lake and a publication bucket of its own.

Belongs here: objects that harm their reader or depend on other objects, and the comparison. Doesn't
belong here: the servers (``clusters``), the tables of models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from unittest.mock import patch

import duckdb
import pyarrow as pa

from orchestration import lakehouse, stages
from orchestration.core.workspace import Workspace
from orchestration.intake import batches, cluster, isolation
from tests.fixtures import poison
from tests.fixtures.landing import Landing
from tests.fixtures.objects import CASES

__all__ = ["compare_intakes", "read_batch", "take_in", "write_hostile"]

#: Few, so that several executors have a batch.
_BATCH_OBJECTS = 300
_Say = Callable[[str], None]


def write_hostile(landing: Landing) -> None:
    """Write files as people send them, objects that end their reader, and ids and names taken.

    None takes all its time: how much it got before the clock ended it is in its finding.
    """
    place = f"year={landing.year}/province=440000"
    for path in sorted(CASES.iterdir()):
        landing.put(f"performance/{place}/{path.name}", path.read_bytes())
    for number, body in enumerate(poison.QUICK):
        landing.put(f"performance/{place}/poison-{number}.json", body)
    landing.put("performance/elsewhere.json", b"{}")
    unit = "T05-440000-9101"
    landing.unit(unit)
    for number, value in enumerate((1, 1, 2)):  # One document twice, and another with its id.
        landing.performance(
            unit, {"C_04": value}, report=None, document_id="taken", name=f"taken-{number}.json"
        )
    landing.performance("T05-440000-9102", {"C_04": 1}, report=None)  # Not registered.
    # A plan and a performance document share a receipt's name.
    landing.performance(unit, {"C_04": 3}, report=None, name="shared.json")
    landing.plan(unit, {str(landing.year): {"C_04": 3}}, name="shared.json")


def read_batch(task: bytes) -> bytes:
    """On an executor: read a batch with a parser that some objects harm."""
    with patch.object(isolation, "answer_objects", poison.answer_objects):
        return _READ_BATCH(task)


_READ_BATCH = cluster.read_batch


def take_in(ws: Workspace, year: int, say: _Say) -> None:
    """Take in the landing bucket with the workspace's engine."""
    with (
        patch.object(isolation, "answer_objects", poison.answer_objects),
        patch.object(cluster, "read_batch", read_batch),
        patch.object(batches, "_BATCH_OBJECTS", _BATCH_OBJECTS),
    ):
        stages.intake(ws, year, run_id="parity", progress=say)


def compare_intakes(ws: Workspace, year: int, say: _Say) -> tuple[int, int]:
    """Take in again on the cluster and compare: the number of tables, and that of equal ones.

    Args:
        ws: its lake has what the local intake has written, and nothing else.
    """
    settings = replace(
        ws.settings,
        catalog=str(ws.settings.home / "catalog-cluster.sqlite"),
        lake_bucket="lake-cluster",
        publication_bucket="publication-cluster",
        engine="spark",
    )
    ws.store.ensure_buckets([settings.lake_bucket, settings.publication_bucket])
    other = replace(ws, settings=settings)
    take_in(other, year, say)
    mine, theirs = _written(ws), _written(other)
    equal = 0
    with duckdb.connect() as con:
        for name, table in mine.items():
            con.register("mine", table)
            con.register("theirs", theirs[name])
            differences = [
                con.execute(f"from {left} except all from {right}").fetchall()
                for left, right in (("mine", "theirs"), ("theirs", "mine"))
            ]
            equal += not any(differences)
            for where, rows in zip(("locally", "on the cluster"), differences, strict=True):
                if rows:
                    say(f"{name}: {len(rows)} rows only {where}, e.g. {str(rows[0])[:500]}")
    return len(mine), equal


def _written(ws: Workspace) -> dict[str, pa.Table]:
    """The tables that an intake has written, and its receipts as one more table."""
    with lakehouse.reader(ws.settings, ws.store) as con:
        names = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where database_name = 'lake' order by all"
        ).fetchall()
        tables = {name: con.execute(f"from lake.{name}").to_arrow_table() for (name,) in names}
    bucket = ws.settings.publication_bucket
    receipts = list(ws.store.get_many(bucket, ws.store.list(bucket, "receipts/")))
    tables["receipts"] = pa.table(
        {
            "key": [each.info.key for each in receipts],
            "body": pa.array([each.body for each in receipts], pa.binary()),
        }
    )
    return tables

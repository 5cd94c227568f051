"""Builds a year: runs the statements that dbt ran when it built the project without submissions.

The models read nothing but the tables of the build file and the seeds, so what dbt compiles is the
same for every year. Compiling it again takes several times as long as a small year's statements.
The records are dbt's own artifacts: "The run directory contains the SQL that dbt executed" (dbt
docs, "About the run artifacts").

Belongs here: the order of the statements, the seeds' tables, and the one-line error when a model or
a test fails. Doesn't belong here: dbt itself (``dbt_process``) and the models (``dbt_project``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from orchestration.core.errors import TongbaoError
from orchestration.core.machine import usable_cores
from orchestration.core.settings import Settings
from orchestration.lakehouse.attach import quoted
from orchestration.lakehouse.build import BUILD_FILE
from orchestration.lakehouse.dbt import DBT_PROJECT, recording_folder
from orchestration.lakehouse.dbt_process import LEAST_THREADS, RECORDING

__all__ = ["DbtNode", "dbt_build"]


@dataclass(frozen=True)
class DbtNode:
    """One node of the dbt project that was run.

    Attributes:
        unique_id: its unique id in dbt, such as ``model.tongbao.dim_region``.
        status: ``success``, ``pass`` or ``warn``; a build ends at the first that fails.
        seconds: its execution time.
        failures: the number of failing rows of a test, or None.
    """

    unique_id: str
    status: str
    seconds: float
    failures: int | None


def dbt_build(
    settings: Settings,
    path: Path,
    *,
    project: Path = DBT_PROJECT,
    progress: Callable[[str], None] = lambda _: None,
) -> list[DbtNode]:
    """Copy the seeds, build the models and run the data tests on the build file.

    Args:
        path: the build file.
        project: the dbt project, or a copy of it with other seeds.
        progress: called with a line of progress.

    Raises:
        TongbaoError: a model or a test failed; the message names it.
    """
    folder = recording_folder(settings, project)
    recording = json.loads((folder / RECORDING).read_text(encoding="utf-8"))
    nodes = [DbtNode(**node) for node in recording["seeds"]]
    with duckdb.connect(
        config={
            "memory_limit": f"{settings.max_lake_memory}B",
            "temp_directory": str(path.parent / "tmp"),
        }
    ) as con:
        # The statements name the database as the file was called when they were recorded.
        database = Path(BUILD_FILE).stem
        con.execute(f"attach {quoted(str(path))} as {database}")
        con.execute(f"use {database}")
        for name, value in recording["settings"].items():
            con.execute(f"set global {name} = {value}")
        for schema in recording["schemas"]:
            con.execute(f"create schema if not exists {schema}")
        _copy_seeds(con, folder / "made" / BUILD_FILE)
        nodes += _run(con, recording["statements"])
    models = sum(1 for node in nodes if node.unique_id.startswith("model."))
    tests = sum(1 for node in nodes if node.unique_id.startswith("test."))
    progress(f"dbt: {models} models built, {tests} tests passed")
    return nodes


def _copy_seeds(con: duckdb.DuckDBPyConnection, made: Path) -> None:
    con.execute(f"attach {quoted(str(made))} as made (read_only)")
    for (name,) in con.execute(
        "select table_name from duckdb_tables() "
        "where database_name = 'made' and schema_name = 'seeds'"
    ).fetchall():
        con.execute(f"create table seeds.{name} as from made.seeds.{name}")
    con.execute("detach made")


def _run(con: duckdb.DuckDBPyConnection, statements: list[dict[str, Any]]) -> Iterator[DbtNode]:
    """Run each statement after its parents, some at a time; yield what was run.

    Raises:
        TongbaoError: at the first that fails.
    """
    by_id = {each["unique_id"]: each for each in statements}
    order = TopologicalSorter({name: each["parents"] for name, each in by_id.items()})
    order.prepare()
    pool = ThreadPoolExecutor(max(LEAST_THREADS, usable_cores()))
    running: set[Future[DbtNode]] = set()
    try:
        while order.is_active():
            running |= {
                pool.submit(_run_one, con.cursor(), by_id[name]) for name in order.get_ready()
            }
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                node = future.result()
                order.done(node.unique_id)
                yield node
    finally:
        pool.shutdown(cancel_futures=True)


def _run_one(con: duckdb.DuckDBPyConnection, statement: dict[str, Any]) -> DbtNode:
    unique_id, began = statement["unique_id"], time.monotonic()
    try:
        with con:
            rows = con.execute(statement["sql"]).fetchall()
    except duckdb.Error as error:
        message = " ".join(str(error).split())[:400]
        raise TongbaoError(f"dbt: {unique_id} failed: {message}") from None
    seconds = time.monotonic() - began
    if not statement["is_test"]:
        return DbtNode(unique_id, "success", seconds, None)
    # Of a data test dbt asks this one row (dbt-core, macros/materializations/tests/test.sql).
    [(failures, should_warn, should_error)] = rows
    if should_error and not statement["only_warns"]:
        raise TongbaoError(f"dbt: {unique_id} failed: {failures} failing rows")
    return DbtNode(unique_id, "warn" if should_warn else "pass", seconds, failures)

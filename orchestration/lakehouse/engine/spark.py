"""Works on a Spark cluster, or on a server that speaks Spark Connect (Sail).

For a build, its inputs are written as Parquet into ``HOME/build/spark``, dbt runs in a child
process (``spark_process``), and the tables that Spark wrote as Parquet are read back into the build
file. Tasks of intake go the same way (``spark_tasks``). Every machine of the cluster must see
``HOME/build`` at the same path.

Why tables come back through the build file, and are not registered in the lake as Spark wrote them
(``ducklake_add_data_files``): on two cores, 2 and 8 million rows took 13 and 64 CPU seconds through
the file (8 microseconds a row, 1.2 GB of memory at both sizes), and 0.2 and 0.4 if registered (0.2
GB). But registering adds every file of every build (146 and 584 MB, where the build file adds none
if no row has changed): each edition keeps a full copy, no snapshot says which rows have changed,
and gate, receipts and pages have no build to read.

Belongs here: the way of tables and tasks to Spark and back. Doesn't belong here: how the cluster is
found, which is Spark's own (``SPARK_REMOTE``, or a master).
"""

from __future__ import annotations

import os
import pickle
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import Unreachable, UsageError
from orchestration.core.settings import Settings
from orchestration.lakehouse.attach import quoted
from orchestration.lakehouse.child_process import run_child
from orchestration.lakehouse.dbt import DBT_PROJECT, column_types, target_folder
from orchestration.lakehouse.engine import spark_process
from orchestration.lakehouse.engine.spark_process import spark_schema
from orchestration.lakehouse.recorded import DbtNode

__all__ = ["run_on_executors", "spark_build"]

#: Port of a Spark Connect server whose URL has none (Spark docs, "Client Connection String").
_PORT = 15002
#: Seconds. A server on another continent answers within one; five allow for a lost packet.
_PATIENCE = 5
_MISSING = "TONGBAO_ENGINE=spark needs dbt-spark and a Spark client: pip install 'tongbao[spark]'"
#: What the types that Spark reports are in DuckDB; others have the same name.
_DUCKDB_TYPES = {"string": "varchar", "timestamp_ntz": "timestamp", "int": "integer"}


def spark_build(
    settings: Settings,
    path: Path,
    *,
    project: Path = DBT_PROJECT,
    progress: Callable[[str], None] = lambda _: None,
) -> list[DbtNode]:
    """Build the marts on Spark: :func:`orchestration.lakehouse.engine.build_marts`."""
    _check_installed()
    _check_rules()
    _check_reachable()
    folder = path.parent / "spark"
    shutil.rmtree(folder, ignore_errors=True)
    _write_inputs(path, folder)
    progress("spark: dbt starts")
    target = target_folder(settings).with_name("dbt-spark")
    outcome = run_child(
        spark_process.__name__,
        folder,
        *map(str, (project, target)),
        environ={"TONGBAO_SPARK_FOLDER": str(folder)},
    )
    _read_tables(settings, path, folder, outcome["tables"])
    shutil.rmtree(folder)
    nodes = [DbtNode(**node) for node in outcome["nodes"]]
    progress(f"spark: {len(outcome['tables'])} tables built, {len(nodes)} nodes of dbt succeeded")
    return nodes


def run_on_executors(
    folder: Path, function: Callable[[bytes], bytes], tasks: Sequence[bytes]
) -> Iterator[bytes]:
    """Call a function for each task on the cluster's executors.

    An executor that is lost costs the repetition of its tasks, so a task must have the same effect
    when it is repeated.

    Args:
        folder: for the tasks and results; it is emptied first.
        function: importable by its name on the executors.

    Yields:
        the results in the order of the tasks, once all are done.

    Raises:
        UsageError: the engine isn't installed, or a setting of it is wrong.
        Unreachable: the cluster can't be reached.
    """
    # Not above: every command imports this module.
    import pyarrow as pa
    import pyarrow.parquet as pq

    from orchestration.lakehouse.engine import spark_tasks

    _check_installed()
    _check_reachable()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        (folder / spark_tasks.FUNCTION).write_bytes(pickle.dumps(function))
        columns = {"position": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks)}
        pq.write_table(pa.table(columns), folder / spark_tasks.TASKS)
        run_child(spark_tasks.__name__, folder)
        yield from _results(folder / spark_tasks.RESULTS)
    finally:
        shutil.rmtree(folder)  # It has what senders wrote.


def _results(folder: Path) -> Iterator[bytes]:
    """Yield the results by position, one in memory at a time."""
    with duckdb.connect() as con:
        found = con.execute(
            "select position, filename from read_parquet(?, filename = true) order by position",
            [str(folder / "*.parquet")],
        ).fetchall()
        for position, file in found:
            [[result]] = con.execute(
                "select result from read_parquet(?) where position = ?", [file, position]
            ).fetchall()
            yield result


def _check_installed() -> None:
    """Raise UsageError unless the packages of the extra ``spark`` are there."""
    for module in ("pyspark", "dbt.adapters.spark"):
        if find_spec(module) is None:
            raise UsageError(_MISSING)


def _check_rules() -> None:
    """Raise UsageError if a cross-check rule divides.

    Engines differ in the type of a quotient of decimals and in what a division by zero is.
    """
    dividing = [rule.rule_id for rule in load_catalogue().rules.values() if rule.divides]
    if dividing:
        raise UsageError(
            f"rules.csv: {', '.join(dividing[:3])}: TONGBAO_ENGINE=spark takes no rule with /: "
            "write a / b <= 2000 as a <= 2000 * b"
        )


def _check_reachable() -> None:
    """Raise Unreachable if nothing listens at ``SPARK_REMOTE``: its client tries for minutes."""
    remote = os.environ.get("SPARK_REMOTE")
    if not remote:
        return
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        host, port = None, 0
    if parts.scheme != "sc" or not host:
        raise UsageError("SPARK_REMOTE must be sc://host:port")
    try:
        socket.create_connection((host, port), timeout=_PATIENCE).close()
    except OSError as error:
        raise Unreachable(
            f"SPARK_REMOTE: no Spark Connect server answers at {host}:{port} ({error})"
        ) from None


def _write_inputs(path: Path, folder: Path) -> None:
    """Write each table that the models read as a Parquet file ``SCHEMA/TABLE.parquet``."""
    with duckdb.connect(str(path), read_only=True) as con:
        for schema, table in con.execute(
            "select schema_name, table_name from duckdb_tables() order by all"
        ).fetchall():
            file = folder / spark_schema(schema) / f"{table}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            con.execute(f"copy {schema}.{table} to {quoted(str(file))} (format parquet)")


def _read_tables(
    settings: Settings, path: Path, folder: Path, tables: dict[str, dict[str, str]]
) -> None:
    """Fill the build file from Spark's Parquet files.

    Columns have the types that the models declare; those of others are Spark's.

    Args:
        tables: ``schema.name`` → column → Spark's type.
    """
    declared = column_types(settings)
    with duckdb.connect(str(path)) as con:
        for name, columns in tables.items():
            schema, _, table = name.partition(".")
            con.execute(f"create schema if not exists {schema}")
            types = {
                column: declared.get((name, column)) or _DUCKDB_TYPES.get(kind, kind)
                for column, kind in columns.items()
            }
            listed = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
            con.execute(f"create table {name} ({listed})")
            files = folder / spark_schema(schema) / table / "*.parquet"
            # Sail writes no file for an empty table.
            if any(files.parent.glob(files.name)):
                con.execute(
                    f"insert into {name} by name select * from read_parquet({quoted(str(files))})"
                )

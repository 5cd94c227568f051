"""Builds on a Spark cluster, or on a server that speaks Spark Connect (Sail).

The build's inputs are written as Parquet into ``HOME/build/spark``, dbt runs in a child process
(``spark_process``), and the tables that Spark wrote as Parquet are read back into the build file.
Every machine of the cluster must see that folder at the same path.

Belongs here: the way of the tables to Spark and back, and starting the child process. Doesn't
belong here: how the cluster is found, which is Spark's own (``SPARK_REMOTE``, or a master).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import TongbaoError, Unreachable, UsageError
from orchestration.core.settings import Settings
from orchestration.lakehouse.attach import quoted
from orchestration.lakehouse.dbt import DBT_PROJECT, DbtNode, column_types, target_folder
from orchestration.lakehouse.engine import spark_process
from orchestration.lakehouse.engine.spark_process import OUTCOME, spark_schema
from orchestration.storage.local_server import die_with_parent

__all__ = ["spark_build"]

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
    outcome = _run_dbt(settings, folder, project)
    _read_tables(settings, path, folder, outcome["tables"])
    shutil.rmtree(folder)
    nodes = [DbtNode(**node) for node in outcome["nodes"]]
    progress(f"spark: {len(outcome['tables'])} tables built, {len(nodes)} nodes of dbt succeeded")
    return nodes


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


def _run_dbt(settings: Settings, folder: Path, project: Path) -> dict[str, Any]:
    """Run dbt in a child process and return its outcome.

    The child's end also ends its Spark session and the settings that dbt-spark is given.

    Raises:
        TongbaoError: of the class and with the message of the error in the child.
    """
    target = target_folder(settings).with_name("dbt-spark")
    done = subprocess.run(
        [sys.executable, "-m", spark_process.__name__, *map(str, (folder, project, target))],
        env=os.environ | {"TONGBAO_SPARK_FOLDER": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=die_with_parent if sys.platform == "linux" else None,
    )
    try:
        outcome: dict[str, Any] = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
    except OSError:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise TongbaoError(f"spark: dbt's process ended with {done.returncode}: {last}") from None
    if "error" in outcome:
        kinds = {each.exit_code: each for each in (TongbaoError, UsageError, Unreachable)}
        raise kinds[outcome["exit_code"]](outcome["error"])
    return outcome


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

"""The process in which dbt runs on Spark: ``python -m … FOLDER PROJECT TARGET``.

Belongs here: the session's settings, the schemas that a build has in the cluster's catalogue, and
the outcome for the parent process. Doesn't belong here: starting this process and what happens to
the tables afterwards (``spark``).
"""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from orchestration.core.errors import TongbaoError, UsageError
from orchestration.lakehouse.build import INPUT_SCHEMAS
from orchestration.lakehouse.dbt import run_build

__all__ = ["OUTCOME", "spark_schema"]

#: The file in the folder with what dbt's nodes did and the tables that Spark has, or the error.
OUTCOME = "outcome.json"
_OUTPUT_SCHEMAS = ("staging", "seeds", "intermediate", "marts", "quality")
_ANSI = "spark.sql.ansi.enabled"


def spark_schema(schema: str) -> str:
    """The name of a schema in the cluster's catalogue, which others may use, too."""
    return f"tongbao_{schema}"


def _session() -> Any:
    """The Spark session, which computes as the models need it.

    Raises:
        UsageError: there is no cluster, it refuses this client, or ANSI can't be turned on.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    client = _client()
    try:
        session = SparkSession.builder.getOrCreate()
        # Timestamps have no zone, and texts with an offset are converted to UTC.
        session.conf.set("spark.sql.session.timeZone", "UTC")
        session.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")
        session.conf.set(_ANSI, "true")
        session.sql("select 1").collect()
    except Exception as error:
        raise UsageError(
            f"SPARK_REMOTE or the master in Spark's settings: no session with {client}, which "
            f"must have the server's version: {_first_line(error)}"
        ) from error
    try:
        # Without ANSI an overflow or a text that is no number would silently become NULL.
        session.sql("select cast('x' as int)").collect()
    except PySparkException:
        return session
    raise UsageError(f"{_ANSI} can't be turned on: the cluster must allow it for the session")


def _client() -> str:
    for package in ("pyspark-client", "pyspark"):
        try:
            return f"{package} {version(package)}"
        except ModuleNotFoundError:
            continue
    return "pyspark"


def _keep_ansi() -> None:
    """dbt-spark turns ANSI off in each statement (``SparkCredentials.__post_init__``)."""
    from dbt.adapters.spark.connections import SparkCredentials

    turn_off = SparkCredentials.__post_init__

    def keep(credentials: SparkCredentials) -> None:
        turn_off(credentials)
        credentials.server_side_parameters[_ANSI] = "true"

    SparkCredentials.__post_init__ = keep


def _drop_schemas(session: Any) -> None:
    """Drop what this build or a killed one has made."""
    for schema in (*INPUT_SCHEMAS, *_OUTPUT_SCHEMAS):
        session.sql(f"drop schema if exists {spark_schema(schema)} cascade")


def _register_inputs(session: Any, folder: Path) -> None:
    """Make the inputs tables of the cluster.

    Raises:
        UsageError: the cluster can't read them.
    """
    from pyspark.errors import PySparkException

    try:
        for file in sorted(folder.glob("*/*.parquet")):
            name = f"{file.parent.name}.{file.stem}"
            session.sql(f"create schema if not exists {file.parent.name}")
            session.sql(f"create table {name} using parquet location '{file}'")
            session.sql(f"select * from {name} limit 0").collect()
    except PySparkException as error:
        raise UsageError(
            f"TONGBAO_HOME: the cluster can't read {folder}, which all its machines must see at "
            f"the same path: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _tables(session: Any, nodes: list[Any]) -> dict[str, dict[str, str]]:
    """``schema.name`` → column → Spark's type, of each seed and each model that is a table."""
    found = {}
    for node in nodes:
        if node.resource_type in {"model", "seed"} and node.config.materialized != "view":
            frame = session.table(f"{node.schema}.{node.name}")
            name = f"{node.schema.removeprefix(spark_schema(''))}.{node.name}"
            found[name] = {field.name: field.dataType.simpleString() for field in frame.schema}
    return found


def _build(folder: Path, project: Path, target: Path) -> dict[str, Any]:
    from pyspark.errors import PySparkException

    session = _session()
    _drop_schemas(session)
    try:
        _register_inputs(session, folder)
        _keep_ansi()
        options = ("--target", "spark", "--no-populate-cache")
        nodes, built = run_build(target, folder, *options, project=project)
        return {"nodes": [asdict(node) for node in nodes], "tables": _tables(session, built)}
    finally:
        with contextlib.suppress(PySparkException):  # The next build drops what is left.
            _drop_schemas(session)


def main(folder: Path, project: Path, target: Path) -> None:
    """Build and write the outcome into the folder.

    Args:
        folder: with the inputs as Parquet; the tables are written into it.
        project: the dbt project.
        target: the folder for dbt's log and its parsed project.
    """
    try:
        outcome = _build(folder, project, target)
    except TongbaoError as error:
        outcome = {"error": str(error), "exit_code": error.exit_code}
    (folder / OUTCOME).write_text(json.dumps(outcome), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

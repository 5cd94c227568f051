"""The process in which dbt runs on Spark: ``python -m … FOLDER PROJECT TARGET``.

Belongs here: the schemas that a build has in the cluster's catalogue, and dbt's settings. Doesn't
belong here: the session (``spark_session``), starting this process and what happens to the tables
afterwards (``spark``).
"""

from __future__ import annotations

import contextlib
import sys
from functools import partial
from pathlib import Path
from typing import Any

from orchestration.core.errors import TongbaoError, UsageError
from orchestration.lakehouse.build import INPUT_SCHEMAS
from orchestration.lakehouse.child_process import write_outcome
from orchestration.lakehouse.dbt_process import run_build
from orchestration.lakehouse.engine.spark_session import explained, first_line, open_session

__all__ = ["spark_schema"]

_OUTPUT_SCHEMAS = ("staging", "seeds", "intermediate", "marts", "quality")
_ANSI = "spark.sql.ansi.enabled"


def spark_schema(schema: str) -> str:
    """The name of a schema in the cluster's catalogue, which others may use, too."""
    return f"tongbao_{schema}"


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
            f"the same path: {first_line(error)}"
        ) from error


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

    session = open_session()
    _drop_schemas(session)
    try:
        _register_inputs(session, folder)
        _keep_ansi()
        options = ("--target", "spark", "--no-populate-cache")
        try:
            nodes, built = run_build(target, folder, *options, project=project)
        except TongbaoError as error:
            raise explained(error) or error from error
        return {"nodes": nodes, "tables": _tables(session, built)}
    finally:
        with contextlib.suppress(PySparkException):  # The next build drops what is left.
            _drop_schemas(session)


def main(folder: Path, project: Path, target: Path) -> None:
    """Build, and write what dbt's nodes did and the tables that Spark has, or the error.

    Args:
        folder: with the inputs as Parquet; the tables are written into it.
        project: the dbt project.
        target: the folder for dbt's log and its parsed project.
    """
    write_outcome(folder, partial(_build, folder, project, target))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

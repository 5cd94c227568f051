"""The Spark session of a child process, and what Spark's errors mean for the user.

Belongs here: the session's settings, and which setting mends an error of the cluster. Doesn't
belong here: how the cluster is found, which is Spark's own (``SPARK_REMOTE``, or a master).
"""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

from orchestration.core.errors import TongbaoError, Unreachable, UsageError

__all__ = ["explained", "first_line", "open_session"]

_ANSI = "spark.sql.ansi.enabled"
#: Most characters of Spark's message that an error repeats: its class and first sentence.
_SHOWN = 300
_MEMORY = (
    "spark.executor.memory: an executor was lost or ran out of memory, and so did its "
    "replacements: give each more memory, or fewer cores"
)
_PYTHON = (
    "PYSPARK_PYTHON: the cluster's workers must have a Python of this version "
    "at that path, with this package installed"
)
#: What an error of Spark contains → the error for the user. Spark names the lost executor's exit
#: code (137: killed by the kernel; 52: ``SparkExitCode.OOM``) only where its worker tells it.
_CAUSES: tuple[tuple[str, type[TongbaoError], str], ...] = (
    (
        r"OutOfMemoryError|ExecutorLostFailure|exit code:? (52|137)\b|"
        # The lost executors had results of an earlier stage.
        r"failed the maximum allowable number of times|MetadataFetchFailed",
        UsageError,
        _MEMORY,
    ),
    (
        r"PYTHON_VERSION_MISMATCH|Cannot run program|Error from python worker|ModuleNotFoundError|"
        r"PACKAGE_NOT_INSTALLED",
        UsageError,
        _PYTHON,
    ),
    (
        # A driver whose master doesn't answer stops its context.
        r"All masters are unresponsive|[Ss]topped SparkContext|context stopped while waiting|"
        r"StatusCode\.UNAVAILABLE",
        Unreachable,
        "SPARK_REMOTE or spark.master: the cluster doesn't answer",
    ),
    (
        r"JAVA_GATEWAY_EXITED",
        UsageError,
        "JAVA_HOME: without SPARK_REMOTE, PySpark starts Java 17, which it doesn't find",
    ),
)


def explained(error: BaseException) -> TongbaoError | None:
    """The error that names the setting to change, or None if the cause isn't known.

    Args:
        error: as Spark, or dbt on Spark, raised it.
    """
    text = str(error)
    for pattern, kind, advice in _CAUSES:
        if re.search(pattern, text):
            return kind(f"{advice} ({first_line(error)})")
    return None


def first_line(error: BaseException) -> str:
    """The first line of an error, without the call of Py4J above and the lines of Java below it."""
    lines = [line.lstrip(": ") for line in str(error).strip().split("\n")]
    own = lines[1:] if lines[0].startswith("An error occurred while calling") else lines
    return (own or lines)[0][:_SHOWN]


def open_session() -> Any:
    """The Spark session, which computes as the models need it.

    Raises:
        UsageError: the cluster refuses this client, or ANSI can't be turned on.
        Unreachable: the cluster doesn't answer.
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
        raise explained(error) or UsageError(
            f"SPARK_REMOTE or the master in Spark's settings: no session with {client}, which "
            f"must have the server's version: {first_line(error)}"
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

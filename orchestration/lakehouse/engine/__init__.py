"""The engines that can read objects, and build a year's marts from the same dbt project.

Belongs here: the choice of the engine, and a module for each one that is not DuckDB. What comes
before (``build``) and after (``commit``) is the same for all of them. Doesn't belong here: SQL that
differs between engines (``dbt_project/macros/dialect.sql``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orchestration.core.settings import Settings
from orchestration.lakehouse.dbt import DBT_PROJECT
from orchestration.lakehouse.engine.spark import run_on_executors, spark_build
from orchestration.lakehouse.recorded import DbtNode, dbt_build

__all__ = ["build_marts", "run_on_executors"]

_ENGINES = {"duckdb": dbt_build, "spark": spark_build}


def build_marts(
    settings: Settings,
    path: Path,
    *,
    project: Path = DBT_PROJECT,
    progress: Callable[[str], None] = lambda _: None,
) -> list[DbtNode]:
    """Build all seeds and models on the engine that ``TONGBAO_ENGINE`` names.

    Args:
        path: the build file with the inputs (``lakehouse.build``); the tables are added to it.
        project: the dbt project, or a copy of it with other seeds.
        progress: called with a line of progress.

    Returns:
        the nodes that dbt ran.

    Raises:
        TongbaoError: a model or a test failed; the message names the first one.
        UsageError: the engine isn't installed, or a setting of it is wrong.
        Unreachable: the engine's cluster can't be reached.
    """
    return _ENGINES[settings.engine](settings, path, project=project, progress=progress)

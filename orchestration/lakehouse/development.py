"""A development database: one year's build that stays, for people who work on the dbt project.

A run deletes its build file after the commit. This one stays in the home, and nothing of it goes to
the lake.

Belongs here: making the database, calling dbt on it with any arguments. Doesn't belong here: the
builds of runs (``build``, ``dbt``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orchestration.core.reporting_calendar import period_of
from orchestration.core.settings import Settings
from orchestration.core.workspace import Progress
from orchestration.lakehouse.attach import writer
from orchestration.lakehouse.build import build_file, prepare_build
from orchestration.lakehouse.dbt import DBT_PROJECT, target_folder
from orchestration.lakehouse.recorded import dbt_build
from orchestration.lakehouse.snapshots import current_snapshot
from orchestration.lakehouse.tables import ensure_tables
from orchestration.storage import Store

__all__ = ["development_database", "run_dbt"]


def _development(settings: Settings) -> Settings:
    """Settings whose build file and dbt target are the development database's."""
    return replace(settings, home=settings.home / "development")


def development_database(
    settings: Settings, store: Store, year: int, *, is_fresh: bool, progress: Progress
) -> Path:
    """Make the development database of a year, with every relation, unless it is there.

    Without a lake it is made from an empty one, so that every model has a relation without rows.

    Args:
        is_fresh: make it again, from the lake as it is now.

    Raises:
        TongbaoError: a model or a test failed; the message names the first one.
    """
    own = _development(settings)
    path, stamp = build_file(own), own.home / "year"
    is_made = path.exists() and stamp.exists() and stamp.read_text("utf-8") == str(year)
    if is_made and not is_fresh:
        return path
    stamp.unlink(missing_ok=True)
    has_lake = settings.catalog_is_postgres or Path(settings.catalog).exists()
    source = settings if has_lake else replace(own, catalog=str(own.home / "catalog.sqlite"))
    progress(f"dbt: making the development database of {year}" + ("" if has_lake else " (empty)"))
    with writer(source, store) as con:
        ensure_tables(con)
        prepare_build(con, own, period_of(year), snapshot_id=current_snapshot(con))
    dbt_build(own, path, progress=progress)
    stamp.write_text(str(year), encoding="utf-8")
    return path


def run_dbt(settings: Settings, path: Path, arguments: Sequence[str]) -> bool:
    """Call dbt on a development database; its output goes to the terminal.

    Args:
        path: the database.
        arguments: dbt's command line, without folders: ``build --select dim_region``.

    Returns:
        whether dbt succeeded.
    """
    from dbt.cli.main import dbtRunner

    target = target_folder(_development(settings))
    os.environ |= {
        "TONGBAO_BUILD_FILE": str(path),
        "DBT_PROJECT_DIR": str(DBT_PROJECT),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    return bool(dbtRunner().invoke(list(arguments)).success)

"""Checks of the catalogue and of the data files that it names.

Belongs here: whether the lake can be opened and is whole. Doesn't belong here: its content.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from orchestration import lakehouse
from orchestration.doctor.findings import Finding, Subject, fault, ok, warning
from orchestration.lakehouse import postgres

__all__ = ["catalogue", "connections", "files"]

#: A run holds three connections and each reader one more; with fewer free ones, the next analyst
#: or the next run is refused.
_FREE_CONNECTIONS = 10
#: Files that are named.
_NAMED = 3


def catalogue(subject: Subject) -> Finding:
    """Whether the catalogue can be read and written."""
    settings = subject.settings
    if settings.catalog_is_postgres:
        postgres.await_catalogue(settings)
        return ok(postgres.shown(settings))
    path = Path(settings.catalog)
    if not path.exists():
        return ok(f"{path} does not exist: 'tongbao intake' creates it")
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK):
        return fault(
            f"{path}: this user can't write it",
            f"run as its owner, or correct the rights of {path.parent}, or set TONGBAO_CATALOG",
            exit_code=4,
        )
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            problem = database.execute("pragma quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        problem = str(error)
    if problem != "ok":
        return fault(
            f"{path}: {problem}",
            lakehouse.way_back(settings),
            exit_code=4,
        )
    return ok(str(path))


def connections(subject: Subject) -> Finding:
    """Connections to PostgreSQL that are still free."""
    if not subject.settings.catalog_is_postgres:
        return ok("a file needs none")
    used, limit = postgres.count_connections(subject.settings)
    seen = f"{used} of {limit} in use"
    if limit - used < _FREE_CONNECTIONS:
        return warning(
            seen,
            "end idle connections (pg_stat_activity names them) or raise max_connections of "
            "PostgreSQL",
        )
    return ok(seen)


def files(subject: Subject) -> Finding:
    """Whether the store has every data file of the catalogue, in the size recorded there.

    One file is read, so that DuckDB's access to the store is tried as well.
    """
    settings = subject.settings
    prefix = f"s3://{settings.lake_bucket}/"
    stored = {
        prefix + info.key: info.size for info in subject.store.list(settings.lake_bucket, "data/")
    }
    if not settings.catalog_is_postgres and not Path(settings.catalog).exists():
        if not stored:
            return ok("there is no lake yet")
        return fault(
            f"{len(stored)} in the bucket {settings.lake_bucket}, and no catalogue "
            f"{settings.catalog} that names them",
            f"check TONGBAO_HOME and TONGBAO_CATALOG. If the catalogue is lost: "
            f"{lakehouse.way_back(settings)}",
        )
    with lakehouse.reader(settings, subject.store) as con:
        recorded = lakehouse.recorded_files(con, settings)
    missing = sorted(set(recorded) - set(stored))
    altered = sorted(path for path in recorded.keys() & stored if recorded[path] != stored[path])
    if missing or altered:
        named = ", ".join(path.removeprefix(prefix) for path in [*missing, *altered][:_NAMED])
        return fault(
            f"{len(missing)} of {len(recorded)} missing, {len(altered)} of another size: {named}",
            f"check TONGBAO_LAKE_BUCKET ({settings.lake_bucket}); 'tongbao lake check' names all. "
            + lakehouse.way_back(settings),
        )
    for path in list(recorded)[:1]:
        with lakehouse.reader(settings, subject.store) as con:
            con.execute("select * from read_parquet(?) limit 1", [path]).fetchall()
    return ok(f"{len(recorded)}, none is missing")

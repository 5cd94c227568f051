"""One DuckDB file of an edition's open data, for people who want a single file.

Belongs here: making the file from the published Parquet files. Doesn't belong here: the statements
(``bulletin.open_data.load_script``).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from orchestration import bulletin
from orchestration.core.errors import TongbaoError, UsageError
from orchestration.core.workspace import Workspace
from orchestration.lakehouse import quoted

__all__ = ["write_database"]


def write_database(ws: Workspace, year: int, number: int | None, path: Path) -> int:
    """Write the file; an existing one is replaced once the new one is complete.

    Args:
        number: of the edition, or None for the newest.

    Returns:
        the edition's number.

    Raises:
        UsageError: there is no such edition.
        TongbaoError: the edition has no script (it was made by an earlier release).
    """
    store, bucket = ws.store, ws.settings.publication_bucket
    latest = bulletin.read_latest(store, bucket, year)
    newest = latest["edition"] if latest else 0
    if not 1 <= (number or 1) <= newest:
        known = f"it has 1 to {newest}" if newest else "nothing is published"
        raise UsageError(f"{year} has no edition {number or 1}: {known}")
    number = number or newest
    prefix = f"editions/{year}/edition-{number}/"
    wanted = [
        info for info in store.list(bucket, prefix + "data/") if info.key.endswith(".parquet")
    ]
    if not store.exists(bucket, prefix + bulletin.LOAD_SCRIPT):
        raise TongbaoError(f"edition {number} of {year} has no {bulletin.LOAD_SCRIPT}")
    script = store.get(bucket, prefix + bulletin.LOAD_SCRIPT).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        folder = Path(name)
        (folder / "data").mkdir()
        for item in store.get_many(bucket, wanted):
            (folder / item.info.key.removeprefix(prefix)).write_bytes(item.body)
        made = folder / "made.duckdb"
        with duckdb.connect(str(made)) as con:
            con.execute(f"set file_search_path = {quoted(str(folder))}")
            con.execute(script)
        made.replace(path)
    return number

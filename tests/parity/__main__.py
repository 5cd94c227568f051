"""Takes in and builds two years here and on Spark, and compares every table both ways, with types.

``make parity`` does it on Sail. ``make parity ENGINE=spark`` does it on a Spark cluster: the first
year through a Spark Connect server, the second by the master, and an executor is killed in the
middle of that build. The last line says how many tables are equal; the exit code is 1 if one
isn't, or if a kind of finding that the models know doesn't occur.

Usage: ``python -m tests.parity [sail|spark]``
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from orchestration import lakehouse, stages
from orchestration.core.reporting_calendar import period_of
from orchestration.core.settings import Settings
from orchestration.demo import generate
from orchestration.lakehouse.dbt import DBT_PROJECT
from orchestration.lakehouse.engine.spark import spark_build
from orchestration.lakehouse.recorded import dbt_build
from orchestration.lakehouse.tables import utc_naive
from tests.fixtures.landing import Landing
from tests.parity.clusters import StandaloneCluster, killed_executor, sail, standalone_cluster
from tests.parity.extremes import MAX_REPORT, write_extremes
from tests.parity.intake import compare_intakes, take_in, write_hostile

#: The first year whose calendar limits how late an object may arrive (``transfer_hours``).
_YEAR = 2026
#: 240 units: each kind of fault of the demo occurs, and both builds take seconds.
_SCALE, _SEED = 0.02, 5
#: After the correction cut-off of the year.
_NOW = datetime(_YEAR + 1, 2, 2, tzinfo=UTC)
#: Listed findings of an object: few, so that objects have more.
_MAX_FINDINGS = 5
#: Bytes for reading an object: few, so that one that takes all of them costs little.
_MAX_MEMORY = 300 * 1024**2
#: Tables of models that Spark has written when an executor is killed: a third of them.
_TABLES_BEFORE_KILL = 20
#: Year and edition. The first year has no year before it; the second is a corrected edition.
_BUILDS = ((_YEAR - 1, 1), (_YEAR, 2))


def _say(line: str) -> None:
    print(line, flush=True)


def _take_in(ws: stages.Workspace, connected: _Connected) -> tuple[int, int]:
    """Take the collection in, here and on the cluster: numbers of tables, and of equal ones."""
    generate(
        ws.store,
        ws.settings,
        year=_YEAR,
        scale=_SCALE,
        seed=_SEED,
        faults="default",
        progress=_say,
    )
    landing = Landing(ws.store, ws.settings.landing_bucket, _YEAR)
    arrivals = write_extremes(landing)
    write_hostile(landing)
    take_in(ws, _YEAR, _say)
    with connected:
        compared = compare_intakes(ws, _YEAR, _say)
    with lakehouse.writer(ws.settings, ws.store) as con:
        _set_arrivals(con, arrivals)
    return compared


def _prepare(ws: stages.Workspace) -> list[Path]:
    """Make a file with the inputs of each build."""
    # The second build reads the marts of the first year.
    stages.transform(ws, _YEAR - 1, run_id="parity", progress=_say)
    made = []
    with lakehouse.writer(ws.settings, ws.store) as con:
        snapshot_id = lakehouse.current_snapshot(con)
        for year, edition in _BUILDS:
            path = lakehouse.prepare_build(
                con, ws.settings, period_of(year), snapshot_id=snapshot_id, edition=edition
            )
            made.append(path.rename(path.with_name(f"inputs-{year}.duckdb")))
    return made


def _set_arrivals(con: duckdb.DuckDBPyConnection, arrivals: Mapping[str, timedelta]) -> None:
    """Date the objects, which all came now: before the cut-off of their year, but for some."""
    for year in (_YEAR - 1, _YEAR):
        early = utc_naive(period_of(year).cutoff_at - timedelta(days=9))
        con.execute("update lake.raw.objects set last_modified = ? where year = ?", [early, year])
    for key, after in arrivals.items():
        con.execute(
            "update lake.raw.objects set last_modified = ? where object_key = ?",
            [utc_naive(period_of(_YEAR).cutoff_at + after), key],
        )


def _build(settings: Settings, inputs: Path, connected: _Connected) -> dict[str, Path]:
    """Build on each engine from the same inputs: engine → build file."""
    built = {}
    path = lakehouse.build_file(settings)
    for name, build in (("duckdb", dbt_build), ("spark", spark_build)):
        shutil.copy(inputs, path)
        with connected if name == "spark" else contextlib.nullcontext():
            build(settings, path, progress=_say)
        built[name] = path.rename(inputs.with_name(f"{inputs.stem}-{name}.duckdb"))
    return built


#: A context in which the environment says how the cluster is reached.
_Connected = contextlib.AbstractContextManager[None]


@contextlib.contextmanager
def _on_sail(_: Settings) -> Iterator[list[_Connected]]:
    """For the intake and each build, the way to Sail."""
    with sail():
        yield [contextlib.nullcontext() for _ in range(1 + len(_BUILDS))]


@contextlib.contextmanager
def _on_spark(settings: Settings) -> Iterator[list[_Connected]]:
    """For the intake and each build, the way to a standalone cluster."""
    with standalone_cluster(settings.home / "cluster") as cluster:
        build_folder = lakehouse.build_file(settings).parent
        yield [cluster.by_master(), cluster.by_connect(), _killing(cluster, build_folder)]


@contextlib.contextmanager
def _killing(cluster: StandaloneCluster, folder: Path) -> Iterator[None]:
    """Reach the cluster by its master, and kill an executor in the middle of the build.

    Args:
        folder: of the build file.
    """

    def is_half_built() -> bool:
        return sum(1 for _ in folder.glob("spark/tongbao_*/*/_SUCCESS")) >= _TABLES_BEFORE_KILL

    with cluster.by_master(), killed_executor(cluster, is_half_built) as killed:
        yield
    if not killed:
        raise AssertionError("no executor was killed")
    _say(f"spark: executor {killed[0]} was killed during the build")


_ENGINES = {"sail": ("Sail", _on_sail), "spark": ("Spark", _on_spark)}


def _differences(con: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """What differs between ``duckdb`` and ``spark``: columns, types, or rows with an example."""
    one, other = (
        con.execute(f"describe {name}.{table}").fetchall() for name in ("duckdb", "spark")
    )
    if one != other:
        return [f"{mine} on DuckDB, {yours} on Spark"
                for mine, yours in zip([e[:2] for e in one], [e[:2] for e in other], strict=False)
                if mine != yours] or ["columns"]  # fmt: skip
    found = []
    for left, right in (("duckdb", "spark"), ("spark", "duckdb")):
        rows = con.execute(f"from {left}.{table} except all from {right}.{table}").fetchall()
        if rows:
            found.append(f"{len(rows)} rows only on {left}, e.g. {rows[0]}")
    return found


def _compare(files: dict[str, Path]) -> tuple[int, int, set[str]]:
    """Compare every table: the number of tables, that of equal ones, and the codes of findings."""
    with duckdb.connect() as con:
        for name, path in files.items():
            con.execute(f"attach '{path}' as {name} (read_only)")
        tables = con.execute(
            "select distinct schema_name || '.' || table_name from duckdb_tables() "
            "where database_name = 'duckdb' order by all"
        ).fetchall()
        differing = 0
        for (table,) in tables:
            differences = _differences(con, table)
            differing += bool(differences)
            for each in differences:
                _say(f"{table}: {each}")
        codes = con.execute(
            "select code from duckdb.intermediate.int_findings "
            "union select code from duckdb.quality.submission_errors"
        ).fetchall()
    return len(tables), len(tables) - differing, {code for (code,) in codes}


def _known_codes() -> set[str]:
    """The codes of findings that the models write."""
    texts = (path.read_text(encoding="utf-8") for path in (DBT_PROJECT / "models").rglob("*.sql"))
    return {code for text in texts for code in re.findall(r"'([ESW]\d{3})'", text)}


def main(arguments: Sequence[str]) -> int:
    """Run the comparison and return the exit code."""
    engine, connect = _ENGINES[arguments[0] if arguments else "sail"]
    codes: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = Settings(
            home=home,
            catalog=str(home / "catalog.sqlite"),
            fixed_now=_NOW,
            max_attachment_bytes=MAX_REPORT,
            max_findings=_MAX_FINDINGS,
            max_object_memory=_MAX_MEMORY,
        )
        with connect(settings) as (intake, *builds):
            with stages.open_workspace(settings) as ws:
                tables, equal = _take_in(ws, intake)
                inputs = _prepare(ws)
            for path, connected in zip(inputs, builds, strict=True):
                of_build = _compare(_build(settings, path, connected))
                tables, equal = tables + of_build[0], equal + of_build[1]
                codes |= of_build[2]
    missing = sorted(_known_codes() - codes)
    if missing:
        _say(f"findings that don't occur: {', '.join(missing)}")
    _say(f"parity: {equal} of {tables} tables are equal on DuckDB and {engine}")
    return int(equal < tables or bool(missing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Runs dbt in this process on the build file.

Belongs here: the call without output to the terminal, the seeds as tables, made and tested once for
a state of the project, the one-line error when a model or a test fails, and what other modules need
from dbt's manifest. dbt is imported when it is called, because
the import takes seconds. Doesn't belong here: the models (``dbt_project``).
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from orchestration.core.errors import TongbaoError
from orchestration.core.machine import usable_cores
from orchestration.core.settings import PROJECT_ROOT, Settings
from orchestration.core.versions import dbt_project_version
from orchestration.lakehouse.attach import quoted
from orchestration.lakehouse.build import BUILD_FILE, build_file
from orchestration.lakehouse.commit import Descriptions, LakeTable

__all__ = [
    "DBT_PROJECT",
    "DbtNode",
    "column_types",
    "dbt_build",
    "dbt_manifest",
    "lake_descriptions",
    "lake_tables",
    "parse_for_all_homes",
    "run_build",
    "target_folder",
]

#: Models that dbt builds at a time: one a core, and at least two, so that dbt compiles one while
#: the database builds the other.
_LEAST_THREADS = 2

DBT_PROJECT = PROJECT_ROOT / "dbt_project"


@dataclass(frozen=True)
class DbtNode:
    """One node that dbt ran.

    Attributes:
        unique_id: its unique id in dbt, such as ``model.tongbao.dim_region``.
        status: ``success``, ``pass``, ``warn``, ``error``, ``fail`` or ``skipped``.
        seconds: its execution time.
        failures: the number of failing rows of a test, or None.
    """

    unique_id: str
    status: str
    seconds: float
    failures: int | None


def target_folder(settings: Settings) -> Path:
    """The folder for dbt's parsed project and results: in the home, not in the checkout."""
    # Resolved, so that homes that link to the same folder share one entry of _parsed.
    return (settings.home / "dbt").resolve()


#: Where an installation keeps the parsed project for all its homes (``parse_for_all_homes``).
#: A home that finds it there, made from the same files, doesn't parse.
_INSTALLED = DBT_PROJECT / "target"
_STAMP, _MANIFEST = "parsed_version", "manifest.json"

#: Folder → the manifest that this process has parsed or loaded. A build that gets a manifest
#: doesn't compare the project again (dbt docs, "Programmatic invocations", "Reusing objects").
_parsed: dict[Path, Any] = {}


def _invoke(
    target: Path,
    build_file: Path,
    *command: str,
    project: Path = DBT_PROJECT,
    manifest: Any = None,
) -> Any:
    """Call dbt; its log goes to a file in the target folder, nothing to the terminal."""
    os.environ["TONGBAO_BUILD_FILE"] = str(build_file)
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    from dbt.cli.main import dbtRunner

    return dbtRunner(manifest=manifest).invoke(
        [
            *("--quiet", "--no-use-colors", "--no-version-check"),
            *("--no-send-anonymous-usage-stats", "--log-level", "none"),
            *("--log-path", str(target)),
            *command,
            *("--project-dir", str(project), "--profiles-dir", str(project)),
            *("--target-path", str(target)),
        ]
    )


def _close_build_file() -> None:
    """Close the build file, which dbt-duckdb keeps open until the process ends."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    with DuckDBConnectionManager._LOCK:
        if DuckDBConnectionManager._ENV is not None:
            DuckDBConnectionManager._ENV.close()
            DuckDBConnectionManager._ENV = None


def _is_current(folder: Path) -> bool:
    """Whether a folder was made from the project's present files by this dbt."""
    stamp = folder / _STAMP
    return stamp.exists() and stamp.read_text(encoding="utf-8") == _stamp()


def _stamp() -> str:
    return f"{dbt_project_version()} dbt-core {version('dbt-core')}"


def _make_once(folder: Path, make: Callable[[], None]) -> None:
    """Make the content of a folder, unless it is current; one process at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    # After a change of the code, several processes (Dagster's, the tests' workers) come at once.
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current(folder):
            # A killed process leaves incomplete files; the stamp is written after whole ones.
            (folder / _STAMP).unlink(missing_ok=True)
            make()
            (folder / _STAMP).write_text(_stamp(), encoding="utf-8")


def _parse(folder: Path, build_file: Path) -> None:
    """Parse the project into a folder, unless this is done.

    Raises:
        TongbaoError: the project can't be parsed.
    """

    def parse() -> None:
        result = _invoke(folder, build_file, "parse")
        if not result.success:
            raise TongbaoError(f"dbt: the project can't be parsed: {result.exception}")
        _parsed[folder] = result.result

    _make_once(folder, parse)


def parse_for_all_homes() -> None:
    """Parse the project and load its seeds once for an installation.

    A setup or the build of an image calls it.

    Raises:
        TongbaoError: the project can't be parsed, or a test of a seed failed.
    """
    _parse(_INSTALLED, _INSTALLED / BUILD_FILE)
    _load_seeds(_INSTALLED, _loaded(_INSTALLED))


def _parsed_folder(settings: Settings) -> Path:
    """The folder with the parsed project: the installation's, or the home's, parsed if need be."""
    if _is_current(_INSTALLED):
        return _INSTALLED
    folder = target_folder(settings)
    _parse(folder, build_file(settings))
    return folder


def dbt_manifest(settings: Settings) -> Path:
    """The path of dbt's manifest; parses the project first if its files have changed.

    Raises:
        TongbaoError: the project can't be parsed.
    """
    return _parsed_folder(settings) / _MANIFEST


def _manifest(settings: Settings) -> Any:
    """The parsed project as dbt takes it, loaded once a process."""
    return _loaded(_parsed_folder(settings))


def _loaded(folder: Path) -> Any:
    if folder not in _parsed:
        from dbt.constants import PARTIAL_PARSE_FILE_NAME
        from dbt.contracts.graph.manifest import Manifest
        from dbt.parser.manifest import extended_mashumuro_decoder

        body = (folder / PARTIAL_PARSE_FILE_NAME).read_bytes()
        manifest = Manifest.from_msgpack(body, decoder=extended_mashumuro_decoder)
        manifest.build_flat_graph()
        # The manifest stays to the end of the process: the collector needn't walk it again and
        # again (7 % of a build's CPU).
        gc.freeze()
        _parsed[folder] = manifest
    return _parsed[folder]


#: The seeds of a project as a database, and what dbt ran for it. Only the project's files decide
#: them, so a build copies them: a third of dbt's nodes are seeds and tests of seeds.
_SEEDS, _SEED_NODES = "seeds", "nodes.json"
#: The seeds, and the tests that read nothing else.
_ALL_SEEDS = ("config.materialized:seed", "--indirect-selection", "cautious")


def _load_seeds(folder: Path, manifest: Any) -> None:
    """Load and test the seeds in a folder of the parsed project, unless this is done.

    Raises:
        TongbaoError: a seed can't be loaded, or a test of one failed.
    """
    seeds = folder / _SEEDS

    def load() -> None:
        for leftover in seeds.glob(BUILD_FILE + "*"):
            leftover.unlink()
        try:
            nodes, _ = run_build(
                folder, seeds / BUILD_FILE, "--select", *_ALL_SEEDS, manifest=manifest
            )
        finally:
            _close_build_file()
        record = json.dumps([asdict(node) for node in nodes])
        (seeds / _SEED_NODES).write_text(record, encoding="utf-8")

    _make_once(seeds, load)


def _copy_seeds(settings: Settings, path: Path, manifest: Any) -> list[DbtNode]:
    """Copy the seeds' tables into the build file; return what dbt ran to make them."""
    folder = _INSTALLED
    # An installation's folder may belong to another user: nothing is written into it.
    if not _is_current(folder / _SEEDS):
        folder = target_folder(settings)
        _load_seeds(folder, manifest)
    with duckdb.connect() as con:
        con.execute(f"attach {quoted(str(path))} as build")
        con.execute(f"attach {quoted(str(folder / _SEEDS / BUILD_FILE))} as made (read_only)")
        names = "select schema_name, table_name from duckdb_tables() where database_name = 'made'"
        for schema, name in con.execute(names).fetchall():
            con.execute(f"create schema if not exists build.{schema}")
            con.execute(f"create table build.{schema}.{name} as from made.{schema}.{name}")
    record = json.loads((folder / _SEEDS / _SEED_NODES).read_text(encoding="utf-8"))
    return [DbtNode(**node) for node in record]


def dbt_build(
    settings: Settings,
    path: Path,
    *,
    project: Path = DBT_PROJECT,
    progress: Callable[[str], None] = lambda _: None,
) -> list[DbtNode]:
    """Load the seeds, build the models and run the data tests on the build file.

    Args:
        path: the build file.
        project: the dbt project, or a copy of it with other seeds.
        progress: called with a line of progress.

    Raises:
        TongbaoError: a model or a test failed; the message names the first one.
    """
    nodes: list[DbtNode] = []
    options: tuple[str, ...] = ()
    manifest = None
    # A copy of the project, with other seeds, is parsed and built for itself.
    if project == DBT_PROJECT:
        manifest = _manifest(settings)
        nodes = _copy_seeds(settings, path, manifest)
        options = ("--exclude", *_ALL_SEEDS)
    try:
        built, _ = run_build(
            target_folder(settings), path, *options, project=project, manifest=manifest
        )
    finally:
        _close_build_file()
    nodes += built
    models = sum(1 for node in nodes if node.unique_id.startswith("model."))
    tests = sum(1 for node in nodes if node.unique_id.startswith("test."))
    progress(f"dbt: {models} models built, {tests} tests passed")
    return nodes


def run_build(
    target: Path,
    path: Path,
    *options: str,
    project: Path = DBT_PROJECT,
    manifest: Any = None,
) -> tuple[list[DbtNode], list[Any]]:
    """Call ``dbt build``.

    Args:
        target: the folder for dbt's log and, without a manifest, its parsed project.
        path: the build file.
        options: more of dbt's command line.

    Returns:
        what was run, and the same nodes as dbt describes them.

    Raises:
        TongbaoError: a model or a test failed; the message names the first one.
    """
    # Only the parse writes the manifest: a build on a full disk would leave half a file.
    only = ("--no-write-json", "--exclude-resource-type", "unit_test")
    threads = ("--threads", str(max(_LEAST_THREADS, usable_cores())))
    result = _invoke(
        target, path, "build", *only, *threads, *options, project=project, manifest=manifest
    )
    executed: Any = result.result
    if executed is None or not hasattr(executed, "results"):
        reason = " ".join(str(result.exception or "dbt did not start").split())[:500]
        raise TongbaoError(f"dbt: {reason} (see {target / 'dbt.log'})")
    nodes = [
        DbtNode(r.node.unique_id, str(r.status), float(r.execution_time), r.failures)
        for r in executed.results
    ]
    bad = [r for r in executed.results if str(r.status) in {"error", "fail", "runtime error"}]
    if bad:
        first = bad[0]
        message = " ".join(str(first.message).split())[:400]
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise TongbaoError(
            f"dbt: {first.node.unique_id} failed{more}: {message} (see {target / 'dbt.log'})"
        )
    return nodes, [each.node for each in executed.results]


def column_types(settings: Settings) -> dict[tuple[str, str], str]:
    """(qualified table name, column name) → the type that the model declares for it."""
    return {
        (f"{node['schema']}.{node['name']}", column["name"]): column["data_type"]
        for node in _read_manifest(settings)["nodes"].values()
        for column in node["columns"].values()
        if column["data_type"]
    }


def lake_tables(settings: Settings) -> list[LakeTable]:
    """The models that are committed to the lake, with their grain, from dbt's manifest."""
    return [
        LakeTable(node["schema"], node["name"], tuple(node["config"]["meta"]["grain"]))
        for node in _lake_models(_read_manifest(settings))
    ]


def lake_descriptions(settings: Settings) -> Descriptions:
    """Descriptions of the lake's tables and columns, from dbt's manifest.

    Tables that dbt builds are described as models, tables that Python writes as sources.
    """
    manifest = _read_manifest(settings)
    described = [*_lake_models(manifest), *manifest["sources"].values()]
    return {
        (f"{node['schema']}.{node['name']}", column): description
        for node in described
        for column, description in [
            ("", node["description"]),
            *((name, each["description"]) for name, each in node["columns"].items()),
        ]
    }


def _read_manifest(settings: Settings) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(dbt_manifest(settings).read_text(encoding="utf-8"))
    return manifest


def _lake_models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The models with ``meta.lake``, by schema and name."""
    models = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["meta"].get("lake")
    ]
    return sorted(models, key=lambda node: (node["schema"], node["name"]))

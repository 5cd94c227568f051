"""The parsed dbt project of a home, and what other modules need from dbt's manifest.

dbt runs in child processes (``dbt_process``), once for a state of the project: it parses the
project, and it builds once without submissions, so that its statements can be run for each year
(``recorded``).

Belongs here: the folders of what dbt made, whether they are current, and the manifest. Doesn't
belong here: the models (``dbt_project``).
"""

from __future__ import annotations

import fcntl
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from orchestration.core.settings import PROJECT_ROOT, Settings
from orchestration.core.versions import dbt_project_version, digest_of
from orchestration.lakehouse import dbt_process
from orchestration.lakehouse.child_process import run_child
from orchestration.lakehouse.commit import Descriptions, LakeTable

__all__ = [
    "DBT_PROJECT",
    "column_types",
    "dbt_manifest",
    "lake_descriptions",
    "lake_tables",
    "prepare_for_all_homes",
    "recording_folder",
    "target_folder",
]

DBT_PROJECT = PROJECT_ROOT / "dbt_project"

#: Where an installation keeps what dbt made, for all its homes (``prepare_for_all_homes``). A home
#: that finds it there, made from the same files, doesn't call dbt.
_INSTALLED = DBT_PROJECT / "target"
_STAMP, _MANIFEST = "made_from", "manifest.json"
#: The folder with the recorded build, below that of the parsed project.
_RECORDED = "recorded"


def target_folder(settings: Settings) -> Path:
    """The folder for what dbt makes: in the home, not in the checkout."""
    return settings.home / "dbt"


#: The files that decide which columns the models find in the build file.
_INPUTS = [
    "orchestration/core/document_types.py",
    "orchestration/lakehouse/build.py",
    "orchestration/lakehouse/received.py",
    "orchestration/lakehouse/tables.py",
]


def _stamp(project: Path) -> str:
    made_by = (f"{name} {version(name)}" for name in ("dbt-core", "dbt-duckdb"))
    return " ".join([dbt_project_version(project), digest_of(_INPUTS), *made_by])


def _is_current(folder: Path, project: Path) -> bool:
    """Whether a folder was made from the present files by this dbt."""
    stamp = folder / _STAMP
    return stamp.exists() and stamp.read_text(encoding="utf-8") == _stamp(project)


def _make_once(folder: Path, command: str, project: Path) -> None:
    """Let dbt make the content of a folder, unless it is current; one process at a time.

    Args:
        command: of ``dbt_process``.

    Raises:
        TongbaoError: dbt failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # After a change of the code, several processes (Dagster's, the tests' workers) come at once.
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current(folder, project):
            # A killed process leaves incomplete files; the stamp is written after whole ones.
            (folder / _STAMP).unlink(missing_ok=True)
            run_child(dbt_process.__name__, folder, command, str(project))
            (folder / _STAMP).write_text(_stamp(project), encoding="utf-8")


def prepare_for_all_homes() -> None:
    """Parse the project and record a build once for an installation.

    A setup or the build of an image calls it.

    Raises:
        TongbaoError: the project can't be parsed, or a model, a seed or a test failed.
    """
    _make_once(_INSTALLED, "parse", DBT_PROJECT)
    _make_once(_INSTALLED / _RECORDED, "record", DBT_PROJECT)


def dbt_manifest(settings: Settings) -> Path:
    """The path of dbt's manifest; parses the project first if its files have changed.

    Raises:
        TongbaoError: the project can't be parsed.
    """
    # An installation's folder may belong to another user: nothing is written into it.
    folder = _INSTALLED
    if not _is_current(folder, DBT_PROJECT):
        folder = target_folder(settings)
        _make_once(folder, "parse", DBT_PROJECT)
    return folder / _MANIFEST


def recording_folder(settings: Settings, project: Path) -> Path:
    """The folder with the recorded build of a project (``dbt_process.RECORDING``).

    Raises:
        TongbaoError: a model, a seed or a test failed.
    """
    folder = _INSTALLED / _RECORDED
    if project != DBT_PROJECT or not _is_current(folder, project):
        folder = target_folder(settings) / _RECORDED
        _make_once(folder, "record", project)
    return folder


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

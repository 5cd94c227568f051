"""The process in which dbt runs: ``python -m … FOLDER parse|record PROJECT``.

dbt is imported in child processes only: its import takes seconds, and dbt-duckdb keeps its database
open until the process ends.

Belongs here: the call without output to the terminal, the one-line error when a model or a test
fails, and reading from dbt's results what a build runs (:func:`record`). Doesn't belong here:
running it for a year (``recorded``) and the models (``dbt_project``).
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from orchestration.core.errors import TongbaoError
from orchestration.core.machine import usable_cores
from orchestration.lakehouse.build import BUILD_FILE, make_empty_build
from orchestration.lakehouse.child_process import write_outcome

__all__ = ["LEAST_THREADS", "RECORDING", "run_build"]

#: Models that are built at a time: one a core, and at least two, so that one is planned while
#: another is built.
LEAST_THREADS = 2

#: The file with what a build runs, in the folder that :func:`record` fills; the seeds are in the
#: build file beside it.
RECORDING = "recording.json"


def _invoke(target: Path, build_file: Path, *command: str, project: Path) -> Any:
    """Call dbt; its log goes to a file in the target folder, nothing to the terminal."""
    os.environ["TONGBAO_BUILD_FILE"] = str(build_file)
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    from dbt.cli.main import dbtRunner

    return dbtRunner().invoke(
        [
            *("--quiet", "--no-use-colors", "--no-version-check"),
            *("--no-send-anonymous-usage-stats", "--log-level", "none"),
            *("--log-path", str(target)),
            *command,
            *("--project-dir", str(project), "--profiles-dir", str(project)),
            *("--target-path", str(target)),
        ]
    )


def run_build(
    target: Path, path: Path, *options: str, project: Path
) -> tuple[list[dict[str, Any]], list[Any]]:
    """Call ``dbt build``.

    Args:
        target: the folder for dbt's log and its parsed project.
        path: the build file.
        options: more of dbt's command line.

    Returns:
        what was run (the fields of ``recorded.DbtNode``), and the same nodes as dbt describes them.

    Raises:
        TongbaoError: a model or a test failed; the message names the first one.
    """
    # Only the parse writes the manifest: a build on a full disk would leave half a file.
    only = ("--no-write-json", "--exclude-resource-type", "unit_test")
    threads = ("--threads", str(max(LEAST_THREADS, usable_cores())))
    result = _invoke(target, path, "build", *only, *threads, *options, project=project)
    executed: Any = result.result
    if executed is None or not hasattr(executed, "results"):
        reason = " ".join(str(result.exception or "dbt did not start").split())[:500]
        raise TongbaoError(f"dbt: {reason} (see {target / 'dbt.log'})")
    bad = [r for r in executed.results if str(r.status) in {"error", "fail", "runtime error"}]
    if bad:
        first = bad[0]
        message = " ".join(str(first.message).split())[:400]
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise TongbaoError(
            f"dbt: {first.node.unique_id} failed{more}: {message} (see {target / 'dbt.log'})"
        )
    nodes = [
        {
            "unique_id": r.node.unique_id,
            "status": str(r.status),
            "seconds": float(r.execution_time),
            "failures": r.failures,
        }
        for r in executed.results
    ]
    return nodes, [each.node for each in executed.results]


def _parse(folder: Path, project: Path) -> None:
    """Parse the project into a folder.

    Raises:
        TongbaoError: the project can't be parsed.
    """
    result = _invoke(folder, folder / BUILD_FILE, "parse", project=project)
    if not result.success:
        raise TongbaoError(f"dbt: the project can't be parsed: {result.exception}")


def _record(folder: Path, project: Path) -> None:
    """Build without submissions, and write the statements that dbt ran.

    The seeds stay in the folder's build file. They and their tests need not be run again.

    Raises:
        TongbaoError: a model, a seed or a test failed.
    """
    path = make_empty_build(folder / "made" / BUILD_FILE)
    nodes, built = run_build(folder, path, project=project)
    of_seeds: list[dict[str, Any]] = []
    of_models: list[dict[str, Any]] = []
    for ran, node in zip(nodes, built, strict=True):
        if node.resource_type not in {"seed", "model", "test"}:
            continue
        parents = [each for each in node.depends_on_nodes if each.startswith("model.")]
        if node.resource_type != "model" and not parents:
            of_seeds.append(ran)
            continue
        of_models.append(
            {
                "unique_id": node.unique_id,
                "sql": Path(node.build_path).read_text(encoding="utf-8"),
                "parents": parents,
                "is_test": node.resource_type == "test",
                "only_warns": str(node.config.get("severity", "error")).lower() == "warn",
            }
        )
    recording = {
        "settings": _duckdb_settings(project),
        "schemas": sorted({n.schema for n in built if n.resource_type in {"seed", "model"}}),
        "seeds": of_seeds,
        "statements": of_models,
    }
    (folder / RECORDING).write_text(json.dumps(recording), encoding="utf-8")


def _duckdb_settings(project: Path) -> dict[str, Any]:
    """The settings of DuckDB that the project's profile has."""
    profiles = yaml.safe_load((project / "profiles.yml").read_text(encoding="utf-8"))
    settings: dict[str, Any] = profiles["tongbao"]["outputs"]["build"]["settings"]
    return settings


_COMMANDS = {"parse": _parse, "record": _record}


def main(folder: Path, command: str, project: Path) -> None:
    """Run a command; the outcome says whether it failed.

    Args:
        folder: for dbt's log and what the command makes.
        project: the dbt project.
    """
    write_outcome(folder, partial(_COMMANDS[command], folder, project))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))

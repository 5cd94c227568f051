"""Child processes that run a module of the project and report what it returned.

Belongs here: the file with the outcome, its writer and its reader. Doesn't belong here: what the
child does (``dbt_process``, ``engine.spark_process``, ``engine.spark_tasks``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestration.core.errors import TongbaoError, error_with
from orchestration.storage.local_server import die_with_parent

__all__ = ["OUTCOME", "run_child", "write_outcome"]

#: The file in the folder with what the child returns, or its error.
OUTCOME = "outcome.json"


def write_outcome(folder: Path, function: Callable[[], Any]) -> None:
    """Write what a function returns or the ``TongbaoError`` that it raises."""
    try:
        outcome = {"result": function()}
    except TongbaoError as error:
        outcome = {"error": str(error), "exit_code": error.exit_code}
    (folder / OUTCOME).write_text(json.dumps(outcome), encoding="utf-8")


def run_child(
    module: str, folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> Any:
    """Run a module in a child process.

    Args:
        module: called as ``python -m MODULE FOLDER ARGUMENTS…``; it calls :func:`write_outcome`.
        folder: for the outcome; it exists.
        environ: variables besides those of this process.

    Returns:
        what the child's function returns.

    Raises:
        TongbaoError: of the class and with the message of the error in the child.
    """
    (folder / OUTCOME).unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", module, str(folder), *arguments],
        env=os.environ | (environ or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=die_with_parent if sys.platform == "linux" else None,
    )
    try:
        outcome: dict[str, Any] = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
    except OSError:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        name = module.rpartition(".")[2]
        raise TongbaoError(f"{name} ended with {done.returncode}: {last}") from None
    if "error" in outcome:
        raise error_with(outcome["exit_code"], outcome["error"])
    return outcome["result"]

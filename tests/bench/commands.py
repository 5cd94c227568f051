"""Runs commands as processes of their own and measures them, for all parts of the benchmark.

Belongs here: the cost of a command and how it is printed. Doesn't belong here: what is measured
(the other modules).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TONGBAO", "Cost", "run", "say", "show"]

#: The command of this environment.
TONGBAO = str(Path(sys.executable).parent / "tongbao")
_LINE = re.compile(r"\[\s*([\d.]+)s\] (intake|transform|dbt|receipts|gate|publish)\b")
_STAGE_OF = {"dbt": "transform", "receipts": "transform"}


@dataclass
class Cost:
    """The cost of a command.

    Attributes:
        wall, cpu: in seconds.
        peak: maximum resident memory in megabytes.
        out, err: its output.
    """

    wall: float
    cpu: float
    peak: float
    out: str
    err: str

    def stages(self) -> dict[str, float]:
        """Stage → seconds, from the times of progress lines; ``start`` is before the first line."""
        found: dict[str, float] = {}
        last = 0.0
        for match in _LINE.finditer(self.err):
            at, name = float(match.group(1)), match.group(2)
            stage = _STAGE_OF.get(name, name)
            if not found:
                # The first line comes after the imports and the listing.
                found["start"], last = at, at
                continue
            found[stage] = found.get(stage, 0.0) + at - last
            last = at
        return found

    def since(self, name: str) -> float:
        """Seconds from the first progress line of a stage to the last line of the command."""
        lines = [(match.group(2), float(match.group(1))) for match in _LINE.finditer(self.err)]
        return lines[-1][1] - next(at for stage, at in lines if stage == name)


def run(
    command: Sequence[str], environment: dict[str, str], carried_out: Collection[int] = (0,)
) -> Cost:
    """Run a command; any other exit code than those of ``carried_out`` ends the benchmark."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.monotonic()
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=out, stderr=err, text=True
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        cost = Cost(
            wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out.read(), err.read()
        )
    if process.returncode not in carried_out:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{cost.err[-2000:]}")
    return cost


def say(text: str = "") -> None:
    print(text, flush=True)


def show(name: str, cost: Cost) -> None:
    say(f"  {name:<44}{cost.wall:8.1f} s wall{cost.cpu:8.1f} s CPU{cost.peak:8.0f} MB peak")

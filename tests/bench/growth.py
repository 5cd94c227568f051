"""Growth: the cost and peak memory of each stage at several sizes of the nation.

    python -m tests.bench --scale 1,3,10,30
    python -m tests.bench --scale 100 --no-reports

Each size is a bulk demo in a home of its own, which is deleted before the next size. CPU seconds
are compared, not wall time: another process on the machine doesn't change them much.

Belongs here: the measurement and the exponent of growth. Doesn't belong here: what to do at which
size (``infra/growth.md``).
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from orchestration import stages
from orchestration.core.settings import Settings
from orchestration.defs.serve import store_environment
from tests.bench.commands import TONGBAO, Cost, run, say, show

__all__ = ["exponent", "measure"]

YEAR = 2024
#: The stages of a run that depend on the size of the nation and not on the number of documents
#: printed, which is the same for every nation.
_STAGES = ("intake", "transform", "gate")
#: Exit codes of a stage that was carried out: done, and the gate blocks (contract, section 3).
_CARRIED_OUT = (0, 3)
#: Units of a nation (contract, section 3).
_UNITS = 12_000


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The exponent e in ``cost = c * size ** e``, by least squares.

    1 means that twice the size costs twice as much; a fixed cost makes it smaller.
    """
    x = [math.log(size) for size in sizes]
    y = [math.log(cost) for cost in costs]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((each - mean_x) ** 2 for each in x)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread


def measure(
    folder: Path,
    sizes: Sequence[float],
    *,
    reports: bool,
) -> None:
    """Measure every size and print the costs and the exponents.

    Args:
        folder: for the homes; a nation takes about 0.4 GB with its report files.
        sizes: in nations of 12,000 units, the smallest first.
        reports: whether the units have report files, each an object of its own.
    """
    costs: dict[str, list[Cost]] = {stage: [] for stage in _STAGES}
    for size in sizes:
        home = folder / f"nations-{size:g}"
        settings = Settings(home=home, catalog=str(home / "catalog.sqlite"))
        with stages.open_workspace(settings) as ws:
            environment = store_environment(settings, ws.store)
            options = ["--scale", f"{size:g}", "--bulk", *(() if reports else ("--no-reports",))]
            demo = run([TONGBAO, "demo", "--year", str(YEAR), *options], environment)
            say(f"{size:g} nations: {demo.out.strip().split(';')[0]}")
            show("tongbao demo --bulk", demo)
            for stage in _STAGES:
                cost = run(
                    [TONGBAO, stage, "--year", str(YEAR)], environment, carried_out=_CARRIED_OUT
                )
                show(f"tongbao {stage}", cost)
                costs[stage].append(cost)
        shutil.rmtree(home)
    if len(sizes) > 1:
        _compare(sizes, costs)


def _compare(sizes: Sequence[float], costs: dict[str, list[Cost]]) -> None:
    say(f"from {sizes[0]:g} to {sizes[-1]:g} nations")
    added = (sizes[-1] - sizes[0]) * _UNITS
    for stage, measured in costs.items():
        first, last = measured[0], measured[-1]
        cpu = exponent(sizes, [each.cpu for each in measured])
        peak = exponent(sizes, [each.peak for each in measured])
        say(
            f"  {stage:<10} CPU ~ size^{cpu:.2f}, peak memory ~ size^{peak:.2f}; a further unit "
            f"takes {1000 * (last.cpu - first.cpu) / added:.2f} ms CPU and "
            f"{1024 * (last.peak - first.peak) / added:.1f} KB"
        )

"""The ``quality/`` folder of an edition.

Belongs here: which files it has. Doesn't belong here: their content (``report``, ``data_docs``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orchestration.gate import data_docs, report
from orchestration.gate.decision import GateDecision

__all__ = ["write_docs"]


def write_docs(
    decision: GateDecision,
    directory: Path,
    take: Callable[[str, str], bytes | None] = lambda _path, _digest: None,
) -> list[Path]:
    """Write the folder: the report, every failing row as CSV, Great Expectations' Data Docs.

    The bytes depend on what was judged alone, not on the run or the clock.

    Args:
        take: asked for a page of Data Docs, with its path below ``quality/`` and a digest of
            what it is made from, before it is made: an older page made from the same, if any.

    Returns:
        the files written, sorted.
    """
    directory.mkdir(parents=True, exist_ok=True)
    index, rows = directory / "index.html", directory / "failing_rows.csv"
    index.write_bytes(report.render(decision))
    rows.write_bytes(report.failing_rows(decision))
    return sorted([index, rows, *data_docs.write(decision, directory / "data_docs", take)])

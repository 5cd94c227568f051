"""Writes the ``quality/`` folder of an edition.

Belongs here: the list of its files. Doesn't belong here: their content (``report``,
``data_docs``).
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
    find_unchanged: Callable[[str, str], bytes | None] = lambda _path, _digest: None,
) -> list[Path]:
    """Write the folder: the report, all failing rows as CSV, Great Expectations' Data Docs.

    The bytes depend only on what was judged, not on the run or the clock.

    Args:
        decision: the decision to document.
        directory: the folder, which is created.
        find_unchanged: called with the path of a page of Data Docs below ``quality/`` and a digest
            of its inputs; returns an existing page with the same digest, or None.

    Returns:
        the paths of the files, sorted.
    """
    directory.mkdir(parents=True, exist_ok=True)
    index, rows = directory / "index.html", directory / "failing_rows.csv"
    index.write_bytes(report.render(decision))
    rows.write_bytes(report.failing_rows(decision))
    docs = data_docs.write(decision, directory / "data_docs", find_unchanged)
    return sorted([index, rows, *docs])

"""The memory that limits are derived from: the machine's, or the container's where that is less."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.core.machine import usable_memory


def test_without_a_container_it_is_the_memory_of_the_machine(tmp_path: Path) -> None:
    assert usable_memory(tmp_path / "missing") > 2**28


@pytest.mark.parametrize("text", ["max\n", f"{2**60}\n"])
def test_a_limit_that_limits_nothing_changes_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "memory.max").write_text(text)
    assert usable_memory(tmp_path / "memory.max") == usable_memory(tmp_path / "missing")


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("134217728\n")
    assert usable_memory(tmp_path / "memory.max") == 2**27

"""The fuzzer finds nothing in a quarter of a minute a format, from a corpus of valid files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_formats import SEEDS

#: A quarter of a minute a format.
pytestmark = pytest.mark.slow

#: Seconds a format: long enough for some thousand inputs, short enough for every run of the tests.
_SECONDS = 12


@pytest.mark.parametrize("extension", ["json", "csv", "xlsx"])
def test_nothing_is_found(extension: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this version of Python")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "valid").write_bytes(SEEDS[extension])
    done = subprocess.run(
        [
            # The most memory that a process ever had is kept when it becomes another (getrusage(2),
            # ru_maxrss): the limit would count this test session's. A shell's child begins anew.
            *("sh", "-c", '"$@"; exit $?', "sh"),
            sys.executable,
            "-m",
            "tests.fuzz.parsers",
            extension,
            str(corpus),
            f"-max_total_time={_SECONDS}",
            "-seed=20241215",
            "-timeout=10",
            "-rss_limit_mb=1500",
            "-max_len=20000",
            f"-artifact_prefix={tmp_path}/",
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]

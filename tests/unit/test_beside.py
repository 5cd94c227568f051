"""The process beside a publication: what goes wrong there is said here."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from orchestration.core.errors import TongbaoError, Unreachable
from orchestration.core.settings import S3Config, Settings
from orchestration.publication.beside import Task, process_beside

_NOWHERE = S3Config("http://127.0.0.1:9", "us-east-1", "key", "secret")


def _task(home: Path) -> Task:
    return Task(Settings(home=home, catalog=str(home / "catalog.sqlite")), _NOWHERE, 2024, 1)


def test_an_error_there_is_raised_here(tmp_path: Path) -> None:
    missing = pytest.raises(Unreachable, match="there is no lakehouse yet")
    with process_beside(_task(tmp_path)) as beside, missing as raised:
        _ = beside.made
    assert raised.value.exit_code == 4


def test_a_process_that_was_ended_is_told(tmp_path: Path) -> None:
    with process_beside(_task(tmp_path)) as beside:
        [process] = multiprocessing.active_children()
        process.kill()
        process.join()
        beside.leave_out({"trace/T01/T01_01.html": "0" * 64})
        with pytest.raises(TongbaoError, match="ended before its answer"):
            _ = beside.made


def test_nothing_is_left_running(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), process_beside(_task(tmp_path)):
        raise ZeroDivisionError
    assert not multiprocessing.active_children()

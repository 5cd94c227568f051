"""The child process of a publication: its failures are raised in the parent."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from orchestration.core.errors import TongbaoError, Unreachable
from orchestration.core.settings import Settings
from orchestration.publication.child_process import ChildTask, start_child_process
from orchestration.storage import S3Config

_NOWHERE = S3Config("http://127.0.0.1:9", "us-east-1", "key", "secret")


def _task(home: Path) -> ChildTask:
    return ChildTask(Settings(home=home, catalog=str(home / "catalog.sqlite")), _NOWHERE, 2024, 1)


def test_an_error_in_the_child_is_raised_in_the_parent(tmp_path: Path) -> None:
    missing = pytest.raises(Unreachable, match="there is no lakehouse yet")
    with start_child_process(_task(tmp_path)) as child, missing as raised:
        _ = child.made
    assert raised.value.exit_code == 4


def test_a_killed_child_raises_an_error_in_the_parent(tmp_path: Path) -> None:
    with start_child_process(_task(tmp_path)) as child:
        [process] = multiprocessing.active_children()
        process.kill()
        process.join()
        child.send_former_digests({"trace/T01/T01_01.html": "0" * 64})
        with pytest.raises(TongbaoError, match="ended before its answer"):
            _ = child.made


def test_an_error_in_the_parent_ends_the_child(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), start_child_process(_task(tmp_path)):
        raise ZeroDivisionError
    assert not multiprocessing.active_children()

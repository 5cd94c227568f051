"""Intake by executors, without a cluster: the same rows, findings and receipts, and its errors.

``make parity`` does it on real servers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration import lakehouse, stages
from orchestration.core import catalogue
from orchestration.core.errors import TongbaoError, Unreachable, UsageError
from orchestration.intake import cluster, isolation, settling
from tests.fixtures import poison
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress
from tests.parity.intake import compare_intakes, take_in, write_hostile


@pytest.fixture(autouse=True)
def _executors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run tasks here, the last one first, as a cluster may; return them in order."""

    def run(_: Path, function: Callable[[bytes], bytes], tasks: Sequence[bytes]) -> Iterator[bytes]:
        return reversed([function(task) for task in reversed(tasks)])

    monkeypatch.setattr(cluster, "run_on_executors", run)
    # An executor's catalogue must not stay in this process.
    monkeypatch.setattr(catalogue, "_handed_over", None)


def test_rows_findings_and_receipts_are_those_of_a_local_intake(
    ws: stages.Workspace, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(landing.year + 1, 1, 1, tzinfo=UTC)
    bounded = replace(ws, settings=replace(ws.settings, max_object_memory=2**29, fixed_now=now))
    write_hostile(landing)
    take_in(bounded, landing.year, no_progress)
    alone = []
    receipt_alone = settling.receipt_alone

    def noted(*arguments: object) -> tuple[str, bytes]:
        alone.append(arguments)
        return receipt_alone(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(cluster, "receipt_alone", noted)
    said: list[str] = []
    compared = compare_intakes(bounded, landing.year, said.append)
    assert compared[0] == compared[1], said
    # The receipts whose name two objects share are put here.
    listed = len(ws.store.list("publication-cluster", "receipts/"))
    assert 0 < len(alone) < listed


def test_an_object_that_takes_all_its_time_is_given_it_here(
    ws: stages.Workspace, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "answer_objects", poison.answer_objects)
    settings = replace(ws.settings, engine="spark", max_object_seconds=1)
    landing.unit("T05-440000-0001")
    landing.put("performance/year=2024/province=440000/slow.json", b"compute")
    stages.intake(replace(ws, settings=settings), landing.year, run_id="r", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        found = con.execute("select code from lake.raw.document_errors").fetchall()
    assert found == [("E052",)]


@pytest.mark.parametrize(
    ("broken", "kind", "message"),
    [
        ("put_many", Unreachable, "on an executor: .*the store is away"),
        ("figures_version", UsageError, "PYSPARK_PYTHON: .* another version of this package"),
    ],
)
def test_an_error_of_an_executor_is_that_of_the_intake_and_nothing_is_committed(
    ws: stages.Workspace,
    landing: Landing,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    kind: type[TongbaoError],
    message: str,
) -> None:
    landing.unit("T05-440000-0001")

    def read(task: bytes) -> bytes:
        with monkeypatch.context() as patch:
            if broken == "put_many":
                patch.setattr(cluster, "receipt_alone", _away)
            else:
                patch.setattr(cluster, "figures_version", lambda: "another")
            return read_batch(task)

    read_batch = cluster.read_batch
    monkeypatch.setattr(cluster, "read_batch", read)
    on_spark = replace(ws, settings=replace(ws.settings, engine="spark"))
    with pytest.raises(kind, match=message):
        stages.intake(on_spark, landing.year, run_id="r", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        assert con.execute("select count(*) from lake.raw.objects").fetchall() == [(0,)]


def _away(*_: object) -> tuple[str, bytes]:
    raise Unreachable("the store is away")

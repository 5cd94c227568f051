"""Objects are answered whatever they do to the process that reads them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.core.catalogue import load_catalogue
from orchestration.core.machine import usable_cores
from orchestration.core.settings import Settings
from orchestration.intake import answers, documents, isolation, offline, rows
from orchestration.intake import workers as workers_module
from orchestration.intake.answers import Landed, Terms, answer_objects
from orchestration.intake.findings import Draft
from orchestration.intake.formats import limits_of
from orchestration.intake.isolation import Answered, Isolation
from orchestration.intake.places import place_of
from orchestration.intake.workers import (
    Cause,
    Died,
    Task,
    Workers,
    workers_of_many_runs,
)
from orchestration.lakehouse.tables import RAW_TABLES
from tests.fixtures import poison

SETTINGS = Settings(home=Path("unused"), max_object_memory=2**29, max_object_seconds=3)


def _terms(settings: Settings = SETTINGS) -> Terms:
    schemas = {name: table.arrow for name, table in RAW_TABLES.items()}
    return Terms(limits_of(settings), "run", schemas)


def _landed(number: int, body: bytes | None = None) -> Landed:
    key = f"performance/year=2024/province=110000/{number}.json"
    document = {
        "document_id": f"d{number}",
        "submitted_at": "2024-11-01T09:00:00+08:00",
        "unit_code": "T05-110000-0001",
        "year": 2024,
        "values": {"C_04": number},
    }
    return Landed(
        position=number * 2**32,
        key=key,
        etag="e",
        last_modified=datetime(2024, 11, 1, tzinfo=UTC),
        place=place_of(key, 2024),
        body=json.dumps(document).encode() if body is None else body,
    )


@pytest.fixture
def harmful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers do what objects say."""
    monkeypatch.setattr(isolation, "answer_objects", poison.answer_objects)
    monkeypatch.setattr(isolation, "_FIRST_SECONDS", 0.3)


def _codes(answered: Answered, number: int) -> set[str]:
    return {each.code for each in answered.answers[number * 2**32].findings}


@pytest.mark.usefixtures("harmful")
@pytest.mark.parametrize(
    "bodies", [poison.QUICK, pytest.param(poison.ENDLESS, marks=pytest.mark.slow)]
)
def test_each_harmful_object_is_answered_and_the_others_are_read(bodies: list[bytes]) -> None:
    harms = {10 * index + 5: body for index, body in enumerate(bodies)}
    objects = [_landed(number, harms.get(number)) for number in range(60)]
    with Isolation(SETTINGS, _terms()) as isolated:
        first = isolated.answer(objects).result()
        slow = isolated.answer(first.slow, patiently=True).result()
    # A busy machine sets others aside, too; they are answered then.
    assert {each.body for each in first.slow} >= set(bodies) & set(poison.ENDLESS)
    assert slow.slow == []
    answered = Answered(first.answers | slow.answers)
    for number, body in harms.items():
        assert _codes(answered, number) == {poison.HARMS[body][1]}
        assert answered.answers[number * 2**32].total == 0
    honest = [answered.answers[each.position] for each in objects if each.body not in poison.HARMS]
    assert len(honest) == 60 - len(harms)
    assert all(answer.total == len(answer.documents) == 1 for answer in honest)
    written = rows.joined(first.rows + slow.rows, set())
    ids = written.tables["performances"]["document_id"].to_pylist()
    assert sorted(ids) == sorted(f"d{number}" for number in range(60) if number not in harms)


@pytest.mark.usefixtures("harmful")
def test_slow_objects_use_up_the_seconds_of_a_run_and_no_more() -> None:
    settings = replace(SETTINGS, max_run_seconds=1)
    objects = [_landed(number, b"compute") for number in range(40)]
    with Isolation(settings, _terms()) as isolated:
        answered = isolated.answer(objects, patiently=True).result()
    limits = Counter(each.findings[0].message_en for each in answered.answers.values())
    assert len(answered.answers) == 40
    assert all(_codes(answered, number) == {"E052"} for number in range(40))
    # The others got no more than a first try: this message has its limit, less than a second.
    given_up = sum(number for text, number in limits.items() if "limit of 0 seconds" in text)
    assert 40 - usable_cores() <= given_up < 40


def test_both_tries_of_the_worst_object_end_within_a_minute() -> None:
    settings = Settings(home=Path("unused"))
    huge = _landed(0, b" " * settings.max_object_bytes)
    with Isolation(settings, _terms(settings)) as isolated:
        tries = [isolated._task([huge], patiently=patiently) for patiently in (False, True)]
    assert sum(task.seconds for task in tries) < 60
    assert sum(task.clock for task in tries) < 60
    small = isolated._task([_landed(1)], patiently=False)
    assert 2 * small.clock + tries[1].clock < 60


def test_an_object_is_tried_again_if_it_is_not_to_blame() -> None:
    task = isolation.bounded_task(SETTINGS, answer_objects)
    used = replace(task, needs_fresh=False)
    for cause in (Cause.MEMORY, Cause.CRASH):
        assert isolation.another_try(used, Died(cause, was_fresh=False, computed=9)) == task
        assert isolation.another_try(task, Died(cause, was_fresh=True, computed=9)) is None
    # A machine that gave the worker a tenth of the time is busy; one that took none waited.
    starved = Died(Cause.CLOCK, was_fresh=True, computed=task.clock / 10)
    assert isolation.another_try(task, starved) == replace(task, clock=2 * task.clock)
    assert isolation.another_try(task, replace(starved, computed=0.01)) is None
    assert isolation.another_try(task, Died(Cause.SECONDS, True, task.seconds)) is None


def test_a_worker_that_dies_tells_its_seconds_and_a_fresh_one_takes_the_place_of_another() -> None:
    terms = _terms()
    answering = Task(answer_objects, (terms, [_landed(1)]), 5, 60, needs_fresh=True)
    computing = Task(poison.answer_objects, (terms, [_landed(2, b"compute")]), 0.1, 60)
    with Workers(answers.prepare, (load_catalogue(),), SETTINGS.max_object_memory) as workers:
        assert [type(result) for _, result in workers.run(deque([answering] * 3), 1)] == [
            answers.Answers
        ] * 3
        assert len(workers._idle) == 1
        [(_, died)] = workers.run(deque([computing]), 1)
    assert (died.cause, died.was_fresh) == (Cause.SECONDS, False)
    assert died.computed > 0.05


def test_a_parquet_file_gets_the_time_of_its_packed_rows_at_the_first_try() -> None:
    body = b" " * 270_000  # of 200,000 rows
    text = _landed(0, body)
    packed = replace(text, key=text.key.replace(".json", ".Parquet"))
    with Isolation(replace(SETTINGS, max_object_seconds=60), _terms()) as isolated:
        seconds = [isolated._task([each], patiently=False).seconds for each in (text, packed)]
    assert seconds == [2.35, 7.75]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> workers_module._Kept:
    """Forkers of the test's own; the other tests of the process share theirs."""
    kept = workers_module._Kept()
    monkeypatch.setattr(workers_module, "_kept", kept)
    return kept


def test_a_worker_is_used_again_and_imports_no_database(kept: workers_module._Kept) -> None:
    with Isolation(SETTINGS, _terms()) as isolated:
        for number in range(3):
            assert isolated.answer([_landed(number)]).result().answers
        assert isolated._workers._forker
        process = isolated._workers._forker.process
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        assert len(children.split()) == 1
        maps = Path(f"/proc/{children.split()[0]}/maps").read_text()
        assert "pyarrow" in maps
        assert "duckdb" not in maps
    assert process.poll() == 0
    assert kept.forkers == []


def _forker_of_a_run(terms: Terms, body: bytes, settings: Settings = SETTINGS) -> int:
    with Isolation(settings, terms) as isolated:
        isolated.answer([_landed(1, body)]).result()
        assert isolated._workers._forker
        return isolated._workers._forker.process.pid


def test_a_process_of_many_runs_starts_the_forker_once(
    kept: workers_module._Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "answer_objects", poison.answer_objects)
    with workers_of_many_runs():
        first = _forker_of_a_run(_terms(), b"{}")
        children = Path(f"/proc/{first}/task/{first}/children")
        assert children.read_text() == ""  # the next run's workers are fresh
        assert _forker_of_a_run(_terms(), b"exit") == first
        other = replace(SETTINGS, max_object_memory=SETTINGS.max_object_memory // 2)
        assert _forker_of_a_run(_terms(), b"{}", other) != first
        assert len(kept.forkers) == 2
        with Isolation(SETTINGS, _terms()) as isolated:
            isolated.answer([_landed(1)]).result()
            isolated._workers.stop()
        assert len(kept.forkers) == 1  # what was killed is not used again
    assert kept.forkers == []


_PARENT = """
import signal
from tests.unit.test_isolation import SETTINGS, _landed, _terms, isolation, poison
# A shell that starts the tests in the background has SIGINT ignored by all their processes.
signal.signal(signal.SIGINT, signal.default_int_handler)
isolation.answer_objects = poison.answer_objects
with isolation.Isolation(SETTINGS, _terms()) as isolated:
    isolated.answer([_landed(1)]).result()
    answering = isolated.answer([_landed(1, b"wait"), _landed(2, b"wait")])
    print(isolated._workers._forker.process.pid, flush=True)
    answering.result()
"""


@pytest.fixture
def parent() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process whose workers are busy, and their process group."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        assert process.stdout
        yield process, int(process.stdout.readline())
        process.kill()


def _ends(group: int) -> bool:
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_killed_parent_leaves_no_worker(parent: tuple[subprocess.Popen[str], int]) -> None:
    process, group = parent
    process.kill()
    assert _ends(group)


def test_an_interrupt_ends_the_workers_without_a_word_of_theirs(
    parent: tuple[subprocess.Popen[str], int],
) -> None:
    process, group = parent
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert said.count("Traceback") == 1
    assert _ends(group)


class _Unfit:
    pass


@pytest.mark.parametrize("place", ["read_object", "drafts_of", "_own_cells"])
def test_an_exception_about_an_object_is_its_answer(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Whether a reader or a check raises it, or a cell doesn't have its column's type."""
    module = {"read_object": documents, "drafts_of": answers, "_own_cells": rows}[place]
    original = getattr(module, place)
    calls = []

    def failing(*given: object, **options: object) -> object:
        is_poison = "5.json" in str(given) or "'d5'" in str(given)
        calls.append(is_poison)
        if not is_poison:
            return original(*given, **options)
        if place == "_own_cells":
            return (_Unfit() for _ in original(*given))
        raise RecursionError("13800138000")

    monkeypatch.setattr(module, place, failing)
    objects = [_landed(number) for number in range(10)]
    found = answer_objects(_terms(), objects)
    assert any(calls)
    for number, answer in enumerate(found.answers):
        codes = {each.code for each in answer.findings}
        assert ("E016" in codes) == (number == 5)
        assert len(answer.documents) == (number != 5)
        assert (answer.failure is not None) == (number == 5)
        assert "13800138000" not in str(answer)
    assert found.rows.tables["performances"].num_rows == 9


def test_findings_over_the_limit_are_counted() -> None:
    settings = replace(SETTINGS, max_findings=10)
    body = b"\n".join([b"{}"] * 50)
    landed = replace(_landed(1), key="performance/year=2024/province=110000/1.jsonl", body=body)
    [answer] = answer_objects(_terms(settings), [landed]).answers
    assert len(answer.findings) == 10
    assert answer.total == 50
    codes = Counter(each.code for each in answer.findings)
    for (code, _), number in answer.left_out.items():
        codes[code] += number
    assert set(codes) == {"E101"}
    assert codes["E101"] == 50 * (codes["E101"] // 50)


def test_an_object_with_too_many_documents_is_rejected() -> None:
    settings = replace(SETTINGS, max_documents=10)
    body = b"[" + b",".join([b"{}"] * 11) + b"]"
    [answer] = answer_objects(_terms(settings), [_landed(1, body)]).answers
    assert "E051" in {each.code for each in answer.findings}
    assert answer.documents == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (json.dumps(json.loads(_landed(1).body) | {"values": {f"X_{at}": 1 for at in range(500)}}),
         "E204"),
        ("[" + ",".join(["{}"] * 500) + "]", "E101"),
        ("[" + ",".join("1" * 500) + "]", "E102"),
    ],
    ids=["keys", "documents", "numbers"],
)  # fmt: skip
def test_messages_are_made_only_for_findings_that_are_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, code: str
) -> None:
    made: list[str] = []
    original = Draft.made
    monkeypatch.setattr(Draft, "made", lambda each: made.append(each.code) or original(each))
    settings = replace(SETTINGS, max_findings=10)
    landed = _landed(1, body.encode())
    [answer] = answer_objects(_terms(settings), [landed]).answers
    listed = [*answer.findings, *(each for one in answer.documents for each in one.findings)]
    assert len(made) == 10
    numbers = Counter(each.code for each in listed)
    for (name, _), number in answer.left_out.items():
        numbers[name] += number
    assert numbers[code] == 500 * (5 if code == "E101" else 1)

    made.clear()
    path = tmp_path / "x.json"
    path.write_text(body)
    kept = json.loads(
        offline.check_file(path, settings, kind="performance", year=2024, province="110000").receipt
    )["errors"]
    assert len(made) <= 12
    assert len(kept) == 11
    assert f"{code} {numbers[code]}" in next(e["value"] for e in kept if e["code"] == "E050")

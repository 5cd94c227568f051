"""Observability: logs without secrets, the journal, row counts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from orchestration import observing
from orchestration.core.errors import GateBlocked, TongbaoError
from orchestration.core.settings import Settings
from orchestration.observing import journal
from orchestration.observing.logs import LineFormatter

_DAY = datetime(2024, 11, 20, 1, 30, tzinfo=UTC)


def _line(message: str, **extra: Any) -> dict[str, Any]:
    record = logging.makeLogRecord({"msg": message, "name": "orchestration.x", **extra})
    return json.loads(LineFormatter(as_json=True).format(record))


def test_a_line_has_the_fields_of_its_context_and_no_unknown_field() -> None:
    with observing.log_context(run_id="r", stage="intake", year=2024):
        line = _line("finding", document_id="d1", phone="13900000000", code="E203")
    assert line["run_id"] == "r"
    assert (line["stage"], line["year"]) == ("intake", 2024)
    assert (line["document_id"], line["code"]) == ("d1", "E203")
    assert "13900000000" not in json.dumps(line)
    assert "run_id" not in _line("after")


def test_secrets_are_redacted_also_when_url_encoded() -> None:
    observing.add_secrets("p@ss/word", "", None, "abc")
    assert observing.redact("a p@ss/word, p%40ss%2Fword, abc") == "a ***, ***, abc"
    assert _line("login with p@ss/word")["message"] == "login with ***"


def test_of_a_library_error_only_the_class_is_logged() -> None:
    assert observing.safe_message(TongbaoError("the gate\nis broken")) == "the gate is broken"
    assert observing.safe_message(ValueError("could not convert 13900000000")) == "ValueError"


class _Workspace:
    """The attributes of a workspace that the decorator uses."""

    class _Store:
        class access:
            @staticmethod
            def secrets() -> tuple[str, ...]:
                return ("the-s3-secret",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = self._Store()


def test_every_outcome_of_a_stage_is_in_the_journal(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes: list[Any] = [None, GateBlocked("no"), ValueError("13900000000"), KeyboardInterrupt()]

    @observing.observed
    def stage(*_: Any, progress: Any, **__: Any) -> str:
        progress("a line")
        outcome = outcomes.pop(0)
        if outcome:
            raise outcome
        return "it"

    ws = _Workspace(replace(settings, fixed_now=_DAY, log_format="json"))
    lines: list[str] = []
    found = []
    assert stage(ws, 2024, run_id="r0", progress=lines.append) == "it"
    found += observing.stage_runs(settings)
    for number, error in enumerate((GateBlocked, ValueError, KeyboardInterrupt), 1):
        with pytest.raises(error):
            stage(ws, 2024, run_id=f"r{number}", progress=lines.append)
        found += observing.stage_runs(settings)
    assert [each.outcome for each in found] == ["done", "blocked", "failed", "stopped"]
    assert [each.run_id for each in found] == ["r0", "r1", "r2", "r3"]
    # A failed run leaves the time of the last success as it is.
    assert [each.succeeded_at for each in found] == [_DAY] * 4
    assert lines == ["a line"] * 4
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {line["message"] for line in said} >= {"a line", "stage 2024: failed: ValueError"}
    assert {line["stage"] for line in said} == {"stage"}
    assert "13900000000" not in json.dumps(said)


def test_an_unwritable_home_makes_no_stage_fail(settings: Settings) -> None:
    (settings.home / "journal.sqlite").mkdir()

    @observing.observed
    def stage(*_: Any, **__: Any) -> str:
        return "it"

    assert stage(_Workspace(settings), 2024, run_id="r", progress=print) == "it"


def test_the_last_success_is_kept_when_the_next_run_fails(settings: Settings) -> None:
    done = journal.StageRun("intake", 2024, "a", _DAY, 1.0, "done", _DAY, {"listed": 3})
    journal.record_stage_run(settings, done)
    later = _DAY.replace(hour=3)
    failed = replace(
        done, run_id="b", started_at=later, outcome="failed", succeeded_at=None, counts={}
    )
    journal.record_stage_run(settings, failed)
    [found] = observing.stage_runs(settings)
    assert (found.run_id, found.outcome) == ("b", "failed")
    assert (found.succeeded_at, found.counts) == (_DAY, {"listed": 3})


@pytest.fixture
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    """Two tables under the names of the lake."""
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as lake; create schema lake.raw; create schema lake.marts")
        for table in ("raw.performances", "marts.fct_unit_year"):
            con.execute(f"create table lake.{table} as select 2024 as year from range(1000)")
            con.execute(f"insert into lake.{table} select 2023 from range(1000)")
        yield con


def _fell(
    lake: duckdb.DuckDBPyConnection, settings: Settings, day: int, month: int = 11
) -> list[str]:
    now = datetime(2024, month, day, tzinfo=UTC)
    tables = ["raw.performances", "marts.fct_unit_year"]
    counts = observing.check_rows(lake, replace(settings, fixed_now=now), tables, 2024)
    assert {each for each in counts if each.fell} == set(observing.broken_bounds(settings))
    return [f"{each.name} {each.fell}" for each in counts if each.fell]


def _delete(lake: duckdb.DuckDBPyConnection, table: str, rows: int) -> None:
    lake.execute(
        f"delete from lake.{table} where rowid in "
        f"(select rowid from lake.{table} where year = 2024 limit {rows})"
    )


def test_lost_rows_break_the_bound_of_a_day(
    lake: duckdb.DuckDBPyConnection, settings: Settings
) -> None:
    assert _fell(lake, settings, 1) == []
    _delete(lake, "raw.performances", 1)
    _delete(lake, "marts.fct_unit_year", 10)
    # raw may lose no row, marts up to 1 %.
    assert _fell(lake, settings, 2) == ["raw.performances day"]
    _delete(lake, "marts.fct_unit_year", 1)
    both = ["raw.performances day", "marts.fct_unit_year day"]
    assert _fell(lake, settings, 2) == both
    # The bound stays broken for the rest of the day, not on the next day.
    assert _fell(lake, settings, 2) == both
    assert _fell(lake, settings, 3) == []
    # Rows that were added and deleted on the same day count as lost, too.
    lake.execute("insert into lake.raw.performances values (2024)")
    assert _fell(lake, settings, 3) == []
    _delete(lake, "raw.performances", 1)
    assert _fell(lake, settings, 3) == ["raw.performances day"]


def test_a_fifth_fewer_than_last_year_breaks_the_bound_after_the_cutoff(
    lake: duckdb.DuckDBPyConnection, settings: Settings
) -> None:
    _delete(lake, "marts.fct_unit_year", 200)
    assert _fell(lake, settings, 14, 12) == []
    assert _fell(lake, settings, 15, 12) == []
    lake.execute("insert into lake.marts.fct_unit_year values (2023)")
    assert _fell(lake, settings, 14, 12) == []
    assert _fell(lake, settings, 16, 12) == ["marts.fct_unit_year year"]

"""Analysts' queries: those that read are answered, all others are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration import lakehouse, stages
from orchestration.core.errors import UsageError
from tests.fixtures.homes import Shared
from tests.fixtures.landing import Landing

_POINTER = "editions/2024/latest.json"
_EDITION = b'{"edition": 1}'


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, shared: Shared) -> Iterator[stages.Workspace]:
    """A lake with a unit's documents, and an edition's pointer in the publication bucket."""
    settings = shared.settings(tmp_path_factory.mktemp("query") / "home")
    with stages.open_workspace(settings) as ws:
        Landing(ws.store).unit("T05-110000-0001")
        stages.intake(ws, 2024, run_id="x", progress=lambda _: None)
        ws.store.put("publication", _POINTER, _EDITION)
        yield ws


def _answer(ws: stages.Workspace, query: str) -> lakehouse.Answer:
    return lakehouse.answer_query(ws.settings, ws.store, query)


@pytest.mark.parametrize(
    "query",
    [
        "select count(*) as n from raw.documents",
        "from raw.documents select document_id limit 1",
        "with d as (from raw.documents) select * from d join range(3) on true;",
        "values (1), (2)",
        "describe raw.documents",
        "show all tables",
        "summarize raw.documents",
        "explain select * from raw.documents",
        "-- how\n/* is it */ EXPLAIN\nselect 1",
        "pivot raw.documents on document_type in ('registration', 'review')",
        "select * from lake.snapshots()",
        "select column_name, comment from duckdb_columns()",
    ],
)
def test_queries_that_only_read_are_answered(lake: stages.Workspace, query: str) -> None:
    answer = _answer(lake, query)
    assert answer.names
    assert answer.rows


@pytest.mark.parametrize(
    "query",
    [
        f"explain analyze copy (select 1) to 's3://publication/{_POINTER}'",
        f"explain (analyze) copy (select 1) to 's3://publication/{_POINTER}'",
        f"explain copy (select 1) to 's3://publication/{_POINTER}'",
        f"EXPLAIN /* now */ ANALYZE copy (select 1) to 's3://publication/{_POINTER}'",
        "explain analyze select 1",
        f"copy (select 1) to 's3://publication/{_POINTER}'",
        f"select 1; copy (select 1) to 's3://publication/{_POINTER}'",
        "",
        "delete from raw.objects",
        "create temp table t as select 1",
        "attach '{folder}/x.db' as x",
        "install spatial",
        "load json",
        "set threads = 1",
        "reset threads",
        "use memory",
        "pragma enable_profiling",
        "call lake.merge_adjacent_files()",
        "prepare p as select 1",
        "execute p",
        "begin",
        "checkpoint",
        "export database '{folder}/x'",
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from glob('/etc/*')",
        "select * from '/etc/passwd.csv'",
        "describe select * from read_text('/etc/passwd')",
        "select (select content from read_text('/etc/passwd'))",
        "select * from query('select content from read_text(''/etc/passwd'')')",
        f"select * from 's3://publication/{_POINTER}'",
        f"select * from read_text('s3://publication/{_POINTER}')",
        "select * from sqlite_scan('{catalog}', 'ducklake_snapshot')",
        "select * from sqlite_query('lake', 'select 1')",
        "select * from ducklake_delete_orphaned_files('lake', cleanup_all => true)",
        "select * from enable_logging(storage = 'file', storage_path = '{folder}/log')",
        "select * from enable_profiling(save_location = '{folder}/profile')",
        "select * from answer",
    ],
)
def test_other_statements_are_refused_and_have_no_effect(
    lake: stages.Workspace, tmp_path: Path, query: str
) -> None:
    answer = object()  # A query could read this Python variable by its name.
    assert answer
    query = query.replace("{folder}", str(tmp_path)).replace("{catalog}", lake.settings.catalog)
    with pytest.raises(UsageError, match=r"^sql: "):
        _answer(lake, query)
    assert lake.store.get("publication", _POINTER) == _EDITION
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "statement",
    [
        f"copy (select 1) to 's3://publication/{_POINTER}'",
        "select * from read_text('/etc/passwd')",
        "set enable_external_access = true",
        "delete from lake.raw.objects",
    ],
)
def test_the_connection_refuses_statements_that_pass_the_check(
    lake: stages.Workspace, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    monkeypatch.setattr("orchestration.lakehouse.query._refuse_writing", lambda *_: None)
    with pytest.raises(UsageError):
        _answer(lake, statement)
    assert lake.store.get("publication", _POINTER) == _EDITION


def test_a_query_that_exceeds_the_memory_limit_spills_to_disk(
    lake: stages.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.lakehouse.attach._MEMORY_LIMIT", "60MB")
    rows = _answer(
        lake, "select count(m) from (select md5(i::text) m from range(2000000) t(i) order by m)"
    )
    assert rows.rows == [(2_000_000,)]

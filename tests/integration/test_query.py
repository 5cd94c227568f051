"""Analysts' queries: those that read are answered, all others are refused."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from orchestration import lakehouse, stages
from orchestration.cli import main
from orchestration.core.errors import UsageError
from orchestration.query.listing import describe_table, list_tables
from orchestration.query.session import Session, open_session
from tests.fixtures.homes import Shared
from tests.fixtures.landing import Landing

_POINTER = "editions/2024/latest.json"
_EDITION = b'{"edition": 1}'
#: What the object of a unit's registration says of its contact.
_CONTACT = ("contact", "a@example.invalid")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, shared: Shared) -> Iterator[stages.Workspace]:
    """A lake with a unit's documents, and an edition's pointer in the publication bucket."""
    settings = shared.settings(tmp_path_factory.mktemp("query") / "home")
    with stages.open_workspace(settings) as ws:
        Landing(ws.store).unit("T05-110000-0001")
        stages.intake(ws, 2024, run_id="x", progress=lambda _: None)
        ws.store.put("publication", _POINTER, _EDITION)
        yield ws


@pytest.fixture(scope="module")
def session(lake: stages.Workspace) -> Iterator[Session]:
    with open_session(lake.settings, lake.store) as session:
        yield session


@pytest.mark.parametrize(
    "query",
    [
        "select count(*) as n from raw.documents",
        "from raw.documents select document_id limit 1",
        "from documents select document_id limit 1",
        "with d as (from raw.documents) select * from d join range(3) on true;",
        "values (1), (2)",
        "describe raw.documents",
        "show tables",
        "show all tables",
        "summarize raw.documents",
        "explain select * from raw.documents",
        "-- 怎样\n/* is it */ EXPLAIN\nselect 1",
        "pivot raw.documents on document_type in ('registration', 'review')",
        "pivot raw.documents on document_type -- 各类",
        "pivot (from raw.documents join raw.reviews using (document_id)) "
        "on document_type, stage using count(*), max(decided_on) group by decision limit 3;",
        "with p as (pivot raw.documents on document_type in ('review'), province_code) from p",
        "select * from lake.snapshots()",
        "select column_name, comment from duckdb_columns()",
        "from raw.documents at (version => 3)",
    ],
)
def test_queries_that_only_read_are_answered(session: Session, query: str) -> None:
    answer = session.answer(query)
    assert answer.names
    assert answer.rows()


def test_the_pivot_has_a_column_for_each_value(session: Session) -> None:
    answer = session.answer("pivot raw.documents on document_type group by year")
    assert answer.names == ("year", "registration", "review")
    assert answer.rows() == [(2024, 1, 1)]


@pytest.mark.parametrize(
    ("query", "adds"),
    [
        ("select count(*) from raw.documents", True),
        ("select count(*) from documents where year = 2024", False),
        ("select Year, count(*) from documents group by all", False),
        ("with d as (from raw.documents) select count(*) from d", True),
        ("select stage from stages", False),
        ("show tables", False),
        ("describe documents", False),
        ("explain select count(*) from raw.documents", False),
    ],
)
def test_a_query_that_names_no_year_is_told(session: Session, query: str, adds: bool) -> None:
    assert session.adds_years(query) is adds


_WRITES = [
    f"explain analyze copy (select 1) to 's3://publication/{_POINTER}'",
    f"explain (analyze) copy (select 1) to 's3://publication/{_POINTER}'",
    f"explain copy (select 1) to 's3://publication/{_POINTER}'",
    f"EXPLAIN /* now */ ANALYZE copy (select 1) to 's3://publication/{_POINTER}'",
    "explain analyze select 1",
    f"copy (select 1) to 's3://publication/{_POINTER}'",
    f"select 1; copy (select 1) to 's3://publication/{_POINTER}'",
    "",
    "/* /* */ select 1; */ copy (select 1) to '{folder}/x.csv'",
    "explain (analyze, format json) select 1",
    "execute immediate 'select 1'",
    "prepare p as select 1; execute p",
    "pivot (select 1 as a) on a; from raw.documents",
    "create macro m() as table from read_text('/etc/passwd')",
    "comment on table raw.documents is 'x'",
    "merge into raw.documents using (select 1) on true when matched then delete",
    "copy raw.documents from '/etc/passwd'",
    "copy from database lake to memory",
    "set variable x = 1",
    "vacuum",
    "import database '{folder}/x'",
    "attach ':memory:' as m",
    "from ducklake_add_data_files('lake', 'documents', 'x')",
    "from lake.table_insertions('objects', 0, 99)",
    "delete from raw.objects",
    "create temp table t as select 1",
    "create temp table t as select 1; select 1",
    "create type kind as enum ('a'); pivot raw.documents on document_type",
    "attach '{folder}/x.db' as x",
    "detach lake",
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
    "select * from ducklake_delete_orphaned_files('lake', cleanup_all => true)",
    "select * from enable_logging(storage = 'file', storage_path = '{folder}/log')",
    "select * from enable_profiling(save_location = '{folder}/profile')",
]
_FILES_AND_HOSTS = [
    "select * from read_text('/etc/passwd')",
    "select * from read_csv('/etc/passwd')",
    "select * from glob('/etc/*')",
    "select * from '/etc/passwd.csv'",
    "from passwd.csv",
    "describe select * from read_text('/etc/passwd')",
    "select (select content from read_text('/etc/passwd'))",
    "pivot (from read_text('/etc/passwd')) on filename",
    "select * from query('select content from read_text(''/etc/passwd'')')",
    f"select * from 's3://publication/{_POINTER}'",
    f"select * from read_text('s3://publication/{_POINTER}')",
    "from 'https://example.invalid/x.csv'",
    "from read_json('http://169.254.169.254/latest/meta-data')",
    "from read_blob('/etc/passwd')",
    "from st_read('/etc/passwd')",
    "from sniff_csv('/etc/passwd')",
    "from shell('ls')",
    "from json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "summarize '/etc/passwd'",
    "from 'answers.csv'",
    "from parquet_metadata('s3://lake/data/raw/objects/*.parquet')",
    "from postgres_query('lake', 'select 1')",
    "select * from sqlite_scan('{catalog}', 'ducklake_snapshot')",
    "select * from sqlite_query('lake', 'select 1')",
    "select * from answer",
]
_SECRETS = [
    "from duckdb_secrets()",
    "from duckdb_secrets(redact => false)",
    "from which_secret('s3://lake/data/', 's3')",
    "from duckdb_settings()",
    "from pg_settings",
    "select current_setting('s3_secret_access_key')",
    "select system.main.current_setting('home_directory')",
    "select list_transform(['HOME'], lambda x: getenv(x))",
    "from duckdb_variables()",
    "create secret (type s3, key_id 'x', secret 'y')",
    "drop secret store",
]
_CONTACTS = [
    "from raw.registration_contacts",
    "summarize raw.registration_contacts",
    'select contact_phone from LAKE."RAW"."Registration_Contacts"',
    "from registration_contacts",
    "select exists(from registration_contacts where contact_name like '张%')",
    "with p as (pivot raw.documents on year) from p, registration_contacts",
    "pivot raw.registration_contacts on contact_name",
    "from lake.registration_contacts",
    "explain from lake.registration_contacts where contact_phone > '2'",
    "select json_serialize_plan('from registration_contacts where contact_phone > ''2''', "
    "optimize := true)",
    "select * from raw.documents, lateral (table registration_contacts)",
    "from raw.documents limit (select count(*) from registration_contacts)",
    "with recursive r as (select 1 union all select 1 from registration_contacts) from r",
    "unpivot registration_contacts on contact_phone",
    "from registration_contacts at (timestamp => now())",
    "from pragma_storage_info('lake.raw.registration_contacts')",
    "from seq_scan('lake.raw.registration_contacts')",
    "from lake.objects",
    "from lake.confirmations at (version => 3)",
    "from lake.raw.objects",
    "select body from raw.objects",
    "select statistician from raw.confirmations",
    "select body from raw.objects at (version => 3)",
    'from "Objects" at (version => 3)',
    "from lake.raw.confirmations at (version => 1)",
    "from lake.table_changes('registration_contacts', 0, 9)",
    "from ducklake_table_insertions('lake', 'raw', 'registration_contacts', 0, 9)",
    "from query_table('raw.registration_contacts')",
    "from __ducklake_metadata_lake.ducklake_file_column_stats",
    "from read_parquet('s3://lake/data/raw/registration_contacts/*.parquet')",
    "from 's3://lake/data/raw/objects/*.parquet'",
]


@pytest.mark.parametrize("query", [*_WRITES, *_FILES_AND_HOSTS, *_SECRETS, *_CONTACTS])
def test_other_statements_are_refused_and_have_no_effect(
    lake: stages.Workspace, session: Session, tmp_path: Path, query: str
) -> None:
    answer = object()  # A query could read this Python variable by its name.
    assert answer
    query = query.replace("{folder}", str(tmp_path)).replace("{catalog}", lake.settings.catalog)
    with pytest.raises(UsageError, match=r"^sql: [^\n]+$"):
        session.answer(query).rows()
    assert lake.store.get("publication", _POINTER) == _EDITION
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "query",
    [
        "from raw.objects",
        "from objects",
        'from "RAW"."Objects"',
        "select o from raw.objects o",
        "summarize raw.objects",
        "select columns('.*')::varchar from raw.objects",
    ],
)
def test_an_object_is_shown_without_its_content(session: Session, query: str) -> None:
    answer = session.answer(query)
    shown = repr([answer.names, answer.rows()])  # The content would be bytes: ASCII is legible.
    assert "d000001.json" in shown
    assert [text for text in ("body", *_CONTACT) if text in shown] == []


@pytest.mark.parametrize(
    "statement",
    [
        f"copy (select 1) to 's3://publication/{_POINTER}'",
        "select * from read_text('/etc/passwd')",
        "from read_text('https://example.invalid/')",
        "set enable_external_access = true",
        "delete from lake.raw.objects",
        "from lake.raw.registration_contacts",
        "from read_parquet('s3://lake/data/raw/registration_contacts/*.parquet')",
    ],
)
def test_the_connection_refuses_statements_that_pass_the_check(
    lake: stages.Workspace, session: Session, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    monkeypatch.setattr(
        "orchestration.query.session.checked_statements",
        lambda con, query: con.extract_statements(query),
    )
    with pytest.raises(UsageError):
        session.answer(statement).rows()
    assert lake.store.get("publication", _POINTER) == _EDITION


def test_a_query_that_exceeds_the_memory_limit_spills_to_disk(
    lake: stages.Workspace,
) -> None:
    settings = replace(lake.settings, max_lake_memory=60_000_000)
    with open_session(settings, lake.store) as session:
        query = "select count(m) from (select md5(i::text) m from range(2000000) t(i) order by m)"
        assert session.answer(query).rows() == [(2_000_000,)]


@pytest.mark.parametrize("ends_in", ["running", "reading"])
def test_ctrl_c_stops_a_query_that_never_ends(session: Session, ends_in: str) -> None:
    endless = "select count(*) from range(1000000000000000)"
    if ends_in == "reading":
        endless = "select i from range(1000000000000000) t(i) where hash(i) = 0"
    # The workers of pytest-xdist ignore the signal; the command line doesn't.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            session.answer(endless).rows()
    finally:
        signal.signal(signal.SIGINT, former)
    assert session.answer("select 1").rows() == [(1,)]


def _sql(lake: stages.Workspace, *arguments: str, given: str = "") -> Result:
    """Call ``tongbao sql``."""
    environment = {"TONGBAO_HOME": str(lake.settings.home)}
    return CliRunner().invoke(main, ["sql", *arguments], env=environment, input=given)


def test_the_query_comes_from_an_argument_a_file_or_standard_input(
    lake: stages.Workspace, tmp_path: Path
) -> None:
    query = "select count(*) as n -- 数\nfrom documents where document_type = $kind and year = $y"
    parameters = ("-p", "kind=review", "--param", "y=2024")
    file = tmp_path / "query.sql"
    file.write_text(query, encoding="utf-8")
    for arguments, given in ((["-f", str(file)], ""), ([], query)):
        done = _sql(lake, *arguments, *parameters, given=given)
        assert (done.exit_code, done.output) == (0, "n\n1\n")
    for refused in (
        [query, "-f", str(file)],
        [query, "-p", "kind"],
        [query, "-p", "kind=review"],
        [],
    ):
        assert _sql(lake, *refused).exit_code == 2


def test_an_answer_is_written_to_a_file_when_it_is_complete(
    lake: stages.Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "回答.parquet"
    done = _sql(lake, "select i as n, i as n from range(12000) t(i)", "--output", str(file))
    assert done.stderr == f"12,000 rows in {file}\n"
    table = pq.read_table(file)
    assert table.column_names == ["n", "n_2"]
    assert table["n_2"].to_pylist() == list(range(12000))
    done = _sql(lake, "select error('no') from range(12000)", "--output", str(file))
    assert done.exit_code == 2
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    assert pq.read_metadata(file).num_rows == 12000
    assert _sql(lake, "select 1", "--output", str(tmp_path / "answer")).exit_code == 2


def test_json_is_one_list(lake: stages.Workspace) -> None:
    done = _sql(lake, "select 1 as n where $any = 'x'", "-p", "any=x", "--json")
    assert json.loads(done.stdout) == [{"n": 1}]
    assert json.loads(_sql(lake, "select 1 as n where false", "--format", "json").stdout) == []


def test_tables_are_listed_and_described_in_both_languages(lake: stages.Workspace) -> None:
    with lakehouse.writer(lake.settings, lake.store) as con:
        lakehouse.write_comments(
            con,
            {
                ("raw.objects", ""): "Objects / versions. / 对象。",
                ("raw.objects", "etag"): "Version. / 版本。",
            },
        )
    with open_session(lake.settings, lake.store) as session:
        tables = {row[0]: row[1:] for row in list_tables(session).rows()}
        assert next(iter(tables)) == "quality.gate_results"
        assert tables["raw.objects"] == (15, "对象。", "Objects / versions.")
        described = describe_table(session, "raw.objects").rows()
        assert described[1] == ("etag", "VARCHAR", "版本。", "Version.")
        assert describe_table(session, "Objects").rows() == described
        for unknown in ("marts.objects", "objects%", "lake.main.objects"):
            with pytest.raises(UsageError, match="there is no table"):
                describe_table(session, unknown)
    environment = {"TONGBAO_HOME": str(lake.settings.home)}
    for words in (["tables"], ["describe", "raw.objects"]):
        done = CliRunner().invoke(main, [*words, "--json"], env=environment)
        assert done.exit_code == 0
        assert "对象。" in done.stdout or "版本。" in done.stdout

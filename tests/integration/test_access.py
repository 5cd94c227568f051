"""Permissions: the roles of ``infra/postgres`` and the analysts' S3 server.

The servers are real, and analysts are separate processes.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from orchestration import lakehouse
from orchestration.core.errors import Unreachable
from orchestration.core.settings import PROJECT_ROOT, Settings
from orchestration.storage import Store
from tests.conftest import clean_environment
from tests.fixtures.topology import S3Server, Topology, topology

#: Contact data in a registration of ``raw``, which must not be visible anywhere else.
CONTACT = ("李娜", "13800138000", "li.na@example.cn")
#: The folders that analysts may read, as in ``infra/policies/analyst.json`` for AWS.
FOLDERS = ("marts", "quality", "publication")

#: Needs PostgreSQL and the analysts' S3 server.
pytestmark = pytest.mark.slow

_ANALYST = """
import json, sys
from importlib.resources import files
import duckdb
setup, statements = json.load(sys.stdin)
con = duckdb.connect()
for name in ("httpfs", "ducklake", "postgres_scanner"):
    wheel = files(f"duckdb_extension_{name}")
    con.load_extension(str(wheel / f"extensions/v{duckdb.__version__}/{name}.duckdb_extension"))
answers = []
for statement in setup:
    con.execute(statement)
for statement in statements:
    try:
        answers.append(con.execute(statement).fetchall())
    except duckdb.Error as error:
        answers.append(f"{type(error).__name__}: {error}")
json.dump(answers, sys.stdout, default=str)
"""


@dataclass
class Access:
    """The servers, and an analyst's credentials for them."""

    servers: Topology
    s3: S3Server
    catalog: str

    def queries(self, *statements: str) -> list[Any]:
        """Run statements in plain DuckDB as an analyst; each gives rows or an error's text."""
        config = self.s3.config
        setup = [
            f"create secret (type s3, key_id '{config.access_key_id}', "
            f"secret '{config.secret_access_key}', "
            f"endpoint '{(config.endpoint or '').removeprefix('http://')}', "
            "use_ssl false, url_style 'path', region 'us-east-1')",
            f"attach 'ducklake:postgres:{self.catalog}' as lake (read_only)",
        ]
        done = subprocess.run(
            [sys.executable, "-c", _ANALYST],
            input=json.dumps([setup, statements]),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))

    @contextlib.contextmanager
    def cursor(self, database: str = "tongbao") -> Iterator[Any]:
        """A cursor of an analyst's connection to PostgreSQL."""
        url = self.servers.postgres.url(database, "analyst", self.servers.passwords["analyst"])
        with contextlib.closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            yield connection.cursor()

    def client(self) -> Any:
        """The analyst's S3 client."""
        return boto3.client(
            "s3",
            endpoint_url=self.s3.config.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.s3.config.access_key_id,
            aws_secret_access_key=self.s3.config.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}),
        )


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    folder = tmp_path_factory.mktemp("access")
    with topology(folder) as servers, contextlib.ExitStack() as stack:
        settings = Settings(
            home=Path(servers.environment["TONGBAO_HOME"]),
            catalog=servers.environment["TONGBAO_CATALOG"],
            uses_local_store=False,
        )
        store = Store(servers.s3.config)
        store.ensure_buckets(["landing", "lake", "publication"])
        store.put("landing", "plan/a.json", b"{}")
        with lakehouse.writer(settings, store) as con:
            lakehouse.ensure_tables(con)
            con.execute(
                "insert into lake.raw.registration_contacts "
                "(unit_code, contact_name, contact_phone, contact_email) "
                "values ('T05-110000-0001', ?, ?, ?)",
                list(CONTACT),
            )
            con.execute(
                "create table lake.marts.dim_unit as select 2023 as year, 'T05' as task_code"
            )
            con.execute("begin")
            lakehouse.write_comments(con, lakehouse.lake_descriptions(settings))
            con.execute("commit")
            con.execute("update lake.marts.dim_unit set year = 2024")
            con.execute("insert into lake.quality.submission_errors (year) values (2024)")
        allowed = [f"lake/data/{name}" for name in FOLDERS]
        s3 = S3Server(folder, folder / "s3", "s3-analyst", only=allowed)
        stack.callback(s3.kill)
        s3.start()
        url = servers.postgres.url("tongbao", "analyst", servers.passwords["analyst"])
        yield Access(servers, s3, url)


def test_an_analyst_reads_marts_quality_and_editions(access: Access) -> None:
    answers = access.queries(
        "select year, task_code from lake.marts.dim_unit",
        "select count(*) from lake.quality.submission_errors",
        "select count(*) from lake.publication.editions",
        "select comment from duckdb_columns() where database_name = 'lake' "
        "and table_name = 'dim_unit' and column_name = 'year'",
        "select max(snapshot_id) from lake.snapshots()",
        "select distinct schema_name from duckdb_tables() where database_name = 'lake' order by 1",
    )
    [newest] = answers[4][0]
    assert answers == [
        [[2024, "T05"]],
        [[1]],
        [[0]],
        [["Reporting year. / 报告年度。"]],
        [[newest]],
        [["marts"], ["publication"], ["quality"]],
    ]
    [old] = access.queries(f"select year from lake.marts.dim_unit at (version => {newest - 2})")
    assert old == [[2023]]


def test_an_analyst_can_not_read_raw(access: Access) -> None:
    answers = access.queries(
        "select * from lake.raw.registration_contacts",
        "select * from lake.raw.objects",
        "select * from glob('s3://lake/data/raw/**')",
        "select * from read_parquet('s3://lake/data/raw/registration_contacts/*.parquet')",
        "select * from glob('s3://landing/**')",
    )
    assert 'schema "raw" does not exist' in answers[0]
    assert 'schema "raw" does not exist' in answers[1]
    assert answers[2] == []
    assert "No files found" in answers[3]
    assert "NoSuchBucket" in answers[4]


def _catalogue_tables(access: Access) -> list[str]:
    with contextlib.closing(psycopg2.connect(access.servers.postgres.url("tongbao"))) as connection:
        cursor = connection.cursor()
        cursor.execute("select tablename from pg_tables where schemaname = 'public'")
        return [name for [name] in cursor.fetchall()]


def _table_as_text(cursor: Any, table: str) -> str:
    cursor.execute(
        f'select coalesce(string_agg(t::text, chr(10)), $$$$) from public."{table}" as t'
    )
    return str(cursor.fetchone()[0])


def test_the_metadata_an_analyst_sees_have_nothing_of_raw(access: Access) -> None:
    tables = _catalogue_tables(access)
    assert len(tables) > 20
    seen, refused = "", set()
    with access.cursor() as cursor:
        for table in tables:
            try:
                seen += _table_as_text(cursor, table)
            except psycopg2.errors.InsufficientPrivilege:
                refused.add(table)
        cursor.execute("select coalesce(string_agg(s::text, $$$$), $$$$) from pg_stats as s")
        seen += str(cursor.fetchone()[0])
    assert refused == {"ducklake_files_scheduled_for_deletion"}
    assert "dim_unit" in seen
    assert [word for word in (*CONTACT, "contact_phone") if word in seen] == []
    # The owner sees the contact data in the same tables, so the search above can find it.
    with contextlib.closing(psycopg2.connect(access.servers.postgres.url("tongbao"))) as connection:
        everything = "".join(_table_as_text(connection.cursor(), table) for table in tables)
    assert [word for word in CONTACT if word not in everything] == []


def test_an_analyst_can_not_read_new_catalogue_tables(access: Access) -> None:
    owner = access.servers.environment["TONGBAO_CATALOG"]
    names = ("ducklake_inlined_data_7_1", "ducklake_something_new", "ducklake_copy")
    with contextlib.closing(psycopg2.connect(owner)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"create table {names[0]} (row_id bigint, table_id bigint, phone text)")
        cursor.execute(f"create table {names[1]} (table_id bigint, max_value text)")
        cursor.execute(f"create table {names[2]} as select * from ducklake_file_column_stats")
        try:
            with access.cursor() as analyst:
                for name in names:
                    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                        _table_as_text(analyst, name)
        finally:
            for name in names:
                cursor.execute(f"drop table {name}")


@pytest.mark.parametrize(
    "statement",
    [
        "delete from ducklake_snapshot",
        "update ducklake_table set table_name = 'x'",
        "insert into ducklake_metadata (key, value) values ('x', 'y')",
        "truncate ducklake_data_file",
        "drop policy analyst on ducklake_schema",
        "alter table ducklake_schema disable row level security",
        "create table mine (n int)",
        "create temp table mine (n int)",
        "create schema mine",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_xact_lock_shared(1, 2)",
        "select access.guard()",
        "set role pipeline",
        "select pg_read_file('postgresql.conf')",
    ],
)
def test_an_analyst_can_not_change_the_catalogue(access: Access, statement: str) -> None:
    with access.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute(statement)


def test_an_analyst_can_not_connect_to_dagsters_database(access: Access) -> None:
    with (
        pytest.raises(psycopg2.OperationalError, match="permission denied"),
        access.cursor("dagster"),
    ):
        pass


def test_an_analyst_can_not_change_the_lake(access: Access) -> None:
    answers = access.queries(
        "insert into lake.marts.dim_unit values (2025, 'T01')",
        "drop table lake.marts.dim_unit",
        "copy (select 1) to 's3://lake/data/marts/dim_unit/x.parquet'",
        "attach 'ducklake:postgres:" + access.catalog + "' as writable",
        "insert into writable.marts.dim_unit values (2025, 'T01')",
        "select year, task_code from lake.marts.dim_unit",
    )
    assert "read-only" in answers[0]
    assert "read-only" in answers[1]
    assert "HTTP" in answers[2]
    assert "permission denied" in str(answers[4]) or "HTTP" in str(answers[4])
    assert answers[5] == [[2024, "T05"]]


def test_the_analysts_server_serves_marts_and_quality_read_only(access: Access) -> None:
    served = access.servers.folder / "s3"
    [secret, *_] = (served / "lake/data/raw/registration_contacts").glob("*.parquet")
    [shown, *_] = (served / "lake/data/marts/dim_unit").glob("*.parquet")
    raw_key, mart_key = (str(path.relative_to(served / "lake")) for path in (secret, shown))
    client = access.client()
    assert client.get_object(Bucket="lake", Key=mart_key)["Body"].read() == shown.read_bytes()
    assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == ["lake"]
    listed = client.list_objects_v2(Bucket="lake")["Contents"]
    assert {item["Key"].split("/")[1] for item in listed} == {"marts", "quality"}
    source = {"Bucket": "lake", "Key": raw_key}
    for name, arguments in [
        ("get_object", source),
        ("head_object", source),
        ("get_object", {"Bucket": "lake", "Key": f"data/marts/../raw/{raw_key[9:]}"}),
        ("get_object", {"Bucket": "landing", "Key": "plan/a.json"}),
        ("list_objects_v2", {"Bucket": "landing"}),
        ("list_objects_v2", {"Bucket": "publication"}),
        ("copy_object", {"Bucket": "lake", "Key": "data/marts/x", "CopySource": source}),
        ("put_object", {"Bucket": "lake", "Key": "data/marts/x", "Body": b"x"}),
        ("put_object", {"Bucket": "lake", "Key": mart_key, "Body": b"x"}),
        ("delete_object", {"Bucket": "lake", "Key": mart_key}),
        ("create_bucket", {"Bucket": "mine"}),
    ]:
        with pytest.raises(ClientError):
            getattr(client, name)(**arguments)
    with contextlib.suppress(ClientError):  # S3 also succeeds if there is nothing to delete.
        client.delete_object(**source)
    assert secret.exists()
    assert shown.exists()


def test_tongbao_sql_works_for_an_analyst(access: Access, tmp_path: Path) -> None:
    config = access.s3.config
    environment = clean_environment(
        tmp_path / "home",
        {
            "TONGBAO_CATALOG": access.catalog,
            "AWS_ENDPOINT_URL_S3": str(config.endpoint),
            "AWS_ACCESS_KEY_ID": config.access_key_id,
            "AWS_SECRET_ACCESS_KEY": config.secret_access_key,
            "AWS_REGION": config.region,
        },
    )

    def sql(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "orchestration.cli", "sql", *words],
            env=environment,
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    done = sql("--json", "select year, task_code from marts.dim_unit")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [{"year": 2024, "task_code": "T05"}]
    refused = sql("select * from raw.documents")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert 'schema "raw" does not exist' in refused.stderr
    assert access.servers.passwords["analyst"] not in refused.stderr


def test_the_scripts_can_run_again_on_a_catalogue_in_use(access: Access) -> None:
    environment = {
        f"TONGBAO_{role.upper()}_PASSWORD": word for role, word in access.servers.passwords.items()
    }
    for script in sorted((PROJECT_ROOT / "infra/postgres").glob("*.sql")):
        access.servers.postgres.run_sql(script, environment)
    assert access.queries("select year from lake.marts.dim_unit") == [[[2024]]]
    test_the_metadata_an_analyst_sees_have_nothing_of_raw(access)
    log = access.servers.postgres.log.read_text()
    assert [role for role, word in access.servers.passwords.items() if word in log] == []


def test_who_submits_can_not_reach_lake_and_publication(tmp_path: Path) -> None:
    served = tmp_path / "s3"
    for bucket in ("landing", "lake", "publication"):
        (served / bucket).mkdir(parents=True)
    (served / "lake/a.parquet").write_bytes(b"secret")
    only_landing = ("--filter=+ /landing/**", "--filter=- **")
    s3 = S3Server(tmp_path, served, "s3-landing", options=only_landing)
    s3.start()
    try:
        store = Store(s3.config)
        store.put("landing", "plan/a.json", b"{}")
        assert store.get("landing", "plan/a.json") == b"{}"
        for refused in (
            lambda: store.get("lake", "a.parquet"),
            lambda: store.list("lake"),
            lambda: store.put("lake", "b.parquet", b""),
            lambda: store.put("publication", "editions/2024/latest.json", b"1"),
        ):
            with pytest.raises(Unreachable):
                refused()
    finally:
        s3.kill()
    files = [path.relative_to(served) for path in served.rglob("*") if path.is_file()]
    assert sorted(map(str, files)) == ["lake/a.parquet", "landing/plan/a.json"]

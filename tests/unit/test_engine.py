"""The engine seam: the choice of the engine, what its absence says, and the tables from Spark."""

from __future__ import annotations

import json
import pickle
import re
import socket
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration import lakehouse, stages
from orchestration.core.errors import TongbaoError, Unreachable, UsageError
from orchestration.core.settings import Settings
from orchestration.lakehouse import child_process
from orchestration.lakehouse.engine import (
    spark,
    spark_process,
    spark_session,
    spark_tasks,
)
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress


def test_only_known_engines_are_accepted() -> None:
    assert Settings.from_env({}).engine == "duckdb"
    assert Settings.from_env({"TONGBAO_ENGINE": "spark"}).engine == "spark"
    with pytest.raises(UsageError, match="TONGBAO_ENGINE must be duckdb or spark, not 'flink'"):
        Settings.from_env({"TONGBAO_ENGINE": "flink"})


@pytest.fixture
def build_path(tmp_path: Path) -> Path:
    path = tmp_path / "build" / "tongbao.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as con:
        con.execute("create schema raw")
        con.execute("create table raw.notes as select 'x' as note where false")
    return path


def _build(settings: Settings, path: Path) -> None:
    lakehouse.build_marts(replace(settings, engine="spark"), path)


def test_without_its_packages_one_line_says_what_to_install(
    ws: stages.Workspace, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark, "find_spec", lambda _: None)
    landing.unit("T05-110000-0001")
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        before = lakehouse.current_snapshot(con)
    on_spark = replace(ws, settings=replace(ws.settings, engine="spark"))
    with pytest.raises(UsageError, match=r"pip install 'tongbao\[spark\]'"):
        stages.transform(on_spark, 2024, run_id="r", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        assert lakehouse.current_snapshot(con) == before


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "find_spec", lambda _: object())


@pytest.mark.usefixtures("_installed")
def test_a_cluster_that_does_not_answer_is_named(
    settings: Settings, build_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{port}")
    with pytest.raises(Unreachable, match=f"SPARK_REMOTE: .* 127.0.0.1:{port}"):
        _build(settings, build_path)


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("remote", ["127.0.0.1:15002", "https://spark", "sc://", "sc://host:x"])
def test_a_remote_that_is_no_address_is_refused(
    settings: Settings, build_path: Path, monkeypatch: pytest.MonkeyPatch, remote: str
) -> None:
    monkeypatch.setenv("SPARK_REMOTE", remote)
    with pytest.raises(UsageError, match="SPARK_REMOTE must be sc://host:port"):
        _build(settings, build_path)


def _child(monkeypatch: pytest.MonkeyPatch, outcome: dict[str, Any] | None) -> None:
    """Replace the child process by one that leaves this outcome, or that dies without one."""

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        if outcome is not None:
            folder = Path(command[command.index("-m") + 2])
            (folder / child_process.OUTCOME).write_text(json.dumps(outcome), encoding="utf-8")
        return SimpleNamespace(returncode=-9, stderr="first\nout of memory\n")

    monkeypatch.setattr(child_process.subprocess, "run", run)


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("outcome", "kind", "message"),
    [
        ({"error": "dbt: model.x failed", "exit_code": 1}, TongbaoError, "dbt: model.x failed"),
        ({"error": "a setting", "exit_code": 2}, UsageError, "a setting"),
        (
            None,
            TongbaoError,
            "spark_process ended with -9: out of memory",
        ),
    ],
)
def test_an_error_of_the_child_process_is_the_error_of_the_build(
    settings: Settings,
    build_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    outcome: dict[str, Any] | None,
    kind: type[TongbaoError],
    message: str,
) -> None:
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    _child(monkeypatch, outcome)
    with pytest.raises(TongbaoError) as raised:
        _build(settings, build_path)
    assert (type(raised.value), str(raised.value)) == (kind, message)


def test_tables_come_back_with_declared_types_or_spark_s(
    settings: Settings, build_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark, "column_types", lambda _: {("marts.some", "n"): "decimal(24,6)"})
    folder = build_path.parent / "spark"
    (folder / "tongbao_marts" / "some").mkdir(parents=True)
    with duckdb.connect() as con:
        con.execute(
            "copy (select 1.5::decimal(26, 6) as n, timestamp '2024-12-15 00:00:00' as at) "
            f"to '{folder}/tongbao_marts/some/part-0.parquet' (format parquet)"
        )
    columns = {"at": "timestamp_ntz", "n": "decimal(26,6)"}
    tables = {"marts.some": columns, "marts.none": columns | {"text": "string"}}
    spark._read_tables(settings, build_path, folder, tables)
    with duckdb.connect(str(build_path)) as con:
        assert con.execute("describe marts.some").fetchall()[1][:2] == ("n", "DECIMAL(24,6)")
        assert con.execute("select n from marts.some").fetchall() == [(Decimal("1.5"),)]
        assert [row[:2] for row in con.execute("describe marts.none").fetchall()] == [
            ("at", "TIMESTAMP"),
            ("n", "DECIMAL(26,6)"),
            ("text", "VARCHAR"),
        ]
        assert con.execute("from marts.none").fetchall() == []


def _shout(task: bytes) -> bytes:
    return task.upper()


@pytest.mark.usefixtures("_installed")
def test_results_of_executors_come_in_the_order_of_the_tasks_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: str, folder: Path) -> None:
        """Write a file for each task, the last one first."""
        tasks = pq.read_table(folder / spark_tasks.TASKS).to_batches(max_chunksize=1)
        function = pickle.loads((folder / spark_tasks.FUNCTION).read_bytes())  # noqa: S301
        (folder / spark_tasks.RESULTS).mkdir()
        for number, batch in enumerate(reversed(tasks)):
            table = pa.Table.from_batches(spark_tasks.apply(function, [batch]))
            pq.write_table(table, folder / spark_tasks.RESULTS / f"part-{number}.parquet")

    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    monkeypatch.setattr(spark, "run_child", run)
    tasks = [b"one", b"two", b"three"]
    results = list(spark.run_on_executors(tmp_path / "tasks", _shout, tasks))
    assert results == [b"ONE", b"TWO", b"THREE"]
    assert not any(tmp_path.iterdir())


class _SparkError(Exception):
    pass


@pytest.fixture
def pyspark(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A PySpark whose session refuses what ``refuses`` names, by raising."""
    state = SimpleNamespace(refuses=set(), settings={})

    class Session:
        conf = SimpleNamespace(set=state.settings.__setitem__)

        def sql(self, query: str) -> SimpleNamespace:
            if query in state.refuses:
                raise _SparkError(f"refused: {query}\n  at a line of Java")
            return SimpleNamespace(collect=list)

    builder = SimpleNamespace(getOrCreate=Session)
    for name, content in (
        ("pyspark", {}),
        ("pyspark.errors", {"PySparkException": _SparkError}),
        ("pyspark.sql", {"SparkSession": SimpleNamespace(builder=builder)}),
    ):
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return state


_CAST = "select cast('x' as int)"


def test_a_session_computes_with_ansi_and_in_utc(pyspark: SimpleNamespace) -> None:
    pyspark.refuses.add(_CAST)
    spark_session.open_session()
    assert pyspark.settings == {
        "spark.sql.ansi.enabled": "true",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
    }


def test_a_cluster_without_ansi_is_refused(pyspark: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match=r"^spark\.sql\.ansi\.enabled can't be turned on"):
        spark_session.open_session()
    assert pyspark.settings


def test_a_cluster_that_does_not_see_the_inputs_is_told_the_folder(
    pyspark: SimpleNamespace, tmp_path: Path
) -> None:
    file = tmp_path / "tongbao_raw" / "notes.parquet"
    file.parent.mkdir()
    file.touch()
    pyspark.refuses.update(
        {_CAST, f"create table tongbao_raw.notes using parquet location '{file}'"}
    )
    with pytest.raises(UsageError, match=f"TONGBAO_HOME: the cluster can't read {tmp_path}"):
        spark_process._build(tmp_path, tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("error", "kind", "setting"),
    [
        (
            "dbt: model.x failed: Job aborted: ExecutorLostFailure (executor 1 "
            "exited caused by one of the running tasks) Reason: Command exited with code 137",
            UsageError,
            "spark.executor.memory",
        ),
        ("java.lang.OutOfMemoryError: Java heap space", UsageError, "spark.executor.memory"),
        (
            "An error occurred while calling o79.parquet.\n: org.apache.spark.SparkException: Job "
            "aborted due to stage failure: ResultStage 7 has failed the maximum allowable number "
            "of times: 4. Most recent failure reason:",
            UsageError,
            "spark.executor.memory",
        ),
        (
            "[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.9 than that in "
            "driver: 3.11",
            UsageError,
            "PYSPARK_PYTHON",
        ),
        ('java.io.IOException: Cannot run program "nowhere"', UsageError, "PYSPARK_PYTHON"),
        ("ModuleNotFoundError: No module named 'orchestration'", UsageError, "PYSPARK_PYTHON"),
        (
            "org.apache.spark.SparkException: \nError from python worker:\n  /usr/bin/python3: "
            "Error while finding module specification for 'pyspark.daemon'",
            UsageError,
            "PYSPARK_PYTHON",
        ),
        ("<_InactiveRpcError of RPC: StatusCode.UNAVAILABLE", Unreachable, "SPARK_REMOTE"),
        (
            "An error occurred while calling None.org.apache.spark.api.java.JavaSparkContext.\n"
            ": java.lang.IllegalStateException: Spark context stopped while waiting for backend",
            Unreachable,
            "SPARK_REMOTE or spark.master: .* \\(java.lang.IllegalStateException",
        ),
        ("[JAVA_GATEWAY_EXITED] Java gateway process exited", UsageError, "JAVA_HOME"),
    ],
)
def test_an_error_of_the_cluster_names_the_setting_that_mends_it(
    error: str, kind: type[TongbaoError], setting: str
) -> None:
    found = spark_session.explained(Exception(f"{error}\n\tat a line of Java"))
    assert type(found) is kind
    assert re.match(setting, str(found))
    assert "at a line of Java" not in str(found)


def test_an_error_of_a_model_keeps_its_message() -> None:
    assert spark_session.explained(Exception("dbt: model.x failed: [DIVIDE_BY_ZERO]")) is None


def test_a_server_that_refuses_the_client_names_its_version(pyspark: SimpleNamespace) -> None:
    pyspark.refuses.add("select 1")
    with pytest.raises(UsageError) as raised:
        spark_session.open_session()
    assert "which must have the server's version: refused: select 1" in str(raised.value)
    assert "Java" not in str(raised.value)

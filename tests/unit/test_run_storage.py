"""The event log of a local home keeps its connections and holds what Dagster's own class would."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster_shared.check import CheckError
from sqlalchemy import Connection, Engine, event

from orchestration.core.settings import PROJECT_ROOT, Settings
from orchestration.defs import run_storage
from orchestration.defs.in_process import prepare_dagster_home
from tests.fixtures.topology import postgres_server


@dg.multi_asset(
    specs=[dg.AssetSpec("counted")], check_specs=[dg.AssetCheckSpec("known", asset="counted")]
)
def counted() -> Iterator[dg.MaterializeResult[None]]:
    yield dg.MaterializeResult(
        metadata={"rows": 3}, check_results=[dg.AssetCheckResult(passed=True, check_name="known")]
    )


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", "")
    prepare_dagster_home(settings)
    return settings.home / "dagster"


def _run(instance: dg.DagsterInstance) -> list[str]:
    """Materialize the asset and return the kinds of the run's events."""
    job = dg.Definitions([counted]).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance)
    assert result.success
    events = [entry.dagster_event for entry in instance.all_logs(result.run_id)]
    return [event.event_type_value for event in events if event]


def _use_dagsters_own_class(home: Path) -> None:
    config = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8"))
    del config["event_log_storage"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def test_both_classes_write_the_same_and_read_each_other(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = []
    connect = sqlite3.connect

    def counting(database: str, *arguments: object, **options: object) -> sqlite3.Connection:
        connections.append(database)
        return connect(database, *arguments, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3.dbapi2, "connect", counting)
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, run_storage.PooledSqliteEventLogStorage)
        _run(instance)
        connections.clear()
        pooled = _run(instance)
        kept = sum(not name.endswith("runs.db") for name in connections)
    _use_dagsters_own_class(home)
    with dg.DagsterInstance.get() as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        connections.clear()
        assert _run(instance) == pooled
        assert kept < sum(not name.endswith("runs.db") for name in connections) / 5
        assert len(instance.get_runs()) == 3
        records = instance.fetch_materializations(dg.AssetKey("counted"), limit=10).records
        assert len(records) == 3


@pytest.mark.usefixtures("home")
def test_only_a_few_databases_stay_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_storage, "_KEPT_ENGINES", 2)
    with dg.DagsterInstance.get() as instance:
        first, *others = [_run(instance) for _ in range(3)]
        assert all(events == first for events in others)
        runs = [run.run_id for run in instance.get_runs()]
        # The log of a run whose connection was closed is opened again.
        assert all(len(instance.all_logs(run)) >= len(first) for run in runs)
        instance.wipe()
        assert instance.get_runs() == []
        assert _run(instance) == first


@pytest.mark.usefixtures("home")
def test_what_is_planned_is_stored_in_one_transaction_of_each_database() -> None:
    begun: list[str] = []

    def count(connection: Connection) -> None:
        begun.append(str(connection.engine.url))

    with dg.DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        _run(instance)
        [run] = instance.get_runs()
        planned = [entry for entry in instance.all_logs(run.run_id) if _is_planned(entry)]
        assert len(planned) == 2
        again, broken = ([e._replace(run_id=name) for e in planned] for name in ("a", "b"))
        storage.store_event(again[0])  # creates the run's database
        event.listen(Engine, "begin", count)
        try:
            storage.store_event_batch(again)
        finally:
            event.remove(Engine, "begin", count)
        assert len(begun) == len(set(begun)) == 2, begun
        assert len(storage.get_logs_for_run("a")) == 3
        # Dagster stores the events of a batch that fails one by one: nothing of it may be left.
        with pytest.raises(CheckError):
            storage.store_event_batch([*broken, "no event"])  # type: ignore[list-item]
        assert storage.get_logs_for_run("b") == []
        assert _run(instance)


def _is_planned(entry: dg.EventLogEntry) -> bool:
    return "PLANNED" in str(entry.dagster_event_type)


@pytest.mark.slow
def test_a_run_opens_few_connections_to_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(PROJECT_ROOT / "infra" / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    opened: list[str] = []

    def count(*_: object) -> None:
        opened.append("")

    event.listen(Engine, "connect", count)
    try:
        with postgres_server() as server:
            url = server.url().replace("://", "+psycopg2://")
            monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
            with dg.DagsterInstance.get() as instance:
                _run(instance)
                opened.clear()
                usual = _run(instance)
                before = len(opened)
                run_storage.keep_connections(instance)
                opened.clear()
                assert _run(instance) == usual
                assert len(opened) < before / 4
                # A connection that may have been lost meanwhile is not used again.
                server.stop()
                server.start()
                time.sleep(run_storage._RECYCLE_SECONDS)
                assert _run(instance) == usual
    finally:
        event.remove(Engine, "connect", count)

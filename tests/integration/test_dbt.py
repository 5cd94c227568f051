"""The dbt project: its unit tests, its descriptions and its contracts.

Belongs here: what dbt itself can't say of the project. The examples are dbt unit tests beside
the models; they need the relations of a build, so one is made here first.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from orchestration import lakehouse, stages
from orchestration.bulletin.open_data import public_tables
from orchestration.core.errors import TongbaoError
from orchestration.core.reporting_calendar import period_of
from orchestration.core.settings import Settings
from orchestration.lakehouse import dbt, dbt_process
from orchestration.lakehouse.build import prepare_build
from orchestration.lakehouse.dbt import (
    DBT_PROJECT,
    dbt_manifest,
    recording_folder,
    target_folder,
)
from orchestration.lakehouse.development import development_database, run_dbt
from orchestration.lakehouse.recorded import _run, dbt_build
from orchestration.lakehouse.tables import OTHER_TABLES, RAW_TABLES
from tests.fixtures.homes import Shared
from tests.fixtures.landing import Landing

#: Contract §2: the columns that must be there.
_CONTRACT = {
    "dim_region": "province_code province_name short_name display_order",
    "dim_task": "task_code task_name task_name_en",
    "dim_task_target": "task_code level category target_count target_year",
    "dim_calendar": "year collection_opens_at submission_cutoff_at correction_cutoff_at "
    "publication_date publication_time reminder_days transfer_hours",
    "dim_category": "task_code category name_zh name_en",
    "dim_error_code": "code name_zh name_en severity scope fix_zh fix_en",
    "dim_code": "column_name code name_zh name_en",
    "dim_indicator": "indicator_code task_code owner_task_code",
    "dim_indicator_year": "year indicator_code owner_task_code name_zh name_en unit aggregation "
    "is_series_break",
    "dim_level": "level name_zh name_en",
    "dim_organisation": "year organisation_id organisation_name organisation_type province_code",
    "agg_province_group_indicator": "year province_code task_code group_kind group_code "
    "group_name indicator_code value units_expected units_counted",
    "agg_national_group_indicator": "year task_code group_kind group_code group_name "
    "indicator_code value units_expected units_counted",
    "agg_province_late_indicator": "year province_code task_code indicator_code units_late "
    "late_value",
    "agg_peer_quartiles": "year task_code level indicator_code peers lower_quartile median_value "
    "upper_quartile",
    "agg_province_rate": "year province_code task_code indicator_code denominator value_per_head",
    "dim_rule": "rule_id name_zh name_en task_code category severity expression indicator_codes",
    "dim_scorecard_measure": "measure name_zh name_en kind best",
    "v_national_indicator": "year task_code task_name indicator_code indicator_name unit value "
    "units_expected units_counted coverage_rate matched_units matched_change_rate "
    "observation_status",
    "v_province_indicator": "year province_code province_name task_code task_name indicator_code "
    "indicator_name unit value units_expected units_counted coverage_rate matched_units "
    "matched_change_rate observation_status",
    "v_unit_indicator": "year unit_code unit_name task_name province_name indicator_name value",
    "dim_unit": "year unit_code unit_name task_code province_code city_name level category status",
    "fct_unit_indicator": "year unit_code task_code province_code indicator_code value target "
    "attainment is_excluded exclusion_code document_id",
    "fct_unit_year": "year unit_code task_code province_code level has_reported is_on_time "
    "has_report_file assessment_score assessment_grade indicators_required indicators_reported "
    "indicators_excluded",
    "agg_province_indicator": "year province_code task_code indicator_code value units_expected "
    "units_counted target value_with_target units_with_target attainment previous_value "
    "previous_units_counted change_rate matched_units matched_value matched_previous_value "
    "matched_change_rate matched_change_points observation_status",
    "agg_national_indicator": "year task_code indicator_code value units_expected "
    "units_counted target value_with_target units_with_target attainment previous_value "
    "previous_units_counted change_rate matched_units matched_value matched_previous_value "
    "matched_change_rate matched_change_points observation_status",
    "agg_province_task": "year province_code task_code units_expected units_national "
    "units_provincial units_municipal units_school units_reported units_on_time reporting_rate "
    "on_time_rate report_file_rate assessed_rate mean_assessment_score targets_set targets_met "
    "targets_not_met targets_without_value target_met_rate has_provincial_summary",
    "agg_national_task": "year task_code units_expected units_national units_provincial "
    "units_municipal units_school units_reported units_on_time reporting_rate on_time_rate "
    "report_file_rate assessed_rate mean_assessment_score targets_set targets_met "
    "targets_not_met targets_without_value target_met_rate has_provincial_summary",
    "agg_task_rank": "year province_code task_code",
    "agg_national_target": "year task_code level category achieved_count "
    "achieved_with_higher newly_achieved target_count progress_rate time_elapsed_rate",
    "province_scorecard": "year province_code",
    "unit_watchlist": "year unit_code reason",
    "submission_errors": "year province_code object_key document_id unit_code indicator_code code "
    "severity location message_zh message_en",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, shared: Shared) -> tuple[Settings, Path]:
    """Settings and a build file that dbt made of a landing zone of one unit.

    The inputs stay beside it as ``inputs.duckdb``, and dbt's ``run_results.json``.
    """
    settings = shared.settings(tmp_path_factory.mktemp("dbt") / "home")
    with stages.open_workspace(settings) as ws:
        landing = Landing(ws.store)
        landing.unit("T05-110000-0001")
        landing.performance("T05-110000-0001", {"T05_02": 1000})
        stages.intake(ws, 2024, run_id="dbt", progress=lambda _: None)
        with lakehouse.writer(settings, ws.store) as con:
            snapshot_id = lakehouse.current_snapshot(con)
            path = prepare_build(con, settings, period_of(2024), snapshot_id=snapshot_id)
    shutil.copy(path, path.with_name("inputs.duckdb"))
    shutil.copy(dbt_manifest(settings).with_name("partial_parse.msgpack"), path.parent)
    subprocess.run(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", "build",
         "--project-dir", DBT_PROJECT, "--profiles-dir", DBT_PROJECT,
         "--target-path", path.parent, "--log-path", path.parent],
        env={**os.environ, "TONGBAO_BUILD_FILE": str(path)},
        capture_output=True,
        check=False,
    )  # fmt: skip
    return settings, path


@pytest.fixture(scope="module")
def ran(built: tuple[Settings, Path]) -> dict[str, dict[str, Any]]:
    """What dbt says of each node that it ran, by its id."""
    results = json.loads(built[1].with_name("run_results.json").read_text(encoding="utf-8"))
    return {each["unique_id"]: each for each in results["results"]}


@pytest.fixture(scope="module")
def manifest(built: tuple[Settings, Path]) -> dict[str, Any]:
    """dbt's manifest."""
    return dict(json.loads(dbt_manifest(built[0]).read_text(encoding="utf-8")))


def test_the_recorded_statements_build_what_dbt_builds(
    built: tuple[Settings, Path], ran: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """Recorded without submissions, run with some: every table and view is that of dbt itself."""
    settings, path = built
    again = Path(shutil.copy(path.with_name("inputs.duckdb"), tmp_path / "again.duckdb"))
    nodes = dbt_build(settings, again)
    assert {node.status for node in nodes} == {"success", "pass"}
    kinds = ("model.", "seed.", "test.")
    assert {node.unique_id for node in nodes} == {name for name in ran if name.startswith(kinds)}
    with duckdb.connect() as con:
        con.execute(f"attach '{path}' as tongbao (read_only)")
        con.execute(f"attach '{again}' as again (read_only)")
        columns = (
            "select schema_name, table_name, column_name, data_type from duckdb_columns() "
            "where database_name = '{}' order by all"
        )
        wanted, found = (
            con.execute(columns.format(each)).fetchall() for each in ("tongbao", "again")
        )
        assert found == wanted
        tables = sorted({f"{schema}.{table}" for schema, table, *_ in wanted})
        assert len(tables) > 100
        for table in tables:
            if table.startswith("staging."):  # A view: its text names the database.
                continue
            one, other = f"tongbao.{table}", f"again.{table}"
            for left, right in ((one, other), (other, one)):
                rows = con.execute(f"from {left} except all from {right}").fetchall()
                assert rows == [], table


def test_every_unit_test_passes(ran: dict[str, dict[str, Any]], manifest: dict[str, Any]) -> None:
    outcomes = {name: (each["status"], each["message"]) for name, each in ran.items()}
    assert manifest["unit_tests"].keys() <= outcomes.keys()
    good = {"pass", "success", "no-op"}
    assert {name: texts for name, texts in outcomes.items() if texts[0] not in good} == {}


def _models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def test_models_and_columns_are_described_in_both_languages(manifest: dict[str, Any]) -> None:
    lacking = []
    for model in [*_models(manifest), *manifest["sources"].values()]:
        texts = {model["name"]: model["description"]}
        texts |= {f"{model['name']}.{n}": c["description"] for n, c in model["columns"].items()}
        if not model["description"].startswith("Grain:"):
            lacking.append(model["name"])
        lacking += [
            name
            for name, text in texts.items()
            if not re.search(r"[A-Za-z].* / .*[\u4e00-\u9fff]", text, re.DOTALL)
        ]
    assert lacking == []


def test_every_table_that_python_writes_is_described(manifest: dict[str, Any]) -> None:
    built = {f"{model['schema']}.{model['name']}" for model in _models(manifest)}
    described = {
        f"{source['schema']}.{source['name']}": list(source["columns"])
        for source in manifest["sources"].values()
        if source["schema"] in {"raw", "quality", "publication"}
    }
    shapes = {f"raw.{name}": shape for name, shape in RAW_TABLES.items()} | OTHER_TABLES
    assert described == {name: s.names for name, s in shapes.items() if name not in built}


def test_every_table_of_the_lake_states_its_grain_and_tests_it(manifest: dict[str, Any]) -> None:
    tested: dict[str, list[set[str]]] = {}
    for node in manifest["nodes"].values():
        if (node.get("test_metadata") or {}).get("name") == "unique_key":
            columns = node["test_metadata"]["kwargs"]["columns"]
            tested.setdefault(node["attached_node"], []).append(set(columns))
    grains = {
        model["unique_id"]: model["config"]["meta"]["grain"]
        for model in _models(manifest)
        if model["config"]["meta"].get("lake")
    }
    assert set(grains) >= {
        model["unique_id"] for model in _models(manifest) if model["schema"] in {"marts", "quality"}
    }
    without_key = {unique_id for unique_id, grain in grains.items() if not grain}
    assert without_key == {"model.tongbao.submission_errors"}
    untested = [
        unique_id
        for unique_id, grain in grains.items()
        if grain and set(grain) not in tested.get(unique_id, [])
    ]
    assert untested == []


def test_published_models_have_enforced_contracts_with_the_agreed_columns(
    manifest: dict[str, Any],
) -> None:
    by_name = {model["name"]: model for model in _models(manifest)}
    for name, columns in _CONTRACT.items():
        assert by_name[name]["config"]["contract"]["enforced"], name
        assert set(columns.split()) <= set(by_name[name]["columns"]), name
    catalogue = (DBT_PROJECT / "seeds" / "indicators.csv").open(encoding="utf-8-sig")
    with catalogue:
        header = next(csv.reader(catalogue))
    assert set(header) <= set(by_name["dim_indicator"]["columns"])


def test_the_views_have_the_figures_with_names_and_no_rows_of_all_tasks(
    built: tuple[Settings, Path],
) -> None:
    with duckdb.connect(str(built[1]), read_only=True) as con:
        for view, table in (
            ("v_province_indicator", "agg_province_indicator"),
            ("v_national_indicator", "agg_national_indicator"),
            ("v_unit_indicator", "fct_unit_indicator"),
        ):
            shared = "year, task_code, indicator_code, value, target, attainment"
            named = con.execute(
                f"select {shared} from marts.{view} where task_name is not null "
                "and indicator_name is not null and unit is not null order by all"
            ).fetchall()
            assert (
                named
                == con.execute(
                    f"select {shared} from marts.{table} where task_code <> 'ALL' order by all"
                ).fetchall()
            )
            assert named
        assert con.execute(
            "select distinct unit_name, province_name, level_name, exclusion_name "
            "from marts.v_unit_indicator where unit_code = 'T05-110000-0001'"
        ).fetchall() == [("示例单位0001", "北京市", "省级", None)]


def test_the_calendar_is_in_utc(built: tuple[Settings, Path]) -> None:
    with duckdb.connect(str(built[1]), read_only=True) as con:
        assert con.execute(
            "select submission_cutoff_at, correction_cutoff_at from marts.dim_calendar "
            "where year in (2023, 2024) order by year"
        ).fetchall() == [
            (datetime(2023, 12, 14, 16), None),
            (datetime(2024, 12, 14, 16), datetime(2025, 1, 31, 16)),
        ]


def test_the_bulletins_are_exposures_of_the_marts(manifest: dict[str, Any]) -> None:
    exposures = {exposure["name"]: exposure for exposure in manifest["exposures"].values()}
    assert exposures.keys() >= {"national_bulletin", "task_bulletins", "provincial_bulletins"}
    marts = {
        name: {parent.rpartition(".")[2] for parent in exposure["depends_on"]["nodes"]}
        for name, exposure in exposures.items()
    }
    assert marts["open_data"] == set(public_tables())
    assert marts["api"] < marts["open_data"]


#: The functions (their keys in sqlglot) and types that models may use, because DuckDB, Spark and
#: Sail compute them alike. Before adding one, read in the manuals what it does with NULL, with an
#: empty group and at its bounds. What engines write differently belongs in macros/dialect.sql.
_PORTABLE_FUNCTIONS = set(
    """
    abs and arrayagg arraysort arraytostring case cast coalesce concatws count explode extract
    floor if least logicalor lower max md5 min or rank regexpreplace regexpsplit replace round
    rownumber sign splitpart strposition substring sum trim trycast upper
    """.split()  # noqa: SIM905
)
_PORTABLE_TYPES = {
    *("BIGINT", "BOOLEAN", "DATE", "DECIMAL", "INT", "TEXT"),
    *("TIMESTAMPLTZ", "TIMESTAMPNTZ", "TIMESTAMPTZ"),
}
_INSTEAD = {
    "concat": "concat_ws('', a, b) skips NULL on every engine, a || b is NULL",
    "varchar": "{{ type_text() }}, and string in YAML",
    "div": "exact_ratio of macros/exact.sql",
}


def _is_exact_division(node: exp.Div) -> bool:
    """Whether a division has no remainder: ``cast((n - n % d) / d as decimal(38, 0))``."""
    return (
        isinstance(node.parent, exp.Cast)
        and node.parent.to == exp.DataType.build("decimal(38, 0)")
        and isinstance(node.this.unnest(), exp.Sub)
        and isinstance(node.this.unnest().expression, exp.Mod)
    )


def _not_portable(sql: str) -> set[str]:
    """What Spark doesn't have, or computes otherwise, in a query that is compiled for it."""
    # Names of relations are those of the build, where dbt-duckdb quotes them.
    sql = re.sub(r'"(\w+)"\."(\w+)"\."(\w+)"', r"\2.\3", sql)
    found = {f"{mark} in a text or name" for mark in '"\\' if mark in sql}
    # sqlglot reads it as string.
    found |= {"varchar"} & set(sql.lower().replace("(", " ").replace(")", " ").split())
    for node in sqlglot.parse_one(sql, read="spark").walk():
        match node:
            case exp.Div() if not _is_exact_division(node):
                found.add("div")
            case exp.IntDiv() | exp.Lambda() | exp.Bracket():
                found.add(node.key)
            case exp.Star() if node.args.get("except_") or node.args.get("replace"):
                found.add("* except or replace")
            case exp.Distinct() if node.args.get("on"):
                found.add("distinct on")
            case exp.SetOperation() if node.args.get("by_name"):
                found.add("union by name")
            case exp.Join() if node.method:
                found.add(f"{node.method.lower()} join")
            case exp.DataType() if node.this.value not in _PORTABLE_TYPES:
                found.add(node.this.value.lower())
            case exp.Func() if node.key not in _PORTABLE_FUNCTIONS:
                found.add(node.name.lower() if isinstance(node, exp.Anonymous) else node.key)
    return found


def _advice(name: str, found: set[str]) -> list[str]:
    return [f"{name}: {each} ({_INSTEAD.get(each, 'see macros/dialect.sql')})" for each in found]


def test_models_are_portable_to_spark(
    built: tuple[Settings, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbt.context import providers  # The import takes a second in each worker.

    # dbt takes the macros for Spark, and DuckDB has the seeds that the models are compiled from.
    monkeypatch.setattr(providers, "get_adapter_type_names", lambda _: ["spark"])
    # A copy, because dbt keeps its database open.
    path = Path(shutil.copy(built[1], tmp_path))
    command = ("compile", "--no-populate-cache")
    result = dbt_process._invoke(tmp_path, path, *command, project=DBT_PROJECT)
    assert result.success, result.exception
    compiled = {
        each.node.unique_id: each.node.compiled_code
        for each in result.result.results
        if each.node.resource_type in {"model", "test"}
    }
    assert len(compiled) > 50
    advice = [line for name, sql in compiled.items() for line in _advice(name, _not_portable(sql))]
    assert advice == []


def test_types_of_columns_are_known_to_spark(manifest: dict[str, Any]) -> None:
    typed = {
        f"{node['name']}.{name}": kind.lower()
        for node in manifest["nodes"].values()
        if node["resource_type"] == "seed" or node["config"].get("contract", {}).get("enforced")
        for name, kind in [
            *((each["name"], each["data_type"]) for each in node["columns"].values()),
            *node["config"].get("column_types", {}).items(),
        ]
        if kind
    }
    assert len(typed) > 500
    known = r"bigint|boolean|date|decimal\(\d+, ?\d+\)|integer|string|timestamp"
    assert {name: kind for name, kind in typed.items() if not re.fullmatch(known, kind)} == {}


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select a / b from t", {"div"}),
        ("select cast((a - a % b) / b as decimal(38, 0)) as c from t", set()),
        ("select cast(a as varchar) as b from t", {"varchar"}),
        ("select cast(a as double) as b from t", {"double"}),
        ("select concat(a, b) as c from t", {"concat"}),
        ("select arg_max(a, b) as c from t", {"argmax"}),
        ("select * except (a) from t", {"* except or replace"}),
        ("select distinct on (a) a, b from t", {"distinct on"}),
        ('select "a" as b from t', {'" in a text or name'}),
        ("select read_json(a) as b from t", {"read_json"}),
        ("select a from t union by name select a from u", {"union by name"}),
    ],
)
def test_the_linter_finds_what_is_not_portable(sql: str, found: set[str]) -> None:
    assert _not_portable(sql) == found


def test_dbt_runs_once_for_a_state_of_the_project(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For an installation where that was set up, else for a home; again after a change."""
    calls: list[tuple[Path, str]] = []

    def child(_module: str, folder: Path, command: str, _project: str) -> None:
        calls.append((folder, command))

    monkeypatch.setattr(dbt, "run_child", child)
    installed, own = tmp_path / "installed", target_folder(settings)
    monkeypatch.setattr(dbt, "_INSTALLED", installed)
    for _ in range(2):
        assert dbt_manifest(settings) == own / "manifest.json"
        assert recording_folder(settings, DBT_PROJECT) == own / "recorded"
    assert calls == [(own, "parse"), (own / "recorded", "record")]
    dbt.prepare_for_all_homes()
    assert calls[2:] == [(installed, "parse"), (installed / "recorded", "record")]
    assert dbt_manifest(settings) == installed / "manifest.json"
    assert recording_folder(settings, DBT_PROJECT) == installed / "recorded"
    # A copy of the project, with other seeds: the installation's recording is not of it.
    other = tmp_path / "dbt_project"
    other.mkdir()
    assert recording_folder(settings, other) == own / "recorded"
    assert calls[4:] == [(own / "recorded", "record")]
    # Other files: nothing is written into an installation's folder, which may be another user's.
    monkeypatch.setattr(dbt, "dbt_project_version", lambda _: "another")
    before = {path: path.stat().st_mtime_ns for path in installed.rglob("*")}
    assert dbt_manifest(settings) == own / "manifest.json"
    assert recording_folder(settings, DBT_PROJECT) == own / "recorded"
    assert {path: path.stat().st_mtime_ns for path in installed.rglob("*")} == before
    assert calls[5:] == [(own, "parse"), (own / "recorded", "record")]


@pytest.mark.parametrize(
    ("sql", "only_warns", "status"),
    [
        ("select 0, false, false", False, "pass"),
        ("select 3, true, true", True, "warn"),
        ("select 3, true, false", False, "warn"),
        ("select 3, true, true", False, "dbt: test.a failed: 3 failing rows"),
        ("select 1 / (", False, "dbt: test.a failed: Parser Error: syntax error at end of input"),
    ],
)
def test_a_data_test_passes_warns_or_ends_the_build(
    sql: str, only_warns: bool, status: str
) -> None:
    statement = {
        "unique_id": "test.a", "sql": sql, "parents": [], "is_test": True, "only_warns": only_warns,
    }  # fmt: skip
    with duckdb.connect() as con:
        if status.startswith("dbt"):
            with pytest.raises(TongbaoError, match=f"^{re.escape(status)}"):
                list(_run(con, [statement]))
        else:
            [node] = _run(con, [statement])
            assert (node.status, node.failures) == (status, 0 if status == "pass" else 3)


def test_a_failed_model_ends_the_build_before_those_that_read_it() -> None:
    statements = [
        {"unique_id": f"model.{name}", "sql": sql, "parents": parents, "is_test": False,
         "only_warns": False}
        for name, sql, parents in (
            ("c", "create table c as from b", ["model.b"]),
            ("a", "create table a as select 1 as x", []),
            ("b", "create table b as select y from a", ["model.a"]),
        )
    ]  # fmt: skip
    with duckdb.connect() as con:
        with pytest.raises(TongbaoError, match=r"dbt: model\.b failed: Binder Error: .*\"y\""):
            list(_run(con, statements))
        assert con.execute("select table_name from duckdb_tables()").fetchall() == [("a",)]


@pytest.mark.slow
def test_dbt_works_on_a_development_database(
    settings: Settings, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a lake, its models are built and described, and can be built again."""
    for name in ("TONGBAO_BUILD_FILE", "DBT_PROJECT_DIR", "DBT_PROFILES_DIR", "DBT_TARGET_PATH",
                 "DBT_LOG_PATH", "DBT_SEND_ANONYMOUS_USAGE_STATS"):  # fmt: skip
        monkeypatch.setenv(name, "")
    said: list[str] = []
    with stages.open_workspace(settings) as ws:
        path = development_database(settings, ws.store, 2024, is_fresh=False, progress=said.append)
    assert said[0] == "dbt: making the development database of 2024 (empty)"
    assert not Path(settings.catalog).exists()
    assert run_dbt(settings, path, ("docs", "generate"))
    assert run_dbt(settings, path, ("build", "--select", "stg_registrations", "dim_organisation"))
    assert not run_dbt(settings, path, ("build", "--select", "dim_organisation", "--vars", "{"))
    folder = settings.home / "development" / "dbt"
    catalogue = json.loads((folder / "catalog.json").read_text(encoding="utf-8"))
    assert catalogue["nodes"]["model.tongbao.dim_region"]["columns"].keys() >= {"province_code"}
    assert "model.tongbao.agg_peer_quartiles" in catalogue["nodes"]
    assert (folder / "index.html").exists()
    capfd.readouterr()

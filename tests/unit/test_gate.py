"""The gate on handmade marts: what passes, what blocks, the named causes, broken checks."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import gate_marts
import pytest

from expectations import CHECKS, suites
from expectations.checks import Check
from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import Unreachable
from orchestration.core.seeds import SeriesBreak
from orchestration.gate import (
    Finding,
    GateBroken,
    GateDecision,
    comparing,
    frames,
    judge,
    judging,
    quality_files,
)
from orchestration.gate.decision import Cause
from orchestration.gate.frames import CULPRITS, FRESHNESS, KEYS, culprits_sql, frame_sql

CUTOFF = datetime(2024, 12, 14, 16, 0, tzinfo=UTC)
NOW = CUTOFF + timedelta(hours=9)


@pytest.fixture(scope="module")
def built() -> Iterator[duckdb.DuckDBPyConnection]:
    con = gate_marts.build()
    yield con
    con.close()


@pytest.fixture
def marts(built: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Valid marts; changes of a test are rolled back."""
    built.execute("begin")
    yield built
    built.execute("rollback")


def decide(con: duckdb.DuckDBPyConnection, **changes: Any) -> GateDecision:
    arguments: dict[str, Any] = {
        "year": gate_marts.YEAR,
        "snapshot_id": 7,
        "run_id": "run-1",
        "now": NOW,
        "last_intake_at": CUTOFF + timedelta(hours=1),
        "period": SimpleNamespace(cutoff_at=CUTOFF),
    }
    return judge(con, **(arguments | changes))


def blocking(decision: GateDecision) -> dict[str, Finding]:
    return {finding.expectation: finding for finding in decision.blocking}


def warning(decision: GateDecision) -> dict[str, Finding]:
    return {finding.expectation: finding for finding in decision.warnings}


def remove_reports(con: duckdb.DuckDBPyConnection, condition: str) -> None:
    """Remove the reports of units from all tables."""
    con.execute(
        "update marts.fct_unit_year set has_reported = false, is_on_time = false, "
        "document_id = null, has_report_file = false, indicators_reported = 0, "
        "indicators_excluded = 0, "
        f"targets_set = 0, targets_met = 0 where year = 2024 and {condition}"
    )
    con.execute(
        f"update marts.fct_unit_indicator set value = null where year = 2024 and {condition}"
    )


def test_valid_data_pass_without_findings(marts: duckdb.DuckDBPyConnection) -> None:
    decision = decide(marts)
    assert not decision.blocked
    assert [f.expectation for f in decision.warnings] == []
    results = decision.results
    assert {row["suite"] for row in results} == {"submissions", "provincial", "national"}
    assert all(row["success"] for row in results)
    assert len({(row["suite"], row["expectation"]) for row in results}) == len(results)
    assert {row["snapshot_id"] for row in results} == {7}
    assert all(row["reason"] and row["threshold"] and row["waived_by"] is None for row in results)
    assert set(results[0]) == {
        "year", "run_id", "snapshot_id", "suite", "expectation", "severity", "success",
        "observed", "threshold", "waived_by", "reason", "detail",
    }  # fmt: skip


def _report_success(result: Any) -> None:
    result.success = True


def _judge_another_value(result: Any) -> None:
    result.result["observed_value"] += 1


@pytest.mark.parametrize("falsify", [_report_success, _judge_another_value])
def test_a_wrong_result_of_great_expectations_breaks_the_gate(
    marts: duckdb.DuckDBPyConnection,
    monkeypatch: pytest.MonkeyPatch,
    falsify: Callable[[Any], None],
) -> None:
    """A result of Great Expectations that differs from the database's is an error."""
    for province in ("110000", "440000"):
        marts.execute(
            "insert into quality.figure_sensitivity "
            f"values (2024, 'late_in', 'target_met_rate', '{province}', null, null, true)"
        )
    [said] = decide(marts).warned_zh.values()
    assert "北京：1处" in said
    assert "广东：1处" in said
    validate = judging._validate

    def falsified(*arguments: Any) -> Any:
        results = validate(*arguments)
        if "places_are_firm" in results:
            falsify(results["places_are_firm"])
        return results

    monkeypatch.setattr(judging, "_validate", falsified)
    with pytest.raises(GateBroken, match="places_are_firm: Great Expectations finds"):
        decide(marts)


def test_what_leaves_the_database_does_not_grow_with_the_nation(
    marts: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a thousand times as many faults as are named, the gate reads the named ones' labels."""
    faults = 30_000
    marts.execute(
        f"insert into {FACT} (year, unit_code, province_code, task_code, indicator_code, value) "
        "select 2024, 'T05-440000-' || range, '440000', 'T05', 'C_04', 1 "
        f"from range(100000, {100_000 + faults})"
    )
    read: list[int] = []

    def counted(*arguments: Any) -> list[dict[str, Any]]:
        rows = comparing.query(*arguments)
        read.extend(len(row["labels"]) for row in rows if "labels" in row)
        return rows

    monkeypatch.setattr(judging, "query", counted)
    finding = blocking(decide(marts))["facts_of_expected_units"]
    [cause] = finding.causes
    assert cause.culprits_total == faults
    assert len(cause.culprits) == 30
    assert max(read) == 30


def test_a_frame_with_two_rows_of_one_key_breaks_the_gate(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    checks = [check for check in CHECKS["provincial"] if check.frame == "places"]
    sql = "select null as province_code, 0 as flips from range(2)"
    with pytest.raises(GateBroken, match="frame places has two rows with the same key"):
        comparing.compare_frame(marts, "places", sql, [], KEYS["places"], checks)


def test_growth_over_a_break_in_the_series_blocks(
    marts: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = {"national_growth_is_matched", "province_growth_is_matched"}
    changed = SeriesBreak.model_validate(
        {"indicator_code": "C_05", "year": "2024", "reason_zh": "口径变更", "reason_en": "New"}
    )
    catalogue = replace(load_catalogue(), breaks={("C_05", 2024): changed})
    monkeypatch.setattr(frames, "load_catalogue", lambda: catalogue)
    monkeypatch.setattr(frames, "_environment", frames._environment.__wrapped__)
    assert checks <= set(blocking(decide(marts)))
    for table in ("national", "province"):
        marts.execute(
            f"update marts.agg_{table}_indicator set growth_withheld_by = 'series_break' "
            "where year = 2024 and indicator_code = 'C_05'"
        )
    assert not checks & set(blocking(decide(marts)))


def test_a_year_without_figures_has_no_growth_to_judge(marts: duckdb.DuckDBPyConnection) -> None:
    for table in ("agg_national_indicator", "agg_province_indicator", "fct_unit_indicator"):
        marts.execute(f"delete from marts.{table} where year = 2024")
    judged = {outcome.check.name: outcome for outcome in decide(marts).outcomes}
    for check in ("national_growth_is_matched", "province_growth_is_matched"):
        assert judged[check].success


# -- every critical check can fail and names the causes --------------------------------------

FACT = "marts.fct_unit_indicator"
UNIT = "marts.fct_unit_year"
T05 = "unit_code = 'T05-440000-0001' and year = 2024"


def _spoil(*statements: str, again: bool = True) -> Callable[[duckdb.DuckDBPyConnection], None]:
    def spoil(con: duckdb.DuckDBPyConnection) -> None:
        for statement in statements:
            con.execute(statement)
        if again:
            gate_marts.aggregate(con)

    return spoil


def _unreported(condition: str) -> Callable[[duckdb.DuckDBPyConnection], None]:
    def spoil(con: duckdb.DuckDBPyConnection) -> None:
        remove_reports(con, condition)
        gate_marts.aggregate(con)

    return spoil


def _without_units(condition: str) -> Callable[[duckdb.DuckDBPyConnection], None]:
    return _spoil(*(f"delete from {t} where year = 2024 and {condition}" for t in (FACT, UNIT)))


EXCLUDE = f"update {FACT} set value = null, is_excluded = true, exclusion_code = 'E203' where year"

#: check -> (a function that makes it fail, a text that the finding must have)
CRITICAL: dict[str, tuple[Callable[[duckdb.DuckDBPyConnection], None], str]] = {
    "fact_keys_unique": (
        _spoil(f"insert into {FACT} select * from {FACT} where {T05} and indicator_code = 'C_04'"),
        "广东T05单位1（T05-440000-0001） C_04",
    ),
    "unit_keys_unique": (
        _spoil(f"insert into {UNIT} select * from {UNIT} where {T05}"),
        "T05-440000-0001",
    ),
    "codes_known": (
        _spoil(
            f"insert into {FACT} select * replace ('T05_99' as indicator_code) from {FACT} "
            f"where {T05} and indicator_code = 'C_04'",
            again=False,
        ),
        "T05_99",
    ),
    "facts_of_expected_units": (
        _spoil(f"delete from {UNIT} where {T05}"),
        "广东T05单位1",
    ),
    "units_filed_under_own_place": (
        _spoil(f"update {UNIT} set province_code = '110000' where {T05}"),
        "北京·T05",
    ),
    "counted_values_within_bounds": (
        _spoil(f"update {FACT} set value = 500000.000001 where {T05} and indicator_code = 'C_05'"),
        "C_05=500000.000001",
    ),
    "counts_whole_and_not_negative": (
        _spoil(f"update {FACT} set value = 1.5 where {T05} and indicator_code = 'T05_03'"),
        "T05_03=1.5",
    ),
    "missing_is_not_zero": (
        lambda con: (
            remove_reports(con, "unit_code = 'T05-440000-0001'"),
            con.execute(f"update {FACT} set value = 0 where {T05} and indicator_code = 'C_05'"),
            gate_marts.aggregate(con),
        )[0],
        "C_05=0.000000",
    ),
    "exclusions_consistent": (
        _spoil(
            f"update {FACT} set is_excluded = true, exclusion_code = 'E203' "
            f"where {T05} and indicator_code = 'C_05'"
        ),
        "广东T05单位1",
    ),
    "unit_states_consistent": (
        _spoil(f"update {UNIT} set has_reported = false where {T05}"),
        "广东T05单位1",
    ),
    "excluded_share_nation": (
        _spoil(f"{EXCLUDE} = 2024 and indicator_code = 'C_05'"),
        "C_05 年度到位经费（E203）×594",
    ),
    "excluded_share_cell": (
        _spoil(f"{EXCLUDE} = 2024 and task_code = 'T05' and province_code = '440000'"),
        "广东·T05",
    ),
    "excluded_share_indicator": (
        _spoil(f"{EXCLUDE} = 2024 and indicator_code = 'C_05' and province_code < '450000'"),
        "C_05",
    ),
    "synthetic_and_real_not_mixed": (
        _spoil("update raw.plans set synthetic = true where province_code = '440000'"),
        "广东（合成2份，真实14份）",
    ),
    "rejected_documents_nation": (
        _spoil(
            "update raw.objects set documents_rejected = 20 where year = 2024",
            "insert into quality.submission_errors (year, province_code, code, severity) "
            "values (2024, '440000', 'E101', 'error')",
        ),
        "E101×1",
    ),
    "unsound_reports_share": (
        _spoil(
            "insert into quality.submission_errors (year, province_code, document_id, code, "
            "severity) select year, province_code, document_id, 'E401', 'error' "
            "from marts.fct_unit_year where year = 2024 and province_code < '150000'"
        ),
        "河北",
    ),
    "scale_slips_weight": (
        _spoil(
            f"update {FACT} set value = 0.05 where year = 2023 and indicator_code = 'C_05' "
            "and unit_code like 'T05-%'"
        ),
        "C_05",
    ),
    "cell_keys_unique": (
        _spoil(
            "delete from marts.agg_province_task where year = 2024 and province_code = '440000' "
            "and task_code = 'T05'",
            again=False,
        ),
        "广东·T05",
    ),
    "cell_counts_reconcile": (
        _spoil(
            "update marts.agg_province_task set units_on_time = 11 where year = 2024 "
            "and province_code = '440000' and task_code = 'T05'",
            again=False,
        ),
        "广东·T05",
    ),
    "cell_rates_reconcile": (
        _spoil(
            "update marts.agg_province_task set target_met_rate = 0.666666 where year = 2024 "
            "and province_code = '440000' and task_code = 'T05'",
            again=False,
        ),
        "0.666666",
    ),
    "rates_are_fractions": (
        _spoil(
            "update marts.agg_province_task set reporting_rate = 1.000001 where year = 2024 "
            "and province_code = '440000' and task_code = 'T05'",
            again=False,
        ),
        "广东·T05",
    ),
    "province_figure_keys_unique": (
        _spoil(
            "insert into marts.agg_province_indicator select * from marts.agg_province_indicator "
            "where year = 2024 and province_code = '440000' and indicator_code = 'T05_03'",
            again=False,
        ),
        "T05_03",
    ),
    "province_figures_reconcile": (
        _spoil(
            "update marts.agg_province_indicator set value = value + 0.000001 where year = 2024 "
            "and province_code = '440000' and indicator_code = 'T05_05'",
            again=False,
        ),
        "广东·T05",
    ),
    # A unit of the growth has no value of last year.
    "province_growth_is_matched": (
        _spoil(
            f"update {FACT} set value = null where unit_code = 'T05-440000-0001' "
            "and year = 2023 and indicator_code = 'C_05'",
            again=False,
        ),
        "广东·T05",
    ),
    # An enterprise is counted in each of its consortia, so this total gets no growth.
    "national_growth_is_matched": (
        _spoil(
            "update marts.agg_national_indicator set growth_withheld_by = null "
            "where year = 2024 and indicator_code = 'T01_01'",
            again=False,
        ),
        "T01_01",
    ),
    "on_time_rate_cell": (
        _unreported("province_code = '440000' and task_code = 'T05' and unit_code[-2:] < '08'"),
        "广东T05单位1（T05-440000-0001）",
    ),
    "on_time_rate_province": (
        _unreported("province_code = '440000' and unit_code[-2:] < '05'"),
        "广东",
    ),
    "units_kept_cell": (
        _without_units("unit_code between 'T05-440000-0001' and 'T05-440000-0003'"),
        "广东T05单位1",
    ),
    "assessed_rate_province": (
        _spoil(
            f"update {UNIT} set assessment_score = null where year = 2024 "
            "and province_code = '440000'"
        ),
        "广东",
    ),
    "province_total_in_scale": (
        _spoil(
            f"update {FACT} set value = 0.0001 where year = 2023 and indicator_code = 'C_05' "
            "and province_code = '440000'"
        ),
        "广东T01单位",
    ),
    "provinces_complete": (
        _spoil("delete from marts.agg_province_task where province_code = '440000'", again=False),
        "广东",
    ),
    "tasks_complete": (
        _spoil("delete from marts.agg_national_task where task_code = 'T05'", again=False),
        "T05 职业教育信息化标杆学校",
    ),
    "provinces_have_units": (_without_units("province_code = '540000'"), "西藏"),
    "tasks_have_units": (_without_units("task_code = 'T07'"), "T07 职业教育一流核心课程"),
    "task_counts_reconcile": (
        _spoil(
            "update marts.agg_national_task set units_expected = units_expected + 1 "
            "where year = 2024 and task_code = 'T05'",
            again=False,
        ),
        "T05",
    ),
    "task_rates_reconcile": (
        _spoil(
            "update marts.agg_national_task set on_time_rate = 0.999999 where year = 2024 "
            "and task_code = 'T05'",
            again=False,
        ),
        "0.999999",
    ),
    "national_figure_keys_unique": (
        _spoil(
            "delete from marts.agg_national_indicator where year = 2024 "
            "and indicator_code = 'T05_03'",
            again=False,
        ),
        "T05_03",
    ),
    "national_figures_reconcile": (
        _spoil(
            "update marts.agg_national_indicator set value = value + 0.000001 where year = 2024 "
            "and indicator_code = 'C_05' and task_code = 'ALL'",
            again=False,
        ),
        "各任务合计·C_05 年度到位经费",
    ),
    "targets_reconcile": (
        _spoil(
            "update marts.agg_national_target set achieved_count = achieved_count + 1 "
            "where year = 2024 and task_code = 'T05' and level = 'national'",
            again=False,
        ),
        "T05 职业教育信息化标杆学校·national",
    ),
    "on_time_rate_nation": (
        _unreported("unit_code[-2:] in ('02', '03', '04')"),
        "北京 33/132",
    ),
    "on_time_rate_task": (
        _unreported("task_code = 'T05' and unit_code[-2:] between '02' and '07'"),
        "北京 6/12",
    ),
    "units_kept_nation": (_without_units("unit_code[-2:] = '12'"), "北京 11/11"),
    "assessed_rate_nation": (
        _spoil(
            f"update {UNIT} set assessment_score = null where year = 2024 "
            "and province_code > '440000'"
        ),
        "广西 11/11",
    ),
    "summaries_nation": (
        _spoil("delete from marts.summary where year = 2024 and province_code > '600000'"),
        "陕西缺11份",
    ),
    "national_average_in_band": (
        _spoil(
            f"update {FACT} set value = value * 4 where year = 2024 and indicator_code = 'C_05'"
        ),
        "C_05",
    ),
}
#: These fail without changes of the marts: see test_freshness.
FRESH_CHECKS = {"intake_after_cutoff", "marts_current"}


def test_the_junk_of_one_sender_warns_and_blocks_nobody(marts: duckdb.DuckDBPyConnection) -> None:
    junk = "insert into raw.objects select 2024, '440000', 'plan', 'junk' || i, 'e', 'rejected', "
    marts.execute(f"{junk} 3000, 3000 from range(9) as n(i)")
    decision = decide(marts)
    assert blocking(decision) == {}
    warned = {finding.expectation: finding for finding in decision.warnings}
    assert "广东" in str(warned["rejected_documents_province"])
    # Deleted or overwritten objects count no longer.
    marts.execute(
        "insert into raw.gone_objects select year, object_key, etag from raw.objects "
        "where object_key like 'junk%'"
    )
    assert "rejected_documents_province" not in {f.expectation for f in decide(marts).warnings}


def test_late_arrivals_are_listed_by_province(marts: duckdb.DuckDBPyConnection) -> None:
    marts.execute(
        "insert into quality.submission_errors (year, province_code, code, severity) "
        "values (2024, '440000', 'W302', 'warning'), (2024, '440000', 'W302', 'warning'), "
        "(2024, '110000', 'W302', 'warning')"
    )
    [finding] = [f for f in decide(marts).warnings if f.expectation == "late_arrivals"]
    assert [cause.text_zh(9) for cause in finding.causes] == ["全国：3份文档：广东×2、北京×1"]


def test_a_share_of_nothing_is_null(marts: duckdb.DuckDBPyConnection) -> None:
    """NaN is greater than every threshold: a year without documents would fail each share."""
    for schema, table in marts.execute(
        "select schema_name, table_name from duckdb_tables() where schema_name in "
        "('marts', 'quality', 'raw') and table_name not like 'dim_%'"
    ).fetchall():
        marts.execute(f"delete from {schema}.{table}")
    for frame in set(KEYS) - {FRESHNESS}:
        columns = marts.execute(frame_sql(frame, 2024)).fetch_arrow_table()
        for name in columns.column_names:
            shares = [v for v in columns[name].to_pylist() if isinstance(v, float)]
            assert not any(math.isnan(share) for share in shares), (frame, name)


def test_every_critical_check_has_a_case() -> None:
    critical = {
        check.name for checks in CHECKS.values() for check in checks if check.severity == "critical"
    }
    assert critical == set(CRITICAL) | FRESH_CHECKS


@pytest.mark.parametrize("name", CRITICAL)
def test_a_critical_check_blocks_and_names_the_cause(
    marts: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    spoil, named = CRITICAL[name]
    spoil(marts)
    # Only this check is judged: fifty complete judgements would take a minute.
    only = {
        level: tuple(check for check in checks if check.name == name)
        for level, checks in CHECKS.items()
    }
    kept = {level: checks for level, checks in only.items() if checks}
    monkeypatch.setattr("orchestration.gate.judging.CHECKS", kept)
    decision = decide(marts)
    assert decision.blocked
    assert set(blocking(decision)) == {name}
    finding = blocking(decision)[name]
    texts = [cause.text_zh(100) for cause in finding.causes]
    assert any(named in text for text in texts), texts
    assert finding.failed == len(finding.causes) >= 1
    # The lines for the terminal have the check, the threshold and the place.
    lines = "\n".join(decision.print_lines())
    assert f"{finding.suite}.{name}" in lines
    assert finding.causes[0].place in lines
    row = next(r for r in decision.results if r["expectation"] == name)
    detail = json.loads(row["detail"])
    assert not row["success"]
    assert detail["failed"] == finding.failed
    assert [dict(cause.key) for cause in finding.causes[: detail["shown"]]] == [
        {k: v for k, v in key.items() if k not in ("observed", "by")} for key in detail["keys"]
    ]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"last_intake_at": None}, "intake_after_cutoff"),
        ({"last_intake_at": CUTOFF - timedelta(microseconds=1)}, "intake_after_cutoff"),
        ({"last_intake_at": NOW + timedelta(seconds=1)}, "intake_after_cutoff"),
        ({"marts_stale": True}, "marts_current"),
    ],
)
def test_freshness(marts: duckdb.DuckDBPyConnection, changes: dict[str, Any], name: str) -> None:
    assert set(blocking(decide(marts, **changes))) == {name}


@pytest.mark.parametrize(
    "intake", [CUTOFF, CUTOFF.replace(tzinfo=None), NOW], ids=["aware", "naive is UTC", "now"]
)
def test_intake_at_or_after_the_cutoff_is_fresh(
    marts: duckdb.DuckDBPyConnection, intake: datetime
) -> None:
    assert not decide(marts, last_intake_at=intake).blocked


# -- what must not block ---------------------------------------------------------------------


def test_tiny_cells_do_not_block(marts: duckdb.DuckDBPyConnection) -> None:
    """In most provinces a cell has one unit: five tasks of Tibet without reports don't block."""
    remove_reports(marts, "province_code = '540000' and task_code < 'T06'")
    gate_marts.aggregate(marts)
    decision = decide(marts)
    assert not decision.blocked
    assert "on_time_rate_nation_notice" not in warning(decision)  # 5 of 594 units


def test_a_few_missing_summaries_warn_by_name(marts: duckdb.DuckDBPyConnection) -> None:
    marts.execute(
        "delete from marts.summary where year = 2024 and province_code = '540000' "
        "and task_code in ('T01', 'T02')"
    )
    gate_marts.aggregate(marts)
    decision = decide(marts)
    assert not decision.blocked
    finding = warning(decision)["summary_present"]
    assert [cause.place for cause in finding.causes] == [
        "西藏·T01 市域产教联合体",
        "西藏·T02 行业产教融合共同体",
    ]


def test_a_value_in_a_wrong_unit_of_measure_warns(marts: duckdb.DuckDBPyConnection) -> None:
    marts.execute(
        f"update {FACT} set value = case year when 2023 then 0.04 else 400 end "
        "where indicator_code = 'C_07' and unit_code = 'T05-440000-0001'"
    )
    gate_marts.aggregate(marts)
    decision = decide(marts)
    assert not decision.blocked
    finding = warning(decision)["scale_slips"]
    assert "广东T05单位1（T05-440000-0001）" in finding.text_zh


def test_late_units_and_rule_warnings_warn(marts: duckdb.DuckDBPyConnection) -> None:
    remove_reports(marts, "unit_code[-2:] = '02'")
    marts.execute(
        f"update {UNIT} set has_reported = true where year = 2024 and unit_code[-2:] = '02'"
    )
    marts.execute(
        "insert into quality.submission_errors (year, province_code, unit_code, code, severity) "
        f"select year, province_code, unit_code, 'RC_17', 'warning' from {UNIT} "
        "where year = 2024 and province_code = '440000'"
    )
    gate_marts.aggregate(marts)
    found = warning(decide(marts))
    assert found["late_share"].observed == "3.70%"
    assert found["rule_warnings_share"].causes[0].culprits == ("广东 121",)
    [province] = found["rule_warnings_share_province"].causes
    assert province.place == "广东"
    assert province.culprits[0] == "广东T01单位1（T01-440000-0001） RC_17"
    assert found["rule_fires_rarely"].causes[0].place == "RC_17"


def test_explained_warnings_are_counted_separately(marts: duckdb.DuckDBPyConnection) -> None:
    marts.execute(
        "insert into quality.submission_errors (year, province_code, unit_code, code, severity, "
        "explained_by) select u.year, u.province_code, u.unit_code, r.code, 'warning', "
        # Most units explain both warnings. Some explain only one, which is not enough.
        "case when r.code = 'RC_16' or u.unit_code[-2:] > '04' then 'd1' end "
        f"from {UNIT} as u, (values ('RC_16'), ('RC_17')) as r(code) "
        "where u.year = 2024 and u.province_code = '440000'"
    )
    found = warning(decide(marts))
    [province] = found["rule_warnings_share_province"].causes
    assert province.value == "33.33%"
    assert province.note_zh == "132个按时填报单位中44个，另有88个已作说明"
    # 44 of about 600 units of the nation are below the nation's threshold.
    assert "rule_warnings_share" not in found


def test_returned_documents_that_did_not_come_back_are_a_warning_of_their_province(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    for number, state in enumerate(("pending", "pending", "answered", "withdrawn", "too_late")):
        marts.execute(
            "insert into quality.returned_documents values (2024, '440000', "
            f"'T05-440000-000{number + 1}', 'performance', 'd{number}', '请核对经费', ?)",
            [state],
        )
    decision = decide(marts)
    assert not decision.blocked
    [cause] = warning(decision)["returns_answered_province"].causes
    assert (cause.place, cause.value, cause.note_zh) == ("广东", "2", "退回后已重新报送1份")
    assert cause.culprits[0] == "广东T05单位1（T05-440000-0001）：请核对经费"


def test_figures_that_a_province_has_not_confirmed_are_a_warning(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    for task, state in (("T01", "changed"), ("T05", "unmatched"), ("T06", "unconfirmed")):
        marts.execute(
            "update quality.confirmations set state = ? "
            "where year = 2024 and province_code = '440000' and task_code = ?",
            [state, task],
        )
    decision = decide(marts)
    assert not decision.blocked
    [cause] = warning(decision)["confirmed_province"].causes
    assert (cause.place, cause.value) == ("广东", "3")
    assert cause.note_zh == "已确认8项，确认后有变动1项"
    assert cause.culprits[0] == "T01 市域产教联合体（确认后有变动）"


def test_scenarios_that_reverse_a_headline_are_named(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    for scenario in ("warned_out", "late_in"):
        marts.execute(
            "insert into quality.figure_sensitivity "
            "values (2024, ?, 'target_met_rate', '440000', null, null, true)",
            [scenario],
        )
    [finding] = [f for f in decide(marts).warnings if f.expectation == "places_are_firm"]
    [cause] = finding.causes
    assert cause.note_zh == "剔除未作说明的提示值、计入逾期单位"
    assert cause.note_en == "late units counted, values with an unexplained warning left out"
    assert "late_in" not in finding.text_zh + finding.text_en
    assert "要求≤0处。广东：2处（剔除" in finding.text_zh
    assert "must be ≤ 0. 广东: 2 (late" in finding.text_en


def test_contradictions_are_counted_and_named(marts: duckdb.DuckDBPyConnection) -> None:
    marts.execute(
        """
        insert into quality.contradictions values
        (2024, 'identical_values', 'T05-440000-0001', '440000', 'T05-440000-0001', '相同的单位'),
        (2024, 'identical_values', 'T01-110000-0002', '110000', 'T01-110000-0002', '相同的单位'),
        (2024, 'grades_alike', '440000', '440000', null, '等次相同的省份'),
        (2023, 'national_watched', 'T05-440000-0001', '440000', 'T05-440000-0001', '上年')
        """
    )
    decision = decide(marts)
    assert not decision.blocked
    finding = warning(decision)["no_contradictions"]
    assert [cause.text_zh() for cause in finding.causes] == [
        "相同的单位：2处：北京T01单位2（T01-110000-0002）、广东T05单位1（T05-440000-0001）",
        "等次相同的省份：1处：广东",
    ]
    assert finding.evaluated == len(load_catalogue().contradictions)


def test_thresholds_and_counts_follow_chinese_typography(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    """GB/T 15835: ～ in ranges, no blanks around signs, thousands separators, measure words."""
    said = {o.check.name: o.threshold_zh for o in decide(marts).outcomes}
    assert said["province_total_in_scale"] == "×0.001～×1000（两年均计入的单位数≥5）"
    assert not any("≥ " in text or " …" in text for text in said.values())
    cause = Cause({}, "全国", "97.13%", "11,562个应报单位", "", tuple("甲乙丙丁"), 1032)
    assert cause.text_zh(3) == "全国：97.13%（11,562个应报单位）：甲、乙、丙等1,032个"


def test_changes_are_not_judged_without_last_year(marts: duckdb.DuckDBPyConnection) -> None:
    for table in (FACT, UNIT):
        marts.execute(f"delete from {table} where year = 2023")
    gate_marts.aggregate(marts)
    decision = decide(marts)
    assert not decision.blocked
    judged = {o.check.name: (o.success, o.evaluated, o.observed) for o in decision.outcomes}
    for name in ("national_average_in_band", "province_total_in_scale", "units_kept_nation"):
        assert judged[name] == (True, 0, "—")


def test_missing_value_is_not_zero(marts: duckdb.DuckDBPyConnection) -> None:
    """A published 0 without any unit's value is found; NULL is correct."""
    marts.execute(f"update {FACT} set value = null where year = 2024 and indicator_code = 'T05_08'")
    gate_marts.aggregate(marts)
    decision = decide(marts)
    assert not decision.blocked
    assert warning(decision)["indicators_have_values"].causes[0].key["indicator_code"] == "T05_08"
    marts.execute(
        "update marts.agg_national_indicator set value = 0 where year = 2024 "
        "and indicator_code = 'T05_08'"
    )
    finding = blocking(decide(marts))["national_figures_reconcile"]
    assert finding.causes[0].key == {"task_code": "T05", "indicator_code": "T05_08"}
    assert finding.causes[0].value.startswith("0.000000 / 0 / ")


# -- a broken gate is not bad data -----------------------------------------------------------


def test_crashed_expectation_breaks_the_gate(
    marts: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Great Expectations reports an exception as success=False, which isn't a failure of data."""
    sound = suites._expectation

    def on_a_lost_column(check: Check) -> Any:
        expectation = sound(check)
        if check.name == "late_share":
            expectation.column = "lost"
        return expectation

    monkeypatch.setattr(suites, "_expectation", on_a_lost_column)
    with pytest.raises(GateBroken, match=r"submissions\.late_share crashed: .*lost.* not exist"):
        decide(marts)


def test_missing_table_breaks_the_gate(marts: duckdb.DuckDBPyConnection) -> None:
    marts.execute("drop table marts.unit_watchlist")
    with pytest.raises(GateBroken, match="unit_watchlist"):
        decide(marts)


def test_unreadable_lake_is_unreachable() -> None:
    class Gone:
        def execute(self, *_: Any) -> None:
            raise duckdb.IOException("cannot open s3://lake/marts/x.parquet")

    with pytest.raises(Unreachable, match="can't be read"):
        decide(Gone())  # type: ignore[arg-type]


def test_every_culprit_query_runs(marts: duckdb.DuckDBPyConnection) -> None:
    for name in CULPRITS:
        rows = marts.execute(culprits_sql(name, 2024))
        assert "label" in [column[0] for column in rows.description], name
    used = {c.culprits for checks in CHECKS.values() for c in checks if c.culprits}
    assert used == CULPRITS
    assert {c.frame for checks in CHECKS.values() for c in checks} == set(KEYS)


# -- the documents ---------------------------------------------------------------------------


def _spoiled(con: duckdb.DuckDBPyConnection) -> None:
    remove_reports(con, "province_code = '440000' and task_code = 'T05' and unit_code[-2:] < '08'")
    con.execute("delete from marts.summary where year = 2024 and province_code = '540000'")
    gate_marts.aggregate(con)


def test_the_quality_report_is_complete_and_self_contained(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    _spoiled(marts)
    decision = decide(marts)
    files = quality_files(decision)
    page = files["index.html"].decode()
    assert "合成数据" in page
    assert "不予发布" in page
    assert "广东T05单位1（T05-440000-0001）" in page
    for outcome in decision.outcomes:
        assert outcome.check.title_zh in page
        assert outcome.check.reason_zh in page
    assert [name for name, body in files.items() if b"run-1" in body] == []
    for loaded in ("http://", "https://", "<script", "<link", "<img", "src="):
        assert loaded not in page
    rows = files["failing_rows.csv"].decode("utf-8-sig").splitlines()
    assert len(rows) - 1 == sum(outcome.failed for outcome in decision.outcomes)


_WRITE = """
import sys
import gate_marts, test_gate
con = gate_marts.build()
test_gate._spoiled(con)
files = test_gate.quality_files(test_gate.decide(con, run_id=sys.argv[1]))
sys.stdout.buffer.write(b"".join(files.values()))
"""


@pytest.mark.slow
def test_the_quality_report_is_the_same_in_another_process(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    _spoiled(marts)
    here = b"".join(quality_files(decide(marts, now=NOW + timedelta(days=400))).values())
    folder = Path(__file__).parent
    environment = os.environ | {
        "PYTHONPATH": f"{folder}{os.pathsep}{folder.parents[1]}",
        "PYTHONHASHSEED": "4711",
    }
    there = subprocess.run(
        [sys.executable, "-c", _WRITE, "another-run"],
        check=True,
        env=environment,
        stdout=subprocess.PIPE,
    ).stdout
    assert here == there

"""Suspicious but possible values: reported as warnings with evidence, and counted."""

from __future__ import annotations

import pytest

from orchestration import lakehouse, stages
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress
from tests.fixtures.suspicious import (
    FRACTION,
    JUMP,
    OUTLIER,
    REPORT_A,
    REPORT_B,
    ROUND,
    SLIP,
    TWIN_A,
    TWIN_B,
    UNITS,
    write_suspicious,
)


@pytest.fixture
def found(ws: stages.Workspace, landing: Landing) -> dict[tuple[str, str | None, str], str]:
    """The suspicions as (unit, indicator, code) → message."""
    write_suspicious(landing)
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    stages.transform(ws, 2024, run_id="r", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        rows = con.execute(
            "select unit_code, indicator_code, code, message_zh, severity "
            "from lake.quality.submission_errors where year = 2024 and code like 'S4%'"
        ).fetchall()
        excluded = con.execute(
            "select count(*) from lake.marts.fct_unit_indicator where year = 2024 "
            "and exclusion_code like 'S4%'"
        ).fetchone()
        [slip] = con.execute(
            "select value from lake.marts.fct_unit_indicator where year = 2024 "
            f"and unit_code = '{SLIP}' and indicator_code = 'C_04'"
        ).fetchone() or (None,)
    assert {row[4] for row in rows} == {"warning"}
    assert excluded == (0,)
    assert slip == 450000
    return {(unit, indicator, code): message for unit, indicator, code, message, _ in rows}


@pytest.mark.slow
def test_each_kind_of_suspicion_is_reported_with_its_evidence(
    found: dict[tuple[str, str | None, str], str],
) -> None:
    expected = {
        (SLIP, "C_04", "S401"): "中位数",
        (FRACTION, "T05_07", "S402"): "中位数9",
        (OUTLIER, "T05_01", "S403"): "四分位数",
        (JUMP, "T05_12", "S404"): "上年60",
        (TWIN_A, None, "S405"): "（北京市）",
        (TWIN_B, None, "S405"): "（广东省）",
        (REPORT_A, None, "S406"): REPORT_B,
        (REPORT_B, None, "S406"): REPORT_A,
        (ROUND, None, "S407"): "7个",
    }
    # The amounts of the unit with round values are also far from its peers'.
    also = {key for key in found if key[0] == ROUND and key[2] == "S403"}
    assert set(found) - also == set(expected)
    for key, evidence in expected.items():
        assert evidence in found[key], (key, found[key])
    # A sender learns no more of another province than its name.
    assert TWIN_B not in found[TWIN_A, None, "S405"]


@pytest.mark.slow
def test_nothing_is_reported_with_few_peers(ws: stages.Workspace, landing: Landing) -> None:
    for number, unit in enumerate(UNITS[:5]):
        landing.unit(unit)
        value = 450000 if number == 0 else 40 + number
        landing.performance(unit, {"C_04": value, "T05_07": "0.95"}, report=None)
    stages.intake(ws, 2024, run_id="r", progress=no_progress)
    stages.transform(ws, 2024, run_id="r", progress=no_progress)
    with lakehouse.reader(ws.settings, ws.store) as con:
        rows = con.execute(
            "select * from lake.quality.submission_errors where code like 'S4%'"
        ).fetchall()
    assert rows == []

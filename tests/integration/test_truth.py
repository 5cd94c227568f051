"""The pipeline's results for the demo year equal the truth that the generator computes.

Every aggregate of both years, every finding and every exclusion is compared exactly. The generator
shares only the seeds with the pipeline, so a difference is an error of one of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from orchestration import lakehouse, stages
from orchestration.lakehouse.rows import rows_as_dicts
from tests.fixtures.homes import PreparedYear, Shared

YEAR = 2024
SCALE = 0.03


@pytest.fixture(scope="module")
def made(
    prepared: PreparedYear, shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A reader of the lake after intake and transform, and the truth by year."""
    settings = shared.copy(prepared.transformed, tmp_path_factory.mktemp("truth") / "home")
    truth = settings.home / "demo" / f"truth-{YEAR}.json"
    with stages.open_workspace(settings) as ws, lakehouse.reader(settings, ws.store) as con:
        yield con, json.loads(truth.read_text(encoding="utf-8"))["years"]


def _json_value(value: Any) -> Any:
    return f"{value:f}" if isinstance(value, Decimal) else value


_GRAINS = {
    "agg_province_indicator": ("province_code", "task_code", "indicator_code"),
    "agg_national_indicator": ("task_code", "indicator_code"),
    "agg_province_task": ("province_code", "task_code"),
    "agg_national_task": ("task_code",),
    "agg_national_target": ("task_code", "level", "category"),
}


@pytest.mark.parametrize("year", [YEAR - 1, YEAR])
@pytest.mark.parametrize("table", sorted(_GRAINS))
def test_every_row_of_an_aggregate_equals_the_truth(
    made: tuple[Any, dict[str, Any]], table: str, year: int
) -> None:
    con, years = made
    expected = years[str(year)][table]
    grain = _GRAINS[table]
    columns = list(expected[0])
    query = f"select {', '.join(columns)} from lake.marts.{table} where year = {year}"
    found = rows_as_dicts(con.execute(query))
    by_key = {tuple(row[name] for name in grain): row for row in found}
    assert len(by_key) == len(found)
    differences = []
    for row in expected:
        key = tuple(row[name] for name in grain)
        actual = {name: _json_value(value) for name, value in by_key.pop(key, {}).items()}
        if actual != row:
            differences.append(
                (key, {n: (row[n], actual.get(n)) for n in row if row[n] != actual.get(n)})
            )
    assert differences == []
    assert by_key == {}


@pytest.mark.parametrize("year", [YEAR - 1, YEAR])
def test_unit_states_equal_the_truth(made: tuple[Any, dict[str, Any]], year: int) -> None:
    con, years = made
    truth = years[str(year)]
    units = rows_as_dicts(
        con.execute(
            "select unit_code, has_reported, is_on_time from lake.marts.fct_unit_year "
            f"where year = {year} order by unit_code"
        )
    )
    assert len(units) == truth["units_expected"]
    assert [u["unit_code"] for u in units if not u["has_reported"]] == truth["not_reported"]
    late = [u["unit_code"] for u in units if u["has_reported"] and not u["is_on_time"]]
    assert late == truth["late"]
    statuses = Counter(
        row["status"]
        for row in rows_as_dicts(
            con.execute(f"select status from lake.marts.dim_unit where year = {year}")
        )
    )
    assert dict(statuses) == truth["units"]


@pytest.mark.parametrize("year", [YEAR - 1, YEAR])
def test_exclusions_equal_the_truth(made: tuple[Any, dict[str, Any]], year: int) -> None:
    con, years = made
    rows = con.execute(
        "select unit_code, indicator_code, exclusion_code from lake.marts.fct_unit_indicator "
        f"where year = {year} and is_excluded order by all"
    ).fetchall()
    assert [list(row) for row in rows] == years[str(year)]["excluded"]
    assert rows, "a demo year without a single exclusion shows nothing"


@pytest.mark.parametrize("year", [YEAR - 1, YEAR])
def test_findings_equal_the_truth(made: tuple[Any, dict[str, Any]], year: int) -> None:
    con, years = made
    columns = (
        "year", "province_code", "object_key", "document_id", "unit_code", "indicator_code",
        "code", "severity",
    )  # fmt: skip
    found = Counter(
        con.execute(
            # The findings of the statistical screening (S4xx) have their own test.
            f"select {', '.join(columns)} from lake.quality.submission_errors "
            f"where year = {year} and code not like 'S4%'"
        ).fetchall()
    )
    expected = Counter(tuple(row[name] for name in columns) for row in years[str(year)]["findings"])
    assert found - expected == Counter()
    assert expected - found == Counter()


def test_objects_that_cannot_be_read_are_rejected_with_a_receipt(
    made: tuple[Any, dict[str, Any]],
) -> None:
    con, years = made
    rejected = sorted(
        row[0]
        for row in con.execute(
            "select object_key from lake.raw.objects where status = 'rejected'"
        ).fetchall()
    )
    expected = years[str(YEAR - 1)]["rejected_objects"] + years[str(YEAR)]["rejected_objects"]
    assert set(expected) <= set(rejected)


def test_the_year_has_faults_of_every_kind(made: tuple[Any, dict[str, Any]]) -> None:
    _, years = made
    kinds = set(years[str(YEAR)]["faults"]) | set(years[str(YEAR - 1)]["faults"])
    assert kinds >= {
        "missing", "late", "resubmitted", "unreadable", "not_whole", "out_of_bounds",
        "broken_blocking_rule", "unknown_unit", "another_province", "wrong_year", "broken_json",
        "invalid_utf8", "deep_nesting", "duplicate_key", "boundary", "odd_text",
    }  # fmt: skip

"""The seeds: errors name the invalid cell in one line, and dbt reads cells as Python does."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from orchestration.cli import main
from orchestration.core import catalogue, seeds
from orchestration.core.catalogue import SEEDS, load_catalogue, read_catalogue
from orchestration.core.document_types import DOCUMENT_TYPES
from orchestration.core.errors import UsageError
from orchestration.demo.world import CATEGORIES

#: The models of dbt's seeds; texts of bulletins have models of the same kind.
MODELS = {
    model.seed: model for model in seeds.Row.__subclasses__() if model.__module__ == seeds.__name__
}


def _seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _written(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_every_row_of_the_seeds_is_in_the_catalogue() -> None:
    known = load_catalogue()
    for held, name in (
        (known.indicators, "indicators"),
        (known.rules, "rules"),
        (known.regions, "regions"),
        (known.tasks, "tasks"),
        (known.targets, "task_targets"),
        (known.error_codes, "error_codes"),
        (known.countries, "countries"),
        (known.table_columns, "table_columns"),
        (known.calendar, "reporting_calendar"),
        (known.measures, "scorecard_measures"),
        ([measure for use in known.uses for measure in use.measures], "scorecard_uses"),
    ):
        assert len(held) == len(_seed(name)), name


#: Seed → (key of a row | the cells that are changed, a part of the expected message).
BROKEN = {
    "indicators": [
        (
            "C_05 | aggregation=summ",
            "line 3, aggregation: wanted sum, ratio, mean, max, "
            "count_true, count_distinct or none, found 'summ'",
        ),
        ("C_05 | aggregation=count_true", "mean, max or none for the value_type"),
        ("T05_07 | aggregation=sum", "wanted mean, max or none for the value_type"),
        ("C_05 | value_type=money", "value_type: wanted count, person_times"),
        ("C_05 | value_type=", "value_type: wanted a value, found nothing"),
        ("C_05 | direction=up", "direction: wanted higher or lower, found 'up'"),
        ("C_05 | stock_flow=rate", "wanted stock, flow or derived, found 'rate'"),
        ("C_05 | stock_flow=derived", "wanted stock or flow"),
        ("C_05 | is_submitted=True", "is_submitted: wanted true or false, found 'True'"),
        ("C_05 | is_required=1", "is_required: wanted true or false, found '1'"),
        ("C_05 | is_submitted=false", "is_submitted: wanted false for a ratio"),
        ("C_05 | hard_min=500001", "hard_max: wanted at least the hard_min"),
        ("C_05 | hard_max=5e5", "hard_max: wanted a number of at most six"),
        ("C_05 | name_zh= 经费", "name_zh: wanted no blanks at the start or end"),
        ("C_05 | unit=元", "unit: wanted 万元, as in the first row"),
        ("T01_01 | unit=万元", "value_type: wanted amount where the unit is 万元"),
        ("T05_07 | unit=个", "value_type: wanted percent only where the unit is %"),
        ("C_10 | numerator=", "numerator: wanted an indicator code for a ratio"),
        ("C_05 | denominator=C_04", "denominator: wanted nothing"),
        ("C_10 | denominator=C_99", "denominator: wanted a submitted number"),
        ("C_10 | denominator=C_11", "denominator: wanted a submitted number"),
        ("C_10 | denominator=T05_01", "denominator: wanted a submitted number"),
        ("T05_01 | task_code=T04", "task_code: wanted what the indicator_code begins with"),
        (
            "T05_01 | indicator_code=T99_01 | task_code=T99",
            "task_code: wanted a task of tasks.csv, found 'T99'",
        ),
        (
            "C_05 | indicator_code=C_04",
            "indicator_code: wanted a value that no other row has (line 2 has it), found 'C_04'",
        ),
    ],
    "indicator_roles": [
        ("planned | role=promised", "role: wanted planned, received, from_enterprises, spent"),
        ("planned | indicator_code=C_99", "indicator_code: wanted a common amount, found 'C_99'"),
        ("spent | indicator_code=T05_13", "indicator_code: wanted a common amount"),
        ("spent | indicator_code=C_05", "indicator_code: wanted a value that no other row has"),
        ("arrival_rate | indicator_code=T01_14", "a common ratio of C_05 to C_04, found 'T01_14'"),
        ("planned | indicator_code=C_06", "wanted a common ratio of C_05 to C_06, found 'C_10'"),
    ],
    "rules": [
        ("RC_11 | severity=stop", "severity: wanted blocking or warning, found 'stop'"),
        ("RC_11 | category=unit_scal", "category: wanted part_whole"),
        ("RC_21 | indicator_codes=C_04;C_05", "one indicator code for the category"),
        ("RC_11 | task_code=T99", "task_code: wanted a task of tasks.csv"),
        ("RC_11 | indicator_codes=C_05;X", "indicator_codes: wanted different indicator"),
        (
            "RC_11 | indicator_codes=C_05;C_99",
            "indicator_codes: wanted an indicator that is common, found 'C_99'",
        ),
        ("R05_10 | indicator_codes=T04_01", "an indicator of T05 or a common one"),
        ("RC_16 | expression=C_05 <=", "wanted a condition (Parser Error: syntax"),
        ("RC_16 | expression=C_05 <= c_04", "found 'c_04'"),
        ("RC_16 | expression=C_05 <= before_C_04", "found 'before_C_04'"),
        ("RC_16 | expression=C_05 <= T05_01", "an indicator that is common"),
        ("RC_16 | expression=C_05 + C_04", "wanted a condition, true or false"),
        ("RC_16 | expression=floor(C_05, C_04, 1) > 1", "Binder Error"),
        ("RC_16 | expression=(select true)", "one unit's values, found 'select'"),
        ("RC_16 | expression=C_05 > 1), (true", "wanted a condition (Binder"),
        ("RC_16 | compares_with_last_year=true", "doesn't name prev_, found 'true'"),
        ("RC_21 | compares_with_last_year=false", "names prev_, found 'false'"),
    ],
    "regions": [
        ("110000 | province_code=000000", "province_code: wanted six digits"),
        ("110000 | tile_row=2 | tile_column=7", "tile_row and tile_column"),
    ],
    "tasks": [
        ("T01 | display_order=first", "display_order: wanted a whole number"),
        ("T01 | task_code=T99", "task_code: wanted a task of tasks.csv, found 'T01'"),
    ],
    "task_targets": [
        ("T01 | level=world", "level: wanted school, municipal, provincial or"),
    ],
    "levels": [
        ("T01 | task_code=T99", "task_code: wanted a task of tasks.csv"),
    ],
    "industries": [
        ("IND01 | batch=second", "batch: wanted first, planned or other"),
    ],
    "error_codes": [
        ("E001 | scope=file", "scope: wanted object, document or value"),
        ("E001 | message_en=Not {what}", "the placeholders of message_zh"),
        ("E001 | message_en=Not {", "the placeholders of message_zh"),
    ],
    "indicator_code_systems": [
        ("T02_06 | code_system=city", "wanted province or country"),
        ("T02_06 | indicator_code=C_04", "value_type is code_list"),
    ],
    "countries": [
        ("ABW | country_code=AW", "country_code: wanted three capital letters"),
    ],
    "attachment_types": [
        ("pdf | magic_hex=%PDF", "magic_hex: wanted bytes as hexadecimal"),
    ],
    "sensitivity_scenarios": [
        ("late_in | scenario=late", "scenario: wanted warned_out"),
    ],
    "suspicion_thresholds": [
        ("slip_low | name=slip", "name: wanted a row for slip_low"),
        ("slip_low | value=5,000", "value: wanted a number"),
    ],
    "verification_sampling": [
        (" | share=5", "share: wanted a fraction from 0 to 1"),
        (" | large_share=0.7", "large_share: wanted at most 1 together with doubtful_share"),
        (" | task_code=T99", "task_code: wanted a task of tasks.csv, found 'T99'"),
        (" | task_code=T04", "task_code: wanted a row for all tasks"),
    ],
    "observation_rules": [
        ("few_units | rule=few", "rule: wanted a row for few_units"),
        ("normal | observation_status=X", "observation_status: wanted"),
    ],
    "comparison_rules": [
        ("least_matched_units | threshold=three", "threshold: wanted a number"),
    ],
    "contradiction_rules": [
        ("grades_alike | contradiction=alike", "contradiction: wanted a row for grades_alike"),
        ("grades_alike | comparison=over", "comparison: wanted below or at_least"),
    ],
    "incomparable_indicators": [
        (
            "T01_01 | kind=maximum",
            "indicator_code: wanted an indicator whose aggregation is max, found 'T01_01'",
        ),
        (
            "T06_14 | indicator_code=T01_02",
            "indicator_code: wanted an indicator whose aggregation is max, found 'T01_02'",
        ),
    ],
    "scorecard_measures": [
        ("reporting_rate | best=most", "best: wanted highest or lowest"),
        (
            "excluded_rate | measure=odd_rate",
            "measure: wanted a measure of scorecard_measures.csv, found 'excluded_rate'",
        ),
    ],
    "result_uses": [
        ("shuanggao | use_code=other", "use_code: wanted a use of result_uses"),
    ],
    "reporting_calendar": [
        ("2024 | reminder_days=14;0", "reminder_days: wanted whole days"),
        ("2024 | publication_time=6 o'clock", "publication_time: wanted"),
        ("2024 | publication_date=2024-12-14", "publication_date: wanted"),
        (
            "2024 | submission_cutoff=2024-06-30 00:00:00",
            "submission_cutoff: wanted a moment after the collection opens",
        ),
        (
            "2024 | correction_cutoff=2024-12-15 06:00:00",
            "correction_cutoff: wanted a moment after the publication",
        ),
    ],
}


@pytest.mark.parametrize(
    ("seed", "change", "part"),
    [(seed, *case) for seed, cases in BROKEN.items() for case in cases],
)
def test_an_invalid_cell_gives_a_one_line_error(
    seed: str, change: str, part: str, tmp_path: Path
) -> None:
    key, *cells = change.split(" | ")
    rows = _seed(seed)
    [row] = [row for row in rows if next(iter(row.values())) == key]
    row.update(cell.split("=", 1) for cell in cells)
    with pytest.raises(UsageError) as raised:
        read_catalogue(SEEDS, {seed: _written(tmp_path / f"{seed}.csv", rows)})
    assert part in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2


def test_at_most_ten_invalid_cells_are_listed(tmp_path: Path) -> None:
    rows = _seed("indicators")
    for row in rows[:13]:
        row["direction"] = "up"
    with pytest.raises(UsageError) as raised:
        read_catalogue(SEEDS, {"indicators": _written(tmp_path / "mine.csv", rows)})
    error = str(raised.value)
    assert error.count("wanted higher or lower") == 10
    assert f"{tmp_path}/mine.csv line 2, direction" in error
    assert error.endswith("; and 3 more")


def test_errors_name_the_line_in_the_file(tmp_path: Path) -> None:
    rows = _seed("tasks")
    rows[0]["task_name"] = "two\nlines"
    rows[1]["display_order"] = "-1"
    with pytest.raises(UsageError, match="line 4, display_order"):
        read_catalogue(SEEDS, {"tasks": _written(tmp_path / "tasks.csv", rows)})


HEAD = ",".join(_seed("tasks")[0])


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "wanted the columns task_code"),
        (HEAD.encode(), "line 2: wanted rows of task_code"),
        (b"task_code,display_order\nT01,1", "line 1: wanted the columns"),
        (f"{HEAD},more\nT01,a,b,1,".encode(), "(more)"),
        (f"{HEAD}\nT01,a,b".encode(), "line 2: wanted 4 cells, as in the header, found 'T01,a,b'"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (f'{HEAD}\n"T01"x,a,b,1'.encode(), "expected after"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_not_a_table_of_the_seed_is_refused(
    body: bytes | None, part: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.csv"
    if body is not None:
        path.write_bytes(body)
    with pytest.raises(UsageError) as raised:
        read_catalogue(SEEDS, {"tasks": path})
    assert part in str(raised.value)
    assert str(path) in str(raised.value)


def test_blank_cells_of_the_calendar_default_to_the_notices_dates(tmp_path: Path) -> None:
    blank = [dict.fromkeys(row, "") | {"year": row["year"]} for row in _seed("reporting_calendar")]
    path = _written(tmp_path / "calendar.csv", blank)
    year = read_catalogue(SEEDS, {"reporting_calendar": path}).calendar[2024]
    assert f"{year.submission_cutoff} {year.publication_date}" == "2024-12-15 00:00:00 2024-12-15"
    assert year.reminder_days == (14, 7, 1)


def test_an_invalid_catalogue_stops_a_command_before_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "seeds"
    shutil.copytree(SEEDS, folder)
    path = folder / "indicators.csv"
    path.write_text(path.read_text("utf-8").replace(",amount,sum,", ",amount,summ,", 1), "utf-8")
    monkeypatch.setattr(catalogue, "SEEDS", folder)
    monkeypatch.setenv("TONGBAO_HOME", str(tmp_path / "home"))
    load_catalogue.cache_clear()
    try:
        for stage in ("run", "intake", "transform"):
            ran = CliRunner().invoke(main, [stage, "--year", "2024"])
            assert (ran.exit_code, ran.stderr.count("\n")) == (2, 1), ran.output
            assert "indicators.csv line 2, aggregation: wanted sum" in ran.stderr
    finally:
        load_catalogue.cache_clear()
    assert not (tmp_path / "home").exists()


def test_dbt_loads_the_columns_that_python_reads_and_flags_as_booleans() -> None:
    listed = yaml.safe_load((SEEDS / "_seeds.yml").read_text("utf-8"))["seeds"]
    assert {seed["name"] for seed in listed} == set(MODELS)
    for seed in listed:
        model, types = MODELS[seed["name"]], seed["config"]["column_types"]
        assert set(types) == set(model.columns()), seed["name"]
        flags = {
            column
            for column, field in model.columns().items()
            if model.model_fields[field].annotation is bool
        }
        assert flags == {column for column, kind in types.items() if kind == "boolean"}


def test_every_code_has_a_name() -> None:
    names: dict[str, dict[str, str]] = {}
    for row in _seed("code_names"):
        names.setdefault(row["column_name"], {})[row["code"]] = row["name_zh"]
    known = load_catalogue()
    statuses = {rule.status for rule in known.observation_rules.values()}
    assert set(names["observation_status"]) == statuses
    for column in ("aggregation", "stock_flow", "direction", "provenance", "value_type"):
        assert {row[column] for row in _seed("indicators")} <= set(names[column]), column


def test_a_seed_that_may_be_empty_is_read(tmp_path: Path) -> None:
    assert read_catalogue(SEEDS).breaks == {}
    rows = [{"indicator_code": "C_05", "year": "2025", "reason_zh": "口径", "reason_en": "Scope"}]
    path = _written(tmp_path / "series_breaks.csv", rows)
    breaks = read_catalogue(SEEDS, {"series_breaks": path}).breaks
    assert breaks["C_05", 2025].reason_zh == "口径"
    path = _written(path, [rows[0] | {"indicator_code": "C_99"}])
    with pytest.raises(UsageError, match=r"indicator_code: wanted an indicator of indicators\.csv"):
        read_catalogue(SEEDS, {"series_breaks": path})


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        ({"province_code": "990000"}, "province_code: wanted a province of regions.csv"),
        ({"value": "0"}, "value: wanted a number above 0"),
        ({"denominator": "heads"}, "denominator: wanted students, schools or population"),
        ({"source": ""}, "source: wanted a value"),
    ],
)
def test_a_denominator_has_a_province_a_number_and_a_source(
    cells: dict[str, str], part: str, tmp_path: Path
) -> None:
    row = {
        "year": "2024",
        "province_code": "440000",
        "denominator": "students",
        "value": "1000",
        "source": "统计年鉴",
    }
    path = _written(tmp_path / "province_denominators.csv", [row])
    read_catalogue(SEEDS, {"province_denominators": path})
    with pytest.raises(UsageError, match=part):
        read_catalogue(SEEDS, {"province_denominators": _written(path, [row | cells])})


def test_names_used_outside_the_seeds_exist_in_them() -> None:
    known = load_catalogue()
    assert {column.document_type for column in known.table_columns} <= {"*", *DOCUMENT_TYPES}
    marts = yaml.safe_load((SEEDS.parent / "models/marts/_marts.yml").read_text("utf-8"))["models"]
    [scorecard] = [model for model in marts if model["name"] == "province_scorecard"]
    columns = {column["name"] for column in scorecard["columns"]}
    for measure in known.measures.values():
        assert {measure.column, measure.rank_column} <= columns


def test_every_category_has_one_name() -> None:
    names = {(row["task_code"], row["category"]): row["name_zh"] for row in _seed("categories")}
    used = {(task, name) for task, of_task in CATEGORIES.items() for name, _ in of_task}
    used |= {
        (row["task_code"], row["category"]) for row in _seed("task_targets") if row["category"]
    }
    assert {(task, name) for task, name in used if name} <= set(names)


def test_help_does_not_read_the_catalogue() -> None:
    asked = (
        "import sys; from orchestration.cli import main; "
        "main(['--help'], standalone_mode=False); "
        "sys.exit('orchestration.core.catalogue' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr

"""Years processed in any order, and replays of past years with other rules.

Belongs here: tests with more than two years. The three years come from two demos in one landing
zone, or from a few handwritten documents with known values.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestration import lakehouse, stages
from orchestration.cli import main
from orchestration.core.errors import UsageError
from orchestration.core.settings import Settings
from orchestration.core.versions import code_versions
from orchestration.definitions import defs
from orchestration.defs.in_process import run_in_process
from orchestration.demo import generate
from orchestration.lakehouse.attach import writer
from orchestration.publication.replaying import _project
from tests.fixtures.landing import Landing
from tests.fixtures.progress import no_progress

_RULES = Path(__file__).parents[2] / "dbt_project" / "seeds" / "rules.csv"
_INDICATORS = _RULES.with_name("indicators.csv")
_NOW = "2026-03-01T08:00:00+08:00"


def _settings(home: Path) -> Settings:
    return Settings(home=home, catalog=str(home / "catalog.sqlite"))


def _history(ws: stages.Workspace, *years: int) -> None:
    for year in years:
        stages.intake(ws, year, run_id="r", progress=no_progress)
        stages.transform(ws, year, run_id="r", progress=no_progress)


def _state(ws: stages.Workspace) -> dict[str, str]:
    """A digest of every table of figures, and of every file of the editions and receipts."""
    found: dict[str, str] = {}
    with lakehouse.reader(ws.settings, ws.store) as con:
        names = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where database_name = "
            "'lake' and (schema_name = 'marts' or table_name in "
            "('submission_errors', 'figure_sensitivity'))"
        ).fetchall()
        for (name,) in names:
            rows = con.execute(f"select * from lake.{name} order by all").fetchall()
            found[name] = hashlib.sha256(repr(rows).encode()).hexdigest()
    listed = ws.store.list("publication", "editions/2025/edition-1/")
    listed += [i for i in ws.store.list("publication", "receipts/") if i.key.endswith(".json")]
    for item in ws.store.get_many("publication", listed):
        # The manifest names the snapshot and when it was published.
        if not item.info.key.endswith("manifest.json"):
            found[item.info.key] = hashlib.sha256(item.body).hexdigest()
    return found


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose landing zone has the years 2023, 2024 and 2025."""
    home = tmp_path_factory.mktemp("landed") / "home"
    settings = _settings(home)
    with stages.open_workspace(settings) as ws:
        for year in (2024, 2025):
            generate(
                ws.store,
                settings,
                year=year,
                scale=0.01,
                seed=7,
                faults="default",
                keep_earlier=True,
                progress=no_progress,
            )
    return home


@pytest.fixture(scope="module")
def backwards(landed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[stages.Workspace]:
    """The last year is published first, as a backfill of Dagster's job may do it."""
    home = tmp_path_factory.mktemp("backwards") / "home"
    shutil.copytree(landed, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TONGBAO_HOME", str(home))
        patch.setenv("TONGBAO_NOW", _NOW)
        patch.setenv("DAGSTER_HOME", str(home))
        for year, until in ((2025, "publish"), (2023, "transform"), (2024, "transform")):
            run_in_process(defs, year, until, progress=no_progress)
    with stages.open_workspace(_settings(home)) as ws:
        yield ws


@pytest.mark.slow
def test_years_in_any_order_give_the_same_tables_and_bytes(
    landed: Path, backwards: stages.Workspace, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(landed, home)
    with stages.open_workspace(_settings(home)) as ws:
        _history(ws, 2023, 2024, 2025)
        assert not stages.gate(ws, 2025, run_id="r", progress=no_progress).blocked
        stages.publish(ws, 2025, run_id="r", progress=no_progress)
        forwards = _state(ws)
    assert sum(name.startswith("editions/2025/") for name in forwards) > 400
    assert _state(backwards) == forwards
    with lakehouse.reader(backwards.settings, backwards.store) as con:
        # Former years were built together with the last one, so their own runs did nothing.
        built = [lakehouse.transform_snapshot(con, year) for year in (2023, 2024, 2025)]
        assert built == sorted(built)  # type: ignore[type-var]
        [compared] = con.execute(
            "select list(distinct year order by year) from lake.marts.agg_national_indicator "
            "where previous_value is not null"
        ).fetchall()
    assert compared == ([2024, 2025],)


# -- a history that arrives late ----------------------------------------------------------------


@pytest.mark.slow
def test_a_year_that_arrives_late_changes_later_years(
    ws: stages.Workspace, landing: Landing
) -> None:
    """R08_11: a stock (T08_04) must not fall below last year's counted value, or is excluded."""
    unit = "T08-110000-0001"

    def value_of_2025() -> Any:
        with lakehouse.reader(ws.settings, ws.store) as con:
            rows = con.execute(
                "select value, exclusion_code from lake.marts.fct_unit_indicator "
                "where year = 2025 and indicator_code = 'T08_04'"
            ).fetchall()
        return [(None if value is None else int(value), code) for value, code in rows]

    def built(year: int) -> tuple[list[int], str]:
        output: list[str] = []
        stages.intake(ws, year, run_id="r", progress=no_progress)
        done = stages.transform(ws, year, run_id="r", progress=output.append)
        return [each.year for each in done], "\n".join(output)

    landing.unit(unit, year=2023)
    registrations = ws.store.list("landing", "registration/")
    moved = ws.store.get("landing", registrations[0].key)
    landing.unit(unit, year=2024)
    ws.store.delete("landing", [registrations[0].key])
    for info in ws.store.list("landing", "review/year=2023/"):
        ws.store.delete("landing", [info.key])
    landing.performance(unit, {"T08_04": 90}, year=2024)
    landing.performance(unit, {"T08_04": 80}, year=2025)
    assert built(2025)[0] == [2024, 2025]
    assert value_of_2025() == [(None, "R08_11")]

    # With 2023, the 90 of 2024 is a decrease and no longer counts, but the 80 of 2025 does.
    ws.store.put("landing", registrations[0].key, moved)
    landing.review(unit, "provincial_recommendation", year=2023, submitted_at="2023-08-01T09:00Z")
    landing.performance(unit, {"T08_04": 100}, year=2023)
    years, output = built(2023)
    assert years == [2023]
    assert "the marts of 2024 were built from older marts; 'tongbao run --year 2024'" in output
    assert built(2025)[0] == [2024, 2025]
    assert value_of_2025() == [(80, None)]

    # Published years change only with a run of that year; a progress line says so.
    with writer(ws.settings, ws.store) as con:
        edition = {
            "year": 2024,
            "edition": 1,
            "snapshot_id": lakehouse.transform_snapshot(con, 2024),
            **code_versions(),
            "published_at": ws.settings.now(),
            "manifest_sha256": "",
            "supersedes": None,
            "reason": None,
        }
        lakehouse.record_edition(con, edition)
    landing.performance(unit, {"T08_04": 85}, year=2023)
    years, output = built(2025)
    assert years == [2023, 2025]
    assert "the marts of 2024 are kept as they were built; 'tongbao run --year 2024'" in output


# -- replays ------------------------------------------------------------------------------------


def _changed_rules(folder: Path) -> Path:
    """Rules in which RC_17 (spending above the funds received) is blocking."""
    with _RULES.open(encoding="utf-8", newline="") as given:
        rows = list(csv.DictReader(given))
    for row in rows:
        if row["rule_id"] == "RC_17":
            row["severity"] = "blocking"
    path = folder / "rules.csv"
    with path.open("w", encoding="utf-8", newline="") as written:
        writer_ = csv.DictWriter(written, list(rows[0]))
        writer_.writeheader()
        writer_.writerows(rows)
    return path


def _unaffected_state(ws: stages.Workspace) -> dict[str, Any]:
    """Everything that a replay must not change."""
    with lakehouse.reader(ws.settings, ws.store) as con:
        kept: dict[str, Any] = {
            "snapshots": con.execute("select * from lake.snapshots() order by 1").fetchall(),
            "gate": con.execute("select * from lake.quality.gate_results order by all").fetchall(),
            "editions": con.execute("select * from lake.publication.editions").fetchall(),
        }
    for bucket in ("landing", "lake", "publication"):
        listed = ws.store.list(bucket, "")
        kept[bucket] = sorted((i.key, i.etag, i.size, i.last_modified) for i in listed)
    return kept


@pytest.mark.slow
def test_a_replay_of_the_current_rules_finds_no_changes(backwards: stages.Workspace) -> None:
    done = stages.replay(backwards, {"rules": _RULES}, [2025], progress=no_progress)
    [year] = done.years
    assert (year.edition, year.is_stale) == (1, False)
    assert (year.changes.changes, year.exclusions, year.findings) == ([], [], [])
    assert "本年度没有变动" in (Path(done.folder) / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_replay_of_a_changed_rule_covers_all_years_and_changes_nothing(
    backwards: stages.Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _unaffected_state(backwards)
    monkeypatch.setenv("TONGBAO_HOME", str(backwards.settings.home))
    for name, value in {
        "AWS_ENDPOINT_URL_S3": str(backwards.store.config.endpoint),
        "AWS_ACCESS_KEY_ID": backwards.store.config.access_key_id,
        "AWS_SECRET_ACCESS_KEY": backwards.store.config.secret_access_key,
    }.items():
        monkeypatch.setenv(name, value)
    rules = str(_changed_rules(tmp_path))
    ran = CliRunner().invoke(main, ["replay", "--rules", rules, "--years", "2023-2025", "--json"])
    assert ran.exit_code == 0, ran.output
    assert _unaffected_state(backwards) == before

    output = json.loads(ran.stdout)
    folder = Path(output["folder"])
    assert [each["year"] for each in output["years"]] == [2023, 2024, 2025]
    assert not any(each["is_stale"] for each in output["years"])
    with lakehouse.reader(backwards.settings, backwards.store) as con:
        warned = con.execute(
            "select error.year, error.unit_code from lake.quality.submission_errors as error "
            "inner join lake.marts.fct_unit_year as unit using (year, unit_code, document_id) "
            "where error.code = 'RC_17' order by all"
        ).fetchall()
        sums = dict(
            con.execute(
                "select year, value from lake.marts.agg_national_indicator "
                "where task_code = 'ALL' and indicator_code = 'C_09'"
            ).fetchall()
        )
        left_out = dict(
            con.execute(
                "select year, sum(value) from lake.marts.fct_unit_indicator as fact "
                "where indicator_code = 'C_09' and (year, unit_code) in "
                "(select (year, unit_code) from lake.quality.submission_errors "
                "where code = 'RC_17') group by year"
            ).fetchall()
        )
    with (folder / "exclusions.csv").open(encoding="utf-8-sig", newline="") as given:
        excluded = list(csv.DictReader(given))
    assert warned
    assert {(int(r["year"]), r["unit_code"]) for r in excluded if r["after"]} == set(warned)
    for each in output["years"]:
        of_year = {unit for year, unit in warned if year == each["year"]}
        assert each["units_newly_excluded"] == len(of_year)
        assert each["units_no_longer_excluded"] == 0
    # The replayed values of 2023 are last year's values in the replay of 2024.
    figure = "agg_national_indicator/ALL/C_09/"
    changed: dict[str, dict[str, str]] = {}
    for each in output["years"]:
        path = folder / f"changes-{each['year']}.csv"
        with path.open(encoding="utf-8-sig", newline="") as given:
            changed |= {row["figure"]: row for row in csv.DictReader(given)}
    for year, total in left_out.items():
        row = changed[f"{year}/{figure}value"]
        assert row["old"] == f"{sums[year]:f}"
        assert row["new"] == f"{sums[year] - total:f}"
        if year < 2025:
            assert changed[f"{year + 1}/{figure}previous_value"]["new"] == row["new"]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "合成数据" in page
    assert "不改变已发布的通报" in page
    assert not list((backwards.settings.home / "tmp").glob("replay-*"))


def test_an_invalid_file_gives_a_one_line_error(tmp_path: Path) -> None:
    for seed, standing, before, after, output in (
        ("rules", _RULES, ",blocking,", ",stop,", "severity: wanted blocking or warning"),
        ("indicators", _INDICATORS, ",amount,sum,", ",amount,total,", "aggregation: wanted sum"),
    ):
        path = tmp_path / "mine.csv"
        text = standing.read_text(encoding="utf-8").replace(before, after, 1)
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=output) as raised:
            _project(tmp_path, {seed: path})
        assert f"{path} line 2, " in str(raised.value)


def test_a_replay_with_wrong_arguments_exits_with_code_2(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONGBAO_HOME", str(settings.home))
    rules = ["--rules", str(tmp_path / "none.csv")]
    for arguments, output in (
        ([], "give --rules FILE"),
        (["--years", "2025-2023", *rules], "neither a year nor a span"),
        (["--years", "soon", *rules], "neither a year nor a span"),
        (rules, "No such file"),
    ):
        ran = CliRunner().invoke(main, ["replay", *arguments])
        assert (ran.exit_code, ran.stderr.count("\n")) == (2, 1), ran.output
        assert output in ran.stderr

"""The national bulletin finds what the demo year planted, and claims nothing that isn't there."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest

from orchestration import bulletin, lakehouse, stages
from orchestration.bulletin.contradictions import contradictions_by_kind
from orchestration.bulletin.documents import documents
from orchestration.bulletin.grammar import load_texts
from orchestration.bulletin.problems import beyond, beyond_last_year, late_targets
from orchestration.core.catalogue import load_catalogue
from orchestration.demo import generate
from orchestration.demo.draws import Draw
from orchestration.demo.faults import PROFILES, Rates
from orchestration.demo.story import Story, build_story
from tests.fixtures.progress import no_progress

YEAR = 2024
#: A province that stands out has 90 units or more: with fewer, what is planted could be chance.
SCALE = 0.3


@pytest.fixture(scope="module")
def told(
    tmp_path_factory: pytest.TempPathFactory, shared: Any
) -> tuple[bulletin.Marts, dict[str, str]]:
    """The marts of a year at that scale, and the planted facts."""
    settings = shared.settings(tmp_path_factory.mktemp("story"))
    with stages.open_workspace(settings) as ws:
        generate(
            ws.store, settings, year=YEAR, scale=SCALE, seed=7, faults="default",
            progress=no_progress,
        )  # fmt: skip
        stages.intake(ws, YEAR, run_id="r", progress=no_progress)
        stages.transform(ws, YEAR, run_id="r", progress=no_progress)
        with lakehouse.reader(settings, ws.store) as con:
            marts = bulletin.read_marts(con, YEAR, bulletin.GateNotes(1, {}))
    truth = settings.home / "demo" / f"truth-{YEAR}.json"
    return marts, json.loads(truth.read_text(encoding="utf-8"))["story"]


@pytest.mark.slow
def test_each_planted_province_is_found_and_no_other(
    told: tuple[bulletin.Marts, dict[str, str]],
) -> None:
    marts, story = told
    found = {
        problem.problem: {row["province_code"] for row in beyond(marts, problem)}
        for problem in load_texts().problems
    }
    planted = {problem: {story[problem]} if problem in story else set() for problem in found}
    # Who misses targets in two years is watched.
    planted["watched_units"] = planted["missed_targets"]
    assert found == planted


@pytest.mark.slow
def test_contradictions_are_those_that_were_planted(
    told: tuple[bulletin.Marts, dict[str, str]],
) -> None:
    """Copied reports and equal grades are found in their province and nowhere else."""
    marts, story = told
    found = dict(contradictions_by_kind(marts))
    assert {row["province_code"] for row in found["grades_alike"]} == {story["lenient_grades"]}
    copied = found["identical_values"]
    assert {row["province_code"] for row in copied} == {story["copied_reports"]}
    assert len(copied) > 5


@pytest.mark.slow
def test_who_was_late_last_year_is_said_of_those_that_still_are(
    told: tuple[bulletin.Marts, dict[str, str]],
) -> None:
    marts, story = told
    [late] = [each for each in load_texts().problems if each.problem == "late_reports"]
    again = beyond_last_year(marts, late, beyond(marts, late))
    assert again == [marts.catalogue.regions[story["late_reports"]].short_name]
    before = {row["province_code"] for row in marts.last_year if row["on_time_rate"] < 0.95}
    assert story["mended"] in before


@pytest.mark.slow
def test_growth_is_said_of_the_units_of_both_years(
    told: tuple[bulletin.Marts, dict[str, str]],
) -> None:
    """In the province where many more units report, the totals grow much faster than the units."""
    marts, story = told
    code = marts.catalogue.roles["received"].code
    row = marts.row("agg_province_indicator", story["newly_reporting"], "ALL", code)
    assert row["change_rate"] > 2 * row["matched_change_rate"] > 0
    assert row["matched_units"] < row["units_counted"]


@pytest.mark.slow
def test_the_late_task_is_the_furthest_behind(
    told: tuple[bulletin.Marts, dict[str, str]],
) -> None:
    """All are behind at this scale, because national targets don't shrink with it."""
    marts, story = told
    first = next(row for row in late_targets(marts) if row["level"] == "national")
    assert first["task_code"] == story["late_task"]


@pytest.mark.slow
def test_the_bulletin_names_the_planted_provinces(
    told: tuple[bulletin.Marts, dict[str, str]],
) -> None:
    marts, story = told
    nation = next(documents(marts))
    text = str(nation.sections[2])
    for problem in ("late_reports", "missed_targets", "late_funds", "excluded_values"):
        assert marts.catalogue.regions[story[problem]].short_name in text


def test_each_fact_has_a_province_of_its_own() -> None:
    for seed in range(20):
        story = build_story(load_catalogue(), seed)
        provinces = [value for name, value in story.as_data().items() if name != "late_task"]
        assert len(set(provinces)) == len(fields(Story)) - 1
        assert story.late_task in load_catalogue().tasks


def test_a_story_adds_no_fault_to_a_year_without_faults() -> None:
    story = build_story(load_catalogue(), 7)
    for province in load_catalogue().regions:
        for is_last_year in (True, False):
            assert story.rates(Rates(), province, is_last_year=is_last_year) == Rates()
    usual = PROFILES["default"]
    assert story.rates(usual, story.late_reports, is_last_year=False).late > usual.late
    assert story.rates(usual, story.mended, is_last_year=False) == usual
    assert story.lenient_score(story.late_reports, Draw(1)) is None

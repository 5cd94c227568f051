"""What sentences say where a number in them is 0, 1, 2 or many, and where a part is none or all."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from orchestration.bulletin import grammar
from orchestration.bulletin.content import Block, Claim, Figure, Run, Table, runs
from orchestration.bulletin.counting import (
    CLAIMS,
    level_runs,
    reached,
    reported_beside,
    reported_runs,
    target_runs,
)
from orchestration.bulletin.grammar import load_texts, runs_of
from orchestration.bulletin.marts import GateNotes, Marts, Row
from orchestration.bulletin.parts import indicator_table, tile_map, without_ties
from orchestration.bulletin.sections import (
    Place,
    national_comparison,
    national_overview,
    national_sensitivity,
    province_problems,
    quality_notes,
    verification,
)
from orchestration.bulletin.sections import national_management as management
from orchestration.core.catalogue import load_catalogue
from orchestration.core.reporting_calendar import period_of
from orchestration.figures.claims import Query
from orchestration.figures.numbers import NONE, NOT_YET
from orchestration.publication.checking import prints

NATION = Place("national", "", "全国")
YEAR = 2024


def said(found: Sequence[Run] | None) -> str:
    return "".join(run if isinstance(run, str) else run.text for run in found or ())


def text_of(blocks: Sequence[Block]) -> str:
    return "\n".join(said(list(runs(block))) for block in blocks)


def row(table: str, *key: str, **data: Any) -> Row:
    return Row(table, (str(YEAR), *key), data)


def marts(*rows: Row, **more: Any) -> Marts:
    tables: dict[str, list[Row]] = {name: [] for name in ("agg_national_target",)}
    for each in rows:
        tables.setdefault(each.table, []).append(each)
    given: dict[str, Any] = {"absent": [], "excluded": [], "watched": [], "highlights": []}
    given |= {"units": [], "remarks": (0, 0)}
    return Marts(
        YEAR, period_of(YEAR), load_catalogue(), GateNotes(1, {}), tables, **(given | more)
    )


REACHED = [
    ((14, 0, 14), "均尚未达到，且均低于序时进度"),
    ((14, 0, 0), "均尚未达到，均不低于序时进度"),
    ((14, 0, 1), "均尚未达到，其中1项低于序时进度"),
    ((14, 1, 0), "中1项已达到，其余13项不低于序时进度"),
    ((14, 1, 13), "中1项已达到，其余13项低于序时进度"),
    ((14, 2, 5), "中2项已达到，5项低于序时进度"),
    ((14, 14, 0), "均已达到"),
    ((1, 0, 1), "尚未达到，且低于序时进度"),
    ((1, 0, 0), "尚未达到，不低于序时进度"),
    ((1, 1, 0), "已达到"),
]


@pytest.mark.parametrize(("numbers", "text"), REACHED)
def test_targets_are_reached_by_none_some_or_all(numbers: tuple[int, int, int], text: str) -> None:
    assert reached(*numbers) == text


def test_what_is_said_of_targets_is_recomputed() -> None:
    query = CLAIMS["targets_reached"]
    assert isinstance(query, Query)
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as lake; create schema lake.marts")
        con.execute(
            "create table lake.marts.agg_national_target "
            "(year int, progress_rate double, time_elapsed_rate double)"
        )
        for (number, done, behind), text in REACHED:
            con.execute("delete from lake.marts.agg_national_target")
            con.execute(
                "insert into lake.marts.agg_national_target select 2024, "
                "case when i < $r then 1 when i < $r + $b then 0.2 else 0.8 end, 0.5 "
                "from range($n) t(i)",
                {"n": number, "r": done, "b": behind},
            )
            assert query.read(con, YEAR) == {"": text}


def _targets(met: int, not_met: int, without: int) -> Row:
    number = met + not_met + without
    return row(
        "agg_national_task",
        "T05",
        targets_set=number,
        targets_met=met,
        targets_not_met=not_met,
        targets_without_value=without,
        target_met_rate=Decimal(met) / number if number else None,
    )


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0, 0, 0), ""),
        ((1, 0, 0), "1项，已完成，目标完成率100.00%"),
        ((2, 0, 0), "2项，均已完成，目标完成率100.00%"),
        ((0, 1, 0), "1项，未完成，目标完成率0.00%"),
        ((0, 12, 0), "12项，均未完成，目标完成率0.00%"),
        ((0, 0, 2), "2项，均没有采用值（未报或被剔除），目标完成率0.00%"),
        ((9, 3, 0), "12项，完成9项，未完成3项，目标完成率75.00%"),
        ((1, 0, 1), "2项，完成1项，1项没有采用值（未报或被剔除），目标完成率50.00%"),
        ((0, 1, 1), "2项，未完成1项，1项没有采用值（未报或被剔除），目标完成率0.00%"),
    ],
)
def test_targets_of_plans(numbers: tuple[int, int, int], text: str) -> None:
    found = said(target_runs(_targets(*numbers)))
    assert found == (f"。建设方案设定年度目标{text}" if text else "")


@pytest.mark.parametrize(
    ("levels", "text"),
    [
        ({"national": 1}, "应报单位1家，为国家级"),
        ({"provincial": 2}, "应报单位2家，均为省级"),
        ({"national": 2, "school": 1}, "应报单位3家，其中国家级2家、校级1家"),
    ],
)
def test_levels_of_units(levels: dict[str, int], text: str) -> None:
    numbers = {f"units_{level}": levels.get(level, 0) for level in load_catalogue().levels}
    task = row("agg_national_task", "T05", units_expected=sum(levels.values()), **numbers)
    assert said(level_runs(task)) == text


@pytest.mark.parametrize(
    ("reported", "text"),
    [
        (0, "尚无报送的"),
        (1, "已报送1家，报送率10.00%；其中按时报送1家，按时报送率10.00%"),
        (10, "已报送10家，报送率100.00%；其中按时报送10家，按时报送率100.00%"),
    ],
)
def test_reports(reported: int, text: str) -> None:
    rate = Decimal(reported) / 10
    task = row(
        "agg_national_task",
        "T05",
        units_reported=reported,
        units_on_time=reported,
        reporting_rate=rate,
        on_time_rate=rate,
    )
    assert said(reported_runs(task)) == text
    beside = text.replace("；其中", "（全国RATE）；") + "（全国RATE）"
    if not reported:
        beside = "尚无报送的（全国报送率RATE）"
    nation = f"{reported * 10}.00%"
    late = row("agg_national_task", "T05", **(task.data | {"units_on_time": 0}))
    if reported:
        assert said(reported_runs(late)).endswith("；没有按时报送的")
        assert said(reported_runs(late, in_prose=True)) == f"已报送{reported}家，没有按时报送的"
        alone = f"；没有按时报送的（全国按时报送率{nation}）"
        assert said(reported_beside(late, task)).endswith(alone)
    assert said(reported_beside(task, task)) == beside.replace("RATE", nation)


def test_words_for_zero_are_compared_with_the_mart() -> None:
    for word in (NONE, NOT_YET):
        figure = Figure("2024/agg_national_task/T05/units_reported", word)
        assert prints(figure, 0)
        assert not prints(figure, 1)
        assert not prints(figure, None)


def _indicator(code: str, value: int | None, units: int = 100) -> Row:
    return row(
        "agg_national_indicator",
        "T05",
        code,
        task_code="T05",
        indicator_code=code,
        value=None if value is None else Decimal(value),
        units_counted=units,
        growth_withheld_by="least_matched_units",
    )


@pytest.mark.parametrize(
    ("platform", "resources", "text"),
    [
        (50, 7, "对接50所，占填报单位的50%；资源7条"),
        (0, 7, "尚无对接的；资源7条"),
        (None, 7, "资源7条"),
        (1, 0, "对接1所，占填报单位的1%"),
        (None, 0, ""),
        (None, None, ""),
    ],
)
def test_groups_of_a_text(platform: int | None, resources: int | None, text: str) -> None:
    year = marts(_indicator("T05_06", platform), _indicator("T05_11", resources))
    pattern = "{对接[T05_06]所|[none]对接的}{，占填报单位的[T05_06:share]}{；资源[T05_11]条}"
    assert said(runs_of(year, "T05", pattern)) == text


@pytest.mark.parametrize(("units", "text"), [(2, "对接1所"), (3, "对接1所，占33%")])
def test_a_share_of_few_units_is_not_said(units: int, text: str) -> None:
    year = marts(_indicator("T05_06", 1, units))
    assert said(runs_of(year, "T05", "对接[T05_06]所{，占[T05_06:share]}")) == text


@pytest.mark.parametrize("number", [0, 1, 2, 3000])
def test_no_statement_says_zero(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Every text with every figure of it 0, 1, 2 and many."""

    def figure(_: Marts, task: str, placeholder: str) -> Any:
        name = placeholder.split(":")[0]
        if name in ("target_year", "pace"):
            return ["2025"] if name == "target_year" else []
        if name == "target_count":
            return ["300"]
        claim = Claim(f"x/{task}", f"{number}")
        return [claim] if number else grammar._Zero(Claim(claim.claim, NOT_YET))

    monkeypatch.setattr(grammar, "_filled", figure)
    year = marts()
    for task, rows in load_texts().statements.items():
        for statement in rows:
            text = said(runs_of(year, task, statement.text_zh))
            digits = text.replace("2025", "").replace("300", "")
            assert number or "0" not in digits, text
            assert number or text == "" or text.startswith(NOT_YET), text
            assert not {"{", "}", "[", "]", "|"} & set(text)
            assert "，，" not in text
            assert not text.startswith(("，", "；"))
            assert number == 0 or text


def _scorecard(code: str, rate: str | None, *, ranked: bool = True) -> Row:
    names = ("units_national", "mean_assessment_score", "excellent_rate", "funding_arrival_rate")
    names += ("enterprise_funding_rate", "execution_rate", "watchlist_rate", "target_met_rate")
    data: dict[str, Any] = {f"{name}_rank": None for name in names} | dict.fromkeys(names)
    data["target_met_rate"] = None if rate is None else Decimal(rate)
    return row(
        "province_scorecard",
        code,
        province_code=code,
        is_ranked=ranked,
        units_expected=3 if ranked else 1,
        **data,
    )


def _comparison(*rates: str | None, ranked: bool = True) -> str:
    codes = sorted(load_catalogue().regions)
    rows = [_scorecard(code, rate, ranked=ranked) for code, rate in zip(codes, rates, strict=False)]
    nation = row("national_scorecard", "-", **_scorecard("110000", "0.5").data)
    blocks = national_comparison.blocks(marts(*rows, nation), NATION)
    return text_of([block for block in blocks if not isinstance(block, Table)])


def test_no_province_is_at_both_ends() -> None:
    assert "年度目标完成情况" not in _comparison("1", "0.5", ranked=False)
    assert "各省份应报单位均不足3家" in _comparison("1", "0.5", ranked=False)
    assert "居" not in _comparison("0.5")
    two = _comparison("0.9", "0.4")
    assert "居前的省份是北京（90.00%）；居后的省份是天津（40.00%）。" in two
    three = _comparison("0.9", "0.4", "0.6")
    assert "居前的省份是北京（90.00%）；居后的省份是天津（40.00%）。" in three
    assert "居" not in _comparison("0.5", "0.5", "0.5", "0.5")


def test_a_ranking_is_cut_before_equals() -> None:
    def rates(*values: str) -> list[Row]:
        return [_scorecard(f"{n}", value) for n, value in enumerate(values)]

    def named(*values: str, at_most: int = 3) -> int:
        return len(without_ties(rates(*values), "target_met_rate", at_most))

    assert named() == 0
    assert named("0.1") == 1
    assert named("0.1", "0.2", "0.3", "0.4") == 3
    assert named("0.1", "0.2", "0.3", "0.3") == 2
    assert named("0.1", "0.1", "0.1", "0.1") == 0
    assert named("0.1", "0.1", "0.1") == 3


def test_a_map_leaves_out_provinces_with_few_units() -> None:
    rows = {
        "110000": _scorecard("110000", "0.9"),
        "120000": _scorecard("120000", "1", ranked=False),
    }
    found = tile_map(marts(), rows, "target_met_rate", "图")
    shades = {tile.code: tile.shade for tile in found.tiles}
    assert (shades["110000"] > 0, shades["120000"], shades["130000"]) == (True, 0, 0)
    assert found.legend[0] == (0, "应报单位不足3家或者无数据")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "没有列入动态管理关注名单的建设单位。"),
        (1, "列入动态管理关注名单的建设单位1家，占应报单位的1.00%"),
    ],
)
def test_watched_units(number: int, text: str) -> None:
    nation = row(
        "national_scorecard", "-", units_watched=number, watchlist_rate=Decimal(number) / 100
    )
    year = marts(nation, watched=[{"reason": "not_reported"}] * number)
    assert text_of(management.blocks(year, NATION)).startswith(text)


@pytest.mark.parametrize(
    ("states", "text"),
    [
        (["open"], "要求整改的事项尚未完成1项；尚未完成的继续列入以后年度的通报，直至完成。"),
        (["closed", "closed"], "要求整改的事项已完成2项。"),
        (["closed", "overdue"], "已完成1项，尚未完成1项，其中逾期1项；"),
    ],
)
def test_rectifications(states: list[str], text: str) -> None:
    rows = [{"rectification_state": state, "is_new": False} for state in states]
    found = said(verification._numbers(rows, "-").runs)
    assert found.startswith("上次通报以来，没有对建设单位填报的数据新的抽查核查。")
    assert text in found


@pytest.mark.parametrize(
    ("confirmed", "text"),
    [
        (
            0,
            "签字确认：尚无经省级教育行政部门签字确认、其后没有变动的数据，涉及省份2个：北京、天津。",
        ),
        (1, "签字确认的省份1个，未确认或者确认后数据有变动的1个：天津。"),
        (2, "签字确认：2个省份的数据均经省级教育行政部门签字确认。"),
    ],
)
def test_confirmations(confirmed: int, text: str) -> None:
    rows = [
        {
            "province_code": code,
            "task_code": "T05",
            "state": "confirmed" if index < confirmed else "none",
        }
        for index, code in enumerate(("110000", "120000"))
    ]
    found = text_of(quality_notes._confirmed(marts(confirmations=rows), NATION))
    assert found.endswith(text)


@pytest.mark.parametrize(
    ("units", "previous", "columns"),
    [(0, None, 0), (1, None, 6), (1, 5, 9)],
)
def test_a_first_year_is_compared_with_nothing(
    units: int, previous: int | None, columns: int
) -> None:
    data = _indicator("T05_06", 1 if units else None, units).data
    data |= {"matched_units": 0, "attainment": None, "units_with_target": 0, "year": YEAR}
    data |= {"previous_value": None if previous is None else Decimal(previous)}
    table = indicator_table(marts(row("agg_national_indicator", "T05", "T05_06", **data)), "T05")
    if columns:
        assert isinstance(table, Table)
        assert len(table.columns) == len(table.rows[0]) == columns
        assert ("同口径" in table.note) is (columns == 9)
    else:
        assert said(list(runs(table))) == "没有可以采用的填报值，不列指标。"


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        ("0.57", "本通报各项合计数只计按时报送的204家单位，占应报单位的57%，不代表全部建设单位。"),
        ("0.95", ""),
        ("0", ""),
    ],
)
def test_totals_say_what_they_rest_on_where_many_are_missing(rate: str, text: str) -> None:
    number = 204 if Decimal(rate) else 0
    nation = row("national_scorecard", "-", on_time_rate=Decimal(rate), units_on_time=number)
    assert said(national_overview._basis(marts(nation))) == text


@pytest.mark.parametrize(
    ("is_ranked", "withheld", "text"),
    [
        (True, None, "三种情形均不改变全国合计的增减方向和居前的省份。"),
        (False, None, "三种情形均不改变全国合计的增减方向。"),
        (True, "least_matched_units", "三种情形均不改变居前的省份。"),
        (False, "least_matched_units", ""),
    ],
)
def test_scenarios_are_compared_with_what_there_is(
    is_ranked: bool, withheld: str | None, text: str
) -> None:
    indicator = row("agg_national_indicator", "ALL", "C_05", growth_withheld_by=withheld)
    year = marts(indicator, _scorecard("110000", "0.5", ranked=is_ranked))
    found = text_of(national_sensitivity.blocks(year, NATION))
    assert found.endswith(text)
    assert bool(found) is bool(text)
    assert "下表" not in found


@pytest.mark.parametrize(
    ("reported", "text"),
    [
        ([], ""),
        ([False], "你市未报送年度绩效数据的建设单位有1家。"),
        ([True, True], "你市逾期报送年度绩效数据的建设单位有2家。"),
    ],
)
def test_missing_and_late_units_of_a_province(reported: list[bool], text: str) -> None:
    absent = [{"has_reported": each, "province_code": "110000"} for each in reported]
    year = marts(absent=absent)
    year.tables["agg_province_task"] = []
    place = Place("province", "110000", "北京市")
    assert "".join(map(said, province_problems._missing(year, place))) == text

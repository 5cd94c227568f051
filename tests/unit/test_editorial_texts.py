"""Editorial texts: figures in the place of ids and numbers, and texts that are refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orchestration.bulletin import GateNotes, Marts
from orchestration.bulletin.content import Figure, Run
from orchestration.bulletin.editorials import (
    EditorialFault,
    editorial_paragraphs,
    numbers_in_print,
)
from orchestration.bulletin.marts import Row
from orchestration.core.catalogue import load_catalogue
from orchestration.core.reporting_calendar import period_of

RATE = Figure("2024/agg_province_task/440000/T05/on_time_rate", "97.50%")
GROWTH = Figure("2024/agg_national_indicator/T05/T05_11/matched_change_rate", "增长8.2%")
PRINTED = (RATE, Figure("2024/x/units", "1,234"), GROWTH, "无编号的12")


@pytest.fixture(scope="module")
def marts() -> Marts:
    task = {"province_code": "440000", "task_code": "T05", "on_time_rate": Decimal("0.975000")}
    task |= {"mean_assessment_score": None}
    total = {"task_code": "T05", "indicator_code": "T05_11", "change_rate": Decimal("0.2")}
    total |= {"growth_withheld_by": None, "observation_status": "A"}
    tables = {
        "agg_province_task": [Row("agg_province_task", ("2024", "440000", "T05"), task)],
        "agg_national_indicator": [Row("agg_national_indicator", ("2024", "T05", "T05_11"), total)],
    }
    return Marts(
        year=2024, period=period_of(2024), catalogue=load_catalogue(), gate=GateNotes(0, {}),
        tables=tables, absent=[], excluded=[], watched=[], highlights=[], units=[], remarks=(0, 0),
    )  # fmt: skip


def _set(text: str, marts: Marts) -> list[list[Run]]:
    numbers = numbers_in_print(PRINTED)
    return [list(each.runs) for each in editorial_paragraphs(text, marts, numbers)]


def test_an_id_is_replaced_by_the_figure_as_prose_prints_it(marts: Marts) -> None:
    [runs] = _set(f"按时报送率为{{{RATE.id}}}。", marts)
    assert runs == ["按时报送率为", Figure(RATE.id, "98%"), "。"]


def test_a_number_in_print_is_the_run_that_prints_it(marts: Marts) -> None:
    first, second = _set("按时率９７.50%，单位1234家。\n\n同口径增长8.2%。", marts)
    assert first == ["按时率", RATE, "，单位", PRINTED[1], "家。"]
    assert second == ["同口径增长8.2%。"]


@pytest.mark.parametrize(
    "text",
    [
        "各单位按时报送。",
        "2024年度按照教职成厅函〔2023〕20号，于2024年12月15日、12月20日前报送。",
        "T05和T05_11、C_04的口径不变。",
        "1.落实责任。\n（2）加强督促。",
    ],
)
def test_dates_codes_and_numbers_of_paragraphs_are_no_data(marts: Marts, text: str) -> None:
    assert "".join("".join(map(str, runs)) for runs in _set(text, marts)) == text.replace("\n", "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("按时报送率97.6%。", "97.6%"),
        ("按时报送率97.5。", "97.5"),
        ("无编号的12家。", "12"),
        ("共9999年。", "9999"),
        ("增长٣倍。", "٣"),
        ("第Ⅳ批、②组。", "Ⅳ"),
        ("{2024/agg_province_task/440000/T05/lost}", "{2024/agg_province_task/440000/T05/lost}"),
        ("{2024/agg_province_task/440000/T05/mean_assessment_score}", None),
        ("{2024/agg_province_task/440000/T05/province_code}", None),
        ("{2023/agg_province_task/440000/T05/on_time_rate}", None),
        ("{2024/agg_national_indicator/T05/T05_11/change_rate}", None),
        ("{2024/dim_unit/x/unit_name}", None),
        ("{}", "{}"),
        ("{{a}}", "{"),
        ("空括号}", "}"),
    ],
)
def test_other_numbers_and_figures_are_refused(marts: Marts, text: str, value: str | None) -> None:
    with pytest.raises(EditorialFault) as refused:
        _set(text, marts)
    assert refused.value.code == "E122"
    assert refused.value.value == (value or text)


def test_hostile_text_is_set_as_plain_text_without_contacts(marts: Marts) -> None:
    text = "<script>alert()</script>\x00 #let x = 0 \u202e请致电13800138000\n"
    with pytest.raises(EditorialFault, match="0"):
        _set(text, marts)
    [[run]] = _set(text.replace(" = 0", ""), marts)
    assert isinstance(run, str)
    assert run.startswith("<script>alert()</script> #let x")
    assert "138" not in run
    assert not {"\x00", "\u202e"} & set(run)


def test_a_text_of_the_greatest_length_is_set(marts: Marts) -> None:
    text = "2024年，" * 4000
    [[run]] = _set(text, marts)
    assert run == text

"""Sentences of bulletins: numbers in prose, and the rows that sentences are made from."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from orchestration.bulletin.content import Figure
from orchestration.bulletin.contradictions import named_subjects
from orchestration.bulletin.grammar import load_texts
from orchestration.bulletin.wording import address
from orchestration.core.catalogue import load_catalogue
from orchestration.figures.dictionary import mart_descriptions
from orchestration.figures.numbers import MISSING, in_words, whole_percent
from orchestration.figures.printing import prose_text
from orchestration.publication.checking import prints

#: Names of placeholders that stand for something else than a column.
_WORDS = {"pace", "target_year", "kinds", "units_of_kind", "units_with_status", "none"}
_FOUND = {
    "missing_reports", "summaries", "late_targets", "excluded_values", "watched_units",
    "contradictions",
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "exponent", "text"),
    [
        ("0", 0, "0"),
        ("8415", 0, "8,415"),
        ("9999", 0, "9,999"),
        ("17.46", 0, "17.5"),
        ("174600", 0, "17.5万"),
        ("99999960", 0, "10,000万"),
        ("9999.4", 0, "9,999.4"),
        ("9043.8", 4, "9,043.8万"),
        ("147411.5", 4, "14.74亿"),
        ("0.5", 4, "5,000"),
        ("-20000", 0, "-2万"),
    ],
)
def test_large_numbers_are_given_in_words(value: str, exponent: int, text: str) -> None:
    assert in_words(Decimal(value), exponent) == text


def test_a_part_is_neither_all_nor_nothing() -> None:
    shares = ["0.926", "1", "0", "0.997", "0.9996", "0.003", "1.004"]
    texts = ["93%", "100%", "0%", "99.7%", "99.96%", "0.3%", "100.4%"]
    assert [whole_percent(Decimal(share)) for share in shares] == texts
    assert whole_percent(None) == MISSING


@pytest.mark.parametrize(
    ("indicator", "text", "value", "is_right"),
    [
        ("ALL/C_05", "14.74亿", "147411.5", True),
        ("ALL/C_05", "14.74亿", "147450", False),
        ("ALL/C_05", "9,043.8万", "9043.81", True),
        ("ALL/C_05", "9,043.81", "9043.81", True),
        ("T01/T01_09", "17.5万", "174600", True),
        ("T01/T01_09", "17.5万", "17.5", False),
        ("T01/T01_09", "17.5亿", "174600", False),
    ],
)
def test_a_number_in_words_is_compared_with_the_mart(
    indicator: str, text: str, value: str, is_right: bool
) -> None:
    figure = Figure(f"2024/agg_national_indicator/{indicator}/value", text)
    assert prints(figure, Decimal(value)) is is_right


def test_counts_that_are_compared_keep_their_digits() -> None:
    count = prose_text("national_scorecard", ("ALL",), "units_expected", 11_562)
    total = prose_text("agg_national_indicator", ("T01", "T01_09"), "value", Decimal(174_600))
    assert (count, total) == ("11,562", "17.5万")


def test_every_placeholder_names_something() -> None:
    catalogue, marts = load_catalogue(), mart_descriptions()
    targets = {(t.task_code, t.level, t.category) for t in catalogue.targets}
    unknown = []
    for task, rows in load_texts().statements.items():
        assert task in catalogue.tasks
        for row in rows:
            for placeholder in re.findall(r"\[(.*?)\]", row.text_zh):
                name, *scope = placeholder.split(":")
                indicator = catalogue.indicators.get(name)
                if indicator is not None:
                    known = indicator.task_code == task and scope in ([], ["share"], ["growth"])
                    known &= scope != ["share"] or indicator.aggregation == "count_true"
                    known &= scope != ["growth"] or name not in catalogue.incomparable
                elif name in _WORDS - {"pace", "target_year"}:
                    known = len(scope) == (name not in ("kinds", "none"))
                elif scope:
                    target = (task, scope[0], scope[1] if len(scope) > 1 else None)
                    known = target in targets and (
                        name in _WORDS or name in marts["agg_national_target"].columns
                    )
                else:
                    known = name in marts["agg_national_task"].columns
                if not known:
                    unknown.append((task, placeholder))
    assert unknown == []


def test_every_task_has_something_to_say_of_its_own() -> None:
    texts = load_texts().statements
    assert texts.keys() == load_catalogue().tasks.keys()
    openings = [rows[0].text_zh for rows in texts.values()]
    assert len(set(openings)) == len(openings)


def test_problems_are_shares_and_requirements_belong_to_them() -> None:
    measures = load_catalogue().measures
    problems = load_texts().problems
    assert {measures[problem.measure].kind for problem in problems} == {"rate"}
    known = {problem.problem for problem in problems} | _FOUND
    assert {row.problem for row in load_texts().requirements} <= known | {None}
    dates = {"deadline": "甲", "next_year": "乙", "next_cutoff": "丙"}
    for row in load_texts().requirements:
        assert row.fill(dates, None)
        assert "{" not in str(row.fill(dates, "你省"))
    assert load_texts().requirements[0].fill({}, None) is None


def test_provinces_are_addressed_by_their_kind() -> None:
    names = ("广东省", "上海市", "西藏自治区", "新疆生产建设兵团")
    assert [address(name) for name in names] == ["你省", "你市", "你自治区", "你兵团"]
    regions = load_catalogue().regions.values()
    assert "你单位" not in {address(region.name) for region in regions}


def test_a_province_with_one_contradictory_unit_is_not_among_those_with_many() -> None:
    def rows(*provinces: str) -> list[dict[str, str]]:
        return [
            {"short_name": name, "unit_code": f"T05-{at}", "unit_name": f"单位{at}"}
            for at, name in enumerate(provinces)
        ]

    assert named_subjects(rows("河北", "山西")) == "单位0、单位1"
    alike = [f"省{at}" for at in range(10)]
    assert named_subjects(rows(*alike, "省0")) == "较多的省份是省02家"
    assert named_subjects(rows(*["山西"] * 11)) == "均在山西"
    assert named_subjects(rows(*alike, "广东")) == "分布在11个省份"

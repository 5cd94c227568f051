"""Values of files as people send them: what a person saw is read, everything else is quoted."""

from __future__ import annotations

import pytest

from tests.fixtures.objects import errors_of, parse_case, values_of


@pytest.mark.parametrize(
    ("name", "indicator", "seen"),
    [
        ("K02-footnote-circled.xlsx", "T05_12", "350①"),
        ("K02-footnote-superscript.json", "T05_11", "500¹"),
        ("K02-power-of-ten.csv", "C_04", "10⁴"),
    ],
)
def test_a_mark_beside_the_digits_makes_a_value_unreadable(
    name: str, indicator: str, seen: str
) -> None:
    parsed = parse_case(name)
    assert values_of(parsed)[indicator] is None
    [(found, error)] = errors_of(parsed, "E201").items()
    assert (found, error.value) == (indicator, seen)
    assert len(values_of(parsed)) == 18

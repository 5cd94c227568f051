"""The recomputations of claims: one a name, and no text for an unknown scope."""

from __future__ import annotations

import duckdb
import pytest

from orchestration.core.errors import TongbaoError
from orchestration.figures.claims import Evidence, Registry, counts, texts

_ROWS = (
    "from (values (2024, 'a', 1200, '甲'), (2024, 'b', null, null), (2023, 'c', 5, '丙')) "
    "v(y, s, n, t)"
)
_REGISTRY = Registry(
    [
        {"all": counts(f"select sum(n)::int {_ROWS} where y = $year")},
        {
            "number": counts(f"select s, n {_ROWS} where y = $year", f"select s {_ROWS}"),
            "text": texts(f"select s, t {_ROWS} where y = $year", f"select s {_ROWS}"),
            "named": counts(f"select s, n {_ROWS} where y = $year"),
            "year": lambda evidence, scope: str(evidence.year) if scope == "now" else None,
        },
    ]
)


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("all", "1,200"),
        ("number/a", "1,200"),
        ("number/b", "0"),
        ("number/c", "0"),
        ("text/a", "甲"),
        ("text/b", ""),
        ("text/c", ""),
        ("year/now", "2024"),
    ],
)
def test_a_claim_has_the_text_that_its_recomputation_returns(claim: str, said: str) -> None:
    with duckdb.connect() as con:
        answers = _REGISTRY.read(con, 2024)
        assert _REGISTRY.text(claim, answers, Evidence(con, 2024)) == said


@pytest.mark.parametrize(
    ("claim", "wanted"),
    [
        ("numbr/a", r"claim numbr/a: nothing recomputes it; did you mean number\?"),
        ("year/then", "claim year/then: nothing recomputes it$"),
        ("all/a", "claim all/a: nothing recomputes it$"),
        ("number", "claim number: nothing recomputes it$"),
        ("number/d", "claim number/d: nothing recomputes it$"),
        ("named/c", "claim named/c: nothing recomputes it$"),
    ],
)
def test_an_unknown_claim_is_refused(claim: str, wanted: str) -> None:
    with duckdb.connect() as con, pytest.raises(TongbaoError, match=wanted):
        _REGISTRY.text(claim, _REGISTRY.read(con, 2024), Evidence(con, 2024))


def test_claims_of_one_name_have_one_recomputation() -> None:
    with pytest.raises(ValueError, match="claims with two recomputations: all"):
        Registry([{"all": counts("select 1")}, {"all": texts("select ''")}])

"""The change table of a correction: its texts and the comparison of rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb
import pytest

from orchestration.core.catalogue import load_catalogue
from orchestration.publication import changes
from orchestration.publication.changes import Change, Changes


def _row(column: str, old: str | int, new: str | int, code: str = "C_04") -> tuple[str, ...]:
    before, after = (v if isinstance(v, int) else Decimal(v) for v in (old, new))
    change = Change(
        f"2024/agg_national_indicator/ALL/{code}/{column}",
        "agg_national_indicator",
        ("ALL", code),
        column,
        before,
        after,
        ("late",),
        (),
    )
    [row] = Changes(2024, "核对").table([change]).rows
    return tuple(run if isinstance(run, str) else run.text for run in row)


@pytest.mark.parametrize(
    ("column", "old", "new", "said"),
    [
        ("change_rate", "0.202400", "0.202434", "不足0.01个百分点"),
        ("change_rate", "0.202400", "0.202500", "+0.01个百分点"),
        ("change_rate", "0.202500", "0.202400", "−0.01个百分点"),
        ("value", "10.000000", "10.004999", "不足0.01"),
        ("value", "10.000000", "9.990000", "−0.01"),
        ("units_counted", 5, 4, "−1"),
    ],
)
def test_a_difference_is_never_printed_as_zero(
    column: str, old: str | int, new: str | int, said: str
) -> None:
    assert _row(column, old, new)[3] == said


def test_the_relative_change_of_a_percentage_is_labelled_as_such() -> None:
    """Elsewhere the bulletins give the change of a percentage in percentage points."""
    ratio = next(i.code for i in load_catalogue().indicators.values() if i.unit == "%")
    assert _row("change_rate", "0.1", "0.2", ratio)[0].endswith("较上年增减（相对变化）")
    assert _row("change_rate", "0.1", "0.2")[0].endswith("较上年增减")


def test_rows_that_differ_are_found_if_one_side_has_another_column(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mart got a column between two editions; a row was added and one was deleted."""
    monkeypatch.setattr(changes, "_mart", lambda table, side: f"{table}_{side}")
    with duckdb.connect() as con:
        con.execute(
            "create table t_1 as from (values (2024, 'a', 1.5, 7), (2024, 'b', 2, 7), "
            "(2024, 'c', 3, null), (2024, null, 5, 7), (2023, 'd', 4, 7)) v(year, k, n, m)"
        )
        con.execute(
            "create table t_2 as from (values (2024, 'a', 1.5, 7), (2024, 'b', 2.5, 7), "
            "(2024, 'e', 6, null), (2024, null, 5, 8), (2023, 'd', 9, 7)) v(year, k, n, m)"
        )

        def found() -> list[tuple[tuple[str, ...], str, Any, Any]]:
            return list(changes._differences(con, "t", ("k",), 2024, 1, 2))

        expected = [
            (("-",), "m", 7, 8),
            (("b",), "n", Decimal("2.0"), Decimal("2.5")),
            (("c",), "n", Decimal(3), None),
            (("e",), "n", None, Decimal(6)),
        ]
        assert found() == expected
        con.execute("alter table t_2 add column new integer default 1")
        assert [cell for cell in found() if cell[1] != "new"] == expected
        assert {key for key, column, *_ in found() if column == "new"} == {
            ("-",), ("a",), ("b",), ("e",),
        }  # fmt: skip

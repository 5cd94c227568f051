"""The exponent of growth that the benchmark prints."""

from __future__ import annotations

import pytest

from tests.bench.growth import exponent


@pytest.mark.parametrize(
    ("costs", "expected"),
    [([5, 15, 50], 1), ([4, 36, 400], 2), ([7, 7, 7], 0)],
)
def test_the_exponent_is_that_of_the_size(costs: list[float], expected: float) -> None:
    assert exponent([1, 3, 10], costs) == pytest.approx(expected)


def test_a_fixed_cost_makes_the_exponent_smaller() -> None:
    assert 0 < exponent([1, 3, 10], [100 + size for size in (1, 3, 10)]) < 0.1

"""Repeatable draws: the same seed and label give the same numbers in every process.

Belongs here: the one source of chance of the demo year. Only ``random.Random.random`` is used,
whose sequence Python promises to keep, and logarithms are rounded into tables, so that bytes
don't depend on the Python version or the machine's mathematics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from statistics import NormalDist
from typing import TypeVar

__all__ = ["GROWTH", "NOISE", "SIZE", "Draw"]

T = TypeVar("T")


def _lognormal(sigma: float, mean: float = 1.0, entries: int = 1024) -> tuple[int, ...]:
    """Factors in thousandths, equally likely, log-normal about ``mean``."""
    normal = NormalDist(math.log(mean), sigma)
    return tuple(
        round(1000 * math.exp(normal.inv_cdf((index + 0.5) / entries))) for index in range(entries)
    )


#: How much larger a unit is than the ordinary one of its task (thousandths).
SIZE = _lognormal(0.45)
#: What is left to chance in one indicator of one unit (thousandths).
NOISE = _lognormal(0.3)
#: A flow against the year before (thousandths): some percent up, rarely down.
GROWTH = _lognormal(0.09, 1.06)


class Draw:
    """A stream of draws of its own, named by a label."""

    __slots__ = ("unit",)

    def __init__(self, seed: int, *label: object) -> None:
        #: The next number of the stream in [0, 1).
        self.unit = Random("/".join(map(str, (seed, *label)))).random  # noqa: S311

    def below(self, bound: int) -> int:
        """A whole number in [0, bound)."""
        return int(self.unit() * bound)

    def between(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + int(self.unit() * (high - low + 1))

    def one(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self.unit() * len(items))]

    def happens(self, per_mille: float) -> bool:
        """Whether something of that likelihood (thousandths) happens."""
        return self.unit() * 1000 < per_mille

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in a new order (Fisher-Yates)."""
        result = list(items)
        for last in range(len(result) - 1, 0, -1):
            other = int(self.unit() * (last + 1))
            result[last], result[other] = result[other], result[last]
        return result

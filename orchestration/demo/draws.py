"""Repeatable random draws: the same seed and label give the same numbers in every process.

The bytes must not depend on the Python version or the machine's floating-point library. So only
``random.Random.random`` is used, whose sequence Python guarantees, and log-normal factors come from
tables of rounded numbers.

Belongs here: the only source of randomness of the demo. Doesn't belong here: what is drawn.
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
    """Equally likely factors in thousandths, with a log-normal distribution around ``mean``."""
    normal = NormalDist(math.log(mean), sigma)
    return tuple(
        round(1000 * math.exp(normal.inv_cdf((index + 0.5) / entries))) for index in range(entries)
    )


#: Size of a unit relative to the median of its task, in thousandths.
SIZE = _lognormal(0.45)
#: Random factor of one indicator of one unit, in thousandths.
NOISE = _lognormal(0.3)
#: A flow relative to the year before, in thousandths: a few percent up, rarely down.
GROWTH = _lognormal(0.09, 1.06)


class Draw:
    """An independent stream of draws, identified by a seed and a label."""

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
        """A random item."""
        return items[int(self.unit() * len(items))]

    def happens(self, per_mille: float) -> bool:
        """Whether an event with this probability, in thousandths, happens."""
        return self.unit() * 1000 < per_mille

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in random order (Fisher-Yates)."""
        result = list(items)
        for last in range(len(result) - 1, 0, -1):
            other = int(self.unit() * (last + 1))
            result[last], result[other] = result[other], result[last]
        return result

"""Means with their uncertainty, by drawing the queries anew: the bootstrap's percentile interval.

Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
"""

from collections.abc import Sequence
from dataclasses import dataclass

DRAWS = 2_000
SEED = 20260301


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean and the bounds of its 95 % confidence interval."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside: a difference that more queries would hardly undo."""
        return self.low > 0 or self.high < 0


def interval(values: Sequence[float]) -> Interval:
    """The mean of one value a query, with its interval: the same for the same values.

    Of two runs' differences it is the paired bootstrap's.
    """
    import numpy as np

    numbers = np.asarray(values, float)
    drawn = np.random.default_rng(SEED).integers(len(numbers), size=(DRAWS, len(numbers)))
    low, high = np.quantile(numbers[drawn].mean(axis=1), (0.025, 0.975))
    return Interval(mean=float(numbers.mean()), low=float(low), high=float(high))

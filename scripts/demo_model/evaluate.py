"""Recall at k of text → picture search, with confidence intervals by bootstrap over the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.demo_model.contrastive import normalise

Ranks = NDArray[np.int64]
Vectors = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A measured share (0..1) and the bounds of its 95 % confidence interval."""

    value: float
    low: float
    high: float


def caption_ranks(captions: Vectors, pictures: Vectors, gold: Sequence[int]) -> Ranks:
    """For each caption (c, d), how many pictures (p, d) are at least as near by cosine as its own, `gold[c]`.

    0 = found first. A tie counts against the caption, so equal vectors for everything score nothing.
    """
    scores = normalise(captions) @ normalise(pictures).T
    own = scores[np.arange(len(gold)), list(gold)]
    ranks: Ranks = (scores >= own[:, None]).sum(axis=1) - 1
    return ranks


def recall(ranks: Ranks, k: int) -> float:
    """The share of captions whose picture is among the first k."""
    return float((ranks < k).mean())


def bootstrap_recall(
    ranks: Ranks, gold: Sequence[int], k: int, *, draws: int = 2000, seed: int = 0
) -> Interval:
    """Recall at k with its percentile interval; the captions of one picture are drawn together."""
    return _bootstrap((ranks < k).astype(float), gold, draws, seed)


def bootstrap_gain(
    ranks: Ranks, baseline: Ranks, gold: Sequence[int], k: int, *, draws: int = 2000, seed: int = 0
) -> Interval:
    """Recall at k above that of `baseline` on the same captions (paired), with its percentile interval."""
    return _bootstrap((ranks < k).astype(float) - (baseline < k), gold, draws, seed)


def _bootstrap(values: NDArray[np.float64], gold: Sequence[int], draws: int, seed: int) -> Interval:
    owners, groups = np.unique(list(gold), return_inverse=True)
    sums = np.bincount(groups, weights=values)
    counts = np.bincount(groups)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(len(owners), size=(draws, len(owners)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(value=float(values.mean()), low=float(low), high=float(high))

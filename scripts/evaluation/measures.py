"""How good one ranking is, by what people hold relevant: the measures of information retrieval.

Definitions: Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008), chapter 8.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

Grades = Mapping[str, float]
"""The relevant pictures by their keys, with grades above 0."""
Measure = Callable[[Sequence[str], Grades, int], float]


def recall(ranking: Sequence[str], grades: Grades, k: int) -> float:
    """The share of the relevant pictures that are among the first ``k``; of more than k it cannot reach 1."""
    return len(set(ranking[:k]) & grades.keys()) / len(grades)


def ndcg(ranking: Sequence[str], grades: Grades, k: int) -> float:
    """The grades found, each divided by log2(rank + 1), as a share of what the best ranking has."""
    found = (grades.get(key, 0.0) for key in ranking[:k])
    return _discounted(found) / _discounted(sorted(grades.values(), reverse=True)[:k])


def reciprocal_rank(ranking: Sequence[str], grades: Grades, k: int) -> float:
    """1 divided by the rank of the first relevant picture; 0 where none is among the first ``k``."""
    ranks = (rank for rank, key in enumerate(ranking[:k], start=1) if key in grades)
    return 1 / next(ranks, math.inf)


MEASURES: Mapping[str, Measure] = {"recall": recall, "ndcg": ndcg, "mrr": reciprocal_rank}


def _discounted(grades: Iterable[float]) -> float:
    return math.fsum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))

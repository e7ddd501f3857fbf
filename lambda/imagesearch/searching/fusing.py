"""From the lists that several ways of asking found to one ranking."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from imagesearch.models import ImageRecord
from imagesearch.queries import Leg, Match

RANK_CONSTANT = 60
"""Of reciprocal rank fusion: how little the first ranks differ from each other.

Source: Cormack, Clarke, Büttcher: Reciprocal Rank Fusion outperforms Condorcet (SIGIR 2009), which takes 60.
"""

Lists = Mapping[Leg, Sequence[Match]]
"""What every way of asking found, each list in the order of `VectorIndex.search`."""


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A picture in a ranking: its score, and what the ways that found it gave, the strongest way first."""

    image: ImageRecord
    score: float
    scores: Mapping[Leg, float] = field(hash=False)

    @property
    def place(self) -> tuple[float, str]:
        """What rankings are sorted by: score descending, then id; no two pictures share a place."""
        return (-self.score, self.image.id)


class _Finding(NamedTuple):
    rank: int
    score: float


def by_nearest(lists: Lists) -> list[Ranked]:
    """Rank by each picture's best score; the scores of all lists must be of one scale."""
    return _sorted(
        Ranked(
            image=image, score=max(found.score for found in legs.values()), scores=_scores(legs, _weakness)
        )
        for image, legs in _findings(lists)
    )


def by_rank(lists: Lists) -> list[Ranked]:
    """Rank by the ranks in the lists alone, whatever the scores' scales (reciprocal rank fusion).

    A list gives 1 / (60 + rank). The sum is divided by its largest value: the first of every list has 1.
    """
    best = len(lists) / (RANK_CONSTANT + 1)
    return _sorted(
        Ranked(
            image=image,
            score=min(1.0, sum(1 / (RANK_CONSTANT + found.rank) for found in legs.values()) / best),
            scores=_scores(legs, _rank),
        )
        for image, legs in _findings(lists)
    )


def _findings(lists: Lists) -> Iterable[tuple[ImageRecord, dict[Leg, _Finding]]]:
    """Return every picture once, with what each of the ways that found it gave."""
    images, legs = dict[str, ImageRecord](), dict[str, dict[Leg, _Finding]]()
    for leg, matches in lists.items():
        for rank, match in enumerate(matches, start=1):
            images.setdefault(match.image.id, match.image)
            legs.setdefault(match.image.id, {})[leg] = _Finding(rank, match.score)
    return ((image, legs[id_]) for id_, image in images.items())


def _scores(legs: dict[Leg, _Finding], weakness: Callable[[_Finding], float]) -> dict[Leg, float]:
    return {leg: found.score for leg, found in sorted(legs.items(), key=lambda each: weakness(each[1]))}


def _weakness(found: _Finding) -> float:
    return -found.score


def _rank(found: _Finding) -> float:
    return found.rank


def _sorted(ranking: Iterable[Ranked]) -> list[Ranked]:
    return sorted(ranking, key=lambda ranked: ranked.place)

"""The cut-off that a query finds by itself: which scores are no better than chance in this collection.

The cosines between a query and a sample of the collection, most of which has nothing to do with the query,
are its background. Mean and standard deviation are fitted to the lower nine tenths of it, so that pictures
that do fit the query hardly count; the upper tail is taken as exponential, as Laplace's distribution has it,
and the cut-off is where a tenth of a picture is expected beyond it by chance. docs/evaluation.md holds what
this was chosen from and how well it does.
"""

import math
import time
from collections.abc import Callable, Sequence

from imagesearch.models import IndexInfo, Part, Vector
from imagesearch.ports import IndexProbe
from imagesearch.queries import VECTOR_PARTS, VectorPart
from imagesearch.vectors import dot

SAMPLE = 256
"""How many pictures a query is compared with: 1 to 3 ms for 512 numbers each, by the version of Python."""
LEAST_PICTURES = 12
"""In fewer pictures there is no background, and nothing is cut."""
EXPECTED_BY_CHANCE = 0.1
"""How many pictures of the sample are expected beyond the cut-off though they do not fit; chosen by trial."""

_KEPT = 0.9
_BOUND = 1.2815515655446004
"""The normal distribution's quantile of 0.9."""
_SHIFT = math.exp(-(_BOUND**2) / 2) / math.sqrt(2 * math.pi) / _KEPT
_SHRINKAGE = math.sqrt(1 - _BOUND * _SHIFT - _SHIFT**2)
"""A normal distribution's lower nine tenths have this standard deviation, and their mean lies `_SHIFT` lower,
both in standard deviations of the whole: the moments of a truncated normal distribution."""
_ROUNDING = 1e-6
"""Pictures as near as the cut-off itself stay, however the index rounds."""
_LIFETIME_SECONDS = 300.0
_SMALL_LIFETIME_SECONDS = 10.0
"""A sample that is a whole collection is read again soon: while a library grows, it grows fast."""


def least_cosine(background: Sequence[float]) -> float:
    """Return the least cosine that chance does not bring; -1 where too few are known to tell."""
    if len(background) < LEAST_PICTURES:
        return -1.0
    kept = sorted(background)[: math.ceil(_KEPT * len(background))]
    mean = math.fsum(kept) / len(kept)
    variance = math.fsum((cosine - mean) ** 2 for cosine in kept) / (len(kept) - 1)
    deviation = math.sqrt(variance) / _SHRINKAGE
    deviations = math.log(len(background) / (2 * EXPECTED_BY_CHANCE)) / math.sqrt(2)
    return min(1.0, mean + (_SHIFT + deviations) * deviation)


def score_of(space: str, cosine: float) -> float:
    """Return the score, 0..1, that an index of this space gives unit vectors with this cosine."""
    return 1 / (3 - 2 * cosine) if space == "l2" else (1 + cosine) / 2


class BackgroundCutoff:
    """Compares queries with a sample of the searched index, which is read now and then."""

    def __init__(self, *, probe: IndexProbe, clock: Callable[[], float] = time.monotonic) -> None:
        self._probe = probe
        self._clock = clock
        self._index: str | None = None
        self._samples: dict[VectorPart, tuple[float, tuple[Vector, ...]]] = {}

    def threshold(self, index: IndexInfo, vector: Vector, part: Part) -> float:
        """Return the least score, 0..1, of pictures that this unit vector was meant for.

        Where the nearer of two parts counts, it is the stricter of both cut-offs. Raises what the port does.
        """
        cosines = (self._least_cosine(index, vector, each) for each in VECTOR_PARTS[part])
        return max(0.0, score_of(index.space, max(cosines)) - _ROUNDING)

    def _least_cosine(self, index: IndexInfo, vector: Vector, part: VectorPart) -> float:
        query = tuple(vector)
        return least_cosine([dot(query, each) for each in self._sample(index.name, part)])

    def _sample(self, index: str, part: VectorPart) -> tuple[Vector, ...]:
        """Return vectors of this part; those of another index are forgotten."""
        if index != self._index:
            self._index, self._samples = index, {}
        now = self._clock()
        until, sample = self._samples.get(part, (now, ()))
        if now >= until:
            sample = self._probe.sample(index, SAMPLE, part=part)
            whole = len(sample) < SAMPLE
            until = now + (_SMALL_LIFETIME_SECONDS if whole else _LIFETIME_SECONDS)
            self._samples[part] = (until, sample)
        return sample

"""Vectors that lie as a model's do, in clusters."""

import numpy as np
from numpy.typing import NDArray

CLUSTERS = 100
_SPREAD = 0.5


def unit_vectors(count: int, dimension: int) -> NDArray[np.float32]:
    """Return (count, dimension) vectors of length 1 around some centres; the same ones each time."""
    chance = np.random.default_rng(dimension)
    centres = chance.standard_normal((CLUSTERS, dimension))
    vectors = centres[chance.integers(0, CLUSTERS, count)]
    vectors += _SPREAD * chance.standard_normal((count, dimension))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)

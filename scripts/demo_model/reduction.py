"""The same heads with shorter vectors: a smaller index for little recall."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from scripts.demo_model.contrastive import Array, Heads

STEPS = 4096
"""Directions are rounded to multiples of 1/4096, which hides how processors differ in their last digits."""


def reduced(heads: Heads, dimension: int) -> Heads:
    """Heads whose vectors have `dimension` numbers; `heads` themselves where theirs have as many.

    Pictures and texts are projected onto the leading principal directions of the features' head, which are
    those that training needed most. Raises ValueError where the heads have fewer numbers than asked for.
    """
    if dimension == heads.dimension:
        return heads
    if not 0 < dimension < heads.dimension:
        raise ValueError(f"vectors of {heads.dimension} numbers cannot be reduced to {dimension}")
    directions = _principal_directions(heads.features)[:, :dimension]
    # Of float16 values and steps every product and sum is exact in float64, so their order plays no part.
    return Heads(
        **{name: cast(Array, array.astype(np.float64) @ directions) for name, array in heads.arrays().items()}
    )


def _principal_directions(matrix: Array) -> NDArray[Any]:
    """Orthonormal columns (d, d) up to rounding, the directions of most variation of rows (n, d) first."""
    directions = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)[2].T
    largest = directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])]
    signed: NDArray[Any] = directions * np.sign(largest)
    return np.round(signed * STEPS) / STEPS

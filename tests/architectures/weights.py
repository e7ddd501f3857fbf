"""Random weights that any machine draws alike, so that none of them need be stored.

The same weights go into the ONNX towers that tests serve and into the reference implementation that computed
the canonical vectors. numpy promises the stream of `RandomState` for good (NEP 19).
"""

import zlib

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def weight(name: str, shape: tuple[int, ...]) -> Array:
    """The weight called `name`, uniform around 0, or around 1 for a normalisation's scale.

    A matrix keeps the variance of what it is multiplied with, so that vectors of different inputs differ.
    """
    draw = np.random.RandomState(zlib.crc32(name.encode())).uniform(-1, 1, shape).astype(np.float32)
    if len(shape) > 1:
        return draw * np.float32(np.sqrt(3 / np.prod(shape[1:])))
    scale = np.float32(0.1) * draw
    return scale + 1 if name.endswith("weight") else scale

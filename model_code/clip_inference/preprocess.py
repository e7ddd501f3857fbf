"""From a decoded picture to the input of the image tower. Pure; tests hold it to the reference processors."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clip_inference.config import ImageSettings

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

Box = tuple[float, float, float, float]


def preprocess(image: Image.Image, settings: ImageSettings) -> NDArray[np.float32]:
    """The tensor (3, size, size) float32 of an RGB picture: resized, cropped, scaled and normalized."""
    resized = image.resize(
        (settings.size, settings.size), FILTERS[settings.interpolation], box=_seen_box(image.size, settings)
    )
    levels = np.asarray(resized, np.float32)  # (size, size, 3), 0..255
    mean, std = np.array(settings.mean, np.float64), np.array(settings.std, np.float64)
    scale, shift = 1 / (255 * std), mean / std
    normalized = levels * scale.astype(np.float32) - shift.astype(np.float32)
    return np.ascontiguousarray(normalized.transpose(2, 0, 1))  # (3, size, size)


def stack(tensors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """One batch (n, 3, size, size) of n tensors (3, size, size)."""
    return np.stack(tensors)


def _seen_box(original: tuple[int, int], settings: ImageSettings) -> Box:
    """The part (left, upper, right, lower) of the original picture, in its pixels, that the tower sees.

    Resizing this box alone gives the pixels of "resize the shortest side, then crop the centre", since the
    filter reads beyond the box; and 100 000 × 1 pixels do not become 22 million × 224 on the way.
    """
    width, height = original
    if settings.resize == "squash":
        return (0, 0, width, height)
    shortest = min(width, height)
    left, right = _seen_range(width, shortest, settings.size)
    upper, lower = _seen_range(height, shortest, settings.size)
    return (left, upper, right, lower)


def _seen_range(length: int, shortest: int, size: int) -> tuple[float, float]:
    """Begin and end of the centre crop along one axis, rounded to pixels where torchvision rounds."""
    resized = int(size * length / shortest)
    begin = round((resized - size) / 2)
    return begin * length / resized, (begin + size) * length / resized

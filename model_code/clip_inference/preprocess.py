"""From a decoded picture to the input of the image tower. Pure; tests hold it to the reference processors."""

from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clip_inference.config import ImageSettings
from clip_inference.decode import Picture

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
# A picture is decoded to no less than this many times the tower's size: halving a JPEG of two megapixels
# still leaves enough. What that changes is less than what one level of noise does. Of 72 such photographs,
# CLIP's architecture (random weights) gives all the same vector (cosine at least 0.9999; with noise 0.9998).
# The demo model is far more sensitive: to it 67 are the same (cosine 0.999), with noise 30.
DETAIL = 2.7

Box = tuple[float, float, float, float]
Levels = NDArray[np.uint8]


def needed_length(settings: ImageSettings) -> int:
    """How many pixels the shorter side of a decoded picture must keep."""
    return ceil(DETAIL * settings.size)


def preprocess(picture: Picture, settings: ImageSettings) -> NDArray[np.float32]:
    """The tensor (3, size, size) float32 of a picture: resized, cropped, scaled and normalized."""
    tensor: NDArray[np.float32] = normalize_levels(resize(picture, settings)[None], settings)[0]
    return tensor


def resize(picture: Picture, settings: ImageSettings) -> Levels:
    """What the tower sees of a picture, (size, size, 3) in levels 0..255."""
    width, height = picture.image.size
    left, upper, right, lower = (edge / picture.scale for edge in _seen_box(picture.size, settings))
    resized = picture.image.resize(
        (settings.size, settings.size),
        FILTERS[settings.interpolation],
        box=(left, upper, min(right, width), min(lower, height)),
    )
    return np.asarray(resized)


def normalize_levels(levels: Levels, settings: ImageSettings) -> NDArray[np.float32]:
    """The batch (n, 3, size, size) float32 of resized pictures (n, size, size, 3), scaled and normalized."""
    mean, std = np.array(settings.mean, np.float64), np.array(settings.std, np.float64)
    scale, shift = (1 / (255 * std)).astype(np.float32), (mean / std).astype(np.float32)
    tensor = np.empty((len(levels), 3, settings.size, settings.size), np.float32)
    for channel in range(3):
        np.multiply(levels[..., channel], scale[channel], out=tensor[:, channel])
        tensor[:, channel] -= shift[channel]
    return tensor


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

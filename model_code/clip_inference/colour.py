"""Pixels of any mode and colour profile to sRGB, in grey levels of 8 bits."""

import io
from collections.abc import Callable, Iterator
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

# The modes whose pixels can be averaged, and for which colour profiles exist.
PLAIN = {"L", "RGB", "CMYK"}
# Of the picture as stored: about 64 MB in any mode, so that a large picture is never held twice.
STRIP_PIXELS = 16_000_000
# Beyond the largest profiles of printers.
MAX_PROFILE_BYTES = 4 * 1024 * 1024
# A profile that moves no colour further is taken for sRGB, which most profiles are.
SAME_LEVELS = 2

Flatten = Callable[[Image.Image], Image.Image]


def to_srgb(image: Image.Image, *, factor: int = 1) -> Image.Image:
    """`image` in sRGB, and `factor` times smaller by averaging, its sides rounded up.

    Wide levels are scaled to 8 bits, transparency is laid on white, and an embedded colour profile is
    applied; one that is damaged, or of other colours than the picture, is ignored.
    """
    plain = _plain(image, factor)
    return _in_srgb(plain, image.info.get("icc_profile"))


def _plain(image: Image.Image, factor: int) -> Image.Image:
    """`image` in one of the plain modes and `factor` times smaller, strip by strip."""
    flatten = _flattener(image)
    if factor == 1:
        return flatten(image)
    width, height = image.size
    reduced: Image.Image | None = None
    for top, strip in _strips(image, factor):
        part = flatten(strip).reduce(factor)
        if reduced is None:
            reduced = Image.new(part.mode, (-(-width // factor), -(-height // factor)))
        reduced.paste(part, (0, top // factor))
    assert reduced is not None  # a picture has at least one row
    return reduced


def _strips(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """The rows of `image` from top to bottom, in strips whose tops are multiples of `factor`."""
    width, height = image.size
    rows = max(1, STRIP_PIXELS // (width * factor)) * factor
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def _flattener(image: Image.Image) -> Flatten:
    """What brings `image`, or a strip of it, into one of the plain modes."""
    if image.mode.startswith(("I", "F")):
        low, high = _range_of(image)
        return lambda strip: _to_8_bits(strip, low, high)
    if image.mode == "LAB":
        return _lab_to_rgb().apply
    return _flat


def _flat(image: Image.Image) -> Image.Image:
    if image.mode == "LA":
        grey, alpha = image.split()
        return Image.composite(grey, Image.new("L", image.size, 255), alpha)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    if image.mode in PLAIN:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _range_of(image: Image.Image) -> tuple[float, float]:
    """What is black and what is white: of 16-bit data by its kind, of wider data by its values."""
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    extremes = [(float(levels.min()), float(levels.max())) for levels in map(_levels, _parts(image))]
    low, high = min(low for low, _ in extremes), max(high for _, high in extremes)
    if low >= 0 and high <= 65535:
        return 0.0, 1.0 if high <= 1 else 255.0 if high <= 255 else 65535.0
    return low, high


def _parts(image: Image.Image) -> Iterator[Image.Image]:
    return (strip for _, strip in _strips(image))


def _levels(image: Image.Image) -> NDArray[np.float32]:
    levels: NDArray[np.float32] = np.nan_to_num(np.asarray(image, np.float32))
    return levels


def _to_8_bits(image: Image.Image, low: float, high: float) -> Image.Image:
    scaled = np.rint((_levels(image) - low) * (255 / max(high - low, 1e-12)))
    return Image.fromarray(scaled.astype(np.uint8))


@cache
def _lab_to_rgb() -> ImageCms.ImageCmsTransform:
    lab, srgb = (ImageCms.ImageCmsProfile(ImageCms.createProfile(space)) for space in ("LAB", "sRGB"))
    return ImageCms.ImageCmsTransform(lab, srgb, "LAB", "RGB")


def _in_srgb(image: Image.Image, profile: object) -> Image.Image:
    transform = None
    if isinstance(profile, bytes) and len(profile) <= MAX_PROFILE_BYTES:
        transform = _transform(profile, image.mode)
    if transform is not None:
        return transform.apply(image)
    return image if image.mode == "RGB" else image.convert("RGB")


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """What brings pixels of `mode` from `profile` to sRGB; None where nothing needs to be done, or can be."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        transform = ImageCms.ImageCmsTransform(source, srgb, mode, "RGB")
        return None if _changes_nothing(transform, mode) else transform
    except Exception:  # noqa: BLE001 the parser of untrusted profiles raises several kinds
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    if mode == "CMYK":
        return False
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(9, 81, 3)
    sample = Image.fromarray(colours).convert(mode)
    before, after = (
        np.asarray(image, np.int16) for image in (sample.convert("RGB"), transform.apply(sample))
    )
    return bool(np.abs(after - before).max() <= SAME_LEVELS)

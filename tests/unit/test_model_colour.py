"""Colour profiles: pictures look as they were meant, and a bad profile costs nothing."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from clip_inference import colour
from clip_inference.colour import to_srgb
from clip_inference.decode import decode
from tests.pictures import encoded, ink_profile, profile, scene


def difference(image: Image.Image, expected: Image.Image) -> float:
    """Mean absolute difference in grey levels of two pictures of one size, in RGB."""
    pixels = [np.asarray(one.convert("RGB"), np.int16) for one in (image, expected)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


def swapped() -> Image.Image:
    """The scene with red and green exchanged."""
    red, green, blue = scene().split()
    return Image.merge("RGB", (green, red, blue))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_profile_of_every_format_is_applied(kind: str) -> None:
    options = {} if kind in {"PNG", "TIFF"} else {"quality": 95}
    data = encoded(swapped(), kind, icc_profile=profile(swapped=True), **options)
    assert difference(decode(data).image, scene()) < 6
    assert difference(swapped(), scene()) > 15


def test_linear_greys_are_brightened() -> None:
    grey = np.asarray(scene().convert("L")) / 255
    linear = Image.fromarray(np.rint(255 * grey**2.2).astype(np.uint8))
    data = encoded(linear, "PNG", icc_profile=profile("GRAY", gamma=1.0))
    assert difference(decode(data).image, scene().convert("L")) < 3


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
@pytest.mark.parametrize(("order", "seen"), [("cmyk", (0, 255, 255)), ("mcyk", (255, 0, 255))])
def test_profile_of_inks_is_applied(kind: str, order: str, seen: tuple[int, int, int]) -> None:
    cyan = Image.new("CMYK", (32, 32), (255, 0, 0, 0))
    image = decode(encoded(cyan, kind, icc_profile=ink_profile(order))).image
    assert difference(image, Image.new("RGB", image.size, seen)) < 4


def test_profile_is_applied_below_transparency() -> None:
    picture = swapped().convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 48, 64))
    image = decode(encoded(picture, "PNG", icc_profile=profile(swapped=True))).image
    assert image.getpixel((5, 5)) == (255, 255, 255)
    right = (48, 0, 96, 64)
    assert difference(image.crop(right), scene().crop(right)) < 6


def test_profile_of_srgb_itself_leaves_the_very_pixels() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert difference(decode(encoded(scene(), "PNG", icc_profile=srgb)).image, scene()) == 0


@pytest.mark.parametrize(
    "bad",
    [
        b"no profile",
        profile(swapped=True)[:200],
        profile("GRAY"),
        profile(swapped=True) + bytes(colour.MAX_PROFILE_BYTES),
    ],
    ids=["noise", "cut short", "of other colours", "immense"],
)
def test_bad_profile_is_ignored(bad: bytes) -> None:
    picture = scene()
    picture.info["icc_profile"] = bad
    assert difference(to_srgb(picture), scene()) == 0


def test_strips_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = scene((301, 203)).convert("RGBA")
    whole = to_srgb(picture, factor=4)
    monkeypatch.setattr(colour, "STRIP_PIXELS", 301 * 4 * 7)
    assert difference(to_srgb(picture, factor=4), whole) == 0

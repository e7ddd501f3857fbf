"""The decode policy: what is read, how it looks afterwards, and what is refused with which code."""

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageCms

from clip_inference.colour import to_srgb
from clip_inference.decode import MAX_PIXELS, decode, detect_content_type
from clip_inference.errors import (
    InferenceError,
    PictureCorruptError,
    PictureEmptyError,
    PictureTooManyPixelsError,
    PictureUnsupportedFormatError,
)
from tests import pictures

LOSSLESS = {
    "image/png": pictures.png,
    "image/webp": pictures.webp,
    "image/bmp": pictures.bmp,
    "image/tiff": pictures.tiff,
}
LOSSY = {
    "image/jpeg": pictures.jpeg,
    "image/gif": pictures.gif,
    "image/heic": pictures.heic,
    "image/avif": pictures.avif,
}


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference in grey levels."""
    assert one.size == other.size
    return float(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).mean())


@pytest.mark.parametrize("content_type", LOSSLESS)
def test_lossless_format_gives_the_very_pixels(content_type: str) -> None:
    picture = decode(LOSSLESS[content_type]())
    assert picture.content_type == content_type
    assert difference(picture.image, pictures.scene()) == 0


@pytest.mark.parametrize("content_type", LOSSY)
def test_lossy_format_gives_nearly_the_same_pixels(content_type: str) -> None:
    picture = decode(LOSSY[content_type]())
    assert picture.content_type == content_type
    assert picture.image.mode == "RGB"
    assert difference(picture.image, pictures.scene()) < 4


def test_content_type_comes_from_the_bytes_for_heif_brands_too() -> None:
    heif = pictures.heic().replace(b"heic", b"mif1")
    assert detect_content_type(heif) == "image/heif"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    picture = decode(pictures.exif_rotated(orientation, kind=kind))
    assert difference(picture.image, pictures.scene()) < 4


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_orientation_of_heif_family_is_applied_once(kind: str, orientation: int) -> None:
    assert difference(decode(pictures.exif_rotated(orientation, kind=kind)).image, pictures.scene()) < 4


def test_damaged_exif_block_does_not_cost_the_picture() -> None:
    whole = pictures.exif_rotated(6)
    damaged = whole.replace(b"Exif\0\0MM", b"Exif\0\0XX").replace(b"Exif\0\0II", b"Exif\0\0XX")
    assert damaged != whole
    assert decode(damaged).image.size == (64, 96)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_or_page_is_taken(kind: str) -> None:
    assert difference(decode(pictures.animated(kind)).image, pictures.scene(seed=0)) < 4


def test_transparency_is_laid_on_white() -> None:
    image = decode(pictures.transparent()).image
    assert image.getpixel((2, 2)) == (0, 0, 255)
    assert image.getpixel((90, 2)) == (255, 255, 255)


def test_transparent_palette_entry_is_laid_on_white() -> None:
    paletted = Image.new("P", (4, 4), 0)
    paletted.putpalette([0, 0, 0, 255, 0, 0])
    paletted.putpixel((0, 0), 1)
    image = decode(pictures.encoded(paletted, "PNG", transparency=0)).image
    assert image.getpixel((0, 0)) == (255, 0, 0)
    assert image.getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(kind: str) -> None:
    expected = pictures.scene().convert("L").convert("RGB")
    assert difference(decode(pictures.sixteen_bit(kind=kind)).image, expected) == 0


def test_dark_sixteen_bit_picture_stays_dark() -> None:
    dark = Image.fromarray(np.full((4, 4), 200, np.uint16))
    assert decode(pictures.encoded(dark, "PNG")).image.getpixel((0, 0)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("mode", "levels"),
    [("I", [0, 65535]), ("I", [-100, 100]), ("F", [0.0, 1.0]), ("F", [0.0, 255.0]), ("F", [-5e9, 5e9])],
)
def test_wide_levels_fill_the_range(mode: str, levels: list[float]) -> None:
    wide = Image.new(mode, (2, 1))
    wide.putdata(levels)
    assert list(to_srgb(wide).tobytes()) == [0, 0, 0, 255, 255, 255]


def test_four_colour_picture_becomes_rgb() -> None:
    image = decode(pictures.cmyk()).image
    assert image.mode == "RGB"
    assert difference(image, pictures.scene()) < 6


def test_palette_becomes_rgb() -> None:
    assert difference(decode(pictures.palette()).image, pictures.scene()) < 8


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGBA", "YCbCr", "HSV"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    assert to_srgb(pictures.scene().convert(mode)).mode == "RGB"


def test_lab_becomes_rgb() -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(srgb, lab, "RGB", "LAB")
    assert difference(to_srgb(transform.apply(pictures.scene())), pictures.scene()) < 6


REFUSED: list[tuple[str, Callable[[], bytes], type[InferenceError]]] = [
    ("empty", lambda: b"", PictureEmptyError),
    ("text", lambda: b"hello", PictureUnsupportedFormatError),
    ("vector graphics", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", PictureUnsupportedFormatError),
    ("icon", pictures.icon, PictureUnsupportedFormatError),
    ("portable pixmap", lambda: pictures.encoded(pictures.scene(), "PPM"), PictureUnsupportedFormatError),
    ("film", lambda: b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", PictureUnsupportedFormatError),
    ("noise after a signature", pictures.corrupt, PictureCorruptError),
    ("signature alone", lambda: b"\x89PNG\r\n\x1a\n", PictureCorruptError),
    ("no width", lambda: pictures.bomb(0, 10), PictureCorruptError),
    ("bomb", pictures.bomb, PictureTooManyPixelsError),
    ("just too large", lambda: pictures.bomb(MAX_PIXELS // 1000 + 1, 1000), PictureTooManyPixelsError),
]


@pytest.mark.parametrize(("name", "data", "error"), REFUSED, ids=[name for name, _, _ in REFUSED])
def test_bad_picture_is_refused_with_its_own_error(
    name: str, data: Callable[[], bytes], error: type[InferenceError]
) -> None:
    with pytest.raises(error):
        decode(data())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"])
def test_truncated_picture_is_corrupt(kind: str) -> None:
    with pytest.raises(PictureCorruptError):
        decode(pictures.truncated(kind))


@pytest.mark.parametrize("make", [*LOSSLESS.values(), *LOSSY.values()])
def test_no_damage_makes_decoding_raise_anything_else(make: Callable[[], bytes]) -> None:
    whole = make()
    random = np.random.default_rng(5)
    for _ in range(40):
        damaged = bytearray(whole[: random.integers(1, len(whole) + 1)])
        for place in random.integers(0, len(damaged), 8):
            damaged[place] = random.integers(0, 256)
        with suppress(PictureCorruptError, PictureTooManyPixelsError, PictureUnsupportedFormatError):
            assert decode(bytes(damaged)).image.mode == "RGB"


def test_cap_is_inclusive() -> None:
    with pytest.raises(PictureTooManyPixelsError, match="96 × 64"):
        decode(pictures.png(), max_pixels=96 * 64 - 1)
    assert decode(pictures.png(), max_pixels=96 * 64).image.size == (96, 64)

"""Every form that the supported formats come in gives the picture that was drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from clip_inference.colour import to_srgb
from clip_inference.decode import MAX_PIXELS, decode
from clip_inference.errors import PictureCorruptError, PictureTooManyPixelsError
from tests import pictures
from tests.pictures import encoded, scene

KINDS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"]
BLUE, WHITE = (0, 0, 255), (255, 255, 255)


def difference(image: Image.Image, expected: Image.Image) -> float:
    """Mean absolute difference in grey levels of two pictures, in RGB."""
    assert image.size == expected.size
    pixels = [np.asarray(one.convert("RGB"), np.int16) for one in (image, expected)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


def levels(mode: str) -> NDArray[np.int64]:
    """The scene (height, width, channels) in `mode`, 0..255."""
    array = np.asarray(scene().convert(mode), np.int64)
    return array if array.ndim == 3 else array[..., None]


def with_alpha(samples: NDArray[np.int64], opaque: int) -> NDArray[np.int64]:
    return np.concatenate([samples, np.full_like(samples[..., :1], opaque)], axis=2)


SAME: dict[str, tuple[Callable[[], bytes], float]] = {
    "JPEG, CMYK": (pictures.cmyk, 6),
    "JPEG, YCCK": (pictures.ycck, 6),
    "JPEG, progressive": (lambda: encoded(scene(), "JPEG", quality=95, progressive=True), 4),
    "JPEG, colours at a quarter": (lambda: encoded(scene(), "JPEG", quality=95, subsampling=2), 6),
    "PNG, RGB, interlaced": (lambda: pictures.written_png(levels("RGB"), 8, interlaced=True), 0),
    "PNG, RGB, 16 bits": (lambda: pictures.written_png(levels("RGB") * 257, 16), 0),
    "PNG, RGBA, 16 bits": (lambda: pictures.written_png(with_alpha(levels("RGB") * 257, 65535), 16), 0),
    "PNG, RGBA": (lambda: pictures.written_png(with_alpha(levels("RGB"), 255), 8), 0),
    "PNG, palette": (pictures.palette, 8),
    "PNG, animated": (lambda: pictures.animated("PNG"), 0),
    "WebP, lossless": (pictures.webp, 0),
    "WebP, lossy": (lambda: encoded(scene(), "WEBP", quality=95), 4),
    "WebP, animated": (lambda: pictures.animated("WEBP"), 0),
    "GIF": (pictures.gif, 4),
    "GIF, interlaced": (lambda: encoded(scene().quantize(256), "GIF", interlace=1), 4),
    "GIF, animated": (lambda: pictures.animated("GIF"), 4),
    "BMP": (pictures.bmp, 0),
    "BMP, palette": (lambda: encoded(scene().quantize(256), "BMP"), 4),
    "TIFF": (lambda: encoded(scene(), "TIFF"), 0),
    "TIFF, LZW": (pictures.tiff, 0),
    "TIFF, deflate": (lambda: encoded(scene(), "TIFF", compression="tiff_adobe_deflate"), 0),
    "TIFF, PackBits": (lambda: encoded(scene(), "TIFF", compression="packbits"), 0),
    "TIFF, JPEG": (lambda: encoded(scene(), "TIFF", compression="jpeg", quality=95), 6),
    "TIFF, CMYK": (lambda: encoded(scene().convert("CMYK"), "TIFF"), 1),
    "TIFF, RGB, 16 bits": (pictures.sixteen_bit_colours, 0),
    "TIFF, pages": (lambda: pictures.animated("TIFF"), 0),
    "HEIC": (pictures.heic, 4),
    "HEIF": (lambda: pictures.heic().replace(b"heic", b"mif1"), 4),
    "AVIF": (pictures.avif, 4),
}


@pytest.mark.parametrize("form", SAME)
def test_form_gives_the_picture_that_was_drawn(form: str) -> None:
    make, tolerance = SAME[form]
    assert difference(decode(make()).image, scene()) <= tolerance


GREY: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(scene().convert("L"), "JPEG", quality=95),
    "PNG, 8 bits": lambda: pictures.written_png(levels("L"), 8),
    "PNG, 16 bits": lambda: pictures.written_png(levels("L") * 257, 16),
    "PNG, 16 bits, alpha": lambda: pictures.written_png(with_alpha(levels("L") * 257, 65535), 16),
    "WebP": lambda: encoded(scene().convert("L"), "WEBP", lossless=True),
    "GIF": lambda: encoded(scene().convert("L"), "GIF"),
    "BMP": lambda: encoded(scene().convert("L"), "BMP"),
    "TIFF, 16 bits": lambda: pictures.sixteen_bit(kind="TIFF"),
    "HEIC": lambda: encoded(scene().convert("L"), "HEIF", quality=95),
    "AVIF": lambda: encoded(scene().convert("L"), "AVIF", quality=95),
}


@pytest.mark.parametrize("form", GREY)
def test_grey_form_gives_the_grey_picture(form: str) -> None:
    assert difference(decode(GREY[form]()).image, scene().convert("L")) < 2


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_fill_the_range_from_black_to_white(depth: int, interlaced: bool) -> None:
    samples = levels("L") >> (8 - depth)
    drawn = Image.fromarray((samples[..., 0] * (255 // (2**depth - 1))).astype(np.uint8))
    assert difference(decode(pictures.written_png(samples, depth, interlaced=interlaced)).image, drawn) == 0


HALF_BLUE: dict[str, dict[str, Any]] = {
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "HEIF": {"quality": 100},
    "AVIF": {"quality": 100},
}


@pytest.mark.parametrize("kind", HALF_BLUE)
def test_transparency_of_every_format_is_laid_on_white(kind: str) -> None:
    half = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    half.paste((*BLUE, 255), (0, 0, 32, 64))
    image = decode(encoded(half, kind, **HALF_BLUE[kind])).image
    pixels = np.asarray(image)
    np.testing.assert_allclose(pixels[5, 5], BLUE, atol=6)
    np.testing.assert_allclose(pixels[60, 60], WHITE, atol=6)


def test_transparent_colour_of_a_gif_is_laid_on_white() -> None:
    drawn = Image.new("P", (8, 8), 1)
    drawn.putpalette([*BLUE, 0, 0, 0])
    drawn.paste(0, (0, 0, 4, 8))
    image = decode(encoded(drawn, "GIF", transparency=1)).image
    assert (image.getpixel((1, 1)), image.getpixel((6, 6))) == (BLUE, WHITE)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_transparent_colour_of_a_png_without_alpha_is_laid_on_white(mode: str) -> None:
    drawn = Image.new(mode, (8, 8))
    drawn.paste(200 if mode == "L" else BLUE, (0, 0, 4, 8))
    image = decode(encoded(drawn, "PNG", transparency=0 if mode == "L" else (0, 0, 0))).image
    assert image.getpixel((6, 6)) == WHITE
    assert image.getpixel((1, 1)) == ((200, 200, 200) if mode == "L" else BLUE)


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_of_every_format_are_counted_before_they_are_decoded(kind: str) -> None:
    with pytest.raises(PictureTooManyPixelsError, match="12000 × 12000"):
        decode(pictures.announcing(kind, 12_000, 12_000))
    assert MAX_PIXELS < 12_000 * 12_000


def test_frame_larger_than_its_animation_is_counted_too() -> None:
    frame = pictures.animated("GIF").replace(b",\0\0\0\0\x60\0\x40\0", b",\0\0\0\0\xff\xff\xff\xff", 1)
    with pytest.raises(PictureTooManyPixelsError, match="65535 × 65535"):
        decode(frame)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_behind_the_header_of_every_format_is_corrupt(kind: str) -> None:
    whole = encoded(scene().quantize(256) if kind == "GIF" else scene(), kind)
    with pytest.raises(PictureCorruptError):
        decode(whole[:16] + np.random.default_rng(4).bytes(500))


def test_picture_is_decoded_no_larger_than_it_is_needed() -> None:
    for kind, sides in (("JPEG", (500, 400)), ("PNG", (1000, 800))):
        picture = decode(encoded(scene((2000, 1600)), kind), needed=400)
        assert (picture.size, picture.image.size) == ((2000, 1600), sides)
        assert picture.scale == 2000 // sides[0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [(799, 600), (600, 799)])
def test_small_picture_is_decoded_whole(kind: str, size: tuple[int, int]) -> None:
    data = encoded(scene(size), kind)
    assert difference(decode(data, needed=301).image, decode(data).image) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "HEIF"])
def test_picture_made_smaller_keeps_its_upright_size(kind: str, orientation: int) -> None:
    picture = decode(pictures.exif_rotated(orientation, (801, 603), kind=kind), needed=100)
    assert picture.size == (801, 603)
    assert picture.scale > 1
    assert [-(-side // picture.scale) for side in picture.size] == list(picture.image.size)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "F", "LAB"])
def test_every_mode_can_be_made_smaller(mode: str) -> None:
    if mode in {"I", "F", "I;16"}:
        grey = np.asarray(scene((300, 200)).convert("L"))
        whole = Image.fromarray(grey.astype({"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]))
    elif mode == "LAB":
        whole = Image.new("LAB", (300, 200), (128, 128, 128))
    else:
        whole = scene((300, 200)).convert(mode)
    expected = to_srgb(whole).reduce(3)
    assert difference(to_srgb(whole, factor=3), expected) < 1

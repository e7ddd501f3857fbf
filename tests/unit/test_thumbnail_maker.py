"""From a picture's bytes to its thumbnail."""

import io

import numpy as np
import pytest
from PIL import Image

from imagesearch.adapters.thumbnail_maker import PillowThumbnailMaker
from imagesearch.errors import (
    PictureCorruptError,
    PictureEmptyError,
    PictureError,
    PictureTooManyPixelsError,
    PictureUnsupportedFormatError,
)
from tests.pictures import bomb, encoded, exif_rotated, jpeg, scene, truncated


def made(content: bytes, *, size: int = 128) -> Image.Image:
    webp = PillowThumbnailMaker().make(content, size=size)
    image = Image.open(io.BytesIO(webp))
    assert image.format == "WEBP"
    return image


@pytest.mark.parametrize(
    ("whole", "size", "thumbnail"),
    [
        ((1600, 1200), 256, (256, 192)),
        ((1200, 1600), 256, (192, 256)),
        ((1601, 1203), 512, (512, 385)),
        ((512, 512), 128, (128, 128)),
        ((100, 50), 128, (100, 50)),
        ((128, 1), 128, (128, 1)),
        ((3000, 2), 128, (128, 1)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_longer_side_has_the_size_and_nothing_is_enlarged(
    whole: tuple[int, int], size: int, thumbnail: tuple[int, int], kind: str
) -> None:
    assert made(encoded(scene(whole), kind), size=size).size == thumbnail


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"])
def test_every_format_that_is_searched_has_a_thumbnail_of_what_it_shows(kind: str) -> None:
    picture = scene((643, 481), seed=3)
    shown = np.asarray(made(encoded(picture, kind)).convert("RGB"), float)
    expected = np.asarray(picture.resize((128, 96), Image.Resampling.LANCZOS), float)
    assert np.abs(shown - expected).mean() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_shown_upright(orientation: int) -> None:
    upright = np.asarray(made(jpeg((640, 480), seed=4)).convert("RGB"), float)
    turned = made(exif_rotated(orientation, (640, 480), seed=4))
    assert turned.size == (128, 96)
    assert np.abs(np.asarray(turned.convert("RGB"), float) - upright).mean() < 4


def test_a_thumbnail_tells_nothing_but_its_pixels() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8825)[1] = "N"
    content = encoded(
        scene((640, 480)), "JPEG", exif=exif, icc_profile=b"profile" * 100, comment=b"a comment"
    )
    image = made(content)
    assert not image.getexif()
    assert not {"exif", "icc_profile", "xmp", "comment"} & image.info.keys()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", PictureEmptyError),
        (b"no picture", PictureUnsupportedFormatError),
        (truncated(), PictureCorruptError),
        (bomb(), PictureTooManyPixelsError),
    ],
)
def test_what_is_no_usable_picture_has_the_decoders_code(content: bytes, error: type[PictureError]) -> None:
    with pytest.raises(error):
        made(content)

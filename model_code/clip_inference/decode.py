"""The decode policy, the only place where bytes become a picture.

JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC/HEIF and AVIF; the first frame of what moves or has pages; EXIF
orientation applied; transparency laid on white; any mode and colour profile turned into sRGB; pixels counted
before decoding. Icons (ICO) are refused: one file holds several drawings of at most 256 pixels, no camera
and no shop writes any, and a decoder that nobody needs is only one more that can be attacked.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import pillow_heif
from PIL import AvifImagePlugin, Image
from PIL.JpegImagePlugin import JpegImageFile

from clip_inference.colour import to_srgb
from clip_inference.errors import (
    PictureCorruptError,
    PictureEmptyError,
    PictureTooManyPixelsError,
    PictureUnsupportedFormatError,
)

# The largest cameras in phones write 108 megapixels; Pillow takes 4 bytes for each.
MAX_PIXELS = 120_000_000

EXIF_ORIENTATION = 0x0112
# How the stored picture must be turned to be upright, by EXIF orientation (Exif 2.32, 4.6.4, tag 274).
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Averaging blurs more than the JPEG decoder's own scaling, so it leaves more pixels.
AVERAGED = 2

# From this orientation on, width and height change places.
TURNED_ASIDE = 5

# Pillow's name of the decoder by content type.
DECODERS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
    "image/heif": "HEIF",
}
SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
)
# Brands of the `ftyp` box (ISO/IEC 23008-12, and the AVIF specification, section 6).
BRANDS = (
    ({b"avif", b"avis"}, "image/avif"),
    ({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}, "image/heic"),
    ({b"mif1", b"msf1"}, "image/heif"),
)

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded picture: upright sRGB `image`, of the `content_type` that its bytes have.

    `size` is that of the whole picture, upright; one pixel of `image` shows `scale` × `scale` of its pixels.
    """

    image: Image.Image
    size: tuple[int, int]
    scale: int
    content_type: str


@dataclass(frozen=True)
class OpenedPicture:
    """A picture of which the header was read and found sound: `size` in pixels, as stored."""

    opened: Image.Image
    content_type: str

    @property
    def pixels(self) -> int:
        """How many pixels decoding will give."""
        width, height = self.opened.size
        return width * height

    def decode(self, *, needed: int | None = None) -> Picture:
        """The picture; `PictureCorruptError` where its data is damaged.

        Where the shorter side is some whole number of times longer than `needed` pixels, the picture is made
        so much smaller: JPEG by its decoder to no less than `needed`, all others by averaging to no less than
        AVERAGED times `needed`.
        """
        return _guard(lambda: _decode(self.opened, self.content_type, needed), self.content_type)


def detect_content_type(data: bytes) -> str | None:
    """The content type that the first bytes of `data` show; None where it is none of those decoded."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return _type_by_brand(data)
    return next((kind for signature, kind in SIGNATURES if data.startswith(signature)), None)


def _type_by_brand(data: bytes) -> str | None:
    end = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[start : start + 4] for start in (8, *range(16, end, 4))}
    return next((kind for known, kind in BRANDS if brands & known), None)


def decode(data: bytes, *, needed: int | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """The picture that `data` encodes. Raises one of the `Picture…Error`s and nothing else."""
    return open_picture(data, max_pixels=max_pixels).decode(needed=needed)


def open_picture(data: bytes, *, max_pixels: int = MAX_PIXELS) -> OpenedPicture:
    """The picture that `data` encodes, before its pixels are decoded. Raises one of the `Picture…Error`s."""
    if not data:
        raise PictureEmptyError("The picture has no bytes.")
    content_type = detect_content_type(data)
    if content_type is None:
        raise PictureUnsupportedFormatError(
            "The picture is of no supported format (JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, HEIF, AVIF)."
        )
    opened = _guard(lambda: _open(data, DECODERS[content_type]), content_type)
    _check_size(opened.size, max_pixels)
    return OpenedPicture(opened, content_type)


def _guard(step: Callable[[], Result], content_type: str) -> Result:
    """The result of `step`; damaged data makes decoders raise nearly every kind of exception."""
    try:
        return step()
    except MemoryError:
        raise
    except Exception as error:
        kind = content_type.removeprefix("image/").upper()
        raise PictureCorruptError(
            f"The picture is damaged or cut short: its {kind} data cannot be read."
        ) from error


@cache
def _prepare_pillow() -> None:
    pillow_heif.register_heif_opener()
    # As many as pillow_heif takes; else one for each processor, and every one takes memory.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 4
    # Pillow's own check warns where ours must refuse; `open_picture` makes ours on the header, too.
    Image.MAX_IMAGE_PIXELS = None


def _open(data: bytes, decoder: str) -> Image.Image:
    _prepare_pillow()
    return Image.open(io.BytesIO(data), formats=[decoder])


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise PictureTooManyPixelsError(
            f"The picture is {width} × {height} pixels; at most {max_pixels / 1e6:g} million are read."
        )
    if width < 1 or height < 1:
        raise PictureCorruptError("The picture is damaged: its header announces no pixels.")


def _decode(opened: Image.Image, content_type: str, needed: int | None) -> Picture:
    size = opened.size
    drafted = 1 if needed is None else _draft(opened, needed)
    opened.load()
    if drafted == 1:
        size = opened.size  # the TIFF and HEIF decoders turn the picture themselves
    factor = 1 if needed is None else _factor(opened.size, AVERAGED * needed)
    # Asked after loading, for the same decoders then clear the tag.
    orientation = _orientation(opened)
    image = to_srgb(opened, factor=factor)
    if orientation in UPRIGHT:
        image = image.transpose(UPRIGHT[orientation])
        size = size if orientation < TURNED_ASIDE else (size[1], size[0])
    return Picture(image=image, size=size, scale=drafted * factor, content_type=content_type)


def _factor(size: tuple[int, int], needed: int) -> int:
    """By which whole number a picture of `size` can be made smaller; 1 leaves it as it is."""
    return max(1, min(size) // needed)


def _draft(opened: Image.Image, needed: int) -> int:
    """Let the JPEG decoder give 1/2, 1/4 or 1/8 of the sides, which is much faster; return by how much."""
    if not isinstance(opened, JpegImageFile):
        return 1
    width, height = opened.size
    possible = _factor(opened.size, needed)
    factor = next(factor for factor in (8, 4, 2, 1) if factor <= possible)
    if factor == 1 or opened.draft(None, (width // factor, height // factor)) is None:
        return 1
    return factor


def _orientation(opened: Image.Image) -> int:
    """EXIF orientation, 1 where there is none or where the block is damaged: the pixels are still good."""
    try:
        return int(opened.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 the parser of untrusted EXIF data raises nearly every kind
        return 1

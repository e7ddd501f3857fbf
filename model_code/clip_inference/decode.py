"""The decode policy, the only place where bytes become a picture.

JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC/HEIF and AVIF; the first frame of what moves or has pages; EXIF
orientation applied; transparency laid on white; any mode turned into RGB; pixels counted before decoding.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageCms

from clip_inference.errors import (
    PictureCorruptError,
    PictureEmptyError,
    PictureTooManyPixelsError,
    PictureUnsupportedFormatError,
)

# Pillow takes 4 bytes a pixel, and turning a picture takes a second copy: 1 GB at most, beside the model
# in 3 GB. The largest cameras in phones write 108 megapixels.
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


@dataclass(frozen=True)
class Picture:
    """A decoded picture: upright RGB `image`, and the `content_type` that its bytes have."""

    image: Image.Image
    content_type: str


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


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """The upright RGB picture that `data` encodes. Raises one of the `Picture…Error`s and nothing else."""
    if not data:
        raise PictureEmptyError("The picture has no bytes.")
    content_type = detect_content_type(data)
    if content_type is None:
        raise PictureUnsupportedFormatError(
            "The picture is of no supported format (JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, HEIF, AVIF)."
        )
    opened = _guard(lambda: _open(data, DECODERS[content_type]), content_type)
    _check_size(opened.size, max_pixels)
    return Picture(_guard(lambda: _upright_rgb(opened), content_type), content_type)


def _guard(step: Callable[[], Image.Image], content_type: str) -> Image.Image:
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
    # Pillow's own check warns where ours must refuse; `decode` makes ours at the same moment, on the header.
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


def _upright_rgb(opened: Image.Image) -> Image.Image:
    opened.load()
    # Asked after loading: the TIFF and HEIF decoders turn the picture themselves and clear the tag.
    orientation = _orientation(opened)
    rgb = to_rgb(opened)
    return rgb.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else rgb


def _orientation(opened: Image.Image) -> int:
    """EXIF orientation, 1 where there is none or where the block is damaged: the pixels are still good."""
    try:
        return int(opened.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 the parser of untrusted EXIF data raises nearly every kind
        return 1


def to_rgb(image: Image.Image) -> Image.Image:
    """`image` in RGB: wide grey levels scaled to 8 bits, transparency laid on white."""
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_to_8_bits(image)).convert("RGB")
    if image.mode == "LAB":
        return _lab_to_rgb().apply(image)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


@cache
def _lab_to_rgb() -> ImageCms.ImageCmsTransform:
    lab, srgb = (ImageCms.ImageCmsProfile(ImageCms.createProfile(space)) for space in ("LAB", "sRGB"))
    return ImageCms.ImageCmsTransform(lab, srgb, "LAB", "RGB")


def _to_8_bits(image: Image.Image) -> NDArray[np.uint8]:
    """Grey levels (h, w) as 0..255: 16-bit data by its known range, wider data by that of its values."""
    levels = np.nan_to_num(np.asarray(image, np.float32))
    low, high = float(levels.min()), float(levels.max())
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 65535:
        low, high = 0.0, 1.0 if high <= 1 else 255.0 if high <= 255 else 65535.0
    scaled: NDArray[np.uint8] = np.rint((levels - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
    return scaled

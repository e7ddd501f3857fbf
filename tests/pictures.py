"""Pictures that tests render: the same bytes on every run, with no file and no network behind them.

Every function returns the encoded bytes of one picture unless it says otherwise.
"""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw

SIZE = (96, 64)


def scene(size: tuple[int, int] = SIZE, *, seed: int = 0) -> Image.Image:
    """An RGB picture (not bytes), a gradient with shapes on it; no two seeds look alike."""
    width, height = size
    random = np.random.default_rng(seed)
    near, far = random.integers(0, 256, (2, 3))
    slope = np.linspace(0, 1, width)[None, :, None] * 0.6 + np.linspace(0, 1, height)[:, None, None] * 0.4
    picture = Image.fromarray((near + (far - near) * slope).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(5):
        x, y = random.integers(0, width), random.integers(0, height)
        half = random.integers(3, max(4, min(size) // 3))
        colour = tuple(int(level) for level in random.integers(0, 256, 3))
        shape = draw.ellipse if random.random() < 0.5 else draw.rectangle
        shape((int(x - half), int(y - half), int(x + half), int(y + half)), fill=colour)
    return picture


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """`picture` in Pillow's format `kind`, written with `options`."""
    buffer = io.BytesIO()
    pillow_heif.register_heif_opener()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(size: tuple[int, int] = SIZE, *, seed: int = 0) -> bytes:
    """A scene as JPEG with full colour resolution."""
    return encoded(scene(size, seed=seed), "JPEG", quality=95, subsampling=0)


def png(size: tuple[int, int] = SIZE, *, seed: int = 0) -> bytes:
    """A scene as PNG."""
    return encoded(scene(size, seed=seed), "PNG")


def webp(size: tuple[int, int] = SIZE, *, seed: int = 0) -> bytes:
    """A scene as WebP without loss."""
    return encoded(scene(size, seed=seed), "WEBP", lossless=True)


def bmp(size: tuple[int, int] = SIZE, *, seed: int = 0) -> bytes:
    """A scene as BMP."""
    return encoded(scene(size, seed=seed), "BMP")


def tiff(size: tuple[int, int] = SIZE, *, seed: int = 0) -> bytes:
    """A scene as TIFF, LZW-compressed."""
    return encoded(scene(size, seed=seed), "TIFF", compression="tiff_lzw")


def heic(size: tuple[int, int] = SIZE, *, seed: int = 0) -> bytes:
    """A scene as HEIC."""
    return encoded(scene(size, seed=seed), "HEIF", quality=95)


def avif(size: tuple[int, int] = SIZE, *, seed: int = 0) -> bytes:
    """A scene as AVIF."""
    return encoded(scene(size, seed=seed), "AVIF", quality=95)


def gif(size: tuple[int, int] = SIZE, *, seed: int = 0) -> bytes:
    """A scene as GIF, in 256 colours."""
    return encoded(scene(size, seed=seed).quantize(256), "GIF")


def animated(kind: str, size: tuple[int, int] = SIZE) -> bytes:
    """Three scenes (seeds 0, 1, 2) as the frames or pages of one GIF, PNG, WEBP or TIFF."""
    first, *others = (scene(size, seed=seed) for seed in range(3))
    lossless = {"lossless": True} if kind == "WEBP" else {}
    return encoded(first, kind, save_all=True, append_images=others, **lossless)


def exif_rotated(
    orientation: int, size: tuple[int, int] = SIZE, *, seed: int = 0, kind: str = "JPEG"
) -> bytes:
    """The scene stored turned, with the EXIF orientation that turns it back."""
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    picture = scene(size, seed=seed)
    turned = picture if stored is None else picture.transpose(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    return encoded(turned, kind, exif=exif.tobytes(), **options)


def cmyk(size: tuple[int, int] = SIZE, *, seed: int = 0) -> bytes:
    """A scene as a four-colour JPEG."""
    return encoded(scene(size, seed=seed).convert("CMYK"), "JPEG", quality=95)


def palette(size: tuple[int, int] = SIZE, *, seed: int = 0) -> bytes:
    """A scene as PNG with a palette of 64 colours."""
    return encoded(scene(size, seed=seed).quantize(64), "PNG")


def sixteen_bit(size: tuple[int, int] = SIZE, *, seed: int = 0, kind: str = "PNG") -> bytes:
    """The grey scene in 16 bits a pixel, as PNG or TIFF; its high bytes are the 8-bit grey scene."""
    grey = np.asarray(scene(size, seed=seed).convert("L"), np.uint16) * 257
    return encoded(Image.fromarray(grey), kind)


def transparent(size: tuple[int, int] = SIZE) -> bytes:
    """A PNG whose left half is opaque blue and whose right half is fully transparent black."""
    picture = Image.new("RGBA", size, (0, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, size[0] // 2, size[1]))
    return encoded(picture, "PNG")


def truncated(kind: str = "JPEG") -> bytes:
    """The first half of a well-formed picture in format `kind`."""
    picture = scene((160, 120), seed=3)
    whole = encoded(picture.quantize(256) if kind == "GIF" else picture, kind)
    return whole[: len(whole) // 2]


def corrupt() -> bytes:
    """The signature of a JPEG, and then noise."""
    return b"\xff\xd8\xff\xe0" + np.random.default_rng(9).bytes(2000)


def bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A PNG of a few bytes whose header announces `width` × `height` pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"")) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def icon() -> bytes:
    """An ICO file, a format that is refused."""
    return encoded(scene((32, 32)), "ICO")


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum

"""Pictures that tests render: the same bytes on every run, with no file and no network behind them.

Every function returns the encoded bytes of one picture unless it says otherwise.
"""

import io
import itertools
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from clip_inference.decode import Picture

SIZE = (96, 64)
# First column, first row, and the steps of both, of the seven passes of an interlaced PNG (its section 8).
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# Colour types of PNG (its section 6.1) by the number of samples of a pixel.
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
# What red, green and blue of sRGB are under D50 light.
WHITE = np.array((0.9642, 1.0, 0.8249))
PRIMARIES = {"r": (0.4360, 0.2225, 0.0139), "g": (0.3851, 0.7169, 0.0971), "b": (0.1431, 0.0606, 0.7141)}


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


def whole(image: Image.Image) -> Picture:
    """`image` as decoding gives a picture that was not made smaller."""
    return Picture(image=image, size=image.size, scale=1, content_type="image/png")


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


def sixteen_bit_colours(size: tuple[int, int] = SIZE, *, seed: int = 0) -> bytes:
    """A scene as TIFF with 16 bits a sample, which Pillow does not write."""
    samples = np.asarray(scene(size, seed=seed), np.uint16) * 257
    fields = {256: size[0], 257: size[1], 259: 1, 262: 2, 277: 3, 278: size[1], 279: samples.nbytes}
    begin = 14 + 12 * (len(fields) + 2)
    rows = {tag: (4, 1, value) for tag, value in fields.items()}
    rows |= {258: (3, 3, begin), 273: (4, 1, begin + 6)}
    entries = b"".join(struct.pack("<HHII", tag, *rows[tag]) for tag in sorted(rows))
    head = b"II*\0" + struct.pack("<IH", 8, len(rows)) + entries + bytes(4)
    return head + struct.pack("<3H", 16, 16, 16) + samples.astype("<u2").tobytes()


def transparent(size: tuple[int, int] = SIZE) -> bytes:
    """A PNG whose left half is opaque blue and whose right half is fully transparent black."""
    picture = Image.new("RGBA", size, (0, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, size[0] // 2, size[1]))
    return encoded(picture, "PNG")


def truncated(kind: str = "JPEG") -> bytes:
    """The first half of a well-formed picture in format `kind`."""
    picture = scene((160, 120), seed=3)
    data = encoded(picture.quantize(256) if kind == "GIF" else picture, kind)
    return data[: len(data) // 2]


def damaged(picture: bytes, random: np.random.Generator) -> bytes:
    """`picture` with a few bytes changed, and perhaps cut short, or a stretch of it left out or doubled."""
    data = bytearray(picture)
    for place in random.integers(0, len(data), random.integers(1, 9)):
        data[place] = random.integers(0, 256)
    begin, end = sorted(random.integers(0, len(data), 2))
    match random.integers(0, 4):
        case 0:
            del data[end:]
        case 1:
            del data[begin:end]
        case 2:
            data[begin:begin] = data[begin:end]
    return bytes(data)


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


def written_png(samples: NDArray[np.integer], depth: int, *, interlaced: bool = False) -> bytes:
    """A PNG of samples (height, width, 1 to 4) in `depth` bits each, in forms that Pillow does not write."""
    height, width, channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, depth, COLOUR_TYPES[channels], 0, 0, int(interlaced))
    passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [samples]
    rows = b"".join(b"\0" + _packed(row, depth) for part in passes if part.shape[1] for row in part)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _packed(row: NDArray[np.integer], depth: int) -> bytes:
    """The samples of one row (width, channels) as PNG has them, the last byte filled with zeros."""
    samples = row.ravel()
    if depth == 16:
        return samples.astype(">u2").tobytes()
    bits = np.unpackbits(samples.astype(np.uint8)[:, None], axis=1)[:, 8 - depth :]
    return np.packbits(bits.ravel()).tobytes()


def ycck(size: tuple[int, int] = SIZE, *, seed: int = 0) -> bytes:
    """A scene as JPEG in YCCK, as Adobe's programs write it; Pillow writes CMYK only."""
    # Adobe's programs store inks inverted, and Pillow inverts what it is given.
    inks = ImageChops.invert(scene(size, seed=seed)).convert("YCbCr").split()
    planes = [ImageChops.invert(plane) for plane in (*inks, Image.new("L", size, 255))]
    data = encoded(Image.merge("CMYK", planes), "JPEG", quality=95, subsampling=0)
    place = data.index(b"Adobe") + 11  # the transform: 0 none, 2 YCCK
    return data[:place] + b"\2" + data[place + 1 :]


def profile(space: str = "RGB", *, swapped: bool = False, gamma: float = 2.2) -> bytes:
    """An ICC profile (ICC.1:2001-04): sRGB's primaries, red and green `swapped` if asked; or of greys."""
    curve = b"curv" + struct.pack(">IIHxx", 0, 1, round(gamma * 256))
    tags = {b"wtpt": _xyz(0.9642, 1.0, 0.8249)}
    if space == "GRAY":
        tags[b"kTRC"] = curve
    else:
        names = "grb" if swapped else "rgb"
        tags |= {f"{n}XYZ".encode(): _xyz(*PRIMARIES[p]) for n, p in zip("rgb", names, strict=True)}
        tags |= {f"{n}TRC".encode(): curve for n in "rgb"}
    return _profile(tags, kind="mntr", space=space, seen="XYZ")


def ink_profile(order: str = "cmyk") -> bytes:
    """An ICC profile of inks that cover what they take away of sRGB's colours; `order` names the plates."""
    corners = [dict(zip(order, inks, strict=True)) for inks in itertools.product((0, 1), repeat=4)]
    colours = [tuple((1 - inks[ink]) * (1 - inks["k"]) for ink in "cmy") for inks in corners]
    table = np.stack([_lab(*colour) for colour in colours]).astype(np.uint8).tobytes()
    identity = np.eye(3, dtype=">i4") * 65536
    straight = bytes(range(256))
    # lut8Type (6.5.9): four channels to three over a grid of two levels each.
    content = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity.astype(">i4").tobytes()
    tags = {b"wtpt": _xyz(0.9642, 1.0, 0.8249), b"A2B0": content + 4 * straight + table + 3 * straight}
    return _profile(tags, kind="prtr", space="CMYK", seen="Lab")


def _lab(*colour: int) -> NDArray[np.float64]:
    """A colour of sRGB that is all or nothing of red, green and blue, as lut8Type writes CIELAB."""
    seen = sum(np.array(PRIMARIES[name]) * level for name, level in zip("rgb", colour, strict=True))
    x, y, z = (np.cbrt(t) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in seen / WHITE)
    return np.rint([(116 * y - 16) * 2.55, 500 * (x - y) + 128, 200 * (y - z) + 128])


def _profile(tags: dict[bytes, bytes], *, kind: str, space: str, seen: str) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(content))
        body += content
    header = struct.pack(
        ">I4sI4s4s4s",
        132 + len(table) - 4 + len(body),
        b"",
        0x02400000,
        kind.encode(),
        space.ljust(4).encode(),
        seen.ljust(4).encode(),
    )
    header += bytes(12) + b"acsp" + bytes(28) + _xyz(0.9642, 1.0, 0.8249)[8:]
    return header.ljust(128, b"\0") + table + body


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + struct.pack(">Iiii", 0, *(round(value * 65536) for value in (x, y, z)))


def tiled(tile: int, *, compression: int = 1) -> bytes:
    """A TIFF of 64 × 64 grey pixels in one tile of `tile` × `tile`, of which there are 4096 bytes."""
    shape = {256: 64, 257: 64, 258: 8, 259: compression, 262: 1, 277: 1, 322: tile, 323: tile}
    tags = shape | {324: 14 + 12 * (len(shape) + 2), 325: 4096}  # where the data begins, and its length
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + bytes(range(256)) * 16


def announcing(kind: str, width: int, height: int) -> bytes:
    """A small picture in format `kind` whose header announces `width` × `height` pixels."""
    if kind == "PNG":
        return bomb(width, height)
    data = gif() if kind == "GIF" else webp() if kind == "WEBP" else encoded(scene(), kind)
    pairs = [(_announced(kind, *SIZE), _announced(kind, width, height))]
    if kind == "TIFF":
        sides = ((256, SIZE[0], width), (257, SIZE[1], height))
        pairs = [
            (struct.pack("<HHII", tag, 4, 1, small), struct.pack("<HHII", tag, 4, 1, large))
            for tag, small, large in sides
        ]
    for before, after in pairs:
        assert before in data
        data = data.replace(before, after)
    return data


def _announced(kind: str, width: int, height: int) -> bytes:
    match kind:
        case "JPEG":
            return struct.pack(">HH", height, width)
        case "GIF":
            return struct.pack("<HH", width, height)
        case "WEBP":
            return b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14)
        case "BMP":
            return struct.pack("<ii", width, height)
        case _:
            return struct.pack(">II", width, height)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum

"""A small picture that nobody else has, made of nothing but chance."""

import struct
import zlib

import numpy as np

SIDE, FIELD = 96, 12
"""Pixels of the picture's side, and of each of its coloured fields."""


def random_picture() -> bytes:
    """A PNG of coloured fields; no two calls make the same one."""
    fields = np.random.default_rng().integers(0, 256, (SIDE // FIELD, SIDE // FIELD, 3), dtype=np.uint8)
    rows = fields.repeat(FIELD, axis=0).repeat(FIELD, axis=1).reshape(SIDE, -1)
    # Every row begins with its filter: 0, none.
    filtered = np.hstack([np.zeros((SIDE, 1), dtype=np.uint8), rows]).tobytes()
    # Eight bits a sample, in red, green and blue.
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(filtered)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

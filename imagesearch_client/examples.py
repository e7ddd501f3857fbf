"""What a search is by: texts and pictures, and how much each counts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from imagesearch.models import document_id
from imagesearch_client.errors import PictureUnusableError


@dataclass(frozen=True)
class Indexed:
    """A picture that the index holds, by its id; ``of_key`` takes its key instead."""

    id: str

    @classmethod
    def of_key(cls, key: str) -> Self:
        """The picture stored under ``key``."""
        return cls(document_id(key))


@dataclass(frozen=True)
class Uploaded:
    """A picture that was uploaded for searches; it is kept for a day."""

    upload: str


@dataclass(frozen=True)
class Linked:
    """A picture on the web, which the API fetches where its settings let it."""

    url: str


Picture = bytes | Path | Indexed | Uploaded | Linked
"""A picture: its bytes, its file, or where the API finds it."""

Example = str | Picture
"""A text, or a picture."""


@dataclass(frozen=True)
class Weighted:
    """An example that counts more or less than others: more than 0 and at most 10 times."""

    example: Example
    weight: float = 1.0


def read_picture(path: Path) -> bytes:
    """The bytes of a file. Raises PictureUnusableError (``picture_unreadable``)."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PictureUnusableError(
            "picture_unreadable", f"{path} cannot be read: {error.strerror}."
        ) from error


_SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
}
_BRANDS = {b"avif": "image/avif", b"avis": "image/avif"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "image/heic"
)
"""Of ISO media files, by what follows ``ftyp`` (ISO/IEC 23008-12, AV1 Image File Format)."""


def content_type_of(content: bytes) -> str:
    """The type that a picture's first bytes tell. Raises PictureUnusableError for what is no picture."""
    for signature, content_type in _SIGNATURES.items():
        if content.startswith(signature):
            return content_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp" and content[8:12] in _BRANDS:
        return _BRANDS[content[8:12]]
    raise PictureUnusableError(
        "picture_unsupported_format",
        "That is no picture of a known kind: send JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF.",
    )

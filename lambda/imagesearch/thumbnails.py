"""Thumbnails: small copies of pictures, made when they are first asked for and kept for the next time.

Whoever asks for one has no key but the link to it, which carries the signature of the link to the picture.
The picture is read with that very signature, so the bucket decides who may see a thumbnail, and until when.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from imagesearch.errors import LinkExpiredError
from imagesearch.models import document_id
from imagesearch.ports import ArtifactStore

SIZES = (128, 256, 512)
"""Lengths of a thumbnail's longer side, in pixels; a smaller picture keeps its size."""
PREFIX = "thumbnails/"
"""Under which the artifact bucket keeps thumbnails for some weeks."""


@dataclass(frozen=True, kw_only=True)
class PictureLink:
    """The right to read one picture for some time: its key, and the signature that its link came with."""

    key: str
    signature: Mapping[str, str] = field(hash=False)


class LinkedPictures(Protocol):
    """Pictures read as strangers read them, with nothing but their links.

    Both methods raise LinkExpiredError for a signature that does not, or no longer, fit, and
    ImageUnknownError where there is no picture any more.
    """

    def etag(self, link: PictureLink) -> str:
        """Return the ETag of what the link leads to."""

    def read(self, link: PictureLink, *, max_bytes: int) -> tuple[bytes, str]:
        """Return the picture's bytes and their ETag. Raises SourceTooLargeError for more than `max_bytes`."""


class ThumbnailMaker(Protocol):
    """Decodes pictures, by the same policy as everywhere."""

    def make(self, content: bytes, *, size: int) -> bytes:
        """Return a WebP whose longer side has at most `size` pixels. Raises a PictureError."""


class Thumbnails:
    """Finds or makes thumbnails; pictures of more than `max_bytes` are not read."""

    def __init__(
        self, *, pictures: LinkedPictures, maker: ThumbnailMaker, kept: ArtifactStore, max_bytes: int
    ) -> None:
        self._pictures = pictures
        self._maker = maker
        self._kept = kept
        self._max_bytes = max_bytes

    def thumbnail(self, image_id: str, link: PictureLink, *, size: int) -> bytes:
        """Return the WebP of the picture that has this id and that the link leads to.

        Raises a PictureError, LinkExpiredError and ImageUnknownError.
        """
        if document_id(link.key) != image_id:
            raise LinkExpiredError("The link is not whole: its key is not the picture's.")
        known = self._kept.read(_file(image_id, self._pictures.etag(link), size))
        return self._made(image_id, link, size) if known is None else known

    def _made(self, image_id: str, link: PictureLink, size: int) -> bytes:
        content, etag = self._pictures.read(link, max_bytes=self._max_bytes)
        thumbnail = self._maker.make(content, size=size)
        self._kept.write(_file(image_id, etag, size), thumbnail)
        return thumbnail


def _file(image_id: str, etag: str, size: int) -> str:
    return f"{PREFIX}{image_id}/{etag}-{size}.webp"

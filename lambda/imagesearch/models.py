"""The application's vocabulary: immutable values that every layer shares, free of AWS and of HTTP."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

Vector = tuple[float, ...]
"""An L2-normalised embedding; its length is the model's dimension."""


def document_id(key: str) -> str:
    """Return the document id of an object key: 32 hex digits of its SHA-256.

    Keys themselves do not fit: they are up to 1024 bytes long, ids 512, and a slash would need escaping.
    """
    return hashlib.sha256(key.encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is looked for among the keys of `prefix`: a text, a picture, or both (their vectors are added)."""

    text: str | None = None
    picture: bytes | None = None
    k: int = 10
    min_score: float | None = None
    prefix: str | None = None


@dataclass(frozen=True, kw_only=True)
class IndexInfo:
    """A concrete index: its name, and the model whose vectors it holds."""

    name: str
    fingerprint: str
    dimension: int
    space: str


@dataclass(frozen=True, kw_only=True)
class ObjectState:
    """An object of the image bucket as it is now; equal states are the same, untouched content."""

    key: str
    etag: str
    size: int
    last_modified: datetime


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """A vector and the fingerprint of the model that made it."""

    fingerprint: str
    vector: Vector


@dataclass(frozen=True, kw_only=True)
class PictureEmbedding(Embedding):
    """The embedding of a stored picture, with what the decoder saw; `etag` names the bytes that were read.

    Width and height are pixels after the EXIF orientation was applied; the content type is the detected one;
    the perceptual hash is 16 hex digits.
    """

    etag: str
    width: int
    height: int
    content_type: str
    perceptual_hash: str


@dataclass(frozen=True, kw_only=True)
class Document:
    """What the index knows of an object, whether it could be embedded or not."""

    key: str
    etag: str
    size: int
    last_modified: datetime
    fingerprint: str

    @property
    def id(self) -> str:
        """The document's id in every index."""
        return document_id(self.key)


@dataclass(frozen=True, kw_only=True)
class ImageRecord(Document):
    """A picture that searches can find."""

    width: int
    height: int
    content_type: str
    perceptual_hash: str


@dataclass(frozen=True, kw_only=True)
class RejectedImage(Document):
    """An object that is no usable picture, and why."""

    error_code: str
    error_message: str


@dataclass(frozen=True, kw_only=True)
class Match:
    """A picture that the index found; the score is 0..1 for the space `cosinesimil`: (1 + cosine) / 2."""

    image: ImageRecord
    score: float


@dataclass(frozen=True, kw_only=True)
class Hit(Match):
    """A match with a link to its picture, valid for a limited time."""

    url: str


@dataclass(frozen=True, kw_only=True)
class Timings:
    """Milliseconds spent in the model, in the index, and in all."""

    encode: float
    search: float
    total: float


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The hits, best first, with the index and the model that found them."""

    hits: tuple[Hit, ...]
    index: IndexInfo
    took_ms: Timings


@dataclass(frozen=True, kw_only=True)
class IndexState:
    """The active index and how many pictures searches can find in it."""

    index: IndexInfo
    pictures: int

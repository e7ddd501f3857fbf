"""The application's vocabulary: immutable values that every layer shares, free of AWS and of HTTP."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal

Vector = Sequence[float]
"""An L2-normalised embedding, a tuple or a `WrittenVector`; its length is the model's dimension."""

AttributeValue = str | float | bool
"""The value of an attribute; a date is its ISO text."""

Quantisation = Literal["none", "fp16", "byte", "on_disk"]
"""How an index keeps the numbers of its graph's vectors: as they are, as halves, as bytes, or as bits."""

Part = Literal["picture", "caption", "any"]
"""Which vectors a search compares with: the pictures', those of their captions, or the nearer of both."""


def document_id(key: str) -> str:
    """Return the document id of an object key: 32 hex digits of its SHA-256.

    Keys themselves do not fit: they are up to 1024 bytes long, ids 512, and a slash would need escaping.
    """
    return hashlib.sha256(key.encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class IndexInfo:
    """A concrete index: its name, the model whose vectors it holds, and how it compares and keeps them."""

    name: str
    fingerprint: str
    dimension: int
    space: str
    quantisation: Quantisation = "none"


@dataclass(frozen=True, kw_only=True)
class ObjectState:
    """An object of the image bucket as it is now; equal states are the same, untouched content.

    `sidecar` is the ETag of the object that describes this one, or None where there is none.
    """

    key: str
    etag: str
    size: int
    last_modified: datetime
    sidecar: str | None = None


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What people say of a picture; the caption has a vector of its own in the index."""

    title: str | None = None
    caption: str | None = None
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """A vector and the fingerprint of the model that made it."""

    fingerprint: str
    vector: Vector


@dataclass(frozen=True, kw_only=True)
class PictureEmbedding(Embedding):
    """The embedding of a stored picture, with what the decoder saw; `etag` names the bytes that were read.

    Width and height are pixels after the EXIF orientation was applied; the content type is the detected one;
    the perceptual hash is 16 hex digits. `user_metadata` is what S3 keeps with the object.
    """

    etag: str
    width: int
    height: int
    content_type: str
    perceptual_hash: str
    user_metadata: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class Document:
    """What the index knows of an object, whether it could be embedded or not."""

    key: str
    etag: str
    size: int
    last_modified: datetime
    fingerprint: str
    sidecar: str | None = None

    @cached_property
    def id(self) -> str:
        """The document's id in every index."""
        return document_id(self.key)


@dataclass(frozen=True, kw_only=True)
class ImageRecord(Document):
    """A picture that searches can find; `metadata_fault` says why it is without its metadata."""

    width: int
    height: int
    content_type: str
    perceptual_hash: str
    metadata: Metadata = field(default_factory=Metadata)
    metadata_fault: str | None = None


@dataclass(frozen=True, kw_only=True)
class EmbeddedImage:
    """A picture with its vector, and that of its caption exactly where it has one."""

    image: ImageRecord
    vector: Vector
    caption_vector: Vector | None = None

    def __post_init__(self) -> None:
        """Refuse a caption without a vector and a vector without a caption."""
        if (self.image.metadata.caption is None) != (self.caption_vector is None):
            raise ValueError("A picture has a caption's vector exactly where it has a caption.")


@dataclass(frozen=True, kw_only=True)
class RejectedImage(Document):
    """An object that is no usable picture, and why."""

    error_code: str
    error_message: str


@dataclass(frozen=True, kw_only=True)
class Links:
    """Where a picture can be fetched for a limited time; the thumbnail's is relative to the API's address."""

    url: str
    thumbnail_url: str


@dataclass(frozen=True, kw_only=True)
class UploadForm:
    """Where to send a picture, as the `file` of a form with these fields before it."""

    url: str
    fields: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, kw_only=True)
class IndexState:
    """The active index and how many pictures searches can find in it."""

    index: IndexInfo
    pictures: int

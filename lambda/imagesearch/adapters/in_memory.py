"""Ports in memory: a deterministic model and the buckets; for tests, tools and first steps."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote

from imagesearch.errors import (
    ArtifactMissingError,
    ImageUnknownError,
    LinkExpiredError,
    PictureEmptyError,
    PictureUnsupportedFormatError,
    SourceNotFoundError,
    SourceTooLargeError,
)
from imagesearch.figures import Figures
from imagesearch.image_building import ImageBuild, ImageOrder
from imagesearch.metadata import MAX_SIDECAR_BYTES, is_sidecar, sidecar_key
from imagesearch.models import (
    Embedding,
    Links,
    ObjectState,
    PictureEmbedding,
    UploadForm,
    Vector,
    document_id,
)
from imagesearch.ports import LISTED
from imagesearch.thumbnails import PictureLink
from imagesearch.uploads import is_query


class InMemoryPictureStore:
    """A bucket; every put gets a new modification time, one second after the last."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, ObjectState]] = {}
        self._user_metadata: dict[str, Mapping[str, str]] = {}
        self._clock = datetime(2026, 1, 1, tzinfo=UTC).timestamp()

    def put(self, key: str, content: bytes, *, user_metadata: Mapping[str, str] | None = None) -> ObjectState:
        """Store an object and return its state; the ETag is the content's MD5, as S3's is."""
        self._clock += 1
        state = ObjectState(
            key=key,
            etag=hashlib.md5(content, usedforsecurity=False).hexdigest(),
            size=len(content),
            last_modified=datetime.fromtimestamp(self._clock, UTC),
        )
        self._objects[key] = (content, state)
        self._user_metadata[key] = dict(user_metadata or {})
        return self.look(key) or state

    def remove(self, key: str) -> None:
        """Delete an object, absent or not."""
        self._objects.pop(key, None)
        self._user_metadata.pop(key, None)

    def read(self, key: str) -> tuple[bytes, str]:
        """Return an object's content and ETag. Raises SourceNotFoundError."""
        if key not in self._objects:
            raise SourceNotFoundError("There is no object under this key.")
        content, state = self._objects[key]
        return content, state.etag

    def look(self, key: str) -> ObjectState | None:
        """Return the object's present state, or None."""
        if key not in self._objects or is_query(key):
            return None
        beside = self._objects.get(sidecar_key(key))
        return replace(self._objects[key][1], sidecar=beside[1].etag if beside else None)

    def user_metadata(self, key: str) -> Mapping[str, str]:
        """Return what was stored with an object."""
        return self._user_metadata.get(key, {})

    def sidecar(self, key: str, *, etag: str) -> bytes | None:
        """Return the content of a picture's sidecar, or None where it is not the one of this ETag."""
        beside = self._objects.get(sidecar_key(key))
        return beside[0][: MAX_SIDECAR_BYTES + 1] if beside and beside[1].etag == etag else None

    def listing(self, *, prefix: str = "", after: str = "", at_once: int = LISTED) -> Iterator[ObjectState]:
        """Yield the objects whose key begins with `prefix` and comes after `after`, in the keys' order."""
        del at_once
        for key in sorted(self._objects):
            state = self.look(key)
            if state is not None and not is_sidecar(key) and key.startswith(prefix) and key > after:
                yield state

    def links(self, key: str, *, ttl_seconds: int) -> Links:
        """Return addresses that name key and lifetime; nothing serves them."""
        return Links(
            url=f"https://pictures.invalid/{quote(key)}?ttl={ttl_seconds}",
            thumbnail_url=f"thumbnails/{document_id(key)}?key={quote(key, safe='')}&ttl={ttl_seconds}",
        )

    def upload_form(self, key: str, *, content_type: str, max_bytes: int, ttl_seconds: int) -> UploadForm:
        """Return a form that names everything; nothing takes it."""
        fields = {"key": key, "Content-Type": content_type, "ttl": str(ttl_seconds), "max": str(max_bytes)}
        return UploadForm(url="https://pictures.invalid/", fields=fields)


class InMemoryLinkedPictures:
    """The pictures of a bucket behind links that all carry `signature`."""

    def __init__(self, pictures: InMemoryPictureStore, *, signature: Mapping[str, str]) -> None:
        self._pictures = pictures
        self._signature = signature

    def etag(self, link: PictureLink) -> str:
        """Return the ETag of what the link leads to. Raises LinkExpiredError and ImageUnknownError."""
        if link.signature != self._signature:
            raise LinkExpiredError("The link has another signature.")
        state = self._pictures.look(link.key)
        if state is None:
            raise ImageUnknownError("The picture is no longer there.")
        return state.etag

    def read(self, link: PictureLink, *, max_bytes: int) -> tuple[bytes, str]:
        """Return the picture's bytes and their ETag. Raises SourceTooLargeError for more than `max_bytes`."""
        self.etag(link)
        content, etag = self._pictures.read(link.key)
        if len(content) > max_bytes:
            raise SourceTooLargeError(f"The picture has {len(content)} bytes; at most {max_bytes} are read.")
        return content, etag


class InMemoryArtifactStore:
    """A bucket of artifacts."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def read(self, key: str) -> bytes | None:
        """Return a file's content, or None."""
        return self._files.get(key)

    def lines(self, key: str, *, start: int = 0) -> Iterator[bytes]:
        """Yield a file's lines from the byte `start` on. Raises ArtifactMissingError."""
        if key not in self._files:
            raise ArtifactMissingError(f"The run's file {key} is missing.")
        *lines, rest = self._files[key][start:].split(b"\n")
        yield from lines
        if rest:
            yield rest

    def write(self, key: str, content: bytes) -> None:
        """Write a file."""
        self._files[key] = content

    def exists(self, key: str) -> bool:
        """Return whether there is such a file."""
        return key in self._files

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in their order."""
        yield from sorted(key for key in self._files if key.startswith(prefix))

    def uri(self, key: str) -> str:
        """Return an address; nothing reads it."""
        return f"s3://artifacts/{key}"


class _Readable(Protocol):
    """Whatever the embedder reads stored pictures from."""

    def read(self, key: str) -> tuple[bytes, str]: ...

    def user_metadata(self, key: str) -> Mapping[str, str]: ...


class InMemoryEmbedder:
    """A model without training: equal input gives equal vectors, different input nearly orthogonal ones."""

    def __init__(self, *, fingerprint: str, dimension: int, pictures: _Readable) -> None:
        self._fingerprint = fingerprint
        self._dimension = dimension
        self._pictures = pictures

    def embed(
        self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
    ) -> tuple[Embedding, ...]:
        """Return one embedding an item, the texts' first, of its own model, whichever was asked."""
        del fingerprint
        for picture in pictures:
            _content_type(picture)
        contents = [text.encode() for text in texts] + list(pictures)
        return tuple(
            Embedding(fingerprint=self._fingerprint, vector=self._vector(content)) for content in contents
        )

    def embed_stored(self, *, fingerprint: str, key: str) -> PictureEmbedding:
        """Return the embedding of a stored object. Raises PictureError and SourceNotFoundError."""
        del fingerprint
        content, etag = self._pictures.read(key)
        return PictureEmbedding(
            fingerprint=self._fingerprint,
            vector=self._vector(content),
            etag=etag,
            width=len(content),
            height=1,
            content_type=_content_type(content),
            perceptual_hash=hashlib.sha256(content).hexdigest()[:16],
            user_metadata=self._pictures.user_metadata(key),
        )

    def _vector(self, content: bytes) -> Vector:
        digest = hashlib.shake_256(content).digest(2 * self._dimension)
        numbers = [int.from_bytes(digest[at : at + 2], "little") - 32767.5 for at in range(0, len(digest), 2)]
        norm = math.hypot(*numbers)
        return tuple(number / norm for number in numbers)


def _content_type(content: bytes) -> str:
    """Return the type of a picture by its first bytes. Raises PictureError."""
    if not content:
        raise PictureEmptyError("The picture has no bytes.")
    for magic, content_type in ((b"\xff\xd8", "image/jpeg"), (b"\x89PNG", "image/png")):
        if content.startswith(magic):
            return content_type
    raise PictureUnsupportedFormatError("The bytes are neither JPEG nor PNG.")


class InMemoryImageBuilder:
    """Images by repository and tag, and builds that stand as they were last told to with `end`."""

    def __init__(self) -> None:
        self.images: set[tuple[str, str]] = set()
        self.requests: dict[str, ImageOrder] = {}
        self._ends: dict[str, ImageBuild] = {}

    def has(self, order: ImageOrder) -> bool:
        """Return whether the repository holds the image."""
        return (order.repository, order.tag) in self.images

    def start(self, order: ImageOrder, *, request: str) -> str:
        """Start a build, which is named like the request."""
        self.requests[request] = order
        return request

    def look(self, build: str) -> ImageBuild:
        """Return how a build stands."""
        return self._ends.get(build, ImageBuild(status="running"))

    def end(self, build: str, state: ImageBuild) -> None:
        """End a build; one that succeeds leaves its image."""
        self._ends[build] = state
        if state.status == "succeeded":
            order = self.requests[build]
            self.images.add((order.repository, order.tag))


class InMemoryMetrics:
    """Every record of figures, in their order."""

    def __init__(self) -> None:
        self.records: list[Figures] = []

    def record(self, figures: Figures) -> None:
        """Keep the figures."""
        self.records.append(dict(figures))

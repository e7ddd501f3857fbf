"""The ports in memory: exact search, a deterministic model, a bucket; for tests, tools and first steps."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from operator import mul
from typing import Protocol
from urllib.parse import quote

from imagesearch.errors import (
    ArtifactMissingError,
    IndexMissingError,
    PictureEmptyError,
    PictureUnsupportedFormatError,
    SourceNotFoundError,
)
from imagesearch.models import (
    Embedding,
    ImageRecord,
    IndexInfo,
    Match,
    ObjectState,
    PictureEmbedding,
    RejectedImage,
    Vector,
)


class InMemoryPictureStore:
    """A bucket; every put gets a new modification time, one second after the last."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, ObjectState]] = {}
        self._clock = datetime(2026, 1, 1, tzinfo=UTC).timestamp()

    def put(self, key: str, content: bytes) -> ObjectState:
        """Store an object and return its state; the ETag is the content's MD5, as S3's is."""
        self._clock += 1
        state = ObjectState(
            key=key,
            etag=hashlib.md5(content, usedforsecurity=False).hexdigest(),
            size=len(content),
            last_modified=datetime.fromtimestamp(self._clock, UTC),
        )
        self._objects[key] = (content, state)
        return state

    def remove(self, key: str) -> None:
        """Delete an object, absent or not."""
        self._objects.pop(key, None)

    def read(self, key: str) -> tuple[bytes, str]:
        """Return an object's content and ETag. Raises SourceNotFoundError."""
        if key not in self._objects:
            raise SourceNotFoundError("There is no object under this key.")
        content, state = self._objects[key]
        return content, state.etag

    def look(self, key: str) -> ObjectState | None:
        """Return the object's present state, or None."""
        return self._objects[key][1] if key in self._objects else None

    def listing(self, *, prefix: str = "", after: str = "") -> Iterator[ObjectState]:
        """Yield the objects whose key begins with `prefix` and comes after `after`, in the keys' order."""
        for key in sorted(self._objects):
            state = self.look(key)
            if state is not None and key.startswith(prefix) and key > after:
                yield state

    def url(self, key: str, *, ttl_seconds: int) -> str:
        """Return an address that names key and lifetime; nothing serves it."""
        return f"https://pictures.invalid/{quote(key)}?ttl={ttl_seconds}"


class InMemoryArtifactStore:
    """A bucket of artifacts."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def read(self, key: str) -> bytes | None:
        """Return a file's content, or None."""
        return self._files.get(key)

    def lines(self, key: str) -> Iterator[bytes]:
        """Yield a file's lines. Raises ArtifactMissingError."""
        if key not in self._files:
            raise ArtifactMissingError(f"The run's file {key} is missing.")
        yield from self._files[key].splitlines()

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


def score(space: str, query: Vector, vector: Vector) -> float:
    """Return OpenSearch's score: (1 + cosine) / 2 for `cosinesimil`, 1 / (1 + squared distance) for `l2`.

    Formulas: k-NN plug-in, "Spaces" in the documentation of approximate search.
    """
    if space == "l2":
        return 1 / (1 + math.dist(query, vector) ** 2)
    cosine = math.fsum(map(mul, query, vector)) / (math.hypot(*query) * math.hypot(*vector))
    return (1 + cosine) / 2


class InMemoryVectorIndex:
    """Indices, documents and the alias; search is exact, and every write is visible at once."""

    def __init__(self) -> None:
        self._indices: dict[str, IndexInfo] = {}
        self._documents: dict[str, dict[str, ImageRecord | RejectedImage]] = {}
        self._vectors: dict[str, dict[str, Vector]] = {}
        self._alias: str | None = None
        self.loading: set[str] = set()

    def active(self) -> IndexInfo:
        """Return the index that the alias leads to. Raises IndexMissingError."""
        if self._alias is None:
            raise IndexMissingError("The alias leads to no index.")
        return self._indices[self._alias]

    def put_template(self, *, shards: int, replicas: int) -> None:
        """Accept the template; memory has neither shards nor replicas."""

    def create(self, index: IndexInfo) -> None:
        """Create a concrete index; an existing one of this name stays as it is."""
        self._indices.setdefault(index.name, index)
        self._documents.setdefault(index.name, {})
        self._vectors.setdefault(index.name, {})

    def point_alias(self, index: str) -> None:
        """Let the alias lead to this index."""
        self._info(index)
        self._alias = index

    def is_empty(self, index: str) -> bool:
        """Return whether the index holds no document at all."""
        return not self._documents[self._info(index).name]

    def search(
        self, index: str, vector: Vector, *, k: int, min_score: float | None = None, prefix: str | None = None
    ) -> tuple[Match, ...]:
        """Return the at most k nearest pictures, best first, whose key begins with `prefix`."""
        info = self._info(index)
        matches = [
            Match(image=image, score=score(info.space, vector, self._vectors[index][image.id]))
            for image in self._documents[index].values()
            if isinstance(image, ImageRecord) and image.key.startswith(prefix or "")
        ]
        best = sorted(matches, key=lambda match: -match.score)[:k]
        return tuple(match for match in best if min_score is None or match.score >= min_score)

    def get(self, index: str, document_id: str) -> ImageRecord | RejectedImage | None:
        """Return the document as the last write left it, or None."""
        return self._documents[self._info(index).name].get(document_id)

    def find(self, index: str, document_id: str) -> ImageRecord | RejectedImage | None:
        """Return the document as searches see it: at once, here."""
        return self.get(index, document_id)

    def known(self, index: str, document_ids: Sequence[str]) -> dict[str, ImageRecord | RejectedImage]:
        """Return those of the documents that there are."""
        documents = self._documents[self._info(index).name]
        return {each: documents[each] for each in document_ids if each in documents}

    def put_image(self, index: str, image: ImageRecord, vector: Vector) -> None:
        """Write a picture, replacing whatever the index held for its key."""
        self._documents[self._info(index).name][image.id] = image
        self._vectors[index][image.id] = vector

    def put_rejected(self, index: str, rejected: RejectedImage) -> None:
        """Write a reject, replacing whatever the index held for its key."""
        self._documents[self._info(index).name][rejected.id] = rejected
        self._vectors[index].pop(rejected.id, None)

    def put_many(self, index: str, documents: Iterable[tuple[ImageRecord, Vector] | RejectedImage]) -> None:
        """Write many documents."""
        for document in documents:
            if isinstance(document, RejectedImage):
                self.put_rejected(index, document)
            else:
                self.put_image(index, *document)

    def begin_loading(self, index: str) -> None:
        """Note that the index is being loaded."""
        self.loading.add(self._info(index).name)

    def end_loading(self, index: str) -> None:
        """Note that the index is loaded."""
        self.loading.discard(self._info(index).name)

    def delete(self, index: str, document_id: str) -> None:
        """Remove a document, absent or not."""
        self._documents[self._info(index).name].pop(document_id, None)
        self._vectors[index].pop(document_id, None)

    def count(self, index: str) -> int:
        """Return how many pictures searches can find."""
        return len(self._vectors[self._info(index).name])

    def _info(self, index: str) -> IndexInfo:
        if index not in self._indices:
            raise IndexMissingError(f"There is no index {index}.")
        return self._indices[index]

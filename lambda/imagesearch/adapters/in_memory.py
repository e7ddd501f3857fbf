"""The ports in memory: exact search, a deterministic model, a bucket; for tests, tools and first steps."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from operator import mul
from typing import Protocol
from urllib.parse import quote

from imagesearch.errors import (
    ArtifactMissingError,
    IndexInUseError,
    IndexMissingError,
    PictureEmptyError,
    PictureUnsupportedFormatError,
    SourceNotFoundError,
)
from imagesearch.metadata import MAX_SIDECAR_BYTES, is_sidecar, sidecar_key
from imagesearch.models import (
    EmbeddedImage,
    Embedding,
    ImageRecord,
    IndexInfo,
    Match,
    ObjectState,
    Part,
    PictureEmbedding,
    RejectedImage,
    Vector,
)


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
        if key not in self._objects:
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

    def listing(self, *, prefix: str = "", after: str = "") -> Iterator[ObjectState]:
        """Yield the objects whose key begins with `prefix` and comes after `after`, in the keys' order."""
        for key in sorted(self._objects):
            state = self.look(key)
            if state is not None and not is_sidecar(key) and key.startswith(prefix) and key > after:
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


def score(space: str, query: Vector, vector: Vector) -> float:
    """Return OpenSearch's score: (1 + cosine) / 2 for `cosinesimil`, 1 / (1 + squared distance) for `l2`.

    Formulas: k-NN plug-in, "Spaces" in the documentation of approximate search.
    """
    if space == "l2":
        return 1 / (1 + math.dist(query, vector) ** 2)
    cosine = math.fsum(map(mul, query, vector)) / (math.hypot(*query) * math.hypot(*vector))
    return (1 + cosine) / 2


class InMemoryVectorIndex:
    """Indices, documents and the aliases; search is exact, and every write is visible at once."""

    def __init__(self) -> None:
        self._indices: dict[str, IndexInfo] = {}
        self._documents: dict[str, dict[str, EmbeddedImage | RejectedImage]] = {}
        self._alias: str | None = None
        self._written: tuple[str, ...] = ()
        self.loading: set[str] = set()

    def active(self) -> IndexInfo:
        """Return the index that the alias leads to. Raises IndexMissingError."""
        if self._alias is None:
            raise IndexMissingError("The alias leads to no index.")
        return self._indices[self._alias]

    def written(self) -> tuple[IndexInfo, ...]:
        """Return every index that is kept equal to the bucket, the active one first."""
        active = self.active()
        others = (self._indices[name] for name in sorted(self._written) if name != active.name)
        return (active, *others)

    def indices(self) -> tuple[IndexInfo, ...]:
        """Return every index, in the names' order."""
        return tuple(self._indices[name] for name in sorted(self._indices))

    def write_to(self, indices: Sequence[str]) -> None:
        """Let these indices be kept beside the active one."""
        self._written = tuple(self._info(index).name for index in indices)

    def remove(self, index: str) -> None:
        """Forget an index, absent or not. Raises IndexInUseError."""
        if index in {self._alias, *self._written}:
            raise IndexInUseError(f"The index {index} is in use.")
        self._indices.pop(index, None)
        self._documents.pop(index, None)

    def declare_attributes(self, index: str) -> None:
        """Accept any attribute; memory has no mapping."""
        self._info(index)

    def put_template(self, *, shards: int, replicas: int) -> None:
        """Accept the template; memory has neither shards nor replicas."""

    def create(self, index: IndexInfo) -> None:
        """Create a concrete index; an existing one of this name stays as it is."""
        self._indices.setdefault(index.name, index)
        self._documents.setdefault(index.name, {})

    def point_alias(self, index: str) -> None:
        """Let the alias lead to this index."""
        self._alias = self._info(index).name

    def is_empty(self, index: str) -> bool:
        """Return whether the index holds no document at all."""
        return not self._documents[self._info(index).name]

    def search(
        self,
        index: str,
        vector: Vector,
        *,
        k: int,
        min_score: float | None = None,
        prefix: str | None = None,
        part: Part = "picture",
    ) -> tuple[Match, ...]:
        """Return the at most k nearest pictures, best first, whose key begins with `prefix`."""
        space = self._info(index).space
        matches = [
            Match(image=each.image, score=max(score(space, vector, other) for other in vectors))
            for each in self._pictures(index)
            if each.image.key.startswith(prefix or "") and (vectors := _vectors(each, part))
        ]
        best = sorted(matches, key=lambda match: -match.score)[:k]
        return tuple(match for match in best if min_score is None or match.score >= min_score)

    def refresh(self, index: str) -> None:
        """Do nothing: every write is visible at once."""
        self._info(index)

    def sample(self, index: str, count: int) -> tuple[Vector, ...]:
        """Return the vectors of the pictures with the smallest ids, which are hashes."""
        drawn = sorted(self._pictures(index), key=lambda each: each.image.id)[:count]
        return tuple(each.vector for each in drawn)

    def exact(self, index: str, vector: Vector, *, k: int) -> tuple[Match, ...]:
        """Return the k nearest pictures."""
        return self.search(index, vector, k=k)

    def get(self, index: str, document_id: str) -> ImageRecord | RejectedImage | None:
        """Return the document as the last write left it, or None."""
        document = self._documents[self._info(index).name].get(document_id)
        return document.image if isinstance(document, EmbeddedImage) else document

    def find(self, index: str, document_id: str) -> ImageRecord | RejectedImage | None:
        """Return the document as searches see it: at once, here."""
        return self.get(index, document_id)

    def known(self, index: str, document_ids: Sequence[str]) -> dict[str, ImageRecord | RejectedImage]:
        """Return those of the documents that there are."""
        found = {each: self.get(index, each) for each in document_ids}
        return {each: document for each, document in found.items() if document is not None}

    def keys(
        self, index: str, *, prefix: str = "", after: str = "", last: str | None = None
    ) -> Iterator[str]:
        """Yield the documents' keys between `after` and `last`, in their order."""
        documents = list(self._documents[self._info(index).name].values())
        keys = sorted(each.image.key if isinstance(each, EmbeddedImage) else each.key for each in documents)
        for key in keys:
            if key.startswith(prefix) and key > after and (last is None or key <= last):
                yield key

    def put_image(self, index: str, image: EmbeddedImage) -> None:
        """Write a picture, replacing whatever the index held for its key."""
        self._documents[self._info(index).name][image.image.id] = image

    def describe(self, index: str, image: ImageRecord, caption_vector: Vector | None) -> bool:
        """Replace all that the index holds of the same picture but its vector, where that is possible."""
        known = self._documents[self._info(index).name].get(image.id)
        if not isinstance(known, EmbeddedImage):
            return False
        if (known.image.etag, known.image.fingerprint) != (image.etag, image.fingerprint):
            return False
        caption = image.metadata.caption
        if caption is not None and caption == known.image.metadata.caption:
            caption_vector = known.caption_vector
        if (caption is None) != (caption_vector is None):
            return False
        self.put_image(index, replace(known, image=image, caption_vector=caption_vector))
        return True

    def put_rejected(self, index: str, rejected: RejectedImage) -> None:
        """Write a reject, replacing whatever the index held for its key."""
        self._documents[self._info(index).name][rejected.id] = rejected

    def put_many(self, index: str, documents: Iterable[EmbeddedImage | RejectedImage]) -> None:
        """Write many documents."""
        for document in documents:
            if isinstance(document, RejectedImage):
                self.put_rejected(index, document)
            else:
                self.put_image(index, document)

    def begin_loading(self, index: str) -> None:
        """Note that the index is being loaded."""
        self.loading.add(self._info(index).name)

    def end_loading(self, index: str) -> None:
        """Note that the index is loaded."""
        self.loading.discard(self._info(index).name)

    def delete(self, index: str, document_id: str) -> None:
        """Remove a document, absent or not."""
        self._documents[self._info(index).name].pop(document_id, None)

    def count(self, index: str) -> int:
        """Return how many pictures searches can find."""
        return len(self._pictures(index))

    def _pictures(self, index: str) -> list[EmbeddedImage]:
        documents = self._documents[self._info(index).name].values()
        return [each for each in documents if isinstance(each, EmbeddedImage)]

    def _info(self, index: str) -> IndexInfo:
        if index not in self._indices:
            raise IndexMissingError(f"There is no index {index}.")
        return self._indices[index]


def _vectors(image: EmbeddedImage, part: Part) -> list[Vector]:
    captions = [image.caption_vector] if image.caption_vector is not None else []
    return {"picture": [image.vector], "caption": captions, "any": [image.vector, *captions]}[part]

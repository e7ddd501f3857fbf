"""The index in memory: exact search, every write visible at once; for tests, tools and first steps."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from operator import mul

from imagesearch.adapters.in_memory_filters import holds
from imagesearch.adapters.in_memory_words import bm25
from imagesearch.errors import IndexInUseError, IndexMissingError
from imagesearch.filters import Filter
from imagesearch.models import EmbeddedImage, ImageRecord, IndexInfo, RejectedImage, Vector
from imagesearch.queries import Match, Nearest, VectorPart, Words


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
        self, index: str, legs: Sequence[Nearest | Words], *, k: int, where: Filter | None = None
    ) -> tuple[tuple[Match, ...], ...]:
        """Return for every leg the at most k best pictures that the filter lets through, best first."""
        pictures, space = self._pictures(index), self._info(index).space
        found = (
            [match for match in _scored(leg, pictures, space) if not where or holds(where, match.image)]
            for leg in legs
        )
        return tuple(_best(matches, k) for matches in found)

    def vectors(
        self, index: str, document_ids: Sequence[str], *, part: VectorPart = "picture"
    ) -> dict[str, Vector]:
        """Return the vectors of those of the documents that have one."""
        wanted = set(document_ids)
        found = {each.image.id: _vector(each, part) for each in self._pictures(index)}
        return {id_: vector for id_, vector in found.items() if vector is not None and id_ in wanted}

    def refresh(self, index: str) -> None:
        """Do nothing: every write is visible at once."""
        self._info(index)

    def sample(self, index: str, count: int, *, part: VectorPart = "picture") -> tuple[Vector, ...]:
        """Return the vectors of the pictures with the smallest ids, which are hashes."""
        ordered = sorted(self._pictures(index), key=lambda each: each.image.id)
        vectors = (_vector(each, part) for each in ordered)
        return tuple(islice((vector for vector in vectors if vector is not None), count))

    def exact(self, index: str, vector: Vector, *, k: int) -> tuple[Match, ...]:
        """Return the k nearest pictures."""
        (found,) = self.search(index, [Nearest(part="picture", vector=vector)], k=k)
        return found

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

    def documents(self, index: str) -> dict[str, EmbeddedImage | RejectedImage]:
        """Return a copy of all documents of an index, by id."""
        return dict(self._documents[self._info(index).name])

    def lose(self, index: str) -> None:
        """Let an index be gone, with the alias that leads to it, as when a domain is lost."""
        self._indices.pop(index, None)
        self._documents.pop(index, None)
        self._alias = None if self._alias == index else self._alias
        self._written = tuple(name for name in self._written if name != index)

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


def _vector(image: EmbeddedImage, part: VectorPart) -> Vector | None:
    return image.vector if part == "picture" else image.caption_vector


def _scored(leg: Nearest | Words, pictures: Sequence[EmbeddedImage], space: str) -> Iterable[Match]:
    if isinstance(leg, Nearest):
        for each in pictures:
            vector = _vector(each, leg.part)
            if vector is not None:
                yield Match(image=each.image, score=score(space, leg.vector, vector))
        return
    images = {each.image.id: each.image for each in pictures}
    scores = bm25(leg.text, {id_: _said(image) for id_, image in images.items()})
    yield from (Match(image=images[id_], score=value) for id_, value in scores.items())


def _said(image: ImageRecord) -> str:
    said = image.metadata
    return "\n".join([said.title or "", said.caption or "", *said.tags])


def _best(matches: Iterable[Match], k: int) -> tuple[Match, ...]:
    return tuple(sorted(matches, key=lambda match: match.place)[:k])

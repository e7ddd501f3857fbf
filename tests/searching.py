"""Searches on in-memory parts over pictures whose vectors a test chooses."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from imagesearch.adapters.in_memory import InMemoryPictureStore
from imagesearch.adapters.in_memory_index import InMemoryVectorIndex
from imagesearch.errors import SourceNotFoundError, UrlUnreachableError
from imagesearch.models import EmbeddedImage, Embedding, IndexInfo, PictureEmbedding, Vector
from imagesearch.ports import AutoCutoff, Embedder, VectorIndex, WebPictures
from imagesearch.queries import Position, Query, SearchResult
from imagesearch.searching.searcher import Searcher
from tests.builders import DIMENSION, FINGERPRINT, CutoffAt, an_image, an_index, embedded


def unit(*numbers: float) -> Vector:
    """The vector of length 1 in this direction."""
    norm = math.hypot(*numbers)
    return tuple(number / norm for number in numbers)


def towards(degrees: float) -> Vector:
    """The direction so many degrees from east to north."""
    return unit(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), *[0.0] * (DIMENSION - 2))


class Compass:
    """A model that knows directions: a text or a picture ends with its degrees from east to north."""

    def __init__(self, *, fingerprint: str = FINGERPRINT, stored: Mapping[str, str] | None = None) -> None:
        self.asked: list[tuple[str, list[str], list[bytes]]] = []
        self._fingerprint = fingerprint
        self._stored = stored or {}

    def embed(
        self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
    ) -> tuple[Embedding, ...]:
        self.asked.append((fingerprint, list(texts), list(pictures)))
        given = [*texts, *(picture.decode() for picture in pictures)]
        return tuple(
            Embedding(fingerprint=self._fingerprint, vector=towards(float(each.split()[-1])))
            for each in given
        )

    def embed_stored(self, *, fingerprint: str, key: str) -> PictureEmbedding:
        if key not in self._stored:
            raise SourceNotFoundError("There is no object under this key.")
        return PictureEmbedding(
            fingerprint=self._fingerprint,
            vector=towards(float(self._stored[key])),
            etag="e1",
            width=1,
            height=1,
            content_type="image/png",
            perceptual_hash="0" * 16,
        )


class Web:
    """Addresses that hold directions, too."""

    def fetch(self, url: str) -> bytes:
        if not url.startswith("https://degrees.invalid/"):
            raise UrlUnreachableError("The address gives no picture.")
        return url.rpartition("/")[2].encode()


def filled(images: Iterable[EmbeddedImage], *, index: IndexInfo | None = None) -> InMemoryVectorIndex:
    """An index with these pictures."""
    memory, info = InMemoryVectorIndex(), index or an_index()
    memory.create(info)
    memory.point_alias(info.name)
    memory.put_many(info.name, images)
    return memory


def pictures_towards(degrees: Mapping[str, float]) -> list[EmbeddedImage]:
    """A picture a key, in this direction."""
    return [embedded(an_image(key), towards(each)) for key, each in degrees.items()]


def searcher_of(
    index: VectorIndex,
    *,
    embedder: Embedder | None = None,
    cutoff: AutoCutoff | None = None,
    web: WebPictures | None = None,
) -> Searcher:
    """A searcher of this index, asked in degrees."""
    return Searcher(
        embedder=embedder or Compass(),
        index=index,
        pictures=InMemoryPictureStore(),
        cutoff=cutoff or CutoffAt(0.75),
        web=web,
        url_ttl_seconds=60,
    )


def pages(searcher: Searcher, query: Query) -> Iterable[SearchResult]:
    """Every page of a query, one after the other."""
    position: Position | None = None
    while True:
        result = searcher.search(replace(query, after=position))
        yield result
        position = result.next
        if position is None:
            return


def keys(result: SearchResult) -> list[str]:
    """The keys of the hits, in their order."""
    return [hit.image.key for hit in result.hits]

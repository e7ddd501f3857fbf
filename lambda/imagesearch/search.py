"""Searching: encode the query with the model of the active index, find the nearest pictures, link them."""

import math
import time
from collections.abc import Sequence

from imagesearch.errors import ImageUnknownError, QueryEmptyError, RequestInvalidError
from imagesearch.fingerprints import refuse_other_model
from imagesearch.models import (
    Hit,
    ImageRecord,
    IndexInfo,
    IndexState,
    Match,
    Query,
    RejectedImage,
    SearchResult,
    Timings,
    Vector,
)
from imagesearch.ports import Embedder, PictureStore, VectorIndex

_SMALLEST_NORM = 1e-6
"""Below this a sum of unit vectors is rounding noise, and its direction means nothing."""


def combine(vectors: Sequence[Vector]) -> Vector:
    """Return the normalised sum of unit vectors: near to all of them, each counting the same."""
    total = [math.fsum(numbers) for numbers in zip(*vectors, strict=True)]
    norm = math.hypot(*total)
    if norm < _SMALLEST_NORM:
        raise RequestInvalidError("The text and the picture cancel each other out; search with one of them.")
    return tuple(number / norm for number in total)


def _milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 3)


class Searcher:
    """Answers queries from the active index; links to pictures work for `url_ttl_seconds`."""

    def __init__(
        self, *, embedder: Embedder, index: VectorIndex, pictures: PictureStore, url_ttl_seconds: int
    ) -> None:
        self._embedder = embedder
        self._index = index
        self._pictures = pictures
        self._url_ttl_seconds = url_ttl_seconds

    def search(self, query: Query) -> SearchResult:
        """Return the query's nearest pictures, best first.

        The concrete index is searched, never the alias: an alias that moves between encoding and searching
        must not bring two models together. Raises QueryEmptyError for nothing to look for, and what the
        ports raise.
        """
        started = time.perf_counter()
        index = self._index.active()
        encoding = time.perf_counter()
        vector = self._encode(index, query)
        encoded = time.perf_counter()
        matches = self._index.search(
            index.name,
            vector,
            k=query.k,
            min_score=query.min_score,
            prefix=query.prefix,
            part=query.part,
        )
        found = time.perf_counter()
        hits = tuple(self._hit(match) for match in matches)
        timings = Timings(
            encode=_milliseconds(encoding, encoded),
            search=_milliseconds(encoded, found),
            total=_milliseconds(started, time.perf_counter()),
        )
        return SearchResult(hits=hits, index=index, took_ms=timings)

    def picture(self, document_id: str) -> ImageRecord | RejectedImage:
        """Return what searches see of a picture. Raises ImageUnknownError."""
        document = self._index.find(self._index.active().name, document_id)
        if document is None:
            raise ImageUnknownError("No picture has this id; it may have been deleted or not be indexed yet.")
        return document

    def url(self, key: str) -> str:
        """Return a link to the picture that works for a limited time."""
        return self._pictures.url(key, ttl_seconds=self._url_ttl_seconds)

    def state(self) -> IndexState:
        """Return the active index and its number of pictures."""
        index = self._index.active()
        return IndexState(index=index, pictures=self._index.count(index.name))

    def _encode(self, index: IndexInfo, query: Query) -> Vector:
        text = (query.text or "").strip()
        if not text and query.picture is None:
            raise QueryEmptyError("The query is empty: give a text, a picture, or both.")
        embeddings = self._embedder.embed(
            fingerprint=index.fingerprint,
            texts=[text] if text else [],
            pictures=[] if query.picture is None else [query.picture],
        )
        for embedding in embeddings:
            refuse_other_model(index, embedding)
        return combine([embedding.vector for embedding in embeddings])

    def _hit(self, match: Match) -> Hit:
        return Hit(image=match.image, score=match.score, url=self.url(match.image.key))

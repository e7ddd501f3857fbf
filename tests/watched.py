"""An indexer in whose every step a test can interfere."""

from collections.abc import Callable
from typing import Any

from imagesearch.indexing import Indexer
from imagesearch.models import ImageRecord, IndexInfo, RejectedImage, document_id
from imagesearch.ports import Embedder, PictureStore, VectorIndex
from tests.builders import ATTRIBUTES, InMemoryEndpoints, InMemoryHouse

KEY = "albums/sea/1.png"


def document_of(
    house: InMemoryHouse, key: str = KEY, *, index: IndexInfo | None = None
) -> ImageRecord | RejectedImage | None:
    """The key's document in an index: the active one, unless told otherwise."""
    return house.index.get((index or house.index.active()).name, document_id(key))


class _Watched:
    """A port that calls `before` with each method's name before it."""

    def __init__(self, port: Any, before: Callable[[str], None]) -> None:
        self._port = port
        self._before = before

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._before(name)
            return method(*args, **kwargs)

        return call


def watched(port: Any, before: Callable[[str], None]) -> Any:
    """A port that calls `before` with each method's name before it."""
    return _Watched(port, before)


def watched_indexer(house: InMemoryHouse, before: Callable[[str], None]) -> Indexer:
    """An indexer that calls `before` at every moment at which others can act, the container's read too."""
    store: PictureStore = watched(house.pictures, before)
    index: VectorIndex = _Watched(house.index, before)
    endpoints = InMemoryEndpoints(house.index.written(), pictures=watched(house.pictures, before))
    embedder: Embedder = _Watched(endpoints, before)
    return Indexer(embedder=embedder, index=index, pictures=store, attributes=ATTRIBUTES)

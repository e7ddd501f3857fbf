"""An indexer in whose every step a test can interfere."""

from collections.abc import Callable
from typing import Any

from imagesearch.adapters.in_memory import InMemoryEmbedder
from imagesearch.indexing import Indexer
from imagesearch.models import ImageRecord, RejectedImage, document_id
from imagesearch.ports import Embedder, PictureStore, VectorIndex
from tests.builders import InMemoryHouse

KEY = "albums/sea/1.png"


def document_of(house: InMemoryHouse, key: str = KEY) -> ImageRecord | RejectedImage | None:
    return house.index.get(house.index.active().name, document_id(key))


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
    store: PictureStore = _Watched(house.pictures, before)
    index: VectorIndex = _Watched(house.index, before)
    fingerprint = house.index.active().fingerprint
    embedder: Embedder = _Watched(
        InMemoryEmbedder(fingerprint=fingerprint, dimension=32, pictures=_Watched(house.pictures, before)),
        before,
    )
    return Indexer(embedder=embedder, index=index, pictures=store)

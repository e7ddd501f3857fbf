"""Values and assembled parts that the tests of `imagesearch` share."""

from dataclasses import dataclass
from datetime import UTC, datetime

from imagesearch.adapters.in_memory import InMemoryEmbedder, InMemoryPictureStore, InMemoryVectorIndex
from imagesearch.index_setup import IndexSetup
from imagesearch.indexing import Indexer
from imagesearch.models import ImageRecord, IndexInfo, RejectedImage
from imagesearch.search import Searcher

FINGERPRINT = "5e" * 32
OTHER_FINGERPRINT = "0f" * 32
DIMENSION = 4
TAKEN = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
PNG, JPEG = b"\x89PNG", b"\xff\xd8"


def an_image(key: str, *, etag: str = "e1", fingerprint: str = FINGERPRINT) -> ImageRecord:
    return ImageRecord(
        key=key,
        etag=etag,
        size=1234,
        last_modified=TAKEN,
        fingerprint=fingerprint,
        width=640,
        height=480,
        content_type="image/jpeg",
        perceptual_hash="00ff00ff00ff00ff",
    )


def a_reject(key: str) -> RejectedImage:
    return RejectedImage(
        key=key,
        etag="e1",
        size=7,
        last_modified=TAKEN,
        fingerprint=FINGERPRINT,
        error_code="picture_corrupt",
        error_message="The picture is cut short.",
    )


def an_index(name: str = "images-5e5e5e5e5e5e-1", *, space: str = "cosinesimil") -> IndexInfo:
    return IndexInfo(name=name, fingerprint=FINGERPRINT, dimension=DIMENSION, space=space)


@dataclass(frozen=True, kw_only=True)
class InMemoryHouse:
    """The whole application on in-memory parts, its index set up."""

    pictures: InMemoryPictureStore
    index: InMemoryVectorIndex
    embedder: InMemoryEmbedder
    indexer: Indexer
    searcher: Searcher


def in_memory_house(*, fingerprint: str = FINGERPRINT, model: str = FINGERPRINT) -> InMemoryHouse:
    """A house whose index is of one model and whose endpoint answers as another, if asked to."""
    pictures, index = InMemoryPictureStore(), InMemoryVectorIndex()
    setup = IndexSetup(administration=index, alias="images", space="cosinesimil", shards=1, replicas=0)
    setup.ensure(fingerprint=fingerprint, dimension=32)
    embedder = InMemoryEmbedder(fingerprint=model, dimension=32, pictures=pictures)
    return InMemoryHouse(
        pictures=pictures,
        index=index,
        embedder=embedder,
        indexer=Indexer(embedder=embedder, index=index, pictures=pictures),
        searcher=Searcher(embedder=embedder, index=index, pictures=pictures, url_ttl_seconds=60),
    )

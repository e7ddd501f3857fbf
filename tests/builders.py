"""Values and assembled parts that the tests of `imagesearch` share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imagesearch.adapters.in_memory import InMemoryEmbedder, InMemoryPictureStore
from imagesearch.adapters.in_memory_index import InMemoryVectorIndex
from imagesearch.index_setup import IndexSetup
from imagesearch.indexing import Indexer
from imagesearch.metadata import Attributes
from imagesearch.models import (
    EmbeddedImage,
    Embedding,
    ImageRecord,
    IndexInfo,
    Metadata,
    Part,
    PictureEmbedding,
    RejectedImage,
    Vector,
)
from imagesearch.queries import Example, Query, TextExample, Wish
from imagesearch.searching.searcher import Searcher

FINGERPRINT = "5e" * 32
OTHER_FINGERPRINT = "0f" * 32
DIMENSION = 4
TAKEN = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
PNG, JPEG = b"\x89PNG", b"\xff\xd8"
ATTRIBUTES: Attributes = {
    "category": "keyword",
    "price": "number",
    "taken": "date",
    "favourite": "boolean",
}
METADATA = Metadata(
    title="Südsee \u2028 100%",
    caption='a "dog"\non a beach',
    tags=("sea", "dog"),
    attributes={"category": "album/1", "price": 12.5, "taken": "2026-03-01", "favourite": False},
)
"""Everything that can be said of a picture."""


def an_image(
    key: str, *, etag: str = "e1", fingerprint: str = FINGERPRINT, caption: str | None = None
) -> ImageRecord:
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
        metadata=Metadata(caption=caption),
    )


def embedded(image: ImageRecord, vector: Vector, caption_vector: Vector | None = None) -> EmbeddedImage:
    return EmbeddedImage(image=image, vector=vector, caption_vector=caption_vector)


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


def a_query(*like: Example | str, **ranking: Any) -> Query:
    """A query for what is like all of these, of which texts stand for themselves."""
    examples = (TextExample(text=each) if isinstance(each, str) else each for each in like)
    return Query(wishes=tuple(Wish(example=example) for example in examples), **ranking)


class InMemoryEndpoints:
    """One endpoint for each model, by its fingerprint."""

    def __init__(self, models: Iterable[IndexInfo], *, pictures: InMemoryPictureStore) -> None:
        self._models = {
            each.fingerprint: InMemoryEmbedder(
                fingerprint=each.fingerprint, dimension=each.dimension, pictures=pictures
            )
            for each in models
        }

    def embed(
        self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
    ) -> tuple[Embedding, ...]:
        return self._models[fingerprint].embed(fingerprint=fingerprint, texts=texts, pictures=pictures)

    def embed_stored(self, *, fingerprint: str, key: str) -> PictureEmbedding:
        return self._models[fingerprint].embed_stored(fingerprint=fingerprint, key=key)


@dataclass(frozen=True)
class CutoffAt:
    """Takes every score from this one on for a good one, whatever is asked."""

    score: float

    def threshold(self, index: IndexInfo, vector: Vector, part: Part) -> float:
        return self.score


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
        indexer=Indexer(embedder=embedder, index=index, pictures=pictures, attributes=ATTRIBUTES),
        searcher=Searcher(
            embedder=embedder,
            index=index,
            pictures=pictures,
            cutoff=CutoffAt(0.75),
            web=None,
            url_ttl_seconds=60,
        ),
    )


def keep_second_index(house: InMemoryHouse) -> IndexInfo:
    """Let the house keep an index of another model beside the active one."""
    second = IndexInfo(
        name="images-0f0f0f0f0f0f-1", fingerprint=OTHER_FINGERPRINT, dimension=16, space="cosinesimil"
    )
    house.index.create(second)
    house.index.write_to([house.index.active().name, second.name])
    return second

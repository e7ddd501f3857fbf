"""From what a query is to be like, and unlike, to one vector."""

import math
from collections.abc import Mapping, Sequence

from imagesearch.errors import (
    ImageUnknownError,
    PictureCorruptError,
    PictureError,
    QueryEmptyError,
    RequestInvalidError,
    SourceNotFoundError,
    UploadUnknownError,
    UrlsDisabledError,
)
from imagesearch.fingerprints import refuse_other_model
from imagesearch.models import Embedding, IndexInfo, RejectedImage, Vector
from imagesearch.ports import Embedder, VectorIndex, WebPictures
from imagesearch.queries import (
    Example,
    IndexedExample,
    LinkedExample,
    PictureExample,
    TextExample,
    UploadExample,
    Wish,
)
from imagesearch.uploads import query_key

_SMALLEST_NORM = 1e-6
"""Below this a sum of unit vectors is rounding noise, and its direction means nothing."""


def combine(vectors: Sequence[Vector], weights: Sequence[float]) -> Vector:
    """Return the normalised weighted sum of unit vectors. Raises RequestInvalidError where nothing is left.

    The weights are taken by their shares of the heaviest, so that only their proportions matter.
    """
    heaviest = max(map(abs, weights))
    total = [0.0] * len(vectors[0])
    for vector, weight in zip(vectors, weights, strict=True):
        share = weight / heaviest
        total = [sum_ + share * number for sum_, number in zip(total, vector, strict=True)]
    norm = math.hypot(*total)
    if norm < _SMALLEST_NORM:
        raise RequestInvalidError(
            "The examples of the query cancel each other out; leave one out, or change a weight."
        )
    return tuple(number / norm for number in total)


class Encoder:
    """Makes queries into vectors, with the model of the index that is searched."""

    def __init__(self, *, embedder: Embedder, index: VectorIndex, web: WebPictures | None) -> None:
        self._embedder = embedder
        self._index = index
        self._web = web

    def vector(self, index: IndexInfo, wishes: Sequence[Wish]) -> Vector:
        """Return the direction of all wishes together; blank texts are no wishes.

        Raises QueryEmptyError where there is nothing to be like, RequestInvalidError where the wishes cancel
        each other out, and what is wrong with an example.
        """
        told = [wish for wish in wishes if not _is_blank(wish.example)]
        if not any(wish.weight > 0 for wish in told):
            raise QueryEmptyError("The query is empty: give a text or a picture that is to be found.")
        vectors = self._vectors(index, [wish.example for wish in told])
        return combine(vectors, [wish.weight for wish in told])

    def _vectors(self, index: IndexInfo, examples: Sequence[Example]) -> list[Vector]:
        """Return the examples' vectors in their order; the model is asked once for all that come by value."""
        texts, pictures, found = dict[int, str](), dict[int, bytes](), dict[int, Vector]()
        indexed = self._indexed(index, [each.id for each in examples if isinstance(each, IndexedExample)])
        for place, example in enumerate(examples):
            match example:
                case TextExample(text=text):
                    texts[place] = text.strip()
                case PictureExample(content=content):
                    pictures[place] = content
                case LinkedExample(url=url):
                    pictures[place] = self._fetched(url)
                case UploadExample(upload=upload):
                    found[place] = self._uploaded(index, upload)
                case IndexedExample(id=id_):
                    found[place] = indexed[id_]
        embedded = self._embedded(index, list(texts.values()), list(pictures.values()))
        found |= dict(zip([*texts, *pictures], embedded, strict=True))
        return [found[place] for place in range(len(examples))]

    def _embedded(self, index: IndexInfo, texts: Sequence[str], pictures: Sequence[bytes]) -> list[Vector]:
        if not texts and not pictures:
            return []
        embeddings = self._embedder.embed(fingerprint=index.fingerprint, texts=texts, pictures=pictures)
        return [_vector_of(index, embedding) for embedding in embeddings]

    def _fetched(self, url: str) -> bytes:
        if self._web is None:
            raise UrlsDisabledError(
                "This API does not fetch pictures from the web; send the picture itself, or upload it."
            )
        return self._web.fetch(url)

    def _uploaded(self, index: IndexInfo, upload: str) -> Vector:
        try:
            embedding = self._embedder.embed_stored(fingerprint=index.fingerprint, key=query_key(upload))
        except SourceNotFoundError as error:
            raise UploadUnknownError(
                f"Nothing was uploaded as {upload}, or it is no longer kept; upload the picture again."
            ) from error
        return _vector_of(index, embedding)

    def _indexed(self, index: IndexInfo, document_ids: Sequence[str]) -> Mapping[str, Vector]:
        """Return the vectors of indexed pictures. Raises ImageUnknownError, or why one has no vector."""
        if not document_ids:
            return {}
        vectors = self._index.vectors(index.name, document_ids)
        for each in document_ids:
            if each not in vectors:
                raise self._vectorless(index, each)
        return vectors

    def _vectorless(self, index: IndexInfo, document_id: str) -> ImageUnknownError | PictureError:
        document = self._index.known(index.name, [document_id]).get(document_id)
        if isinstance(document, RejectedImage):
            kinds = {kind.code: kind for kind in PictureError.__subclasses__()}
            return kinds.get(document.error_code, PictureCorruptError)(document.error_message)
        return ImageUnknownError(f"No picture has the id {document_id}; it may have been deleted.")


def _is_blank(example: Example) -> bool:
    return isinstance(example, TextExample) and not example.text.strip()


def _vector_of(index: IndexInfo, embedding: Embedding) -> Vector:
    refuse_other_model(index, embedding)
    return embedding.vector

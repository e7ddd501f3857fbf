"""What the handler does with a request: fetch, decode, batch by tower, encode."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from clip_inference.answers import Answer, Embedding, PictureFacts, Prediction
from clip_inference.config import ModelConfig, load_config
from clip_inference.decode import decode
from clip_inference.encoder import Encoder, Vectors
from clip_inference.errors import InferenceError, InternalError
from clip_inference.payloads import InlinePicture, Request, StoredPicture, Text
from clip_inference.phash import perceptual_hash
from clip_inference.preprocess import preprocess, stack
from clip_inference.sources import Source, SourceReader, ahead
from clip_inference.tokenizer import TextTokenizer

# Pictures of 224 × 224: 19 MB of input at once. Beyond 16 the time a picture no longer falls.
BATCH = 32

log = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Key = TypeVar("Key")
Value = TypeVar("Value")
PictureItem = InlinePicture | StoredPicture
Outcomes = dict[int, Embedding | InferenceError]


@dataclass(frozen=True)
class PreparedPicture:
    """The image tower's input (3, size, size) of one picture, and the facts that decoding told."""

    tensor: NDArray[np.float32]
    facts: PictureFacts


def attempt(
    step: Callable[Arguments, Value], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Value | InferenceError:
    """The result of a step, or its error: one of the tree, or `internal` for all that nobody foresaw."""
    try:
        return step(*args, **kwargs)
    except InferenceError as error:
        return error
    except Exception:
        log.exception("Unforeseen failure")
        return InternalError()


def batches(pairs: Iterator[tuple[Key, Value]], size: int) -> Iterator[list[tuple[Key, Value]]]:
    """`pairs` in lists of at most `size`, each made only when it is asked for."""
    while batch := list(islice(pairs, size)):
        yield batch


class EmbeddingService:
    """A loaded model."""

    def __init__(
        self, *, config: ModelConfig, encoder: Encoder, tokenizer: TextTokenizer, sources: SourceReader
    ) -> None:
        self._config = config
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._sources = sources

    @classmethod
    def load(cls, model_dir: Path, *, image_bucket: str | None) -> "EmbeddingService":
        """The model in `model_dir`; its towers follow on first use. `ModelError` where it is unusable."""
        config = load_config(model_dir)
        return cls(
            config=config,
            encoder=Encoder(model_dir, config),
            tokenizer=TextTokenizer.load(model_dir / "tokenizer.json", config.text),
            sources=SourceReader(image_bucket),
        )

    def predict(self, request: Request) -> Prediction:
        """An answer for every record, in order. A record's failure is its own and never raised."""
        outcomes: Outcomes = {}
        texts: list[tuple[int, str]] = []
        pictures: list[tuple[int, PictureItem]] = []
        for place, record in enumerate(request.records):
            match record.item:
                case InferenceError() as error:
                    outcomes[place] = error
                case Text(text):
                    texts.append((place, text))
                case item:
                    pictures.append((place, item))
        outcomes |= self._embed_texts(texts) | self._embed_pictures(pictures)
        answers = tuple(Answer(record.label, outcomes[i]) for i, record in enumerate(request.records))
        return Prediction(self._config.fingerprint, self._config.dimension, answers, request.lines)

    def _embed_texts(self, texts: Sequence[tuple[int, str]]) -> Outcomes:
        outcomes: Outcomes = {}
        for batch in batches(iter(texts), BATCH):
            places, values = zip(*batch, strict=True)
            vectors = attempt(self._encode_texts, values)
            outcomes |= _outcomes(places, [None] * len(places), vectors)
        return outcomes

    def _encode_texts(self, texts: Sequence[str]) -> Vectors:
        return self._encoder.encode_texts(self._tokenizer.encode(list(texts)))

    def _embed_pictures(self, pictures: Sequence[tuple[int, PictureItem]]) -> Outcomes:
        outcomes: Outcomes = {}
        for batch in batches(self._prepared(pictures, outcomes), BATCH):
            tensors = stack([prepared.tensor for _, prepared in batch])
            vectors = attempt(self._encoder.encode_images, tensors)
            facts = [prepared.facts for _, prepared in batch]
            outcomes |= _outcomes([place for place, _ in batch], facts, vectors)
        return outcomes

    def _prepared(
        self, pictures: Sequence[tuple[int, PictureItem]], failures: Outcomes
    ) -> Iterator[tuple[int, PreparedPicture]]:
        """The good pictures, one at a time; the errors of the others are put into `failures`."""
        fetched = ahead(self._fetched, (item for _, item in pictures))
        for (place, _), source in zip(pictures, fetched, strict=True):
            prepared = source if isinstance(source, InferenceError) else attempt(self._prepare, source)
            if isinstance(prepared, InferenceError):
                failures[place] = prepared
            else:
                yield place, prepared

    def _fetched(self, item: PictureItem) -> Source | InferenceError:
        return attempt(self._fetch, item)

    def _fetch(self, item: PictureItem) -> Source:
        return self._sources.fetch(item.uri) if isinstance(item, StoredPicture) else Source(item.data)

    def _prepare(self, source: Source) -> PreparedPicture:
        picture = decode(source.data)
        width, height = picture.image.size
        facts = PictureFacts(
            width=width,
            height=height,
            content_type=picture.content_type,
            perceptual_hash=perceptual_hash(picture.image),
            etag=source.etag,
            user_metadata=source.user_metadata,
        )
        return PreparedPicture(preprocess(picture.image, self._config.image), facts)


def _outcomes(
    places: Sequence[int], facts: Sequence[PictureFacts | None], vectors: Vectors | InferenceError
) -> Outcomes:
    if isinstance(vectors, InferenceError):
        return dict.fromkeys(places, vectors)
    return {
        place: Embedding(vector, fact) for place, fact, vector in zip(places, facts, vectors, strict=True)
    }

"""What the handler does with a request: fetch, decode, batch by tower, encode."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np

from clip_inference.answers import Answer, Embedding, PictureFacts, Prediction
from clip_inference.config import ModelConfig, load_config
from clip_inference.decoders import DecoderPool, Patience, decoder_pool
from clip_inference.encoder import Encoder, Vectors
from clip_inference.errors import InferenceError, InternalError
from clip_inference.payloads import EncodedPicture, InlinePicture, Request, StoredPicture, Text
from clip_inference.pipeline import ahead, batches
from clip_inference.preprocess import Levels, normalize_levels
from clip_inference.sources import PARALLEL_FETCHES, Source, SourceReader
from clip_inference.tokenizer import TextTokenizer

# Beyond 16 the time a picture no longer falls; fewer at once are sooner on their way, and take less memory.
BATCH = 16
# Pictures made ready while the tower works on a batch: 150 KB each.
WINDOW = 2 * BATCH

log = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")
PictureItem = InlinePicture | EncodedPicture | StoredPicture
Outcomes = dict[int, Embedding | InferenceError]


@dataclass(frozen=True)
class ReadyPicture:
    """What the image tower sees of a picture, (size, size, 3), and what is told about it."""

    levels: Levels
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


class EmbeddingService:
    """A loaded model."""

    def __init__(
        self,
        *,
        config: ModelConfig,
        encoder: Encoder,
        tokenizer: TextTokenizer,
        sources: SourceReader,
        decoders: DecoderPool,
    ) -> None:
        self._config = config
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._sources = sources
        self._decoders = decoders

    @classmethod
    def load(cls, model_dir: Path, *, image_bucket: str | None) -> "EmbeddingService":
        """The model in `model_dir`; its towers follow on first use. `ModelError` where it is unusable."""
        config, decoders = load_config(model_dir), decoder_pool()
        return cls(
            config=config,
            encoder=Encoder(model_dir, config),
            tokenizer=TextTokenizer.load(model_dir / "tokenizer.json", config.text),
            # A picture is on its way for each that is decoded.
            sources=SourceReader(image_bucket, parallel=max(PARALLEL_FETCHES, 2 * decoders.size)),
            decoders=decoders,
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
        # Those of a batch are padded to its longest: alike ones waste little.
        for batch in batches(iter(sorted(texts, key=lambda each: len(each[1]))), BATCH):
            places, values = zip(*batch, strict=True)
            vectors = attempt(self._encode_texts, values)
            outcomes |= _outcomes(places, [None] * len(places), vectors)
        return outcomes

    def _encode_texts(self, texts: Sequence[str]) -> Vectors:
        return self._encoder.encode_texts(self._tokenizer.encode(list(texts)))

    def _embed_pictures(self, pictures: Sequence[tuple[int, PictureItem]]) -> Outcomes:
        if not pictures:
            return {}
        outcomes: Outcomes = {}
        with ThreadPoolExecutor(self._sources.parallel) as threads:
            # Where it fails, so does the first batch, which says so.
            threads.submit(self._encoder.open_image_tower)
            for batch in batches(self._ready(pictures, outcomes, threads), BATCH):
                vectors = attempt(self._encode_pictures, [ready.levels for _, ready in batch])
                facts = [ready.facts for _, ready in batch]
                outcomes |= _outcomes([place for place, _ in batch], facts, vectors)
        return outcomes

    def _encode_pictures(self, levels: Sequence[Levels]) -> Vectors:
        return self._encoder.encode_images(normalize_levels(np.stack(levels), self._config.image))

    def _ready(
        self, pictures: Sequence[tuple[int, PictureItem]], failures: Outcomes, threads: Executor
    ) -> Iterator[tuple[int, ReadyPicture]]:
        """The good pictures, in order; the errors of the others are put into `failures`."""
        prepared = partial(self._prepared, self._decoders.patience())
        outcomes = ahead(threads, prepared, (item for _, item in pictures), window=WINDOW)
        for (place, _), outcome in zip(pictures, outcomes, strict=True):
            if isinstance(outcome, InferenceError):
                failures[place] = outcome
            else:
                yield place, outcome

    def _prepared(self, patience: Patience, item: PictureItem) -> ReadyPicture | InferenceError:
        return attempt(self._prepare, patience, item)

    def _prepare(self, patience: Patience, item: PictureItem) -> ReadyPicture:
        source = self._source(item)
        prepared = self._decoders.prepare(source.data, self._config.image, patience)
        facts = PictureFacts(
            width=prepared.width,
            height=prepared.height,
            content_type=prepared.content_type,
            perceptual_hash=prepared.perceptual_hash,
            etag=source.etag,
            user_metadata=source.user_metadata,
        )
        return ReadyPicture(prepared.levels, facts)

    def _source(self, item: PictureItem) -> Source:
        match item:
            case StoredPicture(uri):
                return self._sources.fetch(uri)
            case EncodedPicture():
                return Source(item.data())
            case InlinePicture(data):
                return Source(data)


def _outcomes(
    places: Sequence[int], facts: Sequence[PictureFacts | None], vectors: Vectors | InferenceError
) -> Outcomes:
    if isinstance(vectors, InferenceError):
        return dict.fromkeys(places, vectors)
    return {
        place: Embedding(vector, fact) for place, fact, vector in zip(places, facts, vectors, strict=True)
    }

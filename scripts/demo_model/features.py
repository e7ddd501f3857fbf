"""The frozen halves of both towers, run over pictures and texts; pictures' features are kept on disk."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from tokenizers import Tokenizer

from clip_inference.config import ImageSettings, TextSettings
from clip_inference.decode import decode
from clip_inference.preprocess import preprocess
from clip_inference.tokenizer import TextTokenizer
from scripts.artifact.catalogue import DEMO, BuiltSource
from scripts.demo_model import minilm
from scripts.demo_model.contrastive import Array
from scripts.demo_model.graph import Graph
from scripts.demo_model.towers import picture_features, text_features

BATCH = 16

T = TypeVar("T")


@dataclass(frozen=True)
class PictureFeatures:
    """What the frozen picture tower sees in n pictures."""

    pooled: Array  # (n, 1280), not normalised
    probabilities: Array  # (n, 1000), square roots


def _settings() -> tuple[ImageSettings, TextSettings]:
    """The preprocessing that the catalogue gives the finished model, so training sees what searching will."""
    source = DEMO.source
    assert isinstance(source, BuiltSource)
    return source.image, source.text


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def _bytes(graph: Graph) -> bytes:
    return cast(bytes, graph.model().SerializeToString(deterministic=True))


class Extractor:
    """Computes features; `cache` is a folder for those of pictures, keyed by tower, settings and pictures."""

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache
        package = minilm.load_package()
        self._image_settings, text_settings = _settings()
        tokenizer = Tokenizer.from_str(minilm.plain_tokenizer(package.tokenizer))
        self._tokenizer = TextTokenizer(tokenizer, text_settings)
        self._text = _session(_bytes(text_features(package.weights)))
        self._image_graph = _bytes(picture_features())
        self._image = _session(self._image_graph)

    def texts(self, texts: Sequence[str]) -> Array:
        """Sentence vectors (n, 384), normalised."""
        return np.concatenate([self._text_batch(list(batch)) for batch in _batches(texts)])

    def _text_batch(self, texts: list[str]) -> Array:
        tokens = self._tokenizer.encode(texts)
        inputs = {"input_ids": tokens.ids, "attention_mask": tokens.mask}
        return cast(Array, self._text.run(None, inputs)[0])

    def pictures(self, files: Sequence[Path]) -> PictureFeatures:
        """Features of picture files, in their order; from the cache where they were computed before."""
        if self._cache is None:
            return self._computed(files)
        path = self._cache / f"{self._key(files)}.npz"
        if not path.exists():
            features = self._computed(files)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, pooled=features.pooled, probabilities=features.probabilities)
        with np.load(path) as stored:
            return PictureFeatures(stored["pooled"], stored["probabilities"])

    def _computed(self, files: Sequence[Path]) -> PictureFeatures:
        pooled, probabilities = zip(*map(self._picture_batch, _batches(files)), strict=True)
        return PictureFeatures(np.concatenate(pooled), np.concatenate(probabilities))

    def _picture_batch(self, files: Sequence[Path]) -> tuple[Array, Array]:
        tensors = [preprocess(decode(file.read_bytes()), self._image_settings) for file in files]
        pooled, probabilities = self._image.run(None, {self._image_settings.input: np.stack(tensors)})
        return cast(Array, pooled), cast(Array, probabilities)

    def _key(self, files: Sequence[Path]) -> str:
        parts = [
            self._image_graph,
            repr(self._image_settings).encode(),
            *(file.read_bytes() for file in files),
        ]
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))

"""The two towers, on the runtime that the model was packaged for."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clip_inference.config import ModelConfig
from clip_inference.errors import ModelError
from clip_inference.runtimes import Feeds, Run, open_tower, tower_files
from clip_inference.tokenizer import Tokens

Vectors = NDArray[np.float32]


def normalize(vectors: Vectors) -> Vectors:
    """`vectors` (n, dimension), each scaled to length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise ModelError("a tower gave a vector without a direction")
    normalized: Vectors = (vectors / lengths).astype(np.float32)
    return normalized


class Tower:
    """One tower, loaded on first use: a server that only answers texts never loads the image tower."""

    def __init__(self, name: str, dimension: int, open_tower: Callable[[], Run]) -> None:
        self._name = name
        self._dimension = dimension
        self._open = open_tower
        self._run: Run | None = None
        self._loading = threading.Lock()

    def run(self, feeds: Feeds) -> Vectors:
        """The normalized vectors (n, dimension) of the n items in `feeds`."""
        count = len(next(iter(feeds.values())))
        vectors = self.open()(feeds)
        if vectors.shape != (count, self._dimension):
            raise ModelError(
                f"the {self._name} tower gave {vectors.shape}, not {count} vectors of {self._dimension}"
            )
        return normalize(vectors)

    def open(self) -> Run:
        """What runs the tower, loaded now if it was not before."""
        with self._loading:
            if self._run is None:
                self._run = self._open()
            return self._run


class Encoder:
    """Tensors and tokens to vectors of one space."""

    def __init__(self, model_dir: Path, config: ModelConfig) -> None:
        self._config = config
        self._image = _tower("image", model_dir, config)
        self._text = _tower("text", model_dir, config)

    def open_image_tower(self) -> None:
        """Load the image tower, so that the first picture need not wait for it."""
        self._image.open()

    def encode_images(self, tensors: NDArray[np.float32]) -> Vectors:
        """Vectors (n, dimension) of preprocessed pictures (n, 3, size, size)."""
        return self._image.run({self._config.image.input: tensors})

    def encode_texts(self, tokens: Tokens) -> Vectors:
        """Vectors (n, dimension) of tokenized texts (n, length)."""
        text = self._config.text
        feeds: Feeds = {text.ids_input: tokens.ids}
        if text.mask_input is not None:
            feeds[text.mask_input] = tokens.mask
        return self._text.run(feeds)


def _tower(name: str, model_dir: Path, config: ModelConfig) -> Tower:
    """A tower that is there but not loaded; `ModelError` where one of its files is missing."""
    paths = [model_dir / file for file in tower_files(name, config.runtime)]
    for path in paths:
        if not path.is_file():
            raise ModelError(f"{path.name} is missing")
    opened = partial(open_tower, paths[0], runtime=config.runtime, precision=config.precision)
    return Tower(name, config.dimension, opened)

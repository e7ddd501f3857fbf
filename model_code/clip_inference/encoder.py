"""The two towers on ONNX Runtime."""

import os
import threading
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray

from clip_inference.config import ModelConfig
from clip_inference.errors import ModelError
from clip_inference.tokenizer import Tokens

Vectors = NDArray[np.float32]


def normalize(vectors: Vectors) -> Vectors:
    """`vectors` (n, dimension), each scaled to length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise ModelError("a tower gave a vector without a direction")
    normalized: Vectors = (vectors / lengths).astype(np.float32)
    return normalized


def available_cores() -> int:
    """How many processors this process may use: the one worker of the model server takes them all."""
    return len(os.sched_getaffinity(0))


class Tower:
    """One ONNX model, loaded on first use: a server that only answers texts never loads the image tower."""

    def __init__(self, path: Path, dimension: int) -> None:
        self._path = path
        self._dimension = dimension
        self._session: onnxruntime.InferenceSession | None = None
        self._loading = threading.Lock()

    def run(self, feeds: dict[str, NDArray[np.generic]]) -> Vectors:
        """The normalized vectors (n, dimension) of the n items in `feeds`."""
        count = len(next(iter(feeds.values())))
        vectors = np.asarray(self.open().run(None, feeds)[0], np.float32)
        if vectors.shape != (count, self._dimension):
            raise ModelError(
                f"{self._path.name} gave {vectors.shape}, not {count} vectors of {self._dimension}"
            )
        return normalize(vectors)

    def open(self) -> onnxruntime.InferenceSession:
        """The session on the model, loaded now if it was not before."""
        with self._loading:
            if self._session is None:
                self._session = _open_session(self._path)
            return self._session


def _open_session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cores()
    options.inter_op_num_threads = 1
    # Else the runtime's threads wait busily after each run, and take the processors from decoding the next
    # picture: measured on 2 cores, twice the processor time a picture.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Encoder:
    """Tensors and tokens to vectors of one space."""

    def __init__(self, model_dir: Path, config: ModelConfig) -> None:
        for name in ("image.onnx", "text.onnx"):
            if not (model_dir / name).is_file():
                raise ModelError(f"{name} is missing")
        self._config = config
        self._image = Tower(model_dir / "image.onnx", config.dimension)
        self._text = Tower(model_dir / "text.onnx", config.dimension)

    def open_image_tower(self) -> None:
        """Load the image tower, so that the first picture need not wait for it."""
        self._image.open()

    def encode_images(self, tensors: NDArray[np.float32]) -> Vectors:
        """Vectors (n, dimension) of preprocessed pictures (n, 3, size, size)."""
        return self._image.run({self._config.image.input: tensors})

    def encode_texts(self, tokens: Tokens) -> Vectors:
        """Vectors (n, dimension) of tokenized texts (n, length)."""
        text = self._config.text
        feeds: dict[str, NDArray[np.generic]] = {text.ids_input: tokens.ids}
        if text.mask_input is not None:
            feeds[text.mask_input] = tokens.mask
        return self._text.run(feeds)

"""The heads, CLIP's symmetric contrastive loss with its gradients written out, and AdamW: numpy alone."""

from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Heads:
    """Two linear heads; also the shape of their gradients.

    A picture's vector is (roots of its class probabilities) @ labels + (its normalised features) @ features
    + picture_bias; a text's is (its normalised sentence vector) @ text + text_bias. d is their dimension.
    """

    labels: Array  # (1000, d)
    features: Array  # (1280, d)
    picture_bias: Array  # (d,)
    text: Array  # (384, d)
    text_bias: Array  # (d,)

    @property
    def dimension(self) -> int:
        """d, the length of the vectors."""
        return len(self.picture_bias)

    def arrays(self) -> dict[str, Array]:
        """Name → array of every part."""
        return {field.name: cast(Array, getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True)
class Batch:
    """Pairs: row i of `texts` describes the picture of row i; any two rows show different things."""

    probabilities: Array  # (n, 1000), square roots
    features: Array  # (n, 1280), normalised
    texts: Array  # (n, 384), normalised


def normalise(vectors: NDArray[Any]) -> NDArray[Any]:
    """Rows of unit length (rows of zeros stay)."""
    unit: NDArray[Any] = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return unit


def embed_pictures(heads: Heads, probabilities: Array, features: Array) -> Array:
    """Picture vectors (n, d), not normalised."""
    return probabilities @ heads.labels + features @ heads.features + heads.picture_bias


def embed_texts(heads: Heads, texts: Array) -> Array:
    """Text vectors (n, d), not normalised."""
    return texts @ heads.text + heads.text_bias


def _cross_entropy(logits: Array) -> tuple[float, Array]:
    """Mean cross entropy where row i should choose column i, and its gradient."""
    shifted = logits - logits.max(1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    size = len(logits)
    loss = -float(np.trace(log_probabilities)) / size
    return loss, (np.exp(log_probabilities) - np.eye(size, dtype=logits.dtype)) / size


def _through_normalisation(gradient: Array, vectors: Array) -> Array:
    """Gradient with respect to `vectors`, given the one with respect to their unit vectors."""
    unit = normalise(vectors)
    tangent = gradient - unit * (unit * gradient).sum(1, keepdims=True)
    return cast(Array, tangent / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def loss_and_gradients(heads: Heads, batch: Batch, temperature: float) -> tuple[float, Heads]:
    """CLIP's loss (Radford et al. 2021, figure 3) on one batch, and its gradient by the heads."""
    pictures = embed_pictures(heads, batch.probabilities, batch.features)
    texts = embed_texts(heads, batch.texts)
    unit_pictures, unit_texts = normalise(pictures), normalise(texts)
    logits = unit_pictures @ unit_texts.T / temperature
    picture_loss, picture_gradient = _cross_entropy(logits)
    text_loss, text_gradient = _cross_entropy(logits.T)
    inner = (picture_gradient + text_gradient.T) / (2 * temperature)
    to_pictures = _through_normalisation(inner @ unit_texts, pictures)
    to_texts = _through_normalisation(inner.T @ unit_pictures, texts)
    gradients = Heads(
        labels=batch.probabilities.T @ to_pictures,
        features=batch.features.T @ to_pictures,
        picture_bias=to_pictures.sum(0),
        text=batch.texts.T @ to_texts,
        text_bias=to_texts.sum(0),
    )
    return (picture_loss + text_loss) / 2, gradients


class AdamW:
    """AdamW (Loshchilov & Hutter 2019) whose decay pulls towards the start instead of zero.

    The start is the training-free solution, so what little data there is must earn every step away from it.
    """

    BETAS = (0.9, 0.99)
    EPSILON = 1e-8

    def __init__(self, start: Heads, *, rate: float, decay: float) -> None:
        self._start, self._rate, self._decay = start.arrays(), rate, decay
        self._mean = {name: np.zeros_like(array) for name, array in self._start.items()}
        self._square = {name: np.zeros_like(array) for name, array in self._start.items()}
        self._steps = 0

    def step(self, heads: Heads, gradients: Heads) -> Heads:
        """The heads after one step."""
        self._steps += 1
        moved = {
            name: self._moved(name, array, gradients.arrays()[name]) for name, array in heads.arrays().items()
        }
        return Heads(**moved)

    def _moved(self, name: str, value: Array, gradient: Array) -> Array:
        first, second = self.BETAS
        self._mean[name] = first * self._mean[name] + (1 - first) * gradient
        self._square[name] = second * self._square[name] + (1 - second) * gradient**2
        mean = self._mean[name] / (1 - first**self._steps)
        root = np.sqrt(self._square[name] / (1 - second**self._steps)) + self.EPSILON
        pull = self._decay * (value - self._start[name])
        return cast(Array, value - self._rate * (mean / root + pull))

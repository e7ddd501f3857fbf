"""From pairs to heads: the training-free start, then contrastive steps, averaged over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from scripts.demo_model import contrastive
from scripts.demo_model.contrastive import AdamW, Array, Batch, Heads, normalise
from scripts.demo_model.dataset import Pair
from scripts.demo_model.features import Extractor
from scripts.demo_model.training_free import class_names


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Hyperparameters, chosen by cross-validation inside the training half (PROVENANCE.md)."""

    steps: int = 200
    rate: float = 3e-4
    decay: float = 0.1
    temperature: float = 0.1
    emoji_weight: float = 1.0
    emoji_batch: int = 128
    seeds: tuple[int, ...] = (0, 1, 2)
    kept: float = 0.5


@dataclass(frozen=True)
class Captioned:
    """Features of p pictures and of the t texts that describe them."""

    probabilities: Array  # (p, 1000), square roots
    features: Array  # (p, 1280), normalised
    texts: Array  # (t, 384), normalised
    owners: NDArray[np.int64]  # (t,), ascending: the picture that each text describes

    def subset(self, pictures: Sequence[int]) -> "Captioned":
        """The given pictures with their texts, numbered anew in the given order."""
        chosen = [np.flatnonzero(self.owners == picture) for picture in pictures]
        owners = np.repeat(np.arange(len(chosen)), [len(texts) for texts in chosen])
        rows = np.concatenate(chosen)
        picked = list(pictures)
        return Captioned(self.probabilities[picked], self.features[picked], self.texts[rows], owners)

    def batch(self, generator: np.random.Generator, size: int) -> Batch:
        """At most `size` different pictures, each with one of its texts, drawn anew at every call."""
        count = len(self.features)
        pictures = generator.permutation(count)[:size]
        first = np.searchsorted(self.owners, pictures)
        texts = generator.integers(first, np.searchsorted(self.owners, pictures, side="right"))
        return Batch(self.probabilities[pictures], self.features[pictures], self.texts[texts])


def captioned(extractor: Extractor, pairs: Sequence[Pair]) -> Captioned:
    """The features of pairs, in their order."""
    seen = extractor.pictures([pair.picture for pair in pairs])
    owners = np.repeat(np.arange(len(pairs)), [len(pair.texts) for pair in pairs])
    texts = extractor.texts([text for pair in pairs for text in pair.texts])
    return Captioned(seen.probabilities, cast(Array, normalise(seen.pooled)), texts, owners)


def label_vectors(extractor: Extractor) -> Array:
    """Sentence vectors (1000, 384) of "a photo of a <class>", their mean taken off."""
    vectors = extractor.texts([f"a photo of a {name}" for name in class_names()])
    return cast(Array, vectors - vectors.mean(axis=0))


def start(labels: Array, photographs: Captioned) -> Heads:
    """The heads before the first step: class probabilities times label vectors, and texts as they are.

    Both are moved so that their means over the photographs are zero: what all pictures and what all captions
    have in common says nothing about which belong together.
    """
    named = photographs.probabilities @ labels
    return Heads(
        labels=labels,
        features=np.zeros((photographs.features.shape[1], labels.shape[1]), np.float32),
        picture_bias=-named.mean(axis=0),
        text=np.eye(labels.shape[1], dtype=np.float32),
        text_bias=-photographs.texts.mean(axis=0),
    )


def train(labels: Array, photographs: Captioned, emoji: Sequence[Captioned], settings: Settings) -> Heads:
    """Heads trained on the photographs and on emoji, one batch of each a step; the mean over all seeds.

    Of the way from the start to that mean only the share `kept` is gone: weights between the two carry over
    to new photographs better than either end (WiSE-FT, Wortsman et al. 2022).
    """
    runs = [_run(labels, photographs, emoji, settings, seed).arrays() for seed in settings.seeds]
    return Heads(
        **{
            name: cast(
                Array, origin + settings.kept * (np.mean([run[name] for run in runs], axis=0) - origin)
            )
            for name, origin in start(labels, photographs).arrays().items()
        }
    )


def _run(
    labels: Array, photographs: Captioned, emoji: Sequence[Captioned], settings: Settings, seed: int
) -> Heads:
    generator = np.random.default_rng(seed)
    heads = start(labels, photographs)
    optimizer = AdamW(heads, rate=settings.rate, decay=settings.decay)
    for _ in range(settings.steps):
        gradients = _gradients(heads, photographs.batch(generator, len(photographs.features)), settings)
        if emoji:
            drawn = emoji[int(generator.integers(len(emoji)))].batch(generator, settings.emoji_batch)
            gradients = _sum(gradients, _gradients(heads, drawn, settings), settings.emoji_weight)
        heads = optimizer.step(heads, gradients)
    return heads


def _gradients(heads: Heads, batch: Batch, settings: Settings) -> Heads:
    return contrastive.loss_and_gradients(heads, batch, settings.temperature)[1]


def _sum(first: Heads, second: Heads, weight: float) -> Heads:
    addends = second.arrays()
    return Heads(**{name: array + weight * addends[name] for name, array in first.arrays().items()})

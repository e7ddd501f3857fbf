"""Loss, gradients, optimizer and training of the demo model's heads, on small computed data."""

import dataclasses

import numpy as np
import pytest

from scripts.demo_model.contrastive import (
    AdamW,
    Array,
    Batch,
    Heads,
    embed_pictures,
    embed_texts,
    loss_and_gradients,
)
from scripts.demo_model.evaluate import caption_ranks, recall
from scripts.demo_model.training import Captioned, Settings, start, train

TEMPERATURE = 0.1


def _random(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def _heads() -> Heads:
    return Heads(
        labels=_random(1, 7, 4),
        features=_random(2, 5, 4),
        picture_bias=_random(3, 4),
        text=_random(4, 6, 4),
        text_bias=_random(5, 4),
    )


def _batch() -> Batch:
    return Batch(np.abs(_random(6, 3, 7)), _random(7, 3, 5), _random(8, 3, 6))


@pytest.mark.parametrize("name", ["labels", "features", "picture_bias", "text", "text_bias"])
def test_gradients_agree_with_finite_differences(name: str) -> None:
    heads, batch, step = _heads(), _batch(), 1e-6
    gradient = loss_and_gradients(heads, batch, TEMPERATURE)[1].arrays()[name]
    for place in np.ndindex(gradient.shape):
        losses = []
        for sign in (1, -1):
            moved = heads.arrays()[name].copy()
            moved[place] += sign * step
            losses.append(
                loss_and_gradients(dataclasses.replace(heads, **{name: moved}), batch, TEMPERATURE)[0]
            )
        assert gradient[place] == pytest.approx((losses[0] - losses[1]) / (2 * step), abs=1e-6)


def test_loss_of_indistinguishable_pairs_is_that_of_guessing() -> None:
    batch = Batch(np.ones((4, 7)), np.ones((4, 5)), np.ones((4, 6)))
    assert loss_and_gradients(_heads(), batch, TEMPERATURE)[0] == pytest.approx(np.log(4))


def test_decay_pulls_towards_the_start_and_not_towards_zero() -> None:
    origin = _heads()
    nothing = Heads(**{name: np.zeros_like(array) for name, array in origin.arrays().items()})
    moved = dataclasses.replace(origin, labels=origin.labels + 1)
    stepped = AdamW(origin, rate=0.1, decay=1).step(moved, nothing)
    np.testing.assert_allclose(stepped.labels, origin.labels + 0.9)
    np.testing.assert_allclose(stepped.text, origin.text)


def _captioned(pictures: int) -> Captioned:
    """Pictures whose two captions each are a turned, noisy copy of their features."""
    features = _random(10, pictures, 5)
    owners = np.repeat(np.arange(pictures), 2)
    texts = features[owners] @ _random(11, 5, 6) + 0.01 * _random(12, 2 * pictures, 6)
    return Captioned(np.abs(_random(13, pictures, 7)), features, texts, owners)


def _recall(heads: Heads, pairs: Captioned) -> float:
    pictures = embed_pictures(heads, pairs.probabilities, pairs.features)
    return recall(caption_ranks(embed_texts(heads, pairs.texts), pictures, pairs.owners.tolist()), 1)


def test_training_learns_which_text_belongs_to_which_picture() -> None:
    pairs, labels = _captioned(12), _random(14, 7, 6)
    settings = Settings(steps=300, rate=0.02, seeds=(0,), kept=1)
    assert _recall(start(labels, pairs), pairs) < 0.5
    assert _recall(train(labels, pairs, [pairs], settings), pairs) > 0.9


def test_trained_heads_keep_half_of_the_way_from_the_start() -> None:
    pairs, labels = _captioned(12), _random(14, 7, 6)
    whole, half = (train(labels, pairs, [pairs], Settings(steps=5, kept=kept)) for kept in (1, 0.5))
    for name, origin in start(labels, pairs).arrays().items():
        np.testing.assert_allclose(half.arrays()[name], (origin + whole.arrays()[name]) / 2)


def test_training_gives_the_same_heads_every_time() -> None:
    pairs, labels = _captioned(12), _random(14, 7, 6)
    first, second = (train(labels, pairs, [pairs], Settings(steps=5)) for _ in range(2))
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[name])


def test_start_has_mean_zero_over_the_photographs() -> None:
    pairs = _captioned(12)
    heads = start(_random(14, 7, 6), pairs)
    pictures = embed_pictures(heads, pairs.probabilities, pairs.features)
    np.testing.assert_allclose(pictures.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(embed_texts(heads, pairs.texts).mean(axis=0), 0, atol=1e-6)


def test_a_batch_shows_each_picture_once_with_a_text_of_its_own() -> None:
    pairs = _captioned(12)
    batch = pairs.batch(np.random.default_rng(0), 8)
    pictures = [np.flatnonzero((pairs.features == row).all(axis=1)).item() for row in batch.features]
    texts = [np.flatnonzero((pairs.texts == row).all(axis=1)).item() for row in batch.texts]
    assert len(set(pictures)) == 8
    assert pairs.owners[texts].tolist() == pictures


def test_a_subset_keeps_pictures_and_their_texts_together() -> None:
    pairs = _captioned(12)
    part = pairs.subset([7, 2])
    np.testing.assert_array_equal(part.features, pairs.features[[7, 2]])
    np.testing.assert_array_equal(part.texts, pairs.texts[[14, 15, 4, 5]])
    assert part.owners.tolist() == [0, 0, 1, 1]

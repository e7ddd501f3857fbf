"""Heads with shorter vectors: what they keep of the longer ones."""

import numpy as np
import pytest

from scripts.demo_model.contrastive import Array, Heads, embed_pictures, embed_texts, normalise
from scripts.demo_model.heads_file import load_heads
from scripts.demo_model.reduction import reduced


@pytest.fixture(scope="module")
def heads() -> Heads:
    return load_heads()


def _pictures(heads: Heads) -> Array:
    generator = np.random.default_rng(0)
    roots = np.sqrt(generator.dirichlet(np.full(1000, 0.01), 60))
    return embed_pictures(heads, roots, normalise(np.abs(generator.standard_normal((60, 1280)))))


def _texts(heads: Heads) -> Array:
    return embed_texts(heads, normalise(np.random.default_rng(1).standard_normal((40, 384))))


def test_every_head_gets_the_length_asked_for(heads: Heads) -> None:
    shorter = reduced(heads, 256)
    assert shorter.dimension == 256
    assert {array.shape[-1] for array in shorter.arrays().values()} == {256}


def test_what_is_not_shortened_stays_as_it_is(heads: Heads) -> None:
    assert reduced(heads, heads.dimension) is heads


def test_shorter_vectors_keep_what_the_pictures_look_like(heads: Heads) -> None:
    shorter = reduced(heads, 256)
    full, short = normalise(_pictures(heads)), normalise(_pictures(shorter))
    assert np.corrcoef((full @ full.T).ravel(), (short @ short.T).ravel())[0, 1] >= 0.99


def test_no_vector_grows_by_leaving_out_directions(heads: Heads) -> None:
    shorter = reduced(heads, 256)
    for embed in (_pictures, _texts):
        lengths = np.linalg.norm(embed(shorter), axis=1), np.linalg.norm(embed(heads), axis=1)
        assert (lengths[0] <= lengths[1] * 1.001).all()


def test_shorter_vectors_are_the_first_numbers_of_less_short_ones(heads: Heads) -> None:
    for name, array in reduced(heads, 256).arrays().items():
        np.testing.assert_array_equal(reduced(heads, 128).arrays()[name], array[..., :128])


def test_noise_in_the_last_digits_does_not_change_a_byte(heads: Heads) -> None:
    """Noise such as another processor's way of rounding leaves."""
    noise = np.random.default_rng(0).standard_normal(heads.features.shape)
    noisy = heads.features.astype(np.float64) * (1 + 1e-14 * noise)
    other = Heads(**{**heads.arrays(), "features": noisy})
    assert reduced(other, 256).text.tobytes() == reduced(heads, 256).text.tobytes()


@pytest.mark.parametrize("dimension", [0, -1, 385])
def test_no_vectors_and_longer_vectors_are_refused(heads: Heads, dimension: int) -> None:
    with pytest.raises(ValueError, match=f"to {dimension}"):
        reduced(heads, dimension)

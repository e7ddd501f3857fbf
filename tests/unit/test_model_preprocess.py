"""Preprocessing gives the tensors of the reference implementations (tests/fixtures/canonical/generate.py)."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from clip_inference.config import ImageSettings, Interpolation, Resize
from clip_inference.decode import decode
from clip_inference.preprocess import needed_length, normalize_levels, preprocess, resize
from tests.pictures import encoded, scene, whole

CANONICAL = Path(__file__).parents[1] / "fixtures" / "canonical"
STEP = 7
PICTURES = ["landscape", "portrait", "small", "panorama"]
OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

Triple = tuple[float, float, float]


def recipe(
    size: int, resize: Resize, interpolation: Interpolation, norm: tuple[Triple, Triple]
) -> ImageSettings:
    mean, std = norm
    return ImageSettings(
        size=size, mean=mean, std=std, resize=resize, interpolation=interpolation, input="pixels"
    )


RECIPES = {
    "clip": recipe(224, "shortest", "bicubic", OPENAI),
    "siglip": recipe(224, "squash", "bicubic", HALF),
    "siglip2": recipe(256, "squash", "bilinear", HALF),
}


def ours_and_reference(
    reference: str, name: str, picture: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    tensor = preprocess(whole(Image.open(CANONICAL / f"{picture}.png").convert("RGB")), RECIPES[name])
    with np.load(CANONICAL / "tensors.npz") as tensors:
        return tensor[:, ::STEP, ::STEP], tensors[f"{reference}/{name}/{picture}"]


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("name", ["siglip", "siglip2"])
def test_squashed_tensor_equals_that_of_open_clip(name: str, picture: str) -> None:
    ours, reference = ours_and_reference("open_clip", name, picture)
    np.testing.assert_allclose(ours, reference, atol=5e-7)


@pytest.mark.parametrize("picture", PICTURES)
def test_squashed_tensor_equals_that_of_transformers(picture: str) -> None:
    ours, reference = ours_and_reference("transformers", "siglip", picture)
    np.testing.assert_allclose(ours, reference, atol=5e-7)


@pytest.mark.parametrize("picture", PICTURES)
def test_cropped_tensor_equals_that_of_open_clip(picture: str) -> None:
    ours, reference = ours_and_reference("open_clip", "clip", picture)
    # Resizing the seen part alone rounds a few pixels to the next grey level, 1 / (255 × 0.26) = 0.0151.
    np.testing.assert_allclose(ours, reference, atol=0.0152)
    assert (np.abs(ours - reference) > 5e-7).mean() < 0.005


@pytest.mark.parametrize("picture", ["portrait", "small", "panorama"])
def test_cropped_tensor_equals_that_of_transformers(picture: str) -> None:
    """On pictures where both references crop at the same pixel: at odd margins transformers rounds down."""
    ours, reference = ours_and_reference("transformers", "clip", picture)
    np.testing.assert_allclose(ours, reference, atol=0.0152)


def test_tensor_has_channels_first_and_is_float32() -> None:
    settings = RECIPES["clip"]
    levels = [resize(whole(scene((50, 40), seed=seed)), settings) for seed in range(2)]
    batch = normalize_levels(np.stack(levels), settings)
    assert batch.shape == (2, 3, 224, 224)
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch[1], preprocess(whole(scene((50, 40), seed=1)), settings))


def test_levels_are_normalized_by_mean_and_deviation() -> None:
    tensor = preprocess(whole(Image.new("RGB", (10, 10), (255, 0, 51))), RECIPES["clip"])
    mean, std = OPENAI
    expected = [(level - m) / s for level, m, s in zip((1, 0, 0.2), mean, std, strict=True)]
    np.testing.assert_allclose(tensor[:, 100, 100], expected, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (60_000, 1), (1, 60_000), (224, 224), (225, 224)])
def test_any_shape_of_picture_gives_one_tensor(size: tuple[int, int]) -> None:
    for settings in RECIPES.values():
        tensor = preprocess(whole(Image.new("RGB", size, "white")), settings)
        assert tensor.shape == (3, settings.size, settings.size)
        assert np.isfinite(tensor).all()


def test_centre_is_kept_and_the_sides_are_cut() -> None:
    picture = Image.new("RGB", (300, 100), "black")
    picture.paste("white", (100, 0, 200, 100))
    tensor = preprocess(whole(picture), RECIPES["clip"])
    assert (tensor[:, :, 4:-4] > 1).all()


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [(3701, 3099), (3099, 3701)])
def test_picture_made_smaller_while_decoded_looks_the_same_to_the_tower(
    name: str, kind: str, size: tuple[int, int]
) -> None:
    options = {"compress_level": 1} if kind == "PNG" else {"quality": 90}
    data, settings = encoded(scene(size, seed=7), kind, **options), RECIPES[name]
    full, smaller = decode(data), decode(data, needed=needed_length(settings))
    difference = np.abs(resize(full, settings).astype(np.int16) - resize(smaller, settings))
    assert smaller.scale == {"JPEG": 4, "PNG": 2}[kind]
    assert difference.mean() < 0.5
    assert np.percentile(difference, 99) <= 6

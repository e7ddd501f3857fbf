"""Towers run on ONNX Runtime, lazily, and their vectors have length one and the promised dimension."""

import json
from pathlib import Path

import numpy as np
import pytest

from clip_inference.config import load_config
from clip_inference.encoder import Encoder, normalize
from clip_inference.errors import ModelError
from clip_inference.preprocess import preprocess
from clip_inference.tokenizer import TextTokenizer
from tests.pictures import scene, whole
from tests.tiny_model import write_tiny_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path)


def encoder(folder: Path) -> Encoder:
    return Encoder(folder, load_config(folder))


@pytest.mark.parametrize("count", [1, 2, 32])
def test_vector_of_a_picture_is_the_same_alone_and_in_a_batch(folder: Path, count: int) -> None:
    settings = load_config(folder).image
    tensors = np.stack([preprocess(whole(scene(seed=seed)), settings) for seed in range(count)])
    together = encoder(folder).encode_images(tensors)
    alone = np.concatenate(
        [encoder(folder).encode_images(tensors[place : place + 1]) for place in range(count)]
    )
    assert (np.sum(together * alone, axis=1) >= 0.9999).all()


@pytest.mark.parametrize("padding", ["fixed", "longest"])
def test_vector_of_a_text_is_the_same_alone_and_beside_a_longer_one(tmp_path: Path, padding: str) -> None:
    folder = write_tiny_model(tmp_path, padding=padding)
    tokenizer = TextTokenizer.load(folder / "tokenizer.json", load_config(folder).text)
    texts = ["a dog", "a red boat on the beach in snow"]
    together = encoder(folder).encode_texts(tokenizer.encode(texts))
    alone = np.concatenate([encoder(folder).encode_texts(tokenizer.encode([text])) for text in texts])
    assert (np.sum(together * alone, axis=1) >= 0.9999).all()


def test_vectors_are_float32_of_length_one(folder: Path) -> None:
    vectors = encoder(folder).encode_images(np.ones((3, 3, 32, 32), np.float32))
    assert vectors.shape == (3, 32)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_tower_of_another_dimension_is_refused(folder: Path) -> None:
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(description | {"dimension": 33}))
    with pytest.raises(ModelError, match="vectors of 33"):
        encoder(folder).encode_images(np.ones((1, 3, 32, 32), np.float32))


@pytest.mark.parametrize("missing", ["image.onnx", "text.onnx"])
def test_missing_tower_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(ModelError, match=missing):
        encoder(folder)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_vector_without_direction_is_refused(value: float) -> None:
    with pytest.raises(ModelError, match="direction"):
        normalize(np.full((1, 4), value, np.float32))


def test_tower_is_opened_on_first_use(folder: Path) -> None:
    (folder / "image.onnx").write_bytes(b"not a model")
    opened = encoder(folder)
    with pytest.raises(Exception, match="INVALID_PROTOBUF"):
        opened.encode_images(np.ones((1, 3, 32, 32), np.float32))

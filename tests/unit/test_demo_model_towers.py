"""The towers of the demo model against what the reference implementations compute, and as build products."""

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from clip_inference.decode import decode
from clip_inference.preprocess import preprocess
from scripts.artifact.catalogue import DEMO, BuiltSource
from scripts.demo_model import efficientnet, minilm
from scripts.demo_model.contrastive import embed_pictures, embed_texts, normalise
from scripts.demo_model.heads_file import load_heads
from scripts.demo_model.reduction import reduced
from scripts.demo_model.towers import build_towers, picture_features
from scripts.gallery import DEMO_PICTURE, DEMO_TEXTS, gallery

FIXTURES = Path(__file__).parents[1] / "fixtures" / "demo_model"

Vectors = NDArray[Any]


def _inputs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_model_inputs", FIXTURES / "inputs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INPUTS = _inputs()


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("towers")
    build_towers(folder, dimension=384)
    return folder


@pytest.fixture(scope="module")
def shorter_towers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shorter-towers")
    build_towers(folder, dimension=256)
    return folder


@pytest.fixture(scope="module")
def canonical() -> Iterator[Any]:
    with np.load(FIXTURES / "canonical.npz") as vectors:
        yield vectors


def _cosines(first: Vectors, second: Vectors) -> Vectors:
    cosines: Vectors = (normalise(first) * normalise(second)).sum(axis=1)
    return cosines


def _run(model: Path | bytes, **inputs: Vectors) -> list[Vectors]:
    outputs: list[Vectors] = onnxruntime.InferenceSession(model).run(None, inputs)
    return outputs


def _embed_texts(towers: Path, texts: list[str]) -> Vectors:
    tokenizer = Tokenizer.from_file(str(towers / "tokenizer.json"))
    tokenizer.enable_padding()
    encodings = tokenizer.encode_batch(texts)
    return _run(
        towers / "text.onnx",
        input_ids=np.array([encoding.ids for encoding in encodings]),
        attention_mask=np.array([encoding.attention_mask for encoding in encodings]),
    )[0]


def test_picture_features_are_those_of_the_reference_network(canonical: Any) -> None:
    graph = picture_features().model().SerializeToString()
    pooled, _ = _run(graph, image=INPUTS.pictures())
    assert _cosines(pooled, canonical["features"]).min() >= 0.9999
    matrix, bias = efficientnet.classifier(efficientnet.load_weights())
    assert _cosines(pooled @ matrix + bias, canonical["scores"]).min() >= 0.9999


def test_class_probabilities_of_a_picture_add_up_to_one() -> None:
    graph = picture_features().model().SerializeToString()
    _, roots = _run(graph, image=INPUTS.pictures())
    np.testing.assert_allclose((roots**2).sum(axis=1), 1, rtol=1e-4)


def test_text_tower_is_the_reference_encoder_and_the_trained_head(towers: Path, canonical: Any) -> None:
    expected = embed_texts(load_heads(), normalise(canonical["texts"]))
    assert _cosines(_embed_texts(towers, list(INPUTS.TEXTS)), expected).min() >= 0.9999


def test_image_tower_is_the_features_and_the_trained_head(towers: Path) -> None:
    pooled, roots = _run(picture_features().model().SerializeToString(), image=INPUTS.pictures())
    expected = embed_pictures(load_heads(), roots, normalise(pooled))
    (embedding,) = _run(towers / "image.onnx", image=INPUTS.pictures())
    np.testing.assert_allclose(embedding, expected, atol=1e-4)


def test_shorter_vectors_are_the_features_and_the_reduced_head(shorter_towers: Path, canonical: Any) -> None:
    heads = reduced(load_heads(), 256)
    pooled, roots = _run(picture_features().model().SerializeToString(), image=INPUTS.pictures())
    (embedding,) = _run(shorter_towers / "image.onnx", image=INPUTS.pictures())
    np.testing.assert_allclose(embedding, embed_pictures(heads, roots, normalise(pooled)), atol=1e-3)
    texts = _embed_texts(shorter_towers, list(INPUTS.TEXTS))
    assert _cosines(texts, embed_texts(heads, normalise(canonical["texts"]))).min() >= 0.9999


def test_padding_does_not_move_a_text_vector(towers: Path) -> None:
    alone = _embed_texts(towers, ["dog"])
    padded = _embed_texts(towers, ["dog", "a very long description of a dog that runs along a beach"])
    np.testing.assert_allclose(padded[:1], alone, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_picture_vector_does_not_depend_on_its_batch(towers: Path, batch: int) -> None:
    pictures = INPUTS.pictures()[:batch]
    (together,) = _run(towers / "image.onnx", image=pictures)
    (alone,) = _run(towers / "image.onnx", image=pictures[-1:])
    assert together.shape == (batch, 384)
    np.testing.assert_allclose(together[-1:], alone, atol=1e-4)


def test_towers_are_built_to_the_same_bytes_every_time(towers: Path, tmp_path: Path) -> None:
    build_towers(tmp_path, dimension=384)
    assert _digests(tmp_path) == _digests(towers)


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_towers_are_small(towers: Path) -> None:
    assert (towers / "image.onnx").stat().st_size < 12_000_000
    assert (towers / "text.onnx").stat().st_size < 35_000_000


@pytest.fixture(scope="module")
def gallery_vectors(towers: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Vectors]:
    """Name of each picture of the demo gallery → its unit vector."""
    source = DEMO.source
    assert isinstance(source, BuiltSource)
    paths = gallery(tmp_path_factory.mktemp("gallery"))
    tensors = [preprocess(decode(path.read_bytes()), source.image) for path in paths]
    (vectors,) = _run(towers / "image.onnx", image=np.stack(tensors))
    return dict(zip((path.name for path in paths), normalise(vectors), strict=True))


def _ranking(gallery_vectors: dict[str, Vectors], query: Vectors) -> list[str]:
    return sorted(gallery_vectors, key=lambda name: float(-gallery_vectors[name] @ query))


@pytest.mark.parametrize(
    ("text", "picture"),
    list(zip(DEMO_TEXTS, ["cat.png", "cup-of-coffee.png", "birthday-cake.webp"], strict=True)),
)
def test_demo_text_finds_what_it_asks_for(
    towers: Path, gallery_vectors: dict[str, Vectors], text: str, picture: str
) -> None:
    assert _ranking(gallery_vectors, _embed_texts(towers, [text])[0])[0] == picture


def test_every_picture_finds_itself_first(gallery_vectors: dict[str, Vectors]) -> None:
    for name, vector in gallery_vectors.items():
        assert _ranking(gallery_vectors, vector)[0] == name


def test_demo_picture_finds_other_vehicles(gallery_vectors: dict[str, Vectors]) -> None:
    nearest = _ranking(gallery_vectors, gallery_vectors[DEMO_PICTURE])
    assert set(nearest[1:4]) == {"fire-engine.webp", "school-bus.webp", "locomotive.webp"}


def test_tokenizer_leaves_length_to_the_model_description() -> None:
    text = minilm.plain_tokenizer(minilm.load_package().tokenizer)
    tokenizer = Tokenizer.from_str(text)
    assert tokenizer.truncation is None
    assert tokenizer.padding is None

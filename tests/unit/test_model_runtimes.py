"""Both runtimes compute the same vectors of the same towers, each from its own files."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from clip_inference.config import Precision, load_config
from clip_inference.encoder import Encoder
from clip_inference.errors import ModelError
from clip_inference.runtimes import openvino_precision
from clip_inference.tokenizer import TextTokenizer, Tokens
from scripts.artifact.forms import Form
from scripts.artifact.precision import write_towers
from tests.tiny_model import write_tiny_model

PICTURES = np.random.default_rng(0).standard_normal((5, 3, 32, 32), dtype=np.float32)
WITH_BF16 = ["FP32", "BF16", "INT8"]


@pytest.fixture
def exact(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "exact", padding="longest")


def on_openvino(exact: Path, precision: Precision) -> Path:
    folder = exact.with_name(precision)
    folder.mkdir()
    write_towers(exact, folder, Form(runtime="openvino", precision=precision))
    shutil.copy(exact / "tokenizer.json", folder)
    description = json.loads((exact / "model.json").read_text())
    changes = {"runtime": "openvino", "precision": precision}
    (folder / "model.json").write_text(json.dumps(description | changes))
    return folder


def encoder(folder: Path) -> Encoder:
    return Encoder(folder, load_config(folder))


def tokens(folder: Path, *texts: str) -> Tokens:
    return TextTokenizer.load(folder / "tokenizer.json", load_config(folder).text).encode(list(texts))


@pytest.mark.parametrize(("precision", "nearest"), [("fp32", 0.999999), ("fp16", 0.99999), ("bf16", 0.999)])
def test_openvino_gives_the_vectors_of_onnx_runtime(
    exact: Path, precision: Precision, nearest: float
) -> None:
    ours, theirs = encoder(on_openvino(exact, precision)), encoder(exact)
    said = tokens(exact, "a dog", "a red boat on the beach in snow")
    for count in (1, 5, 2):
        same = (ours.encode_images(PICTURES[:count]) * theirs.encode_images(PICTURES[:count])).sum(axis=1)
        assert same.min() >= nearest
    assert (ours.encode_texts(said) * theirs.encode_texts(said)).sum(axis=1).min() >= nearest


def test_several_threads_may_ask_one_tower(exact: Path) -> None:
    asked = encoder(on_openvino(exact, "fp32"))
    alone = [asked.encode_images(picture[None]) for picture in PICTURES]
    with ThreadPoolExecutor(5) as threads:
        beside = list(threads.map(lambda picture: asked.encode_images(picture[None]), PICTURES))
    np.testing.assert_array_equal(np.concatenate(beside), np.concatenate(alone))


def test_a_vector_is_not_overwritten_by_the_next(exact: Path) -> None:
    asked = encoder(on_openvino(exact, "fp32"))
    first = asked.encode_images(PICTURES[:1])
    kept = first.copy()
    asked.encode_images(PICTURES[1:2])
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("missing", ["image.xml", "image.bin", "text.xml", "text.bin"])
def test_a_missing_file_of_a_tower_is_named(exact: Path, missing: str) -> None:
    folder = on_openvino(exact, "fp32")
    (folder / missing).unlink()
    with pytest.raises(ModelError, match=missing):
        encoder(folder)


@pytest.mark.parametrize(
    ("precision", "capabilities", "computed"),
    [
        ("bf16", WITH_BF16, "bf16"),
        ("bf16", ["FP32", "INT8"], "f32"),
        ("fp32", WITH_BF16, "f32"),
        ("fp16", WITH_BF16, "f32"),
    ],
)
def test_bf16_is_computed_where_it_is_asked_for_and_the_processor_can(
    precision: Precision, capabilities: list[str], computed: str
) -> None:
    assert openvino_precision(precision, capabilities) == computed

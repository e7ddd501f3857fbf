"""A model of a few kilobytes with everything a real one has: two ONNX towers, a tokenizer, a description."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from clip_inference.config import PREPROCESSING_VERSION

FINGERPRINT = "5e" * 32
SPECIAL = ["[PAD]", "[START]", "[END]", "[UNK]"]
WORDS = [*SPECIAL, "a", "the", "dog", "cat", "beach", "snow", "mountain", "on", "of", "in", "red", "boat"]
GRID = 4


def write_tiny_model(
    folder: Path, *, dimension: int = 32, size: int = 32, padding: str = "fixed", **changes: Any
) -> Path:
    """Fill `folder` with a model of `dimension` values a vector; `changes` replace fields of model.json."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_image_tower(dimension, size), folder / "image.onnx")
    onnx.save(_text_tower(dimension), folder / "text.onnx")
    _tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "model.json").write_text(json.dumps(description(dimension, size, padding) | changes), "utf-8")
    return folder


def description(dimension: int, size: int, padding: str) -> dict[str, Any]:
    """The content of model.json."""
    image = {
        "size": size,
        "mean": [0.48145466, 0.4578275, 0.40821073],
        "std": [0.26862954, 0.26130258, 0.27577711],
        "resize": "shortest",
        "interpolation": "bicubic",
        "input": "pixels",
    }
    text = {
        "context_length": 16,
        "padding": padding,
        "pad_id": 0,
        "inputs": {"ids": "ids", "mask": "mask"},
        "dtype": "int64",
        "canonicalize": False,
    }
    return {
        "name": "tiny",
        "fingerprint": FINGERPRINT,
        "dimension": dimension,
        "image": image,
        "text": text,
        "runtime": "onnxruntime",
        "precision": "fp32",
        "preprocessing_version": PREPROCESSING_VERSION,
        "licence": "Apache-2.0",
        "source": "rendered by tests",
        "revision": "1",
    }


def _weights(name: str, *shape: int) -> onnx.TensorProto:
    values: NDArray[np.float32] = np.random.default_rng(sum(name.encode())).standard_normal(shape, np.float32)
    return numpy_helper.from_array(values, name)


def _image_tower(dimension: int, size: int) -> onnx.ModelProto:
    """The mean colours of a GRID × GRID raster, projected: a turned picture has another vector."""
    cell = size // GRID
    nodes = [
        helper.make_node(
            "AveragePool", ["pixels"], ["raster"], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        helper.make_node("Flatten", ["raster"], ["colours"]),
        helper.make_node("MatMul", ["colours", "image_head"], ["vectors"]),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, size, size])
    return _model(nodes, [pixels], [_weights("image_head", 3 * GRID * GRID, dimension)], dimension)


def _text_tower(dimension: int) -> onnx.ModelProto:
    """The mean vector of the words that the mask keeps."""
    axis = numpy_helper.from_array(np.array([1], np.int64), "axis")
    last = numpy_helper.from_array(np.array([2], np.int64), "last")
    nodes = [
        helper.make_node("Gather", ["words", "ids"], ["embedded"]),
        helper.make_node("Cast", ["mask"], ["kept"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["kept", "last"], ["weights"]),
        helper.make_node("Mul", ["embedded", "weights"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "axis"], ["sums"], keepdims=0),
        helper.make_node("ReduceSum", ["kept", "axis"], ["counts"], keepdims=1),
        helper.make_node("Div", ["sums", "counts"], ["vectors"]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "length"]) for name in ("ids", "mask")
    ]
    return _model(nodes, inputs, [_weights("words", len(WORDS), dimension), axis, last], dimension)


def _model(nodes: Any, inputs: Any, weights: Any, dimension: int) -> onnx.ModelProto:
    vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", dimension])
    graph = helper.make_graph(nodes, "tiny", inputs, [vectors], weights)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = WhitespaceSplit()
    specials = [(word, WORDS.index(word)) for word in ("[START]", "[END]")]
    tokenizer.post_processor = TemplateProcessing(single="[START] $A [END]", special_tokens=specials)
    return tokenizer

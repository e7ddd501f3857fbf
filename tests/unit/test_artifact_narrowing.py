"""Narrowing: the same vectors from fewer products, and nothing that is read as a whole is cut."""

from collections.abc import Callable
from math import prod

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper, shape_inference

from scripts.artifact.batching import open_session
from scripts.artifact.narrowing import KEPT, PRODUCTS, narrow
from tests.architectures import towers

TOKENS, WIDTH = 7, 4
LAYER_OF_VIT_B_32 = 50 * 12 * 768**2 + 2 * 50 * 50 * 768
"""Multiplications; so many tokens, and so many of them squared in the attention."""


def model_of(nodes: list[onnx.NodeProto], **constants: NDArray[np.generic]) -> ModelProto:
    """From `states` (1, TOKENS, WIDTH) to `out`."""
    states = helper.make_tensor_value_info("states", TensorProto.FLOAT, [1, TOKENS, WIDTH])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, None])
    weights = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    graph = helper.make_graph(nodes, "tower", [states], [out], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def matrix(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def choice(source: str, token: int = 0) -> list[onnx.NodeProto]:
    """One token of `source`, its number in a node as exporters write it."""
    number = numpy_helper.from_array(np.array(token, np.int64))
    return [
        helper.make_node("Constant", [], ["token"], value=number),
        helper.make_node("Gather", [source, "token"], ["out"], axis=1),
    ]


def with_written_out_norm(token: int) -> ModelProto:
    """A layer normalisation as older exporters write it, a product by Gemm, and places for each token."""
    step = helper.make_node
    flat, whole = np.array([TOKENS, WIDTH]), np.array([1, TOKENS, WIDTH])
    nodes = [
        step("Constant", [], ["places"], value=numpy_helper.from_array(matrix(TOKENS, WIDTH))),
        step("Add", ["states", "places"], ["placed"]),
        step("ReduceMean", ["placed"], ["mean"], axes=[-1]),
        step("Sub", ["placed", "mean"], ["centred"]),
        step("Mul", ["centred", "centred"], ["squared"]),
        step("ReduceMean", ["squared"], ["variance"], axes=[-1]),
        step("Sqrt", ["variance"], ["deviation"]),
        step("Div", ["centred", "deviation"], ["normed"]),
        step("Mul", ["scale", "normed"], ["scaled"]),
        step("Reshape", ["scaled", "flat"], ["rows"]),
        step("Gemm", ["rows", "weights", "bias"], ["product"]),
        step("Reshape", ["product", "whole"], ["tokens"]),
        *choice("tokens", token),
    ]
    return model_of(
        nodes,
        scale=np.array(1.5, np.float32),
        flat=flat,
        whole=whole,
        weights=matrix(WIDTH, WIDTH),
        bias=matrix(WIDTH),
    )


def run(model: ModelProto, *, seed: int = 1) -> NDArray[np.float32]:
    onnx.checker.check_model(model)
    value, random = model.graph.input[0], np.random.default_rng(seed)
    shape = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
    fed = (
        random.standard_normal(shape, np.float32)
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
        else random.integers(0, 100, shape).astype(np.int32)
    )
    vectors: NDArray[np.float32] = open_session(model).run(None, {value.name: fed})[0]
    return vectors


def multiplications(model: ModelProto) -> int:
    """How many numbers the model's products of matrices multiply."""
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in [*graph.input, *graph.value_info, *graph.output]
    } | {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    products = [node for node in graph.node if node.op_type in PRODUCTS]
    return sum(prod(shapes[node.output[0]]) * shapes[node.input[0]][-1] for node in products)


@pytest.mark.parametrize(
    "make",
    [
        lambda: towers.clip_image(2),
        lambda: towers.siglip_text(100),
        lambda: with_written_out_norm(0),
        lambda: with_written_out_norm(3),
        lambda: with_written_out_norm(TOKENS - 1),
    ],
    ids=["clip", "siglip, last token", "first token", "a token between", "last token"],
)
def test_vectors_stay_the_same(make: Callable[[], ModelProto]) -> None:
    narrowed = narrow(make())
    assert narrowed is not None
    assert multiplications(narrowed) < multiplications(make())
    np.testing.assert_allclose(run(narrowed), run(make()), rtol=1e-3, atol=1e-5)


def test_only_keys_and_values_of_the_last_layer_are_those_of_all_tokens() -> None:
    narrowed = narrow(towers.clip_image(2))
    assert narrowed is not None
    last = 50 * 2 * 768**2 + KEPT * 10 * 768**2 + 2 * KEPT * 50 * 768
    assert multiplications(narrowed) == LAYER_OF_VIT_B_32 + last + 768 * 512


def test_the_model_that_is_given_is_not_changed() -> None:
    model = with_written_out_norm(0)
    narrow(model)
    assert model.SerializeToString() == with_written_out_norm(0).SerializeToString()


@pytest.mark.parametrize(
    "reader",
    [
        helper.make_node("ReduceMean", ["tokens"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["weights", "turned"], ["mean"]),
    ],
    ids=["all tokens", "a product the other way round"],
)
def test_what_is_read_as_a_whole_is_computed_as_a_whole(reader: onnx.NodeProto) -> None:
    nodes = [
        helper.make_node("MatMul", ["states", "weights"], ["tokens"]),
        helper.make_node("Transpose", ["tokens"], ["turned"], perm=[0, 2, 1]),
        reader,
        helper.make_node("Gather", ["tokens", "first"], ["chosen"], axis=1),
        helper.make_node("Add", ["chosen", "mean"], ["out"]),
    ]
    if reader.op_type == "MatMul":
        nodes[-1] = helper.make_node("MatMul", ["chosen", "mean"], ["out"])
    assert narrow(model_of(nodes, weights=matrix(WIDTH, WIDTH), first=np.array(0))) is None


@pytest.mark.parametrize(
    "make",
    [towers.siglip_image, lambda: towers.clip_text(1), lambda: model_of(choice("states"))],
    ids=["asked by a query", "read at the end token", "no product"],
)
def test_where_nothing_can_be_left_out_nothing_is(make: Callable[[], ModelProto]) -> None:
    assert narrow(make()) is None

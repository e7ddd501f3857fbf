"""Graphs that were traced with one row take many at once, and each row's numbers stay what they were."""

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from scripts.artifact.freeing import CannotFreeError, Rows, free_rows, place
from tests.architectures.graph import Graph, Value

LENGTH, HEADS, SIZE = 5, 2, 3
WIDTH = HEADS * SIZE
STATES = np.random.default_rng(0).standard_normal((4, LENGTH, WIDTH)).astype(np.float32)


def finish(graph: Graph, vectors: Value, dimension: int = WIDTH) -> onnx.ModelProto:
    states = helper.make_tensor_value_info("states", TensorProto.FLOAT, [1, LENGTH, WIDTH])
    return graph.model(states, vectors, dimension)


def run(model: onnx.ModelProto, states: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    vectors: NDArray[np.float32] = session.run(None, {"states": states})[0]
    return vectors


def packed_before_the_rows(graph: Graph) -> Value:
    """Query, key and value from one product, the sequence first: as PyTorch's own attention is traced."""
    product = graph.linear(graph.transpose("states", 1, 0, 2), "attention", WIDTH, 3 * WIDTH)
    packed = graph.add("Unsqueeze", graph.reshape(product, LENGTH, 1, 3, WIDTH), graph.constant([0]))
    packed = graph.add("Squeeze", graph.transpose(packed, 3, 1, 2, 0, 4), graph.constant([3]))
    query, key, value = (graph.add("Gather", packed, graph.constant(np.array(n)), axis=0) for n in range(3))
    query, key, value = (
        graph.reshape(
            graph.transpose(graph.reshape(part, LENGTH, HEADS, SIZE), 1, 0, 2), 1, HEADS, LENGTH, SIZE
        )
        for part in (query, key, value)
    )
    scores = graph.add("Softmax", graph.add("MatMul", query, graph.transpose(key, 0, 1, 3, 2)), axis=-1)
    mixed = graph.transpose(graph.add("MatMul", scores, value), 2, 0, 1, 3)
    joined = graph.linear(graph.reshape(mixed, LENGTH, WIDTH), "out", WIDTH, WIDTH)
    states = graph.transpose(graph.reshape(joined, LENGTH, 1, WIDTH), 1, 0, 2)
    return graph.add("ReduceMean", states, axes=[1], keepdims=0)


def split_after_the_rows(graph: Graph) -> Value:
    """Query, key and value as three parts of one product, the row first: as timm's attention is traced."""
    product = graph.reshape(graph.linear("states", "attention", WIDTH, 3 * WIDTH), 1, LENGTH, 3, HEADS, SIZE)
    packed = graph.transpose(product, 2, 0, 3, 1, 4)
    query, key, value = (
        graph.add(
            "Squeeze",
            graph.add("Slice", packed, *map(graph.constant, ([n], [n + 1], [0]))),
            graph.constant([0]),
        )
        for n in range(3)
    )
    scores = graph.add("Softmax", graph.add("MatMul", query, graph.transpose(key, 0, 1, 3, 2)), axis=-1)
    mixed = graph.reshape(graph.transpose(graph.add("MatMul", scores, value), 0, 2, 1, 3), 1, LENGTH, WIDTH)
    return graph.add("Gather", mixed, graph.constant(np.array(-1)), axis=1)


def with_a_class_token(graph: Graph) -> Value:
    """A learned vector before each sequence."""
    token = graph.constant(graph.weight("token", 1, 1, WIDTH))
    states = graph.add("Concat", token, "states", axis=1)
    return graph.add("ReduceMean", states, axes=[1], keepdims=0)


def at_the_largest(graph: Graph) -> Value:
    """Each row's state at its own place, found by a flat index: as CLIP's end token is traced."""
    first = graph.add("Gather", "states", graph.constant(np.array(0)), axis=2)
    where = graph.add("Add", graph.constant([0]), graph.add("ArgMax", first, axis=-1, keepdims=0))
    return graph.add("Gather", graph.add("Flatten", "states", axis=2), where, axis=0)


@pytest.mark.parametrize(
    "write", [packed_before_the_rows, split_after_the_rows, with_a_class_token, at_the_largest]
)
def test_a_traced_graph_takes_many_rows_at_once(write) -> None:  # type: ignore[no-untyped-def]
    graph = Graph("tiny")
    model = finish(graph, graph.normalized(write(graph)))
    alone = np.concatenate([run(model, STATES[row : row + 1]) for row in range(len(STATES))])
    freed = free_rows(model)
    np.testing.assert_allclose(run(freed, STATES), alone, atol=1e-6)
    np.testing.assert_allclose(run(freed, STATES[:1]), alone[:1], atol=1e-6)
    assert "Scan" not in {node.op_type for node in freed.graph.node}


@pytest.mark.parametrize(
    ("position", "shape", "rows"),
    [
        (1, (1, 50, 768), Rows(0)),
        (50, (50, 1, 768), Rows(1)),
        (50, (50, 12, 64), Rows(1)),
        (50, (50, 768), Rows(0, 50)),
        (1, (50, 768), Rows(0)),
        (10, (50, 768), Rows(0, 10)),
    ],
    ids=["first", "second", "with the heads", "with the sequence", "before it", "inside it"],
)
def test_rows_are_found_by_what_lies_before_them(position: int, shape: tuple[int, ...], rows: Rows) -> None:
    assert place(position, shape) == rows


def test_a_graph_that_mixes_its_rows_is_not_freed() -> None:
    graph = Graph("tiny")
    mean = graph.add("ReduceMean", "states", axes=[0, 1], keepdims=0)
    model = finish(graph, graph.reshape(mean, 1, WIDTH))
    with pytest.raises(CannotFreeError, match="swallows the rows"):
        free_rows(model)

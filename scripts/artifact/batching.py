"""Give an ONNX model that was exported for one row a free number of rows."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto, helper, numpy_helper
from onnxruntime.capi.onnxruntime_pybind11_state import (  # type: ignore[import-untyped]
    Fail,
    InvalidArgument,
    InvalidGraph,
    RuntimeException,
)

from scripts.artifact.freeing import ROWS, CannotFreeError, free_rows
from scripts.errors import CommandError

Feeds = Mapping[str, NDArray[np.generic]]
Vectors = NDArray[np.float32]

# What ONNX Runtime raises of a model that it cannot load or run.
NOT_RUNNABLE = (Fail, InvalidArgument, InvalidGraph, RuntimeException)
# A row's vector alone and within a batch. Dynamically quantised towers round by the batch, hence not closer
# to 1.
SAME_ROW = 0.99
# Two ways of computing one vector in fp32.
SAME_VECTOR = 0.99999


def make_batchable(model: ModelProto, trial: Feeds) -> tuple[ModelProto, Vectors]:
    """A model that gives every row of `trial` the vector it gets alone, and its output for `trial`.

    Three attempts, each judged by running it: the model as it is; its rows freed (`freeing.py`); the whole
    graph as the body of a Scan over the rows, which is right for any graph but computes row by row. Raises
    CommandError `tower_unfit` where none gives the same vectors.
    """
    alone = _one_by_one(model, trial)
    for candidate in _candidates(model):
        together = _together(candidate, trial)
        if together is not None and agree(alone, together, least=SAME_ROW):
            return candidate, together
    raise CommandError(
        "tower_unfit",
        f"{model.graph.name} gives other vectors in a batch than row by row, in every form tried.",
    )


def _candidates(model: ModelProto) -> Iterable[ModelProto]:
    yield model
    with suppress(CannotFreeError, *NOT_RUNNABLE):
        yield free_rows(model)
    yield _scanned(model)


def open_session(model: ModelProto) -> onnxruntime.InferenceSession:
    """The model, ready to run; raises one of NOT_RUNNABLE."""
    options = onnxruntime.SessionOptions()
    # Fatal only: a candidate that does not run is an expected outcome and not an error to print.
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _together(model: ModelProto, trial: Feeds) -> Vectors | None:
    """The vectors of all rows at once; None where the model does not run so."""
    try:
        vectors: Vectors = open_session(model).run(None, dict(trial))[0]
    except NOT_RUNNABLE:
        return None
    return vectors


def _one_by_one(model: ModelProto, trial: Feeds) -> Vectors:
    session, rows = open_session(model), len(next(iter(trial.values())))
    feeds = ({name: array[i : i + 1] for name, array in trial.items()} for i in range(rows))
    return np.concatenate([session.run(None, feed)[0] for feed in feeds])


def agree(left: Vectors, right: Vectors, *, least: float = SAME_VECTOR) -> bool:
    """Whether no row of the one (n, dimension) has a cosine below `least` to that of the other."""
    if left.shape != right.shape:
        return False
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return bool(np.all((left * right).sum(axis=1) >= least * lengths))


def _scanned(model: ModelProto) -> ModelProto:
    """The model's graph as the body of a Scan over rows; only the first output is kept.

    Inside, every name of an input or output gets the suffix `_row`: ONNX allows no name of the outer graph to
    be given again within. The weights stay outside, where the body may read them.
    """
    graph, output = model.graph, model.graph.output[0]
    inputs = _true_inputs(graph)
    names = {value.name: f"{value.name}_row" for value in [*inputs, *graph.output]}
    shapes = [_shape_constant(f"{value.name}_row_shape", [1, *_sizes(value)[1:]]) for value in inputs]
    flat = _shape_constant(f"{output.name}_row_shape", [-1])
    body = helper.make_graph(
        [
            *(
                _reshape(f"{v.name}_slice", s.name, names[v.name])
                for v, s in zip(inputs, shapes, strict=True)
            ),
            *(_renamed(node, names) for node in graph.node),
            _reshape(names[output.name], flat.name, f"{output.name}_slice"),
        ],
        "row",
        [_value(f"{value.name}_slice", value, _sizes(value)[1:]) for value in inputs],
        [_value(f"{output.name}_slice", output, [None])],
    )
    scan = helper.make_node(
        "Scan", [value.name for value in inputs], [output.name], body=body, num_scan_inputs=len(inputs)
    )
    outer = helper.make_graph(
        [scan],
        graph.name,
        [_value(value.name, value, [ROWS, *_sizes(value)[1:]]) for value in inputs],
        [_value(output.name, output, [ROWS, *_sizes(output)[1:]])],
        [*graph.initializer, *shapes, flat],
    )
    scanned = ModelProto()
    scanned.CopyFrom(_without_graph(model))
    scanned.graph.CopyFrom(outer)
    return scanned


def _without_graph(model: ModelProto) -> ModelProto:
    return ModelProto(
        ir_version=model.ir_version,
        producer_name=model.producer_name,
        opset_import=model.opset_import,
        functions=model.functions,
    )


def _true_inputs(graph: GraphProto) -> list[ValueInfoProto]:
    weights = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _sizes(value: ValueInfoProto) -> list[int | str | None]:
    dimensions = value.type.tensor_type.shape.dim
    return [
        entry.dim_value if entry.HasField("dim_value") else entry.dim_param or None for entry in dimensions
    ]


def _value(name: str, like: ValueInfoProto, sizes: list[int | str | None]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, like.type.tensor_type.elem_type, sizes)


def _shape_constant(name: str, sizes: list[int | str | None]) -> onnx.TensorProto:
    """A Reshape target; a free size (only ever the length of a text) becomes -1."""
    numbers = [size if isinstance(size, int) else -1 for size in sizes]
    return numpy_helper.from_array(np.array(numbers, dtype=np.int64), name)


def _reshape(source: str, shape: str, target: str) -> NodeProto:
    return helper.make_node("Reshape", [source, shape], [target])


def _renamed(node: NodeProto, names: Mapping[str, str]) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    _rename(copy, names)
    return copy


def _rename(node: NodeProto, names: Mapping[str, str]) -> None:
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            for inner in attribute.g.node:
                _rename(inner, names)

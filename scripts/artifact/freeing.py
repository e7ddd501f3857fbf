"""Free the rows of an ONNX model that was traced with one row, so that shapes stand in constants.

The graph is walked with the one question where in each tensor the rows lie; where a constant fixes their
number, it is replaced. Nothing here proves the result right: whoever calls this compares vectors.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
from onnx import ModelProto, NodeProto, helper, numpy_helper, shape_inference

from scripts.artifact.graphs import Shape, attribute

ROWS = "batch"


class CannotFreeError(Exception):
    """The graph holds something whose rows cannot be followed."""


@dataclass(frozen=True)
class Rows:
    """Where a tensor's rows lie: in dimension `axis`, each number of which holds `outer` others before them.

    A dimension of `outer` × rows × rest arises where a trace joins the rows with another dimension.
    """

    axis: int
    outer: int = 1


def free_rows(model: ModelProto) -> ModelProto:
    """The model with any number of rows at its inputs and outputs; CannotFreeError where they get lost."""
    folded = shape_inference.infer_shapes(_folded(model), strict_mode=True, data_prop=True)
    return _Walk(folded).freed()


def _folded(model: ModelProto) -> ModelProto:
    """The model with everything computed that depends on no input: its shapes are then plain constants."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory(prefix="imagesearch-folded-") as scratch:
        path = Path(scratch, "folded.onnx")
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(path)


def place(position: int, shape: Shape) -> Rows:
    """Where rows lie in `shape` (of one row) that have `position` numbers before them in memory.

    A dimension of 1 at that place is theirs. Else a trace has joined them with the dimension after it, or,
    where that is the last one, which holds a vector, with the one before.
    """
    before = [prod(shape[:axis]) for axis in range(len(shape) + 1)]
    beginning = [axis for axis in range(len(shape)) if before[axis] == position]
    own = [axis for axis in beginning if shape[axis] == 1]
    joined = [axis for axis in beginning if axis < len(shape) - 1]
    for axis in [*own, *joined]:
        return Rows(axis)
    for axis in range(len(shape) - 1):
        if before[axis] < position <= before[axis + 1]:
            return Rows(axis, position // before[axis])
    raise CannotFreeError(f"no place for rows after {position} numbers in {shape}")


class _Walk:
    """One pass over a folded graph, node by node."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model
        graph = model.graph
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        values = [*graph.input, *graph.output, *graph.value_info]
        self._shapes = {value.name: _static_shape(value) for value in values}
        self._shapes |= {name: tuple(tensor.dims) for name, tensor in self._constants.items()}
        self._rows = {value.name: Rows(0) for value in graph.input if value.name not in self._constants}
        self._nodes: list[NodeProto] = []

    def freed(self) -> ModelProto:
        """The model, rewritten."""
        graph = self._model.graph
        for node in graph.node:
            if any(name in self._rows for name in node.input):
                self._follow(node)
            self._nodes.append(node)
        if any(self._rows.get(value.name) != Rows(0) for value in graph.output):
            raise CannotFreeError("the output's first dimension is not the rows")
        for value in [*graph.input, *graph.output]:
            if value.name in self._rows:
                value.type.tensor_type.shape.dim[0].dim_param = ROWS
        nodes = list(self._nodes)
        del graph.node[:], graph.value_info[:]
        graph.node.extend(nodes)
        return self._model

    def _follow(self, node: NodeProto) -> None:
        """Note where the rows lie in the node's outputs, after making the node take any number of them."""
        rules: dict[str, Callable[[NodeProto], Rows]] = {
            "Reshape": self._reshape,
            "Flatten": lambda node: place(self._position(node.input[0]), self._shape(node.output[0])),
            "Squeeze": self._drop_axes,
            "Unsqueeze": self._unsqueeze,
            "Transpose": self._transpose,
            "Concat": self._concat,
            "Expand": self._expand,
            "Gather": self._gather,
            "ArgMax": self._drop_axes,
            "ReduceL2": self._drop_axes,
            "ReduceMean": self._drop_axes,
            "ReduceSum": self._drop_axes,
        }
        rows = rules.get(node.op_type, self._aligned)(node)
        self._rows |= dict.fromkeys(node.output, rows)

    def _aligned(self, node: NodeProto) -> Rows:
        """Products and everything by element: dimensions correspond from the last one on."""
        rank = len(self._shape(node.output[0]))
        found = {
            Rows(rows.axis + rank - len(self._shape(name)), rows.outer)
            for name in node.input
            if (rows := self._rows.get(name))
        }
        if len(found) != 1:
            raise CannotFreeError(f"the inputs of a {node.op_type} disagree")
        return found.pop()

    def _reshape(self, node: NodeProto) -> Rows:
        shape = self._shape(node.output[0])
        rows = place(self._position(node.input[0]), shape)
        sizes = [-1 if axis == rows.axis else size for axis, size in enumerate(shape)]
        node.input[1] = self._constant(node, "shape", sizes)
        return rows

    def _transpose(self, node: NodeProto) -> Rows:
        rows = self._rows[node.input[0]]
        order = list(attribute(node, "perm", reversed(range(len(self._shape(node.input[0]))))))
        return Rows(order.index(rows.axis), rows.outer)

    def _unsqueeze(self, node: NodeProto) -> Rows:
        rows, rank = self._rows[node.input[0]], len(self._shape(node.output[0]))
        added = {axis % rank for axis in self._axes(node)}
        kept = [axis for axis in range(rank) if axis not in added]
        return Rows(kept[rows.axis], rows.outer)

    def _drop_axes(self, node: NodeProto) -> Rows:
        """Squeeze and reductions; an axis that is kept keeps its place."""
        rows, rank = self._rows[node.input[0]], len(self._shape(node.input[0]))
        axes = {axis % rank for axis in self._axes(node)}
        if rows.axis in axes:
            raise CannotFreeError(f"a {node.op_type} swallows the rows")
        kept = node.op_type != "Squeeze" and attribute(node, "keepdims", 1)
        return rows if kept else Rows(rows.axis - sum(axis < rows.axis for axis in axes), rows.outer)

    def _expand(self, node: NodeProto) -> Rows:
        """The target leaves the rows as they come."""
        rows, shape = self._rows[node.input[0]], self._shape(node.output[0])
        axis = rows.axis + len(shape) - len(self._shape(node.input[0]))
        sizes = [1 if place == axis else size for place, size in enumerate(shape)]
        node.input[1] = self._constant(node, "shape", sizes)
        return Rows(axis, rows.outer)

    def _concat(self, node: NodeProto) -> Rows:
        """What is the same for every row, such as a class token, is repeated for each."""
        like = next(name for name in node.input if name in self._rows)
        rows, rank = self._rows[like], len(self._shape(like))
        for index, name in enumerate(node.input):
            if name not in self._rows:
                before = self._constant(node, f"{index}_before", [1] * rows.axis)
                count = self._count(node, f"{index}", like, rows.axis)
                after = self._constant(node, f"{index}_after", [1] * (rank - rows.axis - 1))
                sizes = self._insert(node, f"{index}_sizes", "Concat", [before, count, after], axis=0)
                node.input[index] = self._insert(node, f"{index}_repeated", "Expand", [name, sizes])
        return rows

    def _gather(self, node: NodeProto) -> Rows:
        data, indices = (self._rows.get(name) for name in node.input)
        axis = attribute(node, "axis", 0) % len(self._shape(node.input[0]))
        if data is None and indices is not None:
            return Rows(axis + indices.axis, indices.outer)
        assert data is not None
        if indices is not None:
            return self._gather_own(node, data, indices, axis)
        if axis == data.axis:
            raise CannotFreeError("a Gather chooses among the rows")
        grown = len(self._shape(node.input[1])) - 1
        return Rows(data.axis + grown * (axis < data.axis), data.outer)

    def _gather_own(self, node: NodeProto, data: Rows, indices: Rows, axis: int) -> Rows:
        """One place of each row, out of all rows' places one after the other: the index grows by the row."""
        if not data == indices == Rows(axis) == Rows(0) or len(self._shape(node.input[1])) != 1:
            raise CannotFreeError("a Gather chooses in each row in an unknown way")
        length = self._shape(node.input[0])[0]
        count = self._count(node, "own", node.input[1], 0)
        scalar = self._insert(node, "own_scalar", "Squeeze", [count])
        end = self._insert(node, "own_end", "Mul", [scalar, self._constant(node, "own_length", length)])
        bounds = [self._constant(node, "own_start", 0), end, self._constant(node, "own_step", length)]
        starts = self._insert(node, "own_starts", "Range", bounds)
        node.input[1] = self._insert(node, "own_places", "Add", [node.input[1], starts])
        return Rows(0)

    def _count(self, node: NodeProto, role: str, like: str, axis: int) -> str:
        """A tensor (1,) with the size of a dimension at run time."""
        sizes = self._insert(node, f"{role}_shape", "Shape", [like])
        place_of_size = self._constant(node, f"{role}_axis", [axis])
        return self._insert(node, f"{role}_count", "Gather", [sizes, place_of_size])

    def _insert(self, node: NodeProto, role: str, operator: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{node.output[0]}_{role}"
        self._nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def _constant(self, node: NodeProto, role: str, value: list[int] | int) -> str:
        name = f"{node.output[0]}_{role}_constant"
        self._model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), name))
        return name

    def _axes(self, node: NodeProto) -> list[int]:
        """The dimensions that a node drops, adds or adds up; given as an attribute or as an input."""
        if node.op_type == "ArgMax":
            return [attribute(node, "axis", 0)]
        if len(node.input) == 1:
            return list(attribute(node, "axes", range(len(self._shape(node.input[0])))))
        if node.input[1] not in self._constants:
            raise CannotFreeError(f"the axes of a {node.op_type} are computed")
        axes: list[int] = numpy_helper.to_array(self._constants[node.input[1]]).tolist()
        return axes

    def _position(self, name: str) -> int:
        """How many numbers lie before the rows in memory."""
        rows = self._rows[name]
        return prod(self._shape(name)[: rows.axis]) * rows.outer

    def _shape(self, name: str) -> Shape:
        shape = self._shapes.get(name)
        if shape is None:
            raise CannotFreeError(f"the shape of {name} is not known")
        return shape


def _static_shape(value: onnx.ValueInfoProto) -> Shape | None:
    dimensions = value.type.tensor_type.shape.dim
    known = all(dimension.HasField("dim_value") for dimension in dimensions)
    return tuple(dimension.dim_value for dimension in dimensions) if known else None

"""Compute of a tower's last layer only what its vector is read from.

A vision transformer's vector is read from one token. Exports compute the last layer for all tokens and choose
then; here the choice is made as early as everything that reads the tokens allows. Keys and values are still
those of all; of the other products, ten twelfths of a layer, the chosen token's are left. Whether that is
right is not proved but tried.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, helper, numpy_helper, shape_inference

from scripts.artifact.graphs import Shape, attribute, shape_of

# One more than is read: a dimension of 1 would be taken for that of the rows, where those are freed.
KEPT = 2
PRODUCTS = {"MatMul", "Gemm"}
BY_ELEMENT = {
    *("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"),
    *("Cast", "Erf", "Exp", "Gelu", "Identity", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sqrt", "Tanh"),
}

Use = tuple[int, int]
"""A value as an input: the places of the node in the graph, and of the value among its inputs."""


def narrow(model: ModelProto) -> ModelProto | None:
    """A copy of the model that computes less; None where nothing can be left out, or shapes contradict."""
    copy = ModelProto()
    copy.CopyFrom(model)
    try:
        return _Narrowing(copy).narrowed()
    except shape_inference.InferenceError:
        return None


class _Narrowing:
    """One walk over a graph, from the choice of a token backwards."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model
        self._nodes = list(model.graph.node)
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in self._nodes:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self._constants[node.output[0]] = node.attribute[0].t
        inferred = shape_inference.infer_shapes(model, data_prop=True).graph
        values = [*inferred.input, *inferred.output, *inferred.value_info]
        self._shapes = {value.name: shape_of(value) for value in values}
        self._shapes |= {name: tuple(tensor.dims) for name, tensor in self._constants.items()}
        self._readers: dict[str, set[Use | None]] = defaultdict(set)
        for place, node in enumerate(self._nodes):
            for index, name in enumerate(node.input):
                self._readers[name].add((place, index))
        for value in model.graph.output:
            self._readers[value.name].add(None)

    def narrowed(self) -> ModelProto | None:
        """The model, rewritten where its last choice of a token allows it."""
        choice = next((place for place in reversed(range(len(self._nodes))) if self._chooses(place)), None)
        if choice is None:
            return None
        axes, uses, taken = self._walk(choice)
        if not any(self._nodes[place].op_type in PRODUCTS for place in taken):
            return None
        self._rewrite(choice, axes, uses, taken)
        return self._model

    def _chooses(self, place: int) -> bool:
        """Whether a node takes one of some known number of tokens."""
        node = self._nodes[place]
        if node.op_type != "Gather" or node.input[1] not in self._constants:
            return False
        shape = self._shapes.get(node.input[0], ())
        axis = attribute(node, "axis", 0)
        return not self._shapes[node.input[1]] and len(shape) > 2 and shape[axis] > KEPT

    def _walk(self, choice: int) -> tuple[Mapping[str, int], set[Use], list[int]]:
        """The values of which less is needed, each with the axis of its tokens; who needs it, and which nodes
        can do with less themselves.
        """
        node = self._nodes[choice]
        tokens = node.input[0]
        axes = {tokens: attribute(node, "axis", 0) % len(self._shapes[tokens])}
        uses: set[Use] = {(choice, 0)}
        taken: list[int] = []
        for place in reversed(range(choice)):
            node = self._nodes[place]
            output = node.output[0]
            if output not in axes or len(node.output) > 1 or not self._readers[output] <= uses:
                continue
            needed = dict(self._needed(node, axes[output]))
            if needed and all(axes.get(node.input[index], axis) == axis for index, axis in needed.items()):
                axes |= {node.input[index]: axis for index, axis in needed.items()}
                uses |= {(place, index) for index in needed}
                taken.append(place)
        return axes, uses, taken

    def _needed(self, node: NodeProto, axis: int) -> Iterator[tuple[int, int]]:
        """Of which inputs a node needs less where less of its output is read along `axis`, and along which of
        their axes; none where it needs all.
        """
        output = self._shapes.get(node.output[0], ())
        if not node.input or not output:
            return
        first, last = self._shapes.get(node.input[0], ()), len(output) - 1
        match node.op_type:
            case operator if operator in BY_ELEMENT:
                yield from self._aligned(node, axis)
            case "LayerNormalization" if axis < attribute(node, "axis", -1) % len(output):
                yield 0, axis
            case "Softmax" if axis < last == attribute(node, "axis", -1) % len(output):
                yield 0, axis
            case "ReduceMean" if attribute(node, "keepdims", 1) and axis not in self._reduced(node):
                yield 0, axis
            case "Transpose":
                yield 0, attribute(node, "perm", list(reversed(range(len(output)))))[axis]
            case "Reshape":
                yield from ((0, other) for other in _same_axis(first, output, axis))
            case "MatMul" if axis == last - 1 and len(first) > 1:
                yield 0, len(first) - 2
            case "MatMul" if axis < last - 1:
                yield from self._aligned(node, axis)
            case "Gemm" if axis == 0 and not attribute(node, "transA", 0):
                yield 0, 0

    def _aligned(self, node: NodeProto, axis: int) -> Iterator[tuple[int, int]]:
        """Dimensions correspond from the last one on; what is the same for all tokens stays as it is."""
        output = self._shapes[node.output[0]]
        for index, name in enumerate(node.input):
            shape = self._shapes.get(name, ())
            own = axis - len(output) + len(shape)
            if own >= 0 and shape[own] == output[axis]:
                yield index, own

    def _reduced(self, node: NodeProto) -> set[int]:
        rank = len(self._shapes[node.input[0]])
        given: Any = attribute(node, "axes", range(rank))
        if len(node.input) > 1:
            known = self._constants.get(node.input[1])
            given = range(rank) if known is None else numpy_helper.to_array(known).tolist()
        return {axis % rank for axis in given}

    def _rewrite(self, choice: int, axes: Mapping[str, int], uses: set[Use], taken: list[int]) -> None:
        """Choose some tokens of each value that is still computed whole, and one of those in the end."""
        graph, made = self._model.graph, {self._nodes[place].output[0] for place in taken}
        node = self._nodes[choice]
        count = self._shapes[node.input[0]][axes[node.input[0]]]
        chosen = int(numpy_helper.to_array(self._constants[node.input[1]])) % count
        some = self._constant("some_tokens", [(chosen + step) % count for step in range(KEPT)])
        node.input[1] = self._constant("first_token", 0)
        for place in taken:
            if self._nodes[place].op_type == "Reshape":
                output = self._nodes[place].output[0]
                sizes = list(self._shapes[output])
                sizes[axes[output]] = KEPT
                self._nodes[place].input[1] = self._constant(f"{output}_sizes", sizes)
        cut: dict[int, list[NodeProto]] = defaultdict(list)
        for name in (name for name in axes if name not in made):
            readers = sorted(use for use in uses if self._nodes[use[0]].input[use[1]] == name)
            few = f"{name}_few"
            cut[readers[0][0]].append(helper.make_node("Gather", [name, some], [few], axis=axes[name]))
            for place, index in readers:
                self._nodes[place].input[index] = few
        nodes = [each for place, node in enumerate(self._nodes) for each in (*cut[place], node)]
        del graph.node[:], graph.value_info[:]
        graph.node.extend(nodes)

    def _constant(self, name: str, value: list[int] | int) -> str:
        self._model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), name))
        return name


def _same_axis(before: Shape, after: Shape, axis: int) -> list[int]:
    """The axis of `before` that a Reshape to `after` leaves as `axis`; none where it does not."""
    if not all(before) or not all(after):
        return []
    return [
        other
        for other, size in enumerate(before)
        if size == after[axis] and prod(before[:other]) == prod(after[:axis])
    ]

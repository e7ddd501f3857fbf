"""Writes ONNX graphs of transformers as an export for one row does: its shapes stand in constants."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.architectures.weights import weight

Value = str
"""The name of a tensor within a graph."""


class Graph:
    """A graph that grows node by node. `tower` is the first part of its weights' names."""

    def __init__(self, tower: str) -> None:
        self._tower = tower
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[Value, onnx.TensorProto] = {}

    def add(self, operator: str, *inputs: Value, **attributes: Any) -> Value:
        """A node with one output, whose name is returned."""
        output = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, values: NDArray[Any] | list[int] | float) -> Value:
        """A constant; a list is one of int64, a number one of float32."""
        array = np.array(values, np.float32 if isinstance(values, float) else None)
        name = f"constant_{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def weight(self, name: str, *shape: int) -> NDArray[np.float32]:
        """The weight that the reference implementation calls `name`."""
        return weight(f"{self._tower}.{name}", shape)

    def linear(self, source: Value, name: str, inputs: int, outputs: int) -> Value:
        """(…, inputs) to (…, outputs) with a bias."""
        product = self.matrix(source, f"{name}.weight", inputs, outputs)
        return self.add("Add", self.constant(self.weight(f"{name}.bias", outputs)), product)

    def matrix(self, source: Value, name: str, inputs: int, outputs: int) -> Value:
        """(…, inputs) to (…, outputs); the weight is stored as PyTorch has it, (outputs, inputs)."""
        matrix = self.constant(np.ascontiguousarray(self.weight(name, outputs, inputs).T))
        return self.add("MatMul", source, matrix)

    def norm(self, source: Value, name: str, width: int, epsilon: float) -> Value:
        """Layer normalisation over the last axis."""
        scale, bias = (self.constant(self.weight(f"{name}.{part}", width)) for part in ("weight", "bias"))
        return self.add("LayerNormalization", source, scale, bias, epsilon=epsilon)

    def reshape(self, source: Value, *shape: int) -> Value:
        """The same numbers in a shape that is fixed for one row."""
        return self.add("Reshape", source, self.constant(list(shape)))

    def transpose(self, source: Value, *axes: int) -> Value:
        """Axes in another order."""
        return self.add("Transpose", source, perm=list(axes))

    def quick_gelu(self, source: Value) -> Value:
        """OpenAI's approximation of the GELU."""
        return self.add("Mul", source, self.add("Sigmoid", self.add("Mul", source, self.constant(1.702))))

    def tanh_gelu(self, source: Value) -> Value:
        """The GELU by a hyperbolic tangent."""
        cube = self.add("Mul", source, self.add("Mul", source, source))
        inner = self.add("Add", source, self.add("Mul", cube, self.constant(0.044715)))
        grown = self.add("Tanh", self.add("Mul", inner, self.constant(0.7978845608)))
        half = self.add("Mul", source, self.constant(0.5))
        return self.add("Mul", half, self.add("Add", grown, self.constant(1.0)))

    def normalized(self, source: Value) -> Value:
        """Rows of length 1."""
        length = self.add("ReduceL2", source, axes=[-1])
        return self.add("Div", source, self.add("Expand", length, self.add("Shape", source)))

    def model(self, input_value: onnx.ValueInfoProto, output: Value, dimension: int) -> onnx.ModelProto:
        """The finished model; its output is called `embedding`, (1, dimension)."""
        self._nodes.append(helper.make_node("Identity", [output], ["embedding"]))
        embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, dimension])
        graph = helper.make_graph(
            self._nodes, self._tower, [input_value], [embedding], list(self._constants.values())
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

"""A thin builder over onnx.helper: names nodes in the order of creation, so equal calls give equal bytes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20  # the first with Gelu
IR_VERSION = 9  # the one that belongs to opset 20 (onnx/docs/Versioning.md)

Shape = list[int | str]


class Graph:
    """Collects nodes and weights; values are referred to by their names."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: list[onnx.NodeProto] = []
        self._tensors: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, element_type: int, shape: Shape) -> str:
        """Declare an input; a string in `shape` is a dynamic axis."""
        self._inputs.append(helper.make_tensor_value_info(name, element_type, shape))
        return name

    def op(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node of one output and return that output's name."""
        name = output or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: NDArray[Any]) -> str:
        """Add an array as it is."""
        name = f"tensor_{len(self._tensors)}"
        self._tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def scalar(self, value: float) -> str:
        """Add a float32 number."""
        return self.constant(np.array(value, np.float32))

    def weight(self, values: NDArray[Any]) -> str:
        """Add an array stored as float16 and used as float32: half the bytes, cast once when loaded."""
        return self.op("Cast", self.constant(values.astype(np.float16)), to=TensorProto.FLOAT)

    def output(self, value: str, name: str, shape: Shape) -> None:
        """Declare `value` as the float32 output `name`."""
        self.op("Identity", value, output=name)
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def model(self) -> onnx.ModelProto:
        """The finished model, checked by onnx."""
        graph = helper.make_graph(self._nodes, self.name, self._inputs, self._outputs, self._tensors)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model

    def save(self, path: Path) -> None:
        """Write the model to `path`."""
        path.write_bytes(self.model().SerializeToString(deterministic=True))

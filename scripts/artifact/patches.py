"""Write the convolution that cuts a picture into patches as a product of matrices, which int8 makes faster.

Patches do not overlap: with each as a row, the convolution is one product of the same numbers.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from scripts.artifact.graphs import Shape, attribute, shape_of

WITHOUT_PADDING = {b"NOTSET", b"VALID"}


def with_patches_as_rows(model: ModelProto) -> ModelProto:
    """The model, rewritten where it cuts a picture into patches. Other convolutions stay as they are."""
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    shapes = {value.name: shape_of(value) for value in graph.input}
    nodes = [other for node in graph.node for other in _rewritten(node, graph, constants, shapes)]
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    return model


def _rewritten(
    node: NodeProto, graph: GraphProto, constants: Mapping[str, TensorProto], shapes: Mapping[str, Shape]
) -> Iterator[NodeProto]:
    """What takes the place of a node: itself, unless it cuts patches."""
    if node.op_type == "Conv" and node.input[0] in shapes and node.input[1] in constants:
        kernel, shape = numpy_helper.to_array(constants[node.input[1]]), shapes[node.input[0]]
        if _cuts_patches(node, kernel.shape, shape):
            yield from _product(node, graph, kernel, shape)
            return
    yield node


def _cuts_patches(node: NodeProto, kernel: Shape, picture: Shape) -> bool:
    """Whether a convolution goes over all of (n, channels, height, width) in whole steps of its kernel."""
    sides, patch = picture[2:], kernel[2:]
    return (
        len(kernel) == len(picture) == 4
        and picture[1] == kernel[1]
        and attribute(node, "strides", None) == [*patch]
        and not any(attribute(node, "pads", ()))
        and attribute(node, "auto_pad", b"NOTSET") in WITHOUT_PADDING
        and all(step == 1 for step in attribute(node, "dilations", ()))
        and all(side > 0 and side % length == 0 for side, length in zip(sides, patch, strict=True))
    )


def _product(
    node: NodeProto, graph: GraphProto, kernel: NDArray[np.float32], picture: Shape
) -> Iterator[NodeProto]:
    """Nodes from the picture (n, channels, height, width) to its patches (n, features, rows, columns)."""
    output = node.output[0]
    features, channels, height, width = kernel.shape
    rows, columns = picture[2] // height, picture[3] // width

    def constant(role: str, values: NDArray[np.generic]) -> str:
        graph.initializer.append(numpy_helper.from_array(values, f"{output}_{role}"))
        return f"{output}_{role}"

    def reshape(source: str, target: str, *sizes: int) -> NodeProto:
        shape = constant(f"{target}_shape", np.array([0, *sizes], np.int64))  # 0: as many as there are
        return helper.make_node("Reshape", [source, shape], [target])

    grid, patches, flat, product, placed = (
        f"{output}_{role}" for role in ("grid", "patches", "flat", "product", "placed")
    )
    matrix = constant("matrix", np.ascontiguousarray(kernel.reshape(features, -1).T))
    yield reshape(node.input[0], grid, channels, rows, height, columns, width)
    yield helper.make_node("Transpose", [grid], [patches], perm=[0, 2, 4, 1, 3, 5])
    yield reshape(patches, flat, rows * columns, channels * height * width)
    yield helper.make_node("MatMul", [flat, matrix], [product])
    for bias in node.input[2:]:
        yield helper.make_node("Add", [product, bias], [f"{product}_biased"])
        product = f"{product}_biased"
    yield helper.make_node("Transpose", [product], [placed], perm=[0, 2, 1])
    yield reshape(placed, output, features, rows, columns)

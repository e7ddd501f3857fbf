"""What several rewritings of ONNX graphs ask of nodes and values."""

from typing import Any

from onnx import NodeProto, ValueInfoProto, helper

Shape = tuple[int, ...]
"""Sizes; 0 stands for one that is not fixed."""


def attribute(node: NodeProto, name: str, default: Any) -> Any:
    """An attribute's value; `default` where the node does not have it."""
    values = (helper.get_attribute_value(entry) for entry in node.attribute if entry.name == name)
    return next(values, default)


def shape_of(value: ValueInfoProto) -> Shape:
    """The shape that a value is declared with, () where it is not."""
    return tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)

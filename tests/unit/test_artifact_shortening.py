"""A text tower traced with padded texts is freed of its padding, if its vectors stay the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from clip_inference.config import TextSettings
from scripts.artifact.shortening import free_length, shorten
from tests.unit.artifact_models import CONTEXT, DIMENSION, OPSET, WORDS, text_tower, weights, write_layout

SETTINGS = TextSettings(
    context_length=CONTEXT,
    padding="fixed",
    pad_id=0,
    ids_input="text",
    mask_input=None,
    dtype="int32",
    canonicalize=False,
)


def first_word_tower() -> onnx.ModelProto:
    """Tokens and their places, of which the first one's counts; its shapes are those of padded texts."""
    nodes = [
        helper.make_node("Gather", ["words", "text"], ["embedded"], axis=0),
        helper.make_node("Add", ["embedded", "places"], ["placed"]),
        helper.make_node("Reshape", ["placed", "flat"], ["tokens"]),
        helper.make_node("Reshape", ["tokens", "rows"], ["back"]),
        helper.make_node("Gather", ["back", "first"], ["embedding"], axis=1),
    ]
    whole_numbers = {"flat": [-1, DIMENSION], "rows": [-1, CONTEXT, DIMENSION], "first": 0}
    constants = [
        numpy_helper.from_array(np.array(value, np.int64), name) for name, value in whole_numbers.items()
    ]
    # One word more than there are, for a table of CONTEXT words would be taken for one of places.
    table, places = weights("words", len(WORDS) + 1, DIMENSION), weights("places", CONTEXT, DIMENSION)
    ids = helper.make_tensor_value_info("text", TensorProto.INT32, ["batch", CONTEXT])
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSION])
    graph = helper.make_graph(nodes, "tower", [ids], [output], [table, places, *constants])
    return helper.make_model(graph, opset_imports=OPSET, ir_version=9)


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    return write_layout(tmp_path / "layout") / "textual" / "tokenizer.json"


def saved(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "text.onnx"
    onnx.save(model, path)
    return path


def test_a_tower_that_does_not_look_at_padding_takes_texts_as_long_as_they_are(
    tmp_path: Path, tokenizer: Path
) -> None:
    tower = saved(tmp_path, first_word_tower())
    assert shorten(tower, tokenizer, SETTINGS).padding == "longest"
    length = onnx.load(tower).graph.input[0].type.tensor_type.shape.dim[1]
    assert length.dim_param == "length"


def test_a_tower_that_looks_at_padding_stays_as_it_is(tmp_path: Path, tokenizer: Path) -> None:
    """The mean over all places."""
    tower = saved(tmp_path, text_tower())
    before = tower.read_bytes()
    assert shorten(tower, tokenizer, SETTINGS) == SETTINGS
    assert tower.read_bytes() == before


def test_a_tower_whose_length_cannot_be_freed_stays_as_it_is(tmp_path: Path, tokenizer: Path) -> None:
    """The length stands in a place where it is not looked for."""
    model = first_word_tower()
    (shape,) = [tensor for tensor in model.graph.initializer if tensor.name == "rows"]
    shape.CopyFrom(numpy_helper.from_array(np.array([-1, CONTEXT * DIMENSION], np.int64), "rows"))
    model.graph.node[-1].CopyFrom(helper.make_node("Slice", ["back", "begin", "end", "axis"], ["embedding"]))
    numbers = {"begin": [0], "end": [DIMENSION], "axis": [1]}
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array(value, np.int64), name) for name, value in numbers.items()
    )
    tower = saved(tmp_path, model)
    assert shorten(tower, tokenizer, SETTINGS) == SETTINGS


def test_texts_that_were_never_padded_need_nothing(tmp_path: Path, tokenizer: Path) -> None:
    unpadded = replace(SETTINGS, padding="longest")
    assert shorten(tmp_path / "not read", tokenizer, unpadded) == unpadded


def test_the_given_model_is_not_changed() -> None:
    model = first_word_tower()
    before = model.SerializeToString(deterministic=True)
    free_length(model, "text", CONTEXT)
    assert model.SerializeToString(deterministic=True) == before

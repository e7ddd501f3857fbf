"""Handmade models in the hub's layout, small enough for a test: pictures of 8×8, vectors of 512."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

SIZE, CONTEXT, DIMENSION = 8, 6, 512
WORDS = ["<pad>", "<unk>", "a", "photograph", "of", "dog"]
OPSET = [helper.make_opsetid("", 17)]


def weights(name: str, *shape: int) -> onnx.TensorProto:
    values = np.random.default_rng(sum(name.encode())).standard_normal(shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    initializers: list[onnx.TensorProto],
    *,
    rows: int | str = 1,
    dimension: int = DIMENSION,
) -> onnx.ModelProto:
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [rows, dimension])
    graph = helper.make_graph(nodes, "tower", inputs, [output], initializers)
    return helper.make_model(graph, opset_imports=OPSET, ir_version=9)


def image_tower(
    *,
    fixed_inside: bool,
    rows: int | str = 1,
    dtype: int = TensorProto.FLOAT,
    dimension: int = DIMENSION,
) -> onnx.ModelProto:
    """`fixed_inside` writes the one row of the export into a shape within the graph, as tracing does."""
    pixels = 3 * SIZE * SIZE
    flat = (
        helper.make_node("Reshape", ["image", "shape"], ["flat"])
        if fixed_inside
        else helper.make_node("Flatten", ["image"], ["flat"], axis=1)
    )
    return model(
        [flat, helper.make_node("MatMul", ["flat", "projection"], ["embedding"])],
        [helper.make_tensor_value_info("image", dtype, [rows, 3, SIZE, SIZE])],
        [
            weights("projection", pixels, dimension),
            numpy_helper.from_array(np.array([1, pixels], dtype=np.int64), "shape"),
        ],
        rows=rows,
        dimension=dimension,
    )


def text_tower() -> onnx.ModelProto:
    """Token ids (1, 6) as int32, as the hub's exports take them."""
    return model(
        [
            helper.make_node("Gather", ["words", "text"], ["vectors"], axis=0),
            helper.make_node("ReduceMean", ["vectors"], ["embedding"], axes=[1], keepdims=0),
        ],
        [helper.make_tensor_value_info("text", TensorProto.INT32, [1, CONTEXT])],
        [weights("words", len(WORDS), DIMENSION)],
    )


def masked_text_tower() -> onnx.ModelProto:
    """Token ids and an attention mask, of any number of rows."""
    shape: list[str | int | None] = ["batch", CONTEXT]
    return model(
        [
            helper.make_node("Gather", ["words", "input_ids"], ["vectors"], axis=0),
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
            helper.make_node("Mul", ["vectors", "column"], ["masked"]),
            helper.make_node("ReduceSum", ["masked", "middle"], ["embedding"], keepdims=0),
        ],
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, shape),
            helper.make_tensor_value_info("attention_mask", TensorProto.INT64, shape),
        ],
        [
            weights("words", len(WORDS), DIMENSION),
            numpy_helper.from_array(np.array([2], dtype=np.int64), "last"),
            numpy_helper.from_array(np.array([1], dtype=np.int64), "middle"),
        ],
        rows="batch",
    )


def write_json(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), "utf-8")


def write_layout(
    folder: Path, *, image: onnx.ModelProto | None = None, text: onnx.ModelProto | None = None
) -> Path:
    """A complete model in the hub's layout; `folder` is returned."""
    write_json(folder / "config.json", {"embed_dim": DIMENSION, "text_cfg": {"context_length": CONTEXT}})
    write_json(
        folder / "visual/preprocess_cfg.json",
        {
            "size": [SIZE, SIZE],
            "mean": [0.5, 0.4, 0.3],
            "std": [0.2, 0.2, 0.25],
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    )
    write_json(folder / "textual/tokenizer_config.json", {"pad_token": "<pad>"})
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "textual/tokenizer.json"))
    onnx.save(image or image_tower(fixed_inside=True), folder / "visual/model.onnx")
    onnx.save(text or text_tower(), folder / "textual/model.onnx")
    return folder

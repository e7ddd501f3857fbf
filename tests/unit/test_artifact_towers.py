"""Towers are refused where they do not fit, and take batches however they were exported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from scripts.artifact import batching, towers
from scripts.artifact.freeing import CannotFreeError
from scripts.artifact.hub import read_folder
from scripts.artifact.towers import prepare_towers
from scripts.errors import CommandError
from tests.unit.artifact_models import (
    CONTEXT,
    DIMENSION,
    SIZE,
    WORDS,
    image_tower,
    masked_text_tower,
    text_tower,
    write_layout,
)

PICTURES = np.random.default_rng(1).standard_normal((5, 3, SIZE, SIZE), dtype=np.float32)


def prepare(folder: Path, **models: onnx.ModelProto) -> Path:
    files = read_folder(write_layout(folder / "layout", **models), source="somewhere", revision="one")
    target = folder / "towers"
    target.mkdir()
    prepare_towers(files, target)
    return target


def only_pictures(narrowed: onnx.ModelProto) -> Callable[[onnx.ModelProto], onnx.ModelProto | None]:
    return lambda model: narrowed if model.graph.input[0].name == "image" else None


def unable_to_free(model: onnx.ModelProto) -> onnx.ModelProto:
    raise CannotFreeError


def run(path: Path | bytes, **feeds: NDArray[Any]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    vectors: NDArray[np.float32] = session.run(None, feeds)[0]
    return vectors


@pytest.mark.parametrize("fixed_inside", [False, True], ids=["outside only", "inside too"])
def test_a_tower_exported_for_one_picture_encodes_many_to_the_same_vectors(
    tmp_path: Path, fixed_inside: bool
) -> None:
    tower = image_tower(fixed_inside=fixed_inside)
    prepared = prepare(tmp_path, image=tower) / "image.onnx"
    alone = [run(tower.SerializeToString(), image=PICTURES[i : i + 1]) for i in range(len(PICTURES))]
    np.testing.assert_allclose(run(prepared, image=PICTURES), np.concatenate(alone), rtol=1e-5, atol=1e-5)
    onnx.checker.check_model(onnx.load(prepared), full_check=True)


def test_a_fixed_text_tower_encodes_many_texts(tmp_path: Path) -> None:
    ids = np.arange(4 * CONTEXT, dtype=np.int32).reshape(4, CONTEXT) % len(WORDS)
    assert run(prepare(tmp_path) / "text.onnx", text=ids).shape == (4, DIMENSION)


def test_a_tower_that_takes_batches_is_packed_unchanged(tmp_path: Path) -> None:
    prepared = prepare(tmp_path, image=image_tower(fixed_inside=False, rows="batch"))
    exported = tmp_path / "layout/visual/model.onnx"
    assert (prepared / "image.onnx").read_bytes() == exported.read_bytes()


def test_weights_that_are_halves_take_half_the_space_and_give_the_same_vectors(tmp_path: Path) -> None:
    tower = image_tower(fixed_inside=False, rows="batch")
    weights = next(tensor for tensor in tower.graph.initializer if tensor.name == "projection")
    values = numpy_helper.to_array(weights).astype(np.float16).astype(np.float32)
    weights.CopyFrom(numpy_helper.from_array(values, "projection"))
    before = tower.SerializeToString()

    prepared = prepare(tmp_path, image=tower) / "image.onnx"

    assert prepared.stat().st_size < 0.6 * len(before)
    np.testing.assert_array_equal(run(prepared, image=PICTURES), run(before, image=PICTURES))


def test_a_text_tower_with_a_mask_is_accepted(tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "layout", text=masked_text_tower())
    text = read_folder(folder, source="somewhere", revision="one").text
    assert (text.ids_input, text.mask_input, text.dtype) == ("input_ids", "attention_mask", "int64")
    prepare(tmp_path, text=masked_text_tower())


@pytest.mark.parametrize(
    ("tower", "complaint"),
    [
        (image_tower(fixed_inside=False, dtype=TensorProto.DOUBLE), "takes image as float64"),
        (image_tower(fixed_inside=False, dimension=300), "not float32"),
    ],
)
def test_a_tower_of_another_type_or_dimension_is_refused(
    tmp_path: Path, tower: onnx.ModelProto, complaint: str
) -> None:
    with pytest.raises(CommandError, match=complaint) as raised:
        prepare(tmp_path, image=tower)
    assert raised.value.code == "tower_unfit"


def test_a_tower_for_bytes_in_channels_last_order_is_refused(tmp_path: Path) -> None:
    tower = image_tower(fixed_inside=False)
    tower.graph.input[0].CopyFrom(
        helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])
    )
    with pytest.raises(CommandError, match=r"takes image as uint8 \(None, 8, 8, 3\)"):
        prepare(tmp_path, image=tower)


def test_a_tower_that_mixes_the_rows_of_a_batch_is_run_row_by_row(tmp_path: Path) -> None:
    """It declares any number of rows, and gives each the mean over all of them."""
    tower = image_tower(fixed_inside=False, rows="batch")
    tower.graph.node[1].output[0] = "rows"
    tower.graph.node.extend(
        [
            helper.make_node("ReduceMean", ["rows"], ["mean"], axes=[0], keepdims=1),
            helper.make_node("Mul", ["rows", "zero"], ["zeros"]),
            helper.make_node("Add", ["zeros", "mean"], ["embedding"]),
        ]
    )
    tower.graph.initializer.append(helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]))
    prepared = prepare(tmp_path, image=tower) / "image.onnx"
    alone = [run(prepared, image=PICTURES[i : i + 1]) for i in range(len(PICTURES))]
    np.testing.assert_allclose(run(prepared, image=PICTURES), np.concatenate(alone), rtol=1e-5, atol=1e-5)


def test_weights_in_a_second_file_are_refused(tmp_path: Path) -> None:
    folder = write_layout(tmp_path)
    tower = text_tower()
    onnx.save(
        tower,
        folder / "textual/model.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    with pytest.raises(CommandError, match="second file"):
        read_folder(folder, source="somewhere", revision="one")


def with_other_vectors(tower: onnx.ModelProto) -> None:
    projection = tower.graph.initializer[0]
    values = numpy_helper.to_array(projection)
    projection.CopyFrom(numpy_helper.from_array(np.roll(values, 1, axis=1), projection.name))


def with_another_operator(tower: onnx.ModelProto) -> None:
    tower.graph.node[-1].op_type = "Unheard"


@pytest.mark.parametrize("change", [None, with_other_vectors, with_another_operator])
def test_a_narrowed_tower_is_taken_only_with_the_same_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[onnx.ModelProto], None] | None
) -> None:
    tower, narrowed = (image_tower(fixed_inside=True) for _ in range(2))
    narrowed.producer_name = "narrowed"
    if change:
        change(narrowed)
    monkeypatch.setattr(towers, "narrow", only_pictures(narrowed))
    prepared = prepare(tmp_path, image=tower) / "image.onnx"
    assert (onnx.load(prepared).producer_name == "narrowed") is (change is None)
    alone = run(tower.SerializeToString(), image=PICTURES[:1])
    np.testing.assert_allclose(run(prepared, image=PICTURES[:1]), alone, rtol=1e-5, atol=1e-5)


def test_a_narrowed_tower_that_would_go_row_by_row_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(towers, "narrow", only_pictures(image_tower(fixed_inside=True)))
    monkeypatch.setattr(batching, "free_rows", unable_to_free)
    tower = image_tower(fixed_inside=False, rows="batch")
    prepared = onnx.load(prepare(tmp_path, image=tower) / "image.onnx")
    assert "Scan" not in {node.op_type for node in prepared.graph.node}

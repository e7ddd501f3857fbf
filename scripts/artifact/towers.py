"""Towers: checked against what the handler will feed them, and made able to take batches."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto
from tokenizers import Tokenizer

from scripts.artifact.batching import NOT_RUNNABLE, Feeds, Vectors, agree, make_batchable
from scripts.artifact.model_files import ModelFiles
from scripts.artifact.narrowing import narrow
from scripts.artifact.precision import stored_in_half
from scripts.artifact.shortening import shorten
from scripts.errors import CommandError

# Rows of the batch with which a tower is tried: not 1, and no size that occurs in a model by chance.
TRIAL_ROWS = 3


@dataclass(frozen=True, kw_only=True)
class TowerInput:
    """One tensor a tower takes or gives: name, NumPy name of its type, and shape (None where it is free)."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


def read_inputs(path: Path) -> list[TowerInput]:
    """What the ONNX file at `path` takes, in its order; weights are not inputs."""
    return _inputs(_load(path).graph)


def prepare_towers(files: ModelFiles, folder: Path) -> ModelFiles:
    """Write image.onnx, text.onnx and tokenizer.json to `folder`, each able to take any number of rows.

    Where texts need no padding to get the vectors that they get with it, they are no longer padded: what is
    returned says so. Weights that are numbers of half precision are stored as such, from which no vector
    changes. Raises CommandError `tower_unfit` where a tower does not take or give what the settings say.
    """
    tokenizer = Tokenizer.from_file(str(files.tokenizer))
    _prepare(files.image_tower, folder / "image.onnx", _image_trial(files), files.dimension)
    text = folder / "text.onnx"
    _prepare(files.text_tower, text, _text_trial(files, tokenizer.get_vocab_size()), files.dimension)
    (folder / "tokenizer.json").write_bytes(files.tokenizer.read_bytes())
    settings = shorten(text, folder / "tokenizer.json", files.text)
    for tower in (folder / "image.onnx", text):
        _store_exact_halves(tower)
    return replace(files, text=settings)


def _image_trial(files: ModelFiles) -> Feeds:
    """float32 (rows, 3, size, size), normalised noise."""
    shape = (TRIAL_ROWS, 3, files.image.size, files.image.size)
    noise = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    return {files.image.input: noise}


def _text_trial(files: ModelFiles, vocabulary: int) -> Feeds:
    """Token ids, and a mask of ones where the tower takes one: (rows, context_length)."""
    shape = (TRIAL_ROWS, files.text.context_length)
    ids = np.random.default_rng(0).integers(0, vocabulary, shape).astype(files.text.dtype)
    mask = {files.text.mask_input: np.ones_like(ids)} if files.text.mask_input else {}
    return {files.text.ids_input: ids, **mask}


def _prepare(source: Path, target: Path, trial: Feeds, dimension: int) -> None:
    model = _load(source)
    _check_inputs(source, _inputs(model.graph), trial)
    _check_output(source, _describe(model.graph.output[0]), dimension)
    batchable, output = make_batchable(model, trial)
    if output.shape != (TRIAL_ROWS, dimension):
        raise _unfit(source, f"gives {output.shape} for {TRIAL_ROWS} rows, not {(TRIAL_ROWS, dimension)}")
    batchable = _computing_less(model, trial, output) or batchable
    if batchable is model:
        target.write_bytes(source.read_bytes())
    else:
        target.write_bytes(batchable.SerializeToString(deterministic=True))


def _computing_less(model: onnx.ModelProto, trial: Feeds, vectors: Vectors) -> onnx.ModelProto | None:
    """The model without what its vectors are not read from, able to take batches; None where it is not so."""
    narrowed = narrow(model)
    if narrowed is None:
        return None
    with suppress(CommandError, *NOT_RUNNABLE):
        batchable, output = make_batchable(narrowed, trial)
        is_scanned = any(node.op_type == "Scan" for node in batchable.graph.node)
        if not is_scanned and agree(vectors, output):
            return batchable
    return None


def _store_exact_halves(path: Path) -> None:
    model = onnx.load(path)
    before = len(model.graph.node)
    if len(stored_in_half(model, only_exact=True).graph.node) > before:
        path.write_bytes(model.SerializeToString(deterministic=True))


def _load(path: Path) -> onnx.ModelProto:
    model = onnx.load(path, load_external_data=False)
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise _unfit(path, "keeps its weights in a second file; save it as one file")
    return model


def _inputs(graph: onnx.GraphProto) -> list[TowerInput]:
    weights = {tensor.name for tensor in graph.initializer}
    return [_describe(value) for value in graph.input if value.name not in weights]


def _describe(value: onnx.ValueInfoProto) -> TowerInput:
    tensor = value.type.tensor_type
    dimensions = (entry.dim_value if entry.HasField("dim_value") else None for entry in tensor.shape.dim)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return TowerInput(name=value.name, dtype=dtype.name, shape=tuple(dimensions))


def _check_inputs(path: Path, inputs: list[TowerInput], trial: Feeds) -> None:
    if {entry.name for entry in inputs} != set(trial):
        raise _unfit(path, f"takes {sorted(entry.name for entry in inputs)}, not {sorted(trial)}")
    for entry in inputs:
        array = trial[entry.name]
        if entry.dtype != array.dtype.name or not _fits(entry.shape, array):
            raise _unfit(path, f"takes {entry.name} as {entry.dtype} {entry.shape}, not {_text(array)}")


def _check_output(path: Path, output: TowerInput, dimension: int) -> None:
    if output.dtype != "float32" or (output.shape and output.shape[-1] not in (None, dimension)):
        raise _unfit(path, f"gives {output.dtype} {output.shape}, not float32 (rows, {dimension})")


def _fits(shape: tuple[int | None, ...], array: NDArray[np.generic]) -> bool:
    """Whether an array agrees with a declared shape but for the number of rows."""
    return len(shape) == array.ndim and all(
        declared in (None, size) for declared, size in zip(shape[1:], array.shape[1:], strict=True)
    )


def _text(array: NDArray[np.generic]) -> str:
    return f"{array.dtype.name} (rows, {', '.join(map(str, array.shape[1:]))})"


def _unfit(path: Path, reason: str) -> CommandError:
    return CommandError("tower_unfit", f"{path} cannot be packaged: it {reason}.")

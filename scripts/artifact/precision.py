"""Smaller and faster forms of a model's towers. What they cost in quality, `gate.py` measures."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper

from clip_inference.config import Precision
from clip_inference.runtimes import tower_files
from scripts.artifact.forms import Form
from scripts.artifact.patches import with_patches_as_rows

# Products of matrices and the word table. Convolutions stay as they are, as ONNX Runtime's integer ones are
# slower; the one that a vision transformer has is made a product first.
QUANTIZED = ["MatMul", "Gemm", "Gather"]
# Smaller tensors (biases, scales) would gain a node and save nothing.
SMALLEST = 1024


def write_towers(exact: Path, target: Path, form: Form) -> None:
    """Write both towers, which the folder `exact` holds as ONNX in fp32, to the folder `target` in a form."""
    for tower in ("image", "text"):
        source, (main, *_) = exact / f"{tower}.onnx", tower_files(tower, form.runtime)
        if form.runtime == "openvino":
            _write_for_openvino(source, target / main, form.precision)
        else:
            write_in_precision(source, target / main, form.precision)


def write_in_precision(source: Path, target: Path, precision: Precision) -> None:
    """Write the tower at `source` to `target`: computed in int8, or stored in half precision, or unchanged.

    int8 quantises weights by channel beforehand and activations as they come. fp16 halves the file; ONNX
    Runtime widens the weights once, when it loads them, and computes in fp32.
    """
    match precision:
        case "int8":
            _quantize(source, target)
        case "fp16":
            onnx.save(stored_in_half(onnx.load(source)), target)
        case _:
            target.write_bytes(source.read_bytes())


def _write_for_openvino(source: Path, target: Path, precision: Precision) -> None:
    """Write the tower as a graph and a file of weights that is mapped into memory, in halves but for fp32.

    OpenVINO reads ONNX too, but then holds all weights twice.
    """
    import openvino  # type: ignore[import-untyped]

    model = openvino.Core().read_model(source)
    openvino.save_model(model, target, compress_to_fp16=precision != "fp32")


def stored_in_half(model: onnx.ModelProto, *, only_exact: bool = False) -> onnx.ModelProto:
    """The model, its larger weights stored in half precision; with `only_exact` those that lose nothing."""
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALLEST:
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.isfinite(half).all() or (only_exact and (half != values).any()):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def _quantize(source: Path, target: Path) -> None:
    # Imported here: packaging in fp32 need not wait for it.
    from onnxruntime.quantization import QuantType, quantize_dynamic  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory(prefix="imagesearch-int8-") as scratch:
        folded = Path(scratch, "folded.onnx")
        _fold_constants(source, folded)
        quantize_dynamic(
            with_patches_as_rows(onnx.load(folded)),
            target,
            op_types_to_quantize=QUANTIZED,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )


def _fold_constants(source: Path, target: Path) -> None:
    """Make weights plain that are stored in another form than they are used in: only those are quantised."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])

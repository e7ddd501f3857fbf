"""Smaller and faster forms of a tower than fp32. What they cost in quality, `gate.py` measures."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper

from scripts.artifact.catalogue import Precision

# Products of matrices and the word table. Convolutions stay as they are: ONNX Runtime's integer ones are
# slower, and CLIP has but one.
QUANTIZED = ["MatMul", "Gemm", "Gather"]
# Smaller tensors (biases, scales) would gain a node and save nothing.
SMALLEST = 1024


def write_in_precision(source: Path, target: Path, precision: Precision) -> None:
    """Write the tower at `source` to `target`: computed in int8, or stored in half precision, or unchanged.

    int8 quantises weights by channel beforehand and activations as they come. fp16 halves the file; ONNX
    Runtime widens the weights once, when it loads them, and computes in fp32.
    """
    match precision:
        case "fp32":
            target.write_bytes(source.read_bytes())
        case "fp16":
            onnx.save(_stored_in_half(onnx.load(source)), target)
        case "int8":
            _quantize(source, target)


def _stored_in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        half = values.astype(np.float16)
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALLEST or not np.isfinite(half).all():
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
            folded, target, op_types_to_quantize=QUANTIZED, weight_type=QuantType.QInt8, per_channel=True
        )


def _fold_constants(source: Path, target: Path) -> None:
    """Make weights plain that are stored in another form than they are used in: only those are quantised."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])

"""The runtimes that compute a tower, each behind one call: ONNX Runtime and OpenVINO."""

import os
import threading
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clip_inference.config import Precision, Runtime

Feeds = dict[str, NDArray[np.generic]]
Run = Callable[[Feeds], NDArray[np.float32]]
"""Computes a tower's output, (n, dimension), of its inputs by name; several threads may call it."""

# What each runtime reads; the first of a tower's files is the one it is told.
SUFFIXES: dict[Runtime, tuple[str, ...]] = {"onnxruntime": (".onnx",), "openvino": (".xml", ".bin")}


def available_cores() -> int:
    """How many processors this process may use: the one worker of the model server takes them all."""
    return len(os.sched_getaffinity(0))


def tower_files(tower: str, runtime: Runtime) -> tuple[str, ...]:
    """The names of the files that hold a tower, `image` or `text`."""
    return tuple(tower + suffix for suffix in SUFFIXES[runtime])


def open_tower(path: Path, *, runtime: Runtime, precision: Precision) -> Run:
    """Load the tower at `path`, the first of its files."""
    return _on_onnxruntime(path) if runtime == "onnxruntime" else _on_openvino(path, precision)


def openvino_precision(precision: Precision, capabilities: Collection[str]) -> str:
    """OpenVINO's name of what a processor with these `capabilities` computes a tower of `precision` in.

    It is said each time: left alone, OpenVINO computes in bf16 wherever the processor can. Where it cannot,
    bf16 towers are computed in f32.
    """
    return "bf16" if precision == "bf16" and "BF16" in capabilities else "f32"


def openvino_capabilities() -> Collection[str]:
    """What OpenVINO can make use of on this processor, such as `BF16`."""
    import openvino  # type: ignore[import-untyped]

    capabilities: list[str] = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return capabilities


def _on_onnxruntime(path: Path) -> Run:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    # Errors only: it warns of every constant that it has itself folded away, hundreds of lines a tower.
    options.log_severity_level = 3
    options.intra_op_num_threads = available_cores()
    options.inter_op_num_threads = 1
    # Else the runtime's threads wait busily after each run, and take the processors from decoding the next
    # picture: measured on 2 cores, twice the processor time a picture.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(feeds: Feeds) -> NDArray[np.float32]:
        return np.asarray(session.run(None, feeds)[0], np.float32)

    return run


def _on_openvino(path: Path, precision: Precision) -> Run:
    import openvino

    core = openvino.Core()
    capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    settings = {
        "INFERENCE_NUM_THREADS": available_cores(),
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": openvino_precision(precision, capabilities),
    }
    request = core.compile_model(path, "CPU", settings).create_infer_request()
    # A request holds one run's tensors; a second run would take no less time beside the first.
    turn = threading.Lock()

    def run(feeds: Feeds) -> NDArray[np.float32]:
        with turn:
            return np.asarray(request.infer(feeds, share_inputs=True)[0], np.float32)

    return run

"""Run towers alone, and plain products of matrices: `tower_loop.py CODE MODEL`, one JSON order a line.

Runs in the contestant's environment. Orders are {"run": "image", "rows": n}, {"run": "text", "text": …} and
{"run": "product", "torch_product" or "onnx_product", "size": n} (the last with the "path" of its model), each
with "repeats"; an answer is a line with the seconds of each repeat.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def main() -> None:
    """Carry out orders until there are no more."""
    code, model_dir = sys.argv[1:]
    sys.path.insert(0, code)
    steps: dict[str, Callable[[], object]] = {}
    for line in sys.stdin:
        order = json.loads(line)
        repeats = order.pop("repeats")
        key = json.dumps(order)
        if key not in steps:
            steps[key] = _step(order, Path(model_dir))
        seconds = []
        for _ in range(repeats):
            began = time.perf_counter()
            steps[key]()
            seconds.append(time.perf_counter() - began)
        sys.stdout.write(json.dumps({"seconds": seconds}) + "\n")
        sys.stdout.flush()


def _step(order: dict[str, Any], model_dir: Path) -> Callable[[], object]:
    """Return what the order asks for, made ready."""
    match order["run"]:
        case "product":
            left, right = _square(order["size"]), _square(order["size"])
            out = np.empty_like(left)
            return lambda: np.matmul(left, right, out=out)
        case "torch_product":
            return _torch_product(order["size"])
        case "onnx_product":
            return _onnx_product(order["path"], order["size"])
        case "image":
            return _image_tower(order["rows"], model_dir)
        case _:
            return _text_tower(order["text"], model_dir)


def _square(size: int) -> NDArray[np.float32]:
    return np.random.default_rng(size).random((size, size), dtype=np.float32)


def _torch_product(size: int) -> Callable[[], object]:
    import torch  # type: ignore[import-not-found]

    left, right = torch.from_numpy(_square(size)), torch.from_numpy(_square(size))
    out = torch.empty_like(left)
    return lambda: torch.matmul(left, right, out=out)


def _onnx_product(path: str, size: int) -> Callable[[], object]:
    import onnxruntime  # type: ignore[import-untyped]

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {"left": _square(size), "right": _square(size)}
    return lambda: session.run(None, feeds)


def _image_tower(rows: int, model_dir: Path) -> Callable[[], object]:
    from clip_inference.config import load_config
    from clip_inference.encoder import Encoder

    config = load_config(model_dir)
    encoder = Encoder(model_dir, config)
    shape = (rows, 3, config.image.size, config.image.size)
    tensors = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    return lambda: encoder.encode_images(tensors)


def _text_tower(text: str, model_dir: Path) -> Callable[[], object]:
    from clip_inference.config import load_config
    from clip_inference.encoder import Encoder
    from clip_inference.tokenizer import TextTokenizer

    config = load_config(model_dir)
    encoder = Encoder(model_dir, config)
    tokens = TextTokenizer.load(model_dir / "tokenizer.json", config.text).encode([text])
    return lambda: encoder.encode_texts(tokens)


if __name__ == "__main__":
    main()

"""The trained heads on disk: float16 in safetensors, whose bytes depend on the values alone."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load, save

from scripts.demo_model.contrastive import Heads

HEADS = Path(__file__).with_name("heads.safetensors")


def load_heads(path: Path = HEADS) -> Heads:
    """The heads stored at `path`, as float32."""
    return Heads(**{name: array.astype(np.float32) for name, array in load(path.read_bytes()).items()})


def save_heads(heads: Heads, path: Path = HEADS) -> None:
    """Store the heads at `path`, rounded to float16 (2.1 MB)."""
    path.write_bytes(save({name: array.astype(np.float16) for name, array in heads.arrays().items()}))

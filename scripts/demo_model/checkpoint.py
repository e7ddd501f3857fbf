"""Reads a PyTorch checkpoint of the format before 1.6 (no zip) without PyTorch and without trusting it.

The format is a row of pickles (magic number, protocol, system information, state dictionary, storage keys)
followed by the storages themselves: an int64 element count and the raw little-endian values, in the order of
the keys (`torch.serialization._legacy_save`). A pickle can call anything, so only the four names that a plain
state dictionary needs can be looked up here; every other name is an error.
"""

import collections
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # torch.serialization.MAGIC_NUMBER
LEGACY_PROTOCOL = 1001  # torch.serialization.PROTOCOL_VERSION


class CheckpointError(ValueError):
    """The file is not a checkpoint that this reader accepts."""


class _Storage:
    """One flat storage: its values arrive after all pickles were read, the tensors keep a reference."""

    def __init__(self, dtype: str, size: int) -> None:
        self.dtype = np.dtype(dtype)
        self.size = size
        self.values: NDArray[Any] = np.empty(0, self.dtype)


class _Tensor:
    """A view into a storage, resolved once the storage has its values."""

    def __init__(
        self, storage: _Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]
    ) -> None:
        last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
        if min((offset, *shape, *stride)) < 0 or last >= storage.size:
            raise CheckpointError(f"tensor of shape {shape} reaches beyond its storage")
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride

    def array(self) -> NDArray[Any]:
        """A copy of the tensor's values in its shape; the bounds were checked when it was announced."""
        values = self.storage.values
        strides = [step * values.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides).copy()


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, stride)


class _RestrictedUnpickler(pickle.Unpickler):
    """Finds the names of a state dictionary and nothing else."""

    NAMES: Mapping[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """The allowed object of that name; any other name is a `CheckpointError`."""
        if (module, name) not in self.NAMES:
            raise CheckpointError(f"the checkpoint asks for {module}.{name}, which is not allowed")
        return self.NAMES[module, name]

    def persistent_load(self, identifier: Any) -> _Storage:
        """The storage that the identifier ("storage", type, key, device, size, view) names."""
        kind, dtype, key, _device, size, view = identifier
        if kind != "storage" or view is not None:
            raise CheckpointError(f"unknown persistent object {identifier!r}")
        return self.storages.setdefault(key, _Storage(dtype, size))


def _load(unpickler: pickle.Unpickler) -> Any:
    try:
        return unpickler.load()
    except CheckpointError:
        raise
    except (pickle.UnpicklingError, EOFError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(f"not a checkpoint of the legacy format: {error}") from error


def _fill(storage: _Storage, stream: IO[bytes]) -> None:
    count = int.from_bytes(stream.read(8), "little")
    if count != storage.size:
        raise CheckpointError(f"a storage holds {count} values where {storage.size} are announced")
    data = stream.read(count * storage.dtype.itemsize)
    if len(data) != count * storage.dtype.itemsize:
        raise CheckpointError("the file is truncated")
    storage.values = np.frombuffer(data, storage.dtype)


def read_checkpoint(path: Path) -> dict[str, NDArray[Any]]:
    """Name → array of every tensor in a legacy checkpoint; `CheckpointError` for anything else."""
    with path.open("rb") as stream:
        head = [_load(_RestrictedUnpickler(stream)) for _ in range(3)]
        if head[:2] != [LEGACY_MAGIC, LEGACY_PROTOCOL]:  # the third tells of the writer's integer sizes
            raise CheckpointError(f"{path.name} is not a checkpoint of the legacy format")
        unpickler = _RestrictedUnpickler(stream)
        state = _load(unpickler)
        for key in _load(_RestrictedUnpickler(stream)):
            _fill(unpickler.storages[key], stream)
    return {name: tensor.array() for name, tensor in state.items()}

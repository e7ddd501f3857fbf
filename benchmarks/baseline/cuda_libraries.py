"""Print how many seconds torch's CUDA libraries take to load, which a build for CPUs does not have."""

import ctypes
import sys
import time
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    """Load what torch needs anyway, then CUDA on the clock."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        raise LookupError("torch is not installed")
    folder, packages = Path(spec.origin).parent / "lib", Path(spec.origin).parents[1]
    for name in ("libcudart.so.*", "libcupti.so.*"):
        for library in sorted(packages.glob(f"nvidia/*/lib/{name}")):
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    ctypes.CDLL(str(folder / "libtorch_cpu.so"), mode=ctypes.RTLD_GLOBAL)
    began = time.perf_counter()
    ctypes.CDLL(str(folder / "libtorch_cuda.so"), mode=ctypes.RTLD_GLOBAL)
    sys.stdout.write(str(time.perf_counter() - began))


if __name__ == "__main__":
    main()

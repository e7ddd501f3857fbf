"""The handler's dependencies, unpacked for the Python and the platform the artifact is for."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.errors import CommandError

# SageMaker's container: see "python" in stacks/container_images.json; its Ubuntu 22.04 has glibc 2.35.
CONTAINER_PYTHON = "3.12"
CONTAINER_PLATFORM = "x86_64-manylinux_2_28"

# What never runs in a container, relative to the folder of the wheels.
UNUSED = (
    "bin",
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "**/py.typed",
    # Paths of the installing machine; they would make the bytes differ.
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
    # onnxruntime's tools for making models, and its C library: the Python module has its own copy linked in.
    "onnxruntime/backend",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "onnxruntime/capi/libonnxruntime.so*",
    # OpenVINO's other devices, readers of other formats than its own, and its converter, which knows of a
    # package that reports its use.
    "openvino/cmake",
    "openvino/include",
    "openvino/tools",
    "openvino/torch",
    "openvino/frontend/*/",
    "openvino/libs/cache.json",
    "openvino/libs/libopenvino_[!i]*_frontend.so*",
    "openvino/libs/libopenvino_auto_*plugin.so",
    "openvino/libs/libopenvino_c.so*",
    "openvino/libs/libopenvino_hetero_plugin.so",
    "openvino/libs/libopenvino_intel_[gn]pu_plugin.so",
    "openvino/libs/libtbbmalloc_proxy.so*",
    "openvino/libs/tbb.pc",
)


def host_python() -> str:
    """The running interpreter's version, such as 3.11."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def host_platform() -> str:
    """This machine as uv names it; equal to the container's on Linux with an x86-64 or an Arm processor.

    Raises CommandError `platform_unsupported` elsewhere than on Linux and macOS.
    """
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    system = {"Linux": "manylinux_2_28", "Darwin": "apple-darwin"}.get(platform.system())
    if system is None:
        raise CommandError(
            "platform_unsupported", f"The model server runs on Linux and macOS, not on {platform.system()}."
        )
    return f"{machine}-{system}"


def unpack_wheels(requirements: Path, target: Path, *, python: str, platform_tag: str) -> None:
    """Install `requirements` (hash-checked, wheels only, nothing beyond the list) into `target` and strip it.

    The package index is asked only for what uv's cache does not hold. Raises CommandError
    `wheels_unavailable`.
    """
    command = _command(requirements, target, python=python, platform_tag=platform_tag)
    cached = subprocess.run([*command, "--offline"], capture_output=True, text=True, check=False)
    if cached.returncode != 0:
        _install_from_index(command, requirements)
    for pattern in UNUSED:
        for path in target.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _install_from_index(command: list[str], requirements: Path) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise CommandError(
            "wheels_unavailable",
            f"The wheels of {requirements} cannot be installed. Check that the package index can be reached "
            f"and has wheels for this Python and platform. uv says:\n{result.stderr.strip()}",
        )


def _command(requirements: Path, target: Path, *, python: str, platform_tag: str) -> list[str]:
    # Imported here: only packaging needs it.
    from uv import find_uv_bin

    return [
        find_uv_bin(),
        "pip",
        "install",
        "--quiet",
        f"--target={target}",
        f"--requirements={requirements}",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        "--no-compile-bytecode",
        f"--python={sys.executable}",
        f"--python-version={python}",
        f"--python-platform={platform_tag}",
    ]

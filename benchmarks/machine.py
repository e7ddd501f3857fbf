"""On what a measurement was taken: the machine, the versions, and how busy it was."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import psutil
from packaging.utils import canonicalize_name

from scripts.local.opensearch_home import VERSION as OPENSEARCH_VERSION
from scripts.local.settings import TOOLS

GIB = 1024**3
_PACKAGES = ("opensearch-py", "numpy", "onnxruntime", "openvino", "tokenizers", "pillow")
_TOOLS = {
    "model_server": ("multi-model-server", "sagemaker-inference"),
    "baseline": ("torch", "tokenizers"),
    "huggingface_server": ("torch", "transformers"),
}
"""Of environments beside ours, where they are there: what is measured in them."""
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
"""What decides how fast a precision is."""


def about() -> dict[str, Any]:
    """Return date, machine and versions; the load is that of the minute before, whoever made it."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processor": _processor(),
            "instructions": [each for each in _INSTRUCTIONS if each in _told("flags").split()],
            "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(psutil.virtual_memory().total / GIB, 1),
            "system": f"{platform.system()} {platform.machine()}",
            "load_before": round(os.getloadavg()[0], 2),
        },
        "versions": {
            "python": platform.python_version(),
            "opensearch": OPENSEARCH_VERSION,
            **{package: version(package) for package in _PACKAGES},
            **_of_tools(),
        },
    }


def _of_tools() -> dict[str, str]:
    """Return versions in the environments beside ours, as `environment: package`."""
    return {
        f"{tool}: {found.name}": found.version
        for tool, packages in _TOOLS.items()
        for found in distributions(path=[str(path) for path in (TOOLS / tool).glob("lib/*/site-packages")])
        if canonicalize_name(found.name) in packages
    }


def _processor() -> str:
    """Return the processor's name as Linux tells it, else as Python does."""
    return _told("model name") or platform.processor() or "unknown"


def _told(name: str) -> str:
    """Return what Linux tells of the first processor, where it does."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")

"""On what a measurement was taken: the machine, the versions, and how busy it was."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from scripts.local.opensearch_home import VERSION as OPENSEARCH_VERSION

GIB = 1024**3
_PACKAGES = ("opensearch-py", "numpy", "onnxruntime", "pillow")


def about() -> dict[str, Any]:
    """Return date, machine and versions; the load is that of the minute before, whoever made it."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(psutil.virtual_memory().total / GIB, 1),
            "system": f"{platform.system()} {platform.machine()}",
            "load_before": round(os.getloadavg()[0], 2),
        },
        "versions": {
            "python": platform.python_version(),
            "opensearch": OPENSEARCH_VERSION,
            **{package: version(package) for package in _PACKAGES},
        },
    }


def _processor() -> str:
    """Return the processor's name as Linux tells it, else as Python does."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")

"""The locked packages, as the requirements files name them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.repository import ROOT

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64"))
SHIPPED: Mapping[str, str] = {
    "lambda/requirements.txt": "functions",
    "lambda/requirements-thumbnail.txt": "thumbnail function",
    "model_code/requirements.txt": "model artifact",
    "model_code/requirements-openvino.txt": "model artifact on OpenVINO",
    "serving_image/requirements.txt": "slim image",
    "requirements.txt": "command line",
}
"""The requirements files of what leaves this repository, and what each is for."""
EVERY_LOCK = (
    *SHIPPED,
    "requirements-dev.txt",
    "scripts/local/emulator/requirements.txt",
    "scripts/container_images/requirements.txt",
    "scripts/demo_model/requirements.txt",
    "benchmarks/baseline/requirements.txt",
    "benchmarks/huggingface_server/requirements.txt",
    "tests/infrastructure/checkov/requirements.txt",
)


@dataclass(frozen=True, order=True)
class Locked:
    """One package at one version; the name is in its normal form."""

    name: str
    version: str


def read_lock(path: Path) -> Iterator[Locked]:
    """The packages of a requirements file that any of our platforms installs."""
    text = path.read_text("utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        requirement = Requirement(re.sub(r"\s--hash=\S+", "", line).split(" #")[0].strip())
        (version,) = (specifier.version for specifier in requirement.specifier)
        if _is_installed_somewhere(requirement):
            yield Locked(canonicalize_name(requirement.name), version)


def shipped() -> dict[Locked, list[str]]:
    """What each package that is shipped is part of."""
    parts: dict[Locked, list[str]] = {}
    for name, part in SHIPPED.items():
        for package in read_lock(ROOT / name):
            parts.setdefault(package, []).append(part)
    return parts


def _is_installed_somewhere(requirement: Requirement) -> bool:
    marker = requirement.marker
    return marker is None or any(
        marker.evaluate(
            {
                "python_version": python,
                "python_full_version": f"{python}.0",
                "sys_platform": system,
                "platform_system": platform,
                "platform_machine": machine,
                "os_name": "posix",
                "implementation_name": "cpython",
                "platform_python_implementation": "CPython",
            }
        )
        for python in PYTHONS
        for system, platform, machine in PLATFORMS
    )

"""The model artifacts for this machine: packaged when needed, named in the environment's own model lock."""

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from scripts.artifact.package import PackagedModel, package_model
from scripts.artifact.publish import locked
from scripts.artifact.wheels import host_platform
from scripts.artifact.work import BUILD
from scripts.local.settings import LocalSettings, tool_python
from scripts.local.steps import Say
from stacks.model_lock import ModelLock


def prepare_models(names: Sequence[str], say: Say) -> list[PackagedModel]:
    """The artifacts of the catalogue's models ``names`` with wheels for the model server's Python."""
    python, platform_tag = python_version(tool_python("model_server")), host_platform()
    return [
        package_model(name, python=python, platform_tag=platform_tag, output_dir=BUILD / "models", report=say)
        for name in names
    ]


def write_model_lock(models: Iterable[PackagedModel], settings: LocalSettings) -> None:
    """Let the environment's own model lock name ``models`` and no other."""
    lock = ModelLock()
    for model in models:
        lock = lock.with_model(model.name, locked(model))
    lock.save(model_lock_path(settings))


def model_lock_path(settings: LocalSettings) -> Path:
    """The environment's own model lock, beside the committed one that names what is in AWS."""
    return settings.directory / "model.lock"


def python_version(python: Path) -> str:
    """``major.minor`` of an interpreter."""
    program = "import sys; print(f'{sys.version_info.major}.{sys.version_info.minor}')"
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()

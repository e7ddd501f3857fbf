"""The model artifact for this machine: packaged when needed, named in the environment's own model lock."""

import subprocess
from pathlib import Path

from scripts.artifact.package import PackagedModel, package_model
from scripts.artifact.publish import locked
from scripts.artifact.wheels import host_platform
from scripts.artifact.work import BUILD
from scripts.local.settings import LocalSettings, tool_python
from scripts.local.steps import Say
from stacks.model_lock import ModelLock


def prepare_model(name: str, settings: LocalSettings, say: Say) -> PackagedModel:
    """The artifact of the catalogue's model ``name`` with wheels for the model server's Python."""
    packaged = package_model(
        name,
        python=python_version(tool_python("model_server")),
        platform_tag=host_platform(),
        output_dir=BUILD / "models",
        report=say,
    )
    ModelLock().with_model(name, locked(packaged)).save(model_lock_path(settings))
    return packaged


def model_lock_path(settings: LocalSettings) -> Path:
    """The environment's own model lock, beside the committed one that names what is in AWS."""
    return settings.directory / "model.lock"


def python_version(python: Path) -> str:
    """``major.minor`` of an interpreter."""
    program = "import sys; print(f'{sys.version_info.major}.{sys.version_info.minor}')"
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()

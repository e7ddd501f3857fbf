"""The artifact's wheels come before the packages of SageMaker's container, and must get on with them."""

import json
from pathlib import Path

import pytest

from benchmarks.cold_start import HUGGING_FACE_LOCK
from scripts.dependencies.locked import read_lock
from scripts.repository import ROOT


def versions(lock: Path) -> dict[str, str]:
    return {package.name: package.version for package in read_lock(lock)}


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-openvino.txt"])
def test_the_artifact_has_the_tokenizers_that_the_containers_transformers_starts_with(lock: str) -> None:
    artifact, container = versions(ROOT / "model_code" / lock), versions(HUGGING_FACE_LOCK)
    assert {"tokenizers", "transformers"} <= container.keys()
    assert artifact["tokenizers"] == container["tokenizers"]


def test_the_measured_torch_is_of_the_containers_version() -> None:
    images = json.loads((ROOT / "stacks" / "container_images.json").read_text("utf-8"))
    assert images["tag"].startswith(f"{versions(HUGGING_FACE_LOCK)['torch']}-transformers")

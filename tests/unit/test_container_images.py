"""The table of container addresses is the one that the SageMaker SDK's catalogue gives now."""

import json
import subprocess
from pathlib import Path

import pytest

from scripts.artifact.wheels import CONTAINER_PYTHON

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "stacks" / "container_images.json"
INTERPRETER = ROOT / ".tools" / "container_images" / "bin" / "python"
GENERATOR = ROOT / "scripts" / "container_images" / "generate.py"


def test_the_table_is_what_the_generator_writes(tmp_path: Path) -> None:
    if not INTERPRETER.exists():
        pytest.fail(f"{INTERPRETER} is missing: run make setup")
    fresh = tmp_path / "table.json"
    subprocess.run([INTERPRETER, GENERATOR, fresh], check=True, timeout=120)
    assert TABLE.read_text("utf-8") == fresh.read_text("utf-8"), f"run {INTERPRETER} {GENERATOR}"


def test_every_partition_has_its_own_domain() -> None:
    regions = json.loads(TABLE.read_text("utf-8"))["regions"]
    assert list(regions) == sorted(regions)
    assert regions["eu-central-1"]["registry"] == "763104351884.dkr.ecr.eu-central-1.amazonaws.com"
    assert regions["cn-north-1"]["registry"].endswith(".amazonaws.com.cn")
    assert all(region in entry["registry"] for region, entry in regions.items())


def test_the_wheels_are_for_the_containers_python() -> None:
    assert json.loads(TABLE.read_text("utf-8"))["python"] == CONTAINER_PYTHON

"""The templates of `dev` and `prod` as they were last accepted: a change of any resource shows in review.

After a change that is meant, run `UPDATE_SNAPSHOTS=1 pytest tests/infrastructure/test_snapshot.py` and read
the difference.
"""

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stacks.serving_image import image_tag
from stacks.settings import DEV
from stacks.settings.model import ContainerSettings
from tests.infrastructure.assembly import Synthesized, resources

SNAPSHOTS = Path(__file__).with_name("snapshots")
ASSET = re.compile(r"\b[0-9a-f]{64}\.(zip|json)\b")


def _masked(template: dict[str, Any]) -> str:
    # Assets are named by their content; what is in them is tested elsewhere.
    return ASSET.sub(r"<asset>.\1", json.dumps(template, indent=1, sort_keys=True)) + "\n"


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_an_environment_is_what_was_last_accepted(synthesized: Synthesized, env: str) -> None:
    templates = synthesized.templates[env]
    for stack, template in templates.items():
        _compare(f"{env}-{stack}", _masked(template))
    accepted = {file.stem.removeprefix(f"{env}-") for file in SNAPSHOTS.glob(f"{env}-*.json")}
    assert accepted - {"slim-Model"} == set(templates), (
        "remove the snapshots of stacks that there are no more"
    )


def _compare(name: str, present: str) -> None:
    snapshot = SNAPSHOTS / f"{name}.json"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.write_text(present, encoding="utf-8")
    assert snapshot.exists(), f"{name} is new: accept it with UPDATE_SNAPSHOTS=1"
    assert present == snapshot.read_text(encoding="utf-8"), f"{name}: accept it with UPDATE_SNAPSHOTS=1"


def test_dev_with_the_slim_image_is_what_was_last_accepted(slim: Synthesized) -> None:
    # The image is named by its content, and the model by the image; both are tested elsewhere.
    settings = replace(DEV, container=ContainerSettings(image="slim"))
    present = _masked(slim.templates["dev"]["Model"]).replace(image_tag(settings), "<tag>")
    (model,) = resources(slim.templates["dev"]["Model"], "AWS::SageMaker::Model")
    _compare("dev-slim-Model", present.replace(model["Properties"]["ModelName"], "<model>"))


def test_a_changed_property_changes_the_snapshot_and_a_changed_asset_does_not() -> None:
    asset, other = {"S3Key": f"{'a' * 64}.zip"}, {"S3Key": f"{'b' * 64}.zip"}
    assert _masked(asset) == _masked(other)
    assert _masked({"Timeout": 1}) != _masked({"Timeout": 2})

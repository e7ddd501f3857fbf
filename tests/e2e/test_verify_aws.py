"""The trial of everything, dry: the same steps on the emulator, and the environment is gone afterwards."""

import json
from pathlib import Path

import pytest

from scripts.local.environment import status
from scripts.local.settings import LocalSettings
from scripts.verify_aws.site import on_this_machine
from scripts.verify_aws.steps import DESTROY, steps_of
from tests.deployed import own_command


@pytest.mark.verified("`imagesearch verify-aws`, dry: every step, and nothing left", on="emulator")
def test_a_dry_run_takes_every_step_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    command = own_command(folder / "local")
    command("verify-aws", "--dry-run", "--folder", str(folder), check=True)

    (kept,) = folder.glob("*-emulator")
    written = json.loads((kept / "transcript.json").read_text("utf-8"))
    steps = [step.name for step in steps_of(on_this_machine(folder=folder), folder)]
    assert [step["name"] for step in written["steps"]] == [*steps, DESTROY]
    assert all(step["passed"] for step in written["steps"])
    assert written["steps"][-1]["said"] == "Nothing of local is left that costs anything."
    assert (written["where"], written["trouble"], written["left"]) == ("emulator", None, None)
    assert (written["reckoned_usd"], written["shown"]) == (0.0, {})
    assert "**Every step passed.**" in (kept / "transcript.md").read_text("utf-8")

    parts = status(settings=LocalSettings.from_environment(command.variables))
    assert not any(part.running for part in parts)
    assert command("destroy", "local", check=True).stdout.strip() == "Nothing was running."

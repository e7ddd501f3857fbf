"""`imagesearch smoke` on the deployed environment: it passes, it fails in time, and it leaves nothing."""

import json
import signal
from typing import Any

import pytest

from imagesearch_client import ImageSearchClient
from scripts.smoke.traces import PREFIX
from scripts.target import Target
from tests.e2e.command import Command
from tests.waiting import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.verified("`imagesearch smoke`", on="emulator")


def _versions(deployment: Target, bucket: str, prefix: str) -> list[str]:
    pages: Any = deployment.s3().get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    return [
        one["Key"] for page in pages for kind in ("Versions", "DeleteMarkers") for one in page.get(kind, [])
    ]


def test_a_deployed_environment_passes_and_nothing_is_left(deployment: Target, imagesearch: Command) -> None:
    thumbnails = _versions(deployment, deployment.artifact_bucket(), "thumbnails/")

    done = imagesearch("smoke", "local", "--json")

    report = json.loads(done.stdout)
    assert (done.returncode, report["passed"]) == (0, True), report
    assert [step["name"] for step in report["steps"]][-2:] == ["delete", "clean up"]
    assert _versions(deployment, deployment.image_bucket(), PREFIX) == []
    assert _versions(deployment, deployment.artifact_bucket(), "thumbnails/") == thumbnails


def test_each_step_is_a_line_and_a_failure_an_exit_status(deployment: Target, imagesearch: Command) -> None:
    done = imagesearch("smoke", "--within", "0.1")

    lines = done.stdout.splitlines()
    assert done.returncode == 1, done.stdout
    assert lines[0].startswith("health")
    assert "passed" in lines[0]
    assert any("smoke_timeout" in line for line in lines)
    assert lines[-1].startswith("clean up")
    assert _versions(deployment, deployment.image_bucket(), PREFIX) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_test_takes_its_picture_along(
    deployment: Target, imagesearch: Command, client: ImageSearchClient, number: signal.Signals
) -> None:
    key = wait_for(
        lambda: _interrupted(deployment, imagesearch, number), "a test that is interrupted in time"
    )

    wait_for(lambda: None if client.image(key) else True, "the index to forget the picture")


def _interrupted(deployment: Target, imagesearch: Command, number: signal.Signals) -> str | None:
    """The key of the picture whose test was interrupted; None where the test was faster than we are."""
    running = imagesearch.start("smoke", "local")

    def put() -> list[str] | None:
        found = _versions(deployment, deployment.image_bucket(), PREFIX)
        return found if found or running.poll() is not None else None

    keys = wait_for(put, "the picture")
    if len(keys) == 1:  # else it is being removed already
        running.send_signal(number)
    running.communicate(timeout=PATIENCE_SECONDS)
    assert _versions(deployment, deployment.image_bucket(), PREFIX) == []
    return keys[0] if running.returncode == 130 else None

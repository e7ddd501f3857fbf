"""Images built by CodeBuild and kept in ECR."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imagesearch.errors import ImageBuildRefusedError
from imagesearch.image_building import ImageBuild, ImageOrder

_TIMEOUT_SECONDS = 10
_ABSENT = {"ImageNotFoundException"}
# AWS's clients are typed by packages for each service; two calls a deployment are not worth two of them.
Client = Any


def clients() -> tuple[Client, Client]:
    """Return clients of CodeBuild and ECR that retry what passes by itself."""
    import boto3

    config = Config(
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 5},
    )
    return boto3.client("codebuild", config=config), boto3.client("ecr", config=config)


class CodeBuildImageBuilder:
    """One project that builds whatever order it is given, and the repositories that it pushes to."""

    def __init__(self, *, codebuild: Client, ecr: Client) -> None:
        self._codebuild = codebuild
        self._ecr = ecr

    def has(self, order: ImageOrder) -> bool:
        """Return whether the repository holds the image."""
        with _translated():
            try:
                self._ecr.describe_images(repositoryName=order.repository, imageIds=[{"imageTag": order.tag}])
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _ABSENT:
                    return False
                raise
            return True

    def start(self, order: ImageOrder, *, request: str) -> str:
        """Start a build and return its id; a repeated `request` starts no second one."""
        with _translated():
            answer = self._codebuild.start_build(
                projectName=order.project,
                idempotencyToken=request,
                sourceLocationOverride=order.source,
                environmentVariablesOverride=_variables(TAG=order.tag, BASE_IMAGE=order.base_image),
            )
        build: str = answer["build"]["id"]
        return build

    def look(self, build: str) -> ImageBuild:
        """Return how a build stands."""
        with _translated():
            builds = self._codebuild.batch_get_builds(ids=[build])["builds"]
        if not builds:
            return ImageBuild(status="failed", reason=f"CodeBuild knows no build {build}")
        return _state(builds[0])


def _variables(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value, "type": "PLAINTEXT"} for name, value in values.items()]


def _state(build: Mapping[str, Any]) -> ImageBuild:
    match build["buildStatus"]:
        case "IN_PROGRESS":
            return ImageBuild(status="running")
        case "SUCCEEDED":
            return ImageBuild(status="succeeded")
        case status:
            log = build.get("logs", {}).get("deepLink", "")
            return ImageBuild(status="failed", reason=_reason(status, build.get("phases", [])), log=log)


def _reason(status: str, phases: Sequence[Mapping[str, Any]]) -> str:
    """Return the first phase that did not succeed with its message, or the status where none says why."""
    for phase in phases:
        if phase.get("phaseStatus", "SUCCEEDED") not in ("SUCCEEDED", "IN_PROGRESS"):
            words = " ".join(context.get("message", "") for context in phase.get("contexts", [])).strip()
            return f"{phase['phaseType']} {phase['phaseStatus']}{f': {words}' if words else ''}"
    return status


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise ImageBuildRefusedError(f"The model's image cannot be built or looked up: {error}") from error

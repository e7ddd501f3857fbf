"""CodeBuild and ECR as the adapter asks them, answered by botocore's stubs, which check every parameter."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from imagesearch.adapters.codebuild import CodeBuildImageBuilder
from imagesearch.errors import ImageBuildRefusedError
from imagesearch.image_building import ImageBuild, ImageOrder

ORDER = ImageOrder(project="p", repository="repo", tag="t", source="bucket/key.zip", base_image="python:3.12")


class Aws:
    """Both clients, their stubs, and the adapter on them."""

    def __init__(self) -> None:
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
        clients: Any = boto3
        codebuild, ecr = clients.client("codebuild", **keys), clients.client("ecr", **keys)
        self.codebuild, self.ecr = Stubber(codebuild), Stubber(ecr)
        self.codebuild.activate()
        self.ecr.activate()
        self.builder = CodeBuildImageBuilder(codebuild=codebuild, ecr=ecr)


@pytest.fixture
def aws() -> Aws:
    return Aws()


def test_a_tag_that_the_repository_holds_is_found(aws: Aws) -> None:
    asked = {"repositoryName": "repo", "imageIds": [{"imageTag": "t"}]}
    aws.ecr.add_response("describe_images", {"imageDetails": [{"imageTags": ["t"]}]}, asked)
    assert aws.builder.has(ORDER)


def test_a_tag_that_it_lacks_is_no_error(aws: Aws) -> None:
    aws.ecr.add_client_error("describe_images", "ImageNotFoundException")
    assert not aws.builder.has(ORDER)


@pytest.mark.parametrize("code", ["RepositoryNotFoundException", "AccessDeniedException"])
def test_whatever_else_ecr_says_is_an_error_with_its_words(aws: Aws, code: str) -> None:
    aws.ecr.add_client_error("describe_images", code)
    with pytest.raises(ImageBuildRefusedError, match=code):
        aws.builder.has(ORDER)


def test_a_build_is_told_source_tag_and_base_image_and_is_started_once_a_request(aws: Aws) -> None:
    variables = [("TAG", "t"), ("BASE_IMAGE", "python:3.12")]
    asked = {
        "projectName": "p",
        "idempotencyToken": "request-1",
        "sourceLocationOverride": "bucket/key.zip",
        "environmentVariablesOverride": [
            {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables
        ],
    }
    aws.codebuild.add_response("start_build", {"build": {"id": "p:1"}}, asked)
    assert aws.builder.start(ORDER, request="request-1") == "p:1"


def _looked_at(aws: Aws, build: dict[str, Any]) -> ImageBuild:
    aws.codebuild.add_response("batch_get_builds", {"builds": [build]}, {"ids": ["p:1"]})
    return aws.builder.look("p:1")


@pytest.mark.parametrize(("status", "state"), [("IN_PROGRESS", "running"), ("SUCCEEDED", "succeeded")])
def test_a_build_that_runs_or_succeeded_is_told_as_such(aws: Aws, status: str, state: str) -> None:
    assert _looked_at(aws, {"buildStatus": status}).status == state


def test_a_failed_build_is_told_with_its_first_failed_phase_and_its_log(aws: Aws) -> None:
    phases = [
        {"phaseType": "PROVISIONING", "phaseStatus": "SUCCEEDED"},
        {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"message": "docker build: exit 1"}]},
        {"phaseType": "COMPLETED"},
    ]
    build = {"buildStatus": "FAILED", "phases": phases, "logs": {"deepLink": "https://log"}}
    expected = ImageBuild(status="failed", reason="BUILD FAILED: docker build: exit 1", log="https://log")
    assert _looked_at(aws, build) == expected


def test_a_stopped_build_is_told_by_its_status(aws: Aws) -> None:
    assert _looked_at(aws, {"buildStatus": "STOPPED"}) == ImageBuild(status="failed", reason="STOPPED")


def test_a_build_that_codebuild_does_not_know_has_failed(aws: Aws) -> None:
    aws.codebuild.add_response("batch_get_builds", {"builds": []}, {"ids": ["p:1"]})
    assert aws.builder.look("p:1").status == "failed"

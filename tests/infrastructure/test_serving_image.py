"""The models' own image as a setting: what is deployed then, who may do what, and when it is built anew."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from stacks import serving_image
from stacks.components.models.model_container import model_name
from stacks.container_images import container_python
from stacks.serving_image import FOLDER, image_tag
from stacks.settings import DEV, LOCAL
from stacks.settings.checks import SettingsError
from stacks.settings.model import ContainerSettings, RealTimeEndpoint
from tests.infrastructure.assembly import PUBLISHED, Synthesized, flat, listed, resources

SLIM = replace(DEV, container=ContainerSettings(image="slim"))
REPOSITORY = "imagesearch-dev-model-server"
NO_RESOURCES = {
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


@pytest.fixture
def template(slim: Synthesized) -> dict[str, Any]:
    return slim.templates["dev"]["Model"]


def _statements(template: dict[str, Any], role: str = "") -> Iterator[dict[str, Any]]:
    """The statements of the policies of those roles whose logical name begins with `role`."""
    for policy in resources(template, "AWS::IAM::Policy"):
        if policy["Properties"]["Roles"][0]["Ref"].startswith(role):
            yield from policy["Properties"]["PolicyDocument"]["Statement"]


def _granted(template: dict[str, Any], role: str, service: str) -> set[tuple[str, str]]:
    return {
        (action.split(":")[1], flat(resource).rsplit(":", maxsplit=1)[-1])
        for statement in _statements(template, role)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if action.startswith(f"{service}:")
    }


def test_an_environment_with_sagemakers_image_deploys_no_builder(synthesized: Synthesized) -> None:
    kinds = {r["Type"] for _, _, template in synthesized.all() for r in template["Resources"].values()}
    assert kinds.isdisjoint({"AWS::ECR::Repository", "AWS::CodeBuild::Project", "Custom::ServingImage"})


def test_the_model_runs_in_the_image_of_its_own_repository(template: dict[str, Any]) -> None:
    (model,) = resources(template, "AWS::SageMaker::Model")
    image = flat(model["Properties"]["PrimaryContainer"]["Image"])
    assert image == f"reference.dkr.ecr.us-east-1.reference/{REPOSITORY}:{image_tag(SLIM)}"


def test_the_model_waits_until_the_image_is_there(template: dict[str, Any]) -> None:
    (model,) = resources(template, "AWS::SageMaker::Model")
    waits = {template["Resources"][name]["Type"] for name in model["DependsOn"]}
    assert {"Custom::ServingImage", "AWS::IAM::Policy"} <= waits


def test_bulk_runs_name_the_model_as_the_model_stack_does(slim: Synthesized) -> None:
    (model,) = resources(slim.templates["dev"]["Model"], "AWS::SageMaker::Model")
    name = model["Properties"]["ModelName"]
    assert name in json.dumps(slim.templates["dev"]["Bulk"])
    assert name != model_name(cdk.Stack(cdk.App(), "Stack"), model=PUBLISHED, settings=DEV)


def test_the_repository_scans_its_images_and_overwrites_none(template: dict[str, Any]) -> None:
    (repository,) = resources(template, "AWS::ECR::Repository")
    properties = repository["Properties"]
    assert properties["RepositoryName"] == REPOSITORY
    assert properties["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert properties["ImageTagMutability"] == "IMMUTABLE"
    assert '"countNumber":10' in properties["LifecyclePolicy"]["LifecyclePolicyText"]


def test_the_models_role_pulls_from_that_repository_only(template: dict[str, Any]) -> None:
    repository = f"repository/{REPOSITORY}"
    assert _granted(template, "clipvitb32Role", "ecr") == {
        ("BatchCheckLayerAvailability", repository),
        ("BatchGetImage", repository),
        ("GetDownloadUrlForLayer", repository),
        ("GetAuthorizationToken", "*"),
    }


def test_the_build_pushes_to_that_repository_only_and_reads_its_own_source(template: dict[str, Any]) -> None:
    pushed = {resource for _, resource in _granted(template, "ImageBuildRole", "ecr")}
    assert pushed == {f"repository/{REPOSITORY}", "*"}
    (read,) = {
        resource
        for action, resource in _granted(template, "ImageBuildRole", "s3")
        if action.startswith("GetObject")
    }
    assert re.fullmatch(r"reference/[0-9a-f]{64}\.zip", read)


def test_the_function_starts_builds_of_one_project_and_looks_into_one_repository(
    template: dict[str, Any],
) -> None:
    assert _granted(template, "ImageOrderRole", "codebuild") == {
        ("StartBuild", "reference"),
        ("BatchGetBuilds", "reference"),
    }
    assert _granted(template, "ImageOrderRole", "ecr") == {("DescribeImages", f"repository/{REPOSITORY}")}


def test_no_policy_holds_a_wildcard_action_or_an_unneeded_wildcard_resource(template: dict[str, Any]) -> None:
    statements = list(_statements(template))
    assert not [a for s in statements for a in listed(s["Action"]) if "*" in a]
    everywhere = {a for s in statements if "*" in listed(s["Resource"]) for a in listed(s["Action"])}
    assert everywhere == NO_RESOURCES


def test_a_build_is_told_tag_and_base_image_and_pushes_only_what_it_built(template: dict[str, Any]) -> None:
    (project,) = resources(template, "AWS::CodeBuild::Project")
    specification = flat(project["Properties"]["Source"]["BuildSpec"])
    (phase,) = json.loads(specification)["phases"].values()
    _, build, push = phase["commands"]
    assert '--build-arg BASE_IMAGE="$BASE_IMAGE"' in build
    assert push.startswith("docker push ")
    assert push.split()[-1] in build
    assert push.endswith(f'/{REPOSITORY}:$TAG"')


def test_a_failed_build_ends_before_its_waiting_does(template: dict[str, Any]) -> None:
    (project,) = resources(template, "AWS::CodeBuild::Project")
    properties = project["Properties"]
    (machine,) = resources(template, "AWS::StepFunctions::StateMachine")
    (retry,) = json.loads(flat(machine["Properties"]["DefinitionString"]))["States"][
        "framework-isComplete-task"
    ]["Retry"]
    builds = properties["TimeoutInMinutes"] + properties["QueuedTimeoutInMinutes"]
    assert retry["IntervalSeconds"] * retry["MaxAttempts"] > builds * 60


def test_the_function_is_given_nothing_that_it_does_not_read(template: dict[str, Any]) -> None:
    (function,) = [
        function["Properties"]
        for function in resources(template, "AWS::Lambda::Function")
        if function["Properties"].get("Handler") == "imagesearch.entrypoints.image_build.handler"
    ]
    assert set(function["Environment"]["Variables"]) == {"POWERTOOLS_SERVICE_NAME", "LOG_LEVEL"}


def test_every_log_group_forgets(template: dict[str, Any]) -> None:
    days = {group["Properties"]["RetentionInDays"] for group in resources(template, "AWS::Logs::LogGroup")}
    assert days == {DEV.functions.log_retention_days}


def test_cfn_lint_finds_nothing(slim: Synthesized) -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005", "--"]
    (file,) = [file for file in slim.files() if file.name.startswith("devModel")]
    run = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
    assert (run.stdout, run.returncode) == ("", 0), run.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the image's."""
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.setattr(serving_image, "FOLDER", tmp_path)
    return tmp_path


def test_the_tag_changes_with_what_decides_the_image_and_with_nothing_else(folder: Path) -> None:
    before = image_tag(SLIM)
    (folder / "__pycache__" / "serve.pyc").write_bytes(b"compiled")
    assert image_tag(SLIM) == image_tag(replace(SLIM, region="eu-west-1")) == before
    other_base = ContainerSettings(image="slim", base_image=f"python:3.12@sha256:{'0' * 64}")
    assert image_tag(replace(SLIM, container=other_base)) != before
    (folder / "Dockerfile").write_text("FROM scratch\nUSER 1:1\n")
    assert image_tag(SLIM) != before


def test_the_base_image_has_the_python_that_artifacts_are_packaged_for() -> None:
    assert f"python:{container_python()}-" in ContainerSettings().base_image
    major, minor = container_python().split(".")
    assert f"sys.version_info[:2] == ({major}, {minor})" in (FOLDER / "Dockerfile").read_text("utf-8")


def test_what_cannot_be_deployed_is_refused() -> None:
    with pytest.raises(SettingsError, match="an emulated environment builds no image"):
        replace(LOCAL, container=ContainerSettings(image="slim"))
    with pytest.raises(SettingsError, match="must be one of huggingface, slim, not 'own'"):
        ContainerSettings(image="own")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"container\.base_image must be such as"):
        ContainerSettings(base_image='x" && curl')
    with pytest.raises(SettingsError, match="has an Arm processor"):
        RealTimeEndpoint(instance_type="ml.c7g.xlarge", instance_count=1)

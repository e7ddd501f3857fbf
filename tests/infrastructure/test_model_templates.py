"""The deployed models: endpoints, containers and what their role may do."""

import json
import re
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import pytest

from stacks.components.models.model_container import model_name
from stacks.model_lock import LockedModel
from stacks.settings import DEV, ENVIRONMENTS, PROD, Settings
from stacks.settings.model import RealTimeEndpoint, ServerlessEndpoint
from tests.infrastructure.assembly import PUBLISHED, Synthesized, flat, listed, resources


def test_an_endpoint_is_named_by_environment_and_fingerprint(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        endpoints = resources(stacks["Model"], "AWS::SageMaker::Endpoint")
        names = [endpoint["Properties"]["EndpointName"] for endpoint in endpoints]
        assert names == [f"imagesearch-{env}-{PUBLISHED.fingerprint[:12]}"]


def test_a_configuration_which_every_change_replaces_has_no_name_of_its_own(synthesized: Synthesized) -> None:
    for _, stacks in synthesized.templates.items():
        (configuration,) = resources(stacks["Model"], "AWS::SageMaker::EndpointConfig")
        assert "EndpointConfigName" not in configuration["Properties"]


def test_a_model_is_named_like_its_endpoint_and_by_its_container(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        (model,) = resources(stacks["Model"], "AWS::SageMaker::Model")
        name = model["Properties"]["ModelName"]
        assert re.fullmatch(rf"imagesearch-{env}-{PUBLISHED.fingerprint[:12]}-[0-9a-f]{{12}}", name)
        assert len(name) <= 63


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (replace(PUBLISHED, digest="d2" * 32), DEV),
        (PUBLISHED, replace(DEV, endpoint=PROD.endpoint)),
        (PUBLISHED, replace(DEV, region="eu-west-1")),
    ],
)
def test_whatever_replaces_a_model_gives_it_another_name(model: LockedModel, settings: Settings) -> None:
    scope = cdk.Stack(cdk.App(), "Stack")
    name = model_name(scope, model=PUBLISHED, settings=DEV)
    assert name == model_name(cdk.Stack(cdk.App(), "Other"), model=PUBLISHED, settings=DEV)
    assert name != model_name(scope, model=model, settings=settings)


def test_the_container_gets_the_published_artifact_and_its_environment(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        container = _container(stacks["Model"])
        bucket = f"imagesearch-{env}-artifacts-reference-us-east-1"
        artifact = f"models/{PUBLISHED.digest}/model.tar.gz"
        assert flat(container["ModelDataUrl"]) == f"s3://{bucket}/{artifact}"
        assert {name: flat(value) for name, value in container["Environment"].items()} == {
            "AWS_DEFAULT_REGION": "us-east-1",
            "IMAGE_BUCKET": f"imagesearch-{env}-images-reference-us-east-1",
            "MMS_MAX_REQUEST_SIZE": str(ENVIRONMENTS[env].endpoint.max_payload_bytes),
            "MMS_MAX_RESPONSE_SIZE": str(6 * 1024 * 1024),
            "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "600",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
            "SAGEMAKER_PROGRAM": "inference.py",
        }


def _container(template: dict[str, Any]) -> dict[str, Any]:
    (model,) = resources(template, "AWS::SageMaker::Model")
    container: dict[str, Any] = model["Properties"]["PrimaryContainer"]
    return container


def test_the_model_waits_for_the_policy_of_its_role(synthesized: Synthesized) -> None:
    for _, stacks in synthesized.templates.items():
        (model,) = resources(stacks["Model"], "AWS::SageMaker::Model")
        waits = {stacks["Model"]["Resources"][name]["Type"] for name in model["DependsOn"]}
        assert waits == {"AWS::IAM::Role", "AWS::IAM::Policy"}


def test_the_model_reads_its_artifact_pictures_and_shards_and_writes_embeddings_and_nothing_else_of_s3(
    synthesized: Synthesized,
) -> None:
    for env, stacks in synthesized.templates.items():
        (policy,) = resources(stacks["Model"], "AWS::IAM::Policy")
        granted = {
            (action, flat(resource).rsplit(":::", maxsplit=1)[-1])
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
            if action.startswith("s3:")
        }
        images, artifacts = (f"imagesearch-{env}-{x}-reference-us-east-1" for x in ("images", "artifacts"))
        assert granted == {
            ("s3:GetObject", f"{artifacts}/models/{PUBLISHED.digest}/model.tar.gz"),
            ("s3:GetObject", f"{images}/*"),
            ("s3:ListBucket", images),
            ("s3:ListBucket", artifacts),
            ("s3:GetObject", f"{artifacts}/runs/*/shards/*"),
            ("s3:GetObject", f"{artifacts}/runs/*/manifest.json"),
            ("s3:PutObject", f"{artifacts}/runs/*/embeddings/*"),
        }


def test_an_endpoint_is_of_the_kind_that_the_settings_name(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        (configuration,) = resources(stacks["Model"], "AWS::SageMaker::EndpointConfig")
        (variant,) = configuration["Properties"]["ProductionVariants"]
        match ENVIRONMENTS[env].endpoint:
            case ServerlessEndpoint(memory_mb=memory, max_concurrency=concurrency):
                assert variant["ServerlessConfig"] == {
                    "MemorySizeInMB": memory,
                    "MaxConcurrency": concurrency,
                }
            case RealTimeEndpoint(instance_type=instance, instance_count=count):
                assert (variant["InstanceType"], variant["InitialInstanceCount"]) == (instance, count)


def test_the_index_is_set_up_for_the_published_model(synthesized: Synthesized) -> None:
    for _, stacks in synthesized.templates.items():
        (index,) = resources(stacks["Ingest"], "Custom::SearchIndex")
        assert index["Properties"]["Fingerprint"] == PUBLISHED.fingerprint
        assert index["Properties"]["Dimension"] == PUBLISHED.dimension


def test_no_template_points_at_an_emulator(synthesized: Synthesized) -> None:
    assert "AWS_ENDPOINT_URL" not in json.dumps(synthesized.templates)

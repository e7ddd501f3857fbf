"""How a model's endpoint follows the load."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from stacks.model import ModelStack
from stacks.settings import DEV, ENVIRONMENTS, PROD, SettingsError
from stacks.settings.model import (
    InstanceScaling,
    ProvisionedConcurrency,
    RealTimeEndpoint,
    ServerlessEndpoint,
)
from tests.infrastructure.assembly import PUBLISHED, Synthesized, context, resources

TARGET, POLICY = "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"
ENDPOINT = f"endpoint/imagesearch-dev-{PUBLISHED.fingerprint[:12]}/variant/AllTraffic"


def _template(folder: Path, endpoint: ServerlessEndpoint | RealTimeEndpoint) -> dict[str, Any]:
    app = cdk.App(context=context(folder), outdir=str(folder / "out"))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    ModelStack(app, "Model", settings=replace(DEV, endpoint=endpoint), models={"clip": PUBLISHED})
    template: dict[str, Any] = app.synth().get_stack_by_name("Model").template
    return template


def test_instances_follow_the_invocations_of_each(tmp_path: Path) -> None:
    scaling = InstanceScaling(maximum=7, invocations_per_minute=500, scale_in_seconds=900)
    endpoint = RealTimeEndpoint(instance_type="ml.c6i.xlarge", instance_count=2, scaling=scaling)
    template = _template(tmp_path, endpoint)

    (target,), (policy,) = resources(template, TARGET), resources(template, POLICY)
    assert target["Properties"] == {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ResourceId": ENDPOINT,
        "MinCapacity": 2,
        "MaxCapacity": 7,
    }
    assert policy["Properties"]["TargetTrackingScalingPolicyConfiguration"] == {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "TargetValue": 500,
        "ScaleOutCooldown": 60,
        "ScaleInCooldown": 900,
    }


def test_what_scales_waits_for_the_endpoint(tmp_path: Path) -> None:
    template = _template(tmp_path, PROD.endpoint)
    (target,) = resources(template, TARGET)
    waits = {template["Resources"][name]["Type"] for name in target["DependsOn"]}
    assert waits == {"AWS::SageMaker::Endpoint"}


def test_started_copies_follow_how_many_of_them_are_busy(tmp_path: Path) -> None:
    kept = ProvisionedConcurrency(minimum=1, maximum=4, utilisation=0.6)
    template = _template(tmp_path, ServerlessEndpoint(memory_mb=4096, max_concurrency=5, provisioned=kept))

    (configuration,) = resources(template, "AWS::SageMaker::EndpointConfig")
    (variant,) = configuration["Properties"]["ProductionVariants"]
    assert variant["ServerlessConfig"] == {
        "MemorySizeInMB": 4096,
        "MaxConcurrency": 5,
        "ProvisionedConcurrency": 1,
    }
    (target,), (policy,) = resources(template, TARGET), resources(template, POLICY)
    assert target["Properties"]["ScalableDimension"] == "sagemaker:variant:DesiredProvisionedConcurrency"
    assert (target["Properties"]["MinCapacity"], target["Properties"]["MaxCapacity"]) == (1, 4)
    tracking = policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 0.6
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantProvisionedConcurrencyUtilization"
    }


@pytest.mark.parametrize(
    "endpoint",
    [
        ServerlessEndpoint(memory_mb=1024, max_concurrency=2, provisioned=ProvisionedConcurrency(minimum=2)),
        RealTimeEndpoint(instance_type="ml.c6i.xlarge", instance_count=2),
    ],
    ids=["started copies", "instances"],
)
def test_what_has_no_maximum_is_not_scaled(
    tmp_path: Path, endpoint: ServerlessEndpoint | RealTimeEndpoint
) -> None:
    assert resources(_template(tmp_path, endpoint), TARGET) == []


def test_only_environments_that_say_so_scale(synthesized: Synthesized) -> None:
    scaled = {env for env, stacks in synthesized.templates.items() if resources(stacks["Model"], TARGET)}
    # The emulator refuses these resources, so the environment on this machine must never have them.
    assert scaled == {"prod"} < set(ENVIRONMENTS)


def _serverless(**kept: Any) -> ServerlessEndpoint:
    provisioned = ProvisionedConcurrency(**kept)
    return ServerlessEndpoint(memory_mb=1024, max_concurrency=5, provisioned=provisioned)


def _instances(count: int = 2, **scaling: Any) -> RealTimeEndpoint:
    scales = InstanceScaling(**{"maximum": 4, "invocations_per_minute": 500, **scaling})
    return RealTimeEndpoint(instance_type="ml.c6i.xlarge", instance_count=count, scaling=scales)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _serverless(minimum=6), "must not exceed max_concurrency"),
        (lambda: _serverless(minimum=1, maximum=6), "must not exceed max_concurrency"),
        (lambda: _serverless(minimum=2, maximum=2), "above 2"),
        (lambda: _serverless(minimum=0), "from 1 to 200"),
        (lambda: _serverless(minimum=1, utilisation=1), "between 0 and 1"),
        (lambda: _serverless(minimum=1, scale_in_seconds=-1), "not be negative"),
        (lambda: _instances(maximum=2), "above 2"),
        (lambda: _instances(invocations_per_minute=0), "at least 1"),
        (lambda: _instances(scale_out_seconds=-1), "not be negative"),
        (lambda: _instances(count=0), "costs nothing while idle is a ServerlessEndpoint"),
    ],
)
def test_scaling_that_no_endpoint_can_have_is_refused(make: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()

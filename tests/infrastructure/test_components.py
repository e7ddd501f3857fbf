"""What the constructs refuse while the app is built."""

from collections.abc import Mapping

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from stacks.components.foundations.permissions import allow
from stacks.components.functions.python_function import PythonFunction
from stacks.container_images import image_uri
from stacks.settings import DEV
from stacks.settings.checks import SettingsError


@pytest.fixture
def stack() -> cdk.Stack:
    return cdk.Stack(cdk.App(context={"aws:cdk:bundling-stacks": []}), "Stack")


@pytest.fixture
def role(stack: cdk.Stack) -> iam.Role:
    return iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


def test_a_wildcard_resource_without_a_reason_is_refused(role: iam.Role) -> None:
    with pytest.raises(ValueError, match="needs its reason"):
        allow(role, actions=["s3:GetObject"], resources=["arn:aws:s3:::bucket/*"])


def test_a_wildcard_action_is_refused_whatever_the_reason(role: iam.Role) -> None:
    with pytest.raises(ValueError, match="name every action"):
        allow(role, actions=["s3:Get*"], resources=["arn:aws:s3:::bucket"], wildcard="reads")


def _function(stack: cdk.Stack, environment: Mapping[str, str]) -> PythonFunction:
    return PythonFunction(
        stack,
        "Query",
        entrypoint="query",
        description="",
        settings=DEV.functions,
        memory_mb=128,
        timeout_seconds=1,
        environment=environment,
    )


def test_a_variable_that_lambda_reserves_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="reserves AWS_REGION"):
        _function(stack, {"AWS_REGION": "us-east-1"})


def test_an_environment_larger_than_lambda_takes_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="larger than 4096 bytes"):
        _function(stack, {"LARGE": "x" * 4096})


def test_a_region_without_the_container_image_is_refused_with_those_that_have_it() -> None:
    with pytest.raises(SettingsError, match=r"no inference image in 'moon-1'.*us-east-1"):
        image_uri("moon-1")

"""The CDK's provider framework around a function that makes a custom resource."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as cr
from constructs import Construct, IConstruct

from stacks.components.foundations.log_retention import RETENTION
from stacks.components.foundations.permissions import acknowledge
from stacks.components.functions.python_function import PythonFunction
from stacks.settings import Settings

_BASIC_POLICY = (
    "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]"
)
_QUERY_SECONDS = 20


def resource_provider(
    scope: Construct, *, function: PythonFunction, settings: Settings, wait_minutes: int | None = None
) -> cr.Provider:
    """Return the provider of `function`, made in `scope`.

    With `wait_minutes` the function is asked again and again whether the resource is complete, for that long.
    """
    provider = cr.Provider(
        scope,
        "Provider",
        on_event_handler=function.function,
        log_group=logs.LogGroup(
            scope,
            "ProviderLogs",
            retention=RETENTION[settings.functions.log_retention_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        ),
        **_waiting(function, wait_minutes),
    )
    acknowledge(
        provider,
        {
            _BASIC_POLICY: "The role is the CDK's provider framework's own; it may write logs.",
            _any_version(function.function): "The framework invokes any version of its handler.",
            "AwsSolutions-L1": "The CDK chooses the runtime of its provider framework.",
        },
    )
    if wait_minutes is not None:
        _acknowledge_waiting(provider)
    return provider


def _waiting(function: PythonFunction, minutes: int | None) -> dict[str, Any]:
    if minutes is None:
        return {}
    return {
        "is_complete_handler": function.function,
        "query_interval": cdk.Duration.seconds(_QUERY_SECONDS),
        "total_timeout": cdk.Duration.minutes(minutes),
    }


def _acknowledge_waiting(provider: cr.Provider) -> None:
    own = [provider.node.find_child(name) for name in ("framework-isComplete", "framework-onTimeout")]
    reason = "The framework's state machine invokes any version of the framework's own functions."
    acknowledge(
        provider,
        {
            **{_any_version(function): reason for function in own},
            "AwsSolutions-SF1": "It only asks again; questions and answers stand in the functions' logs.",
            "AwsSolutions-SF2": "The CDK's provider framework offers no tracing.",
        },
    )


def _any_version(function: IConstruct) -> str:
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)
    return f"AwsSolutions-IAM5[Resource::<{cdk.Stack.of(function).get_logical_id(resource)}.Arn>:*]"

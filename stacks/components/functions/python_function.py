"""A Lambda function of the application: an entrypoint of an asset, with its own role and logs."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks import limits, names
from stacks.components.foundations.log_retention import RETENTION
from stacks.components.foundations.network_private import PrivateNetwork
from stacks.components.foundations.permissions import acknowledge, allow
from stacks.components.functions.bundling import FUNCTIONS, Asset, function_code
from stacks.settings.functions import FunctionSettings

# The runtime sets these itself and refuses a function that brings its own.
_RESERVED_PREFIXES = ("AWS_", "LAMBDA_", "_")


class PythonFunction(Construct):
    """One function. Its role may write its own logs (and traces); everything else is granted by `allow`.

    It lies in `network` where there is one. `name` is for one that the dashboard and the alarms look at;
    CloudFormation names the others.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        entrypoint: str,
        description: str,
        settings: FunctionSettings,
        memory_mb: int,
        timeout_seconds: int,
        environment: Mapping[str, str],
        asset: Asset = FUNCTIONS,
        name: str | None = None,
        network: PrivateNetwork | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.entrypoint = entrypoint
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=name and names.function_logs(name),
            retention=RETENTION[settings.log_retention_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(self.role)
        if network is not None:
            _allow_interfaces(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=description,
            code=function_code(settings, asset),
            handler=f"imagesearch.entrypoints.{entrypoint}.handler",
            runtime=lambda_.Runtime(f"python{settings.python}", lambda_.RuntimeFamily.PYTHON),
            architecture=_ARCHITECTURES[settings.architecture],
            memory_size=memory_mb,
            timeout=cdk.Duration.seconds(timeout_seconds),
            environment=_checked(
                {**environment, "POWERTOOLS_SERVICE_NAME": entrypoint, "LOG_LEVEL": settings.log_level}
            ),
            role=self.role,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE if settings.tracing else lambda_.Tracing.DISABLED,
            **_placed(network),
        )
        self._acknowledge(settings)

    def _acknowledge(self, settings: FunctionSettings) -> None:
        if settings.tracing:
            reason = "X-Ray has no resources: writing traces is granted on * or not at all."
            acknowledge(self.role, {"AwsSolutions-IAM5[Resource::*]": reason})
        if settings.wheels_of_this_machine:
            reason = "The emulator runs functions on this machine's Python, so they declare the same."
            acknowledge(self.function, {"AwsSolutions-L1": reason})


def _placed(network: PrivateNetwork | None) -> dict[str, Any]:
    if network is None:
        return {}
    return {
        "vpc": network.vpc,
        "vpc_subnets": ec2.SubnetSelection(subnets=network.subnets),
        "security_groups": [network.functions],
    }


def _allow_interfaces(role: iam.Role) -> None:
    """Let Lambda keep network interfaces for the function, and the function's own code none.

    The actions are those that Lambda asks for (Lambda Developer Guide, "Giving Lambda functions access to
    resources in an Amazon VPC"); SageMaker asks for others, for its models.
    """
    actions = [
        *("CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces"),
        *("DescribeSubnets", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"),
    ]
    allow(
        role,
        actions=[f"ec2:{action}" for action in actions],
        resources=["*"],
        # This is told of what a function's code asks, and not of what Lambda asks with its role.
        conditions={"Null": {"lambda:SourceFunctionArn": "true"}},
        wildcard="Lambda asks for these on *; interfaces are shared by functions and have generated names.",
    )


_ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


def _checked(environment: dict[str, str]) -> dict[str, str]:
    reserved = sorted(name for name in environment if name.startswith(_RESERVED_PREFIXES))
    if reserved:
        raise ValueError(f"Lambda reserves {', '.join(reserved)}")
    size = sum(len(name) + len(value) for name, value in environment.items())
    if size > limits.LAMBDA_ENVIRONMENT.value:
        raise ValueError(f"the environment is larger than {limits.LAMBDA_ENVIRONMENT.value} bytes")
    return environment

"""The index behind the alias, made by a custom resource when the environment is deployed."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as cr
from constructs import Construct

from stacks.components.function_environment import attributes_environment, index_environment
from stacks.components.permissions import acknowledge
from stacks.components.python_function import RETENTION, PythonFunction
from stacks.components.vector_domain import allow_requests
from stacks.model_lock import LockedModel
from stacks.names import INDEX_ALIAS
from stacks.settings import Settings

# A domain that has just been made can refuse requests for minutes while policies spread: the function waits.
_TIMEOUT_SECONDS = 300
_BASIC_POLICY = (
    "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]"
)


class SearchIndex(Construct):
    """Template, first versioned index for `model`, and alias. Deploying again only adds attributes."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        model: LockedModel,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        attributes = attributes_environment(settings)
        setup = PythonFunction(
            self,
            "Setup",
            entrypoint="index_setup",
            description="Makes the index template, the first index and the alias",
            settings=settings.functions,
            memory_mb=256,
            timeout_seconds=_TIMEOUT_SECONDS,
            environment={**environment, **index_environment(settings)},
        )
        _allow_setup(setup, settings)
        cdk.CustomResource(
            self,
            "Resource",
            resource_type="Custom::SearchIndex",
            service_token=self._provider(setup, settings).service_token,
            # The function reads its own variables; that they changed is what calls it.
            properties={
                "Fingerprint": model.fingerprint,
                "Dimension": model.dimension,
                "Attributes": attributes["ATTRIBUTES"],
            },
        )

    def _provider(self, setup: PythonFunction, settings: Settings) -> cr.Provider:
        provider = cr.Provider(
            self,
            "Provider",
            on_event_handler=setup.function,
            log_group=logs.LogGroup(
                self,
                "ProviderLogs",
                retention=RETENTION[settings.functions.log_retention_days],
                removal_policy=cdk.RemovalPolicy.DESTROY,
            ),
        )
        function = setup.function.node.default_child
        assert isinstance(function, lambda_.CfnFunction)
        versions = f"Resource::<{cdk.Stack.of(self).get_logical_id(function)}.Arn>:*"
        acknowledge(
            provider,
            {
                _BASIC_POLICY: "The role is the CDK's provider framework's own; it may write logs.",
                f"AwsSolutions-IAM5[{versions}]": "The framework invokes any version of its handler.",
                "AwsSolutions-L1": "The CDK chooses the runtime of its provider framework.",
            },
        )
        return provider


def _allow_setup(setup: PythonFunction, settings: Settings) -> None:
    reason = "Indices are named by model and number, all under the alias's name."
    allow_requests(
        setup.role, settings=settings, methods=["Get"], paths=[f"{INDEX_ALIAS}/_mapping"], reason=reason
    )
    allow_requests(
        setup.role,
        settings=settings,
        methods=["Put"],
        paths=[f"_index_template/{INDEX_ALIAS}", f"{INDEX_ALIAS}-*"],
        reason=reason,
    )
    allow_requests(
        setup.role,
        settings=settings,
        methods=["Post"],
        paths=["_aliases", f"{INDEX_ALIAS}-*/_count", f"{INDEX_ALIAS}-*/_refresh"],
        reason=reason,
    )

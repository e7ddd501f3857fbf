"""The function that searches the API as its callers do, and its schedule."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks import names
from stacks.components.api.search_api import SearchApi
from stacks.components.api.user_pool import Users
from stacks.components.foundations.permissions import allow
from stacks.components.functions.function_environment import canary_environment, metrics_environment
from stacks.components.functions.python_function import PythonFunction
from stacks.settings import Settings

# Long enough for a model that starts: callers are asked to come back, and so is the canary.
_PATIENCE_SECONDS = 60
_TIMEOUT_SECONDS = 120


class Canary(Construct):
    """Searches `search`, with credentials of its own right, every so often as the settings say.

    It stands outside of any network of the environment's: so do the callers.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        search: SearchApi,
        users: Users | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        access = _access(settings, search, users)
        canary = PythonFunction(
            self,
            "Canary",
            entrypoint="canary",
            description="Searches the API as its callers do",
            settings=settings.functions,
            memory_mb=256,
            timeout_seconds=_TIMEOUT_SECONDS,
            environment={
                **canary_environment(
                    api_url=_url(search, settings), access=access, patience_seconds=_PATIENCE_SECONDS
                ),
                **metrics_environment(settings),
            },
            name=names.function(settings, "canary"),
        )
        _allow_access(canary.role, search, users)
        minutes = settings.monitoring and settings.monitoring.canary_minutes
        if minutes:
            events.Rule(
                self,
                "Schedule",
                description="A search as callers make it",
                schedule=events.Schedule.rate(cdk.Duration.minutes(minutes)),
                targets=[targets.LambdaFunction(canary.function, retry_attempts=0)],
            )


def _access(settings: Settings, search: SearchApi, users: Users | None) -> Mapping[str, str]:
    if users is not None:
        return {
            "mode": "cognito",
            "user_pool_id": users.pool.user_pool_id,
            "client_id": users.machine.user_pool_client_id,
            "token_url": f"{names.sign_in_url(settings)}/oauth2/token",
            "scope": names.SEARCH_SCOPE,
        }
    return {"mode": "iam"} if search.key is None else {"mode": "key", "key_id": search.key.key_id}


def _allow_access(role: iam.Role, search: SearchApi, users: Users | None) -> None:
    if users is not None:
        # The client's secret is told by the pool alone.
        arn = users.pool.user_pool_arn
        allow(role, actions=["cognito-idp:DescribeUserPoolClient"], resources=[arn])
    elif search.key is None:
        arn = search.api.arn_for_execute_api("POST", "/search", names.API_STAGE)
        allow(role, actions=["execute-api:Invoke"], resources=[arn])
    else:
        arn = cdk.Stack.of(role).format_arn(
            service="apigateway", account="", resource="/apikeys", resource_name=search.key.key_id
        )
        allow(role, actions=["apigateway:GET"], resources=[arn])


def _url(search: SearchApi, settings: Settings) -> str:
    if settings.emulator_url is None:
        return search.api.url
    # The emulator is asked by paths: no name leads to one of its APIs.
    return f"{settings.emulator_url}/restapis/{search.api.rest_api_id}/prod/_user_request_/"

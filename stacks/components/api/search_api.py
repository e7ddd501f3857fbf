"""The REST API before the query function: routes, callers, throttling, validation, errors in one shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks import limits, names
from stacks.components.api.api_authorisation import Authorisation, authorisation, callers_policy, usage_plan
from stacks.components.api.gateway_errors import GATEWAY_ERRORS, error_body
from stacks.components.api.user_pool import Users
from stacks.components.api.web_acl import Firewall
from stacks.components.foundations.log_retention import RETENTION
from stacks.components.foundations.permissions import acknowledge
from stacks.settings import Settings

# Listed, because `*/*` would make text requests binary too, and break preflight requests.
PICTURE_TYPES = tuple(
    f"image/{name}" for name in ("jpeg", "png", "webp", "gif", "bmp", "tiff", "heic", "heif", "avif")
)
_JSON = "application/json"
_LOG_POLICY = (
    "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
    "AmazonAPIGatewayPushToCloudWatchLogs]"
)


Answering = Literal["query", "thumbnail"]


@dataclass(frozen=True, kw_only=True)
class Route:
    """A method of a path, the function that answers it, and whether it takes JSON and asks who calls."""

    method: str
    path: str
    function: Answering = "query"
    takes_json: bool = False
    guarded: bool = True


ROUTES = (
    Route(method="GET", path="search"),
    Route(method="POST", path="search", takes_json=True),
    Route(method="GET", path="images/{id}"),
    Route(method="GET", path="images/{id}/similar"),
    Route(method="POST", path="uploads", takes_json=True),
    # Its links carry a signature instead, for pages cannot send credentials with a picture's address.
    Route(method="GET", path="thumbnails/{id}", function="thumbnail", guarded=False),
    Route(method="GET", path="health"),
    Route(method="GET", path="openapi.json"),
)


class SearchApi(Construct):
    """The API `api` with the stage `prod`, answered by `functions`, for callers as the settings say.

    `key` is theirs where it asks for a key, `callers` their policy where it asks for signatures; `users` are
    those whose tokens it takes where it asks for tokens.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        functions: Mapping[Answering, lambda_.IFunction],
        users: Users | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=f"{settings.endpoint_prefix}api",
            description="Search pictures by text or by picture",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            binary_media_types=list(PICTURE_TYPES),
            # Lets API Gateway write logs: one role for a whole account and region, kept on deletion.
            cloud_watch_role=True,
            deploy_options=self._stage(settings),
        )
        self._keep_execution_logs(settings)
        asked = authorisation(self, settings=settings, users=users)
        self._add_routes(functions, asked)
        self._add_error_shape(asked)
        mode = settings.api.authorisation
        self.key = usage_plan(self.api, settings) if mode == "key" else None
        self.callers = self._add_callers() if mode == "iam" else None
        if settings.api.firewall:
            Firewall(self, "Firewall", stage=self.api.deployment_stage, settings=settings)
        self._acknowledge(asked, settings)

    def _stage(self, settings: Settings) -> apigateway.StageOptions:
        access_logs = logs.LogGroup(
            self,
            "AccessLogs",
            retention=RETENTION[settings.functions.log_retention_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        return apigateway.StageOptions(
            stage_name=names.API_STAGE,
            access_log_destination=apigateway.LogGroupLogDestination(access_logs),
            access_log_format=apigateway.AccessLogFormat.json_with_standard_fields(
                caller=False,
                http_method=True,
                ip=True,
                protocol=True,
                request_time=True,
                resource_path=True,
                response_length=True,
                status=True,
                user=False,
            ),
            logging_level=apigateway.MethodLoggingLevel.ERROR,
            metrics_enabled=True,
            tracing_enabled=settings.functions.tracing,
            throttling_rate_limit=settings.api.rate_per_second,
            throttling_burst_limit=settings.api.burst,
            method_options=_own_throttles(settings),
        )

    def _keep_execution_logs(self, settings: Settings) -> None:
        """Make the log group that API Gateway makes where it is missing: one without an end, of no stack."""
        execution_logs = logs.LogGroup(
            self,
            "ExecutionLogs",
            log_group_name=f"API-Gateway-Execution-Logs_{self.api.rest_api_id}/{names.API_STAGE}",
            retention=RETENTION[settings.functions.log_retention_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.api.deployment_stage.node.add_dependency(execution_logs)

    def _add_routes(self, functions: Mapping[Answering, lambda_.IFunction], asked: Authorisation) -> None:
        validator = self.api.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )
        # Concerns JSON bodies only: a type without a model, as a picture's, is not validated.
        models = {_JSON: self._json_object()}
        integrations = {name: _integration(function) for name, function in functions.items()}
        for route in ROUTES:
            self.api.root.resource_for_path(route.path).add_method(
                route.method,
                integrations[route.function],
                request_validator=validator,
                request_models=models if route.takes_json else None,
                **(asked.method if route.guarded else {}),
            )

    def _json_object(self) -> apigateway.Model:
        # The fields are the function's to check: its message names the one at fault.
        return self.api.add_model(
            "JsonObject",
            content_type=_JSON,
            schema=apigateway.JsonSchema(
                schema=apigateway.JsonSchemaVersion.DRAFT4, type=apigateway.JsonSchemaType.OBJECT
            ),
        )

    def _add_error_shape(self, asked: Authorisation) -> None:
        for name, (status, code, message) in {**GATEWAY_ERRORS, **asked.errors}.items():
            headers = {"Retry-After": "'1'"} if status == "429" else {}
            if name in asked.challenges:
                headers["WWW-Authenticate"] = f"'{asked.challenges[name]}'"
            self.api.add_gateway_response(
                name.title().replace("_", ""),
                type=apigateway.ResponseType.of(name),
                status_code=status,
                response_headers=headers or None,
                templates={_JSON: error_body(code, message)},
            )

    def _add_callers(self) -> iam.ManagedPolicy:
        guarded = [route for route in ROUTES if route.guarded]
        methods = [
            self.api.arn_for_execute_api(route.method, f"/{route.path.replace('{id}', '*')}", "prod")
            for route in guarded
        ]
        return callers_policy(self, "Callers", methods=methods)

    def _acknowledge(self, asked: Authorisation, settings: Settings) -> None:
        findings = {
            **asked.findings,
            _LOG_POLICY: "The policy that API Gateway asks for to write its logs.",
        }
        if not settings.api.firewall:
            findings["AwsSolutions-APIG3"] = "Every route is throttled; a web ACL costs by the month."
        acknowledge(self.api, findings)


def _own_throttles(settings: Settings) -> dict[str, apigateway.MethodDeploymentOptions]:
    """Bound each open route by itself: its strangers take nothing from those who have credentials."""
    own = apigateway.MethodDeploymentOptions(
        logging_level=apigateway.MethodLoggingLevel.ERROR,
        metrics_enabled=True,
        throttling_rate_limit=settings.thumbnails.rate_per_second,
        throttling_burst_limit=settings.thumbnails.burst,
    )
    return {f"/{route.path}/{route.method}": own for route in ROUTES if not route.guarded}


def _integration(function: lambda_.IFunction) -> apigateway.LambdaIntegration:
    seconds = cdk.Duration.seconds(limits.API_SECONDS.value)
    return apigateway.LambdaIntegration(function, timeout=seconds, allow_test_invoke=False)

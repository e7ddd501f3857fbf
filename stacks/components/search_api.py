"""The REST API before the query function: routes, key, throttling, validation, and errors in one shape."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks import limits
from stacks.components.permissions import acknowledge
from stacks.components.python_function import RETENTION
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
    """A method of a path, the function that answers it, and whether it takes JSON and asks for a key."""

    method: str
    path: str
    function: Answering = "query"
    takes_json: bool = False
    asks_for_key: bool = True


ROUTES = (
    Route(method="GET", path="search"),
    Route(method="POST", path="search", takes_json=True),
    Route(method="GET", path="images/{id}"),
    Route(method="GET", path="images/{id}/similar"),
    Route(method="POST", path="uploads", takes_json=True),
    # Its links carry a signature instead, for pages cannot send a key with a picture's address.
    Route(method="GET", path="thumbnails/{id}", function="thumbnail", asks_for_key=False),
    Route(method="GET", path="health"),
    Route(method="GET", path="openapi.json"),
)


class SearchApi(Construct):
    """The API `api` with the stage `prod`, and `key` in a usage plan, answered by `functions`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        functions: Mapping[Answering, lambda_.IFunction],
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
        self._add_routes(functions)
        self._add_error_shape()
        self.key = self._add_key(settings)
        self._acknowledge()

    def _stage(self, settings: Settings) -> apigateway.StageOptions:
        access_logs = logs.LogGroup(
            self,
            "AccessLogs",
            retention=RETENTION[settings.functions.log_retention_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        return apigateway.StageOptions(
            stage_name="prod",
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

    def _add_routes(self, functions: Mapping[Answering, lambda_.IFunction]) -> None:
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
                api_key_required=route.asks_for_key,
                request_validator=validator,
                request_models=models if route.takes_json else None,
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

    def _add_error_shape(self) -> None:
        for name, (status, code, message) in GATEWAY_ERRORS.items():
            headers = {"Retry-After": "'1'"} if status == "429" else None
            self.api.add_gateway_response(
                name.title().replace("_", ""),
                type=apigateway.ResponseType.of(name),
                status_code=status,
                response_headers=headers,
                templates={_JSON: _error_template(code, message)},
            )

    def _add_key(self, settings: Settings) -> apigateway.IApiKey:
        key = self.api.add_api_key("Key", description=f"Search pictures in {settings.name}")
        plan = self.api.add_usage_plan(
            "UsagePlan",
            api_stages=[apigateway.UsagePlanPerApiStage(api=self.api, stage=self.api.deployment_stage)],
            throttle=apigateway.ThrottleSettings(
                rate_limit=settings.api.rate_per_second, burst_limit=settings.api.burst
            ),
        )
        plan.add_api_key(key)
        return key

    def _acknowledge(self) -> None:
        acknowledge(
            self.api,
            {
                "AwsSolutions-APIG3": "Routes ask for a key and are throttled; a web ACL costs by the month.",
                "AwsSolutions-APIG4": "Callers are programs with an API key; a usage plan bounds each.",
                "AwsSolutions-COG4": "Callers are programs with an API key: there are no users to log in.",
                _LOG_POLICY: "The policy that API Gateway asks for to write its logs.",
            },
        )


def _own_throttles(settings: Settings) -> dict[str, apigateway.MethodDeploymentOptions]:
    """Bound each keyless route by itself: its strangers take nothing from those who have a key."""
    own = apigateway.MethodDeploymentOptions(
        logging_level=apigateway.MethodLoggingLevel.ERROR,
        metrics_enabled=True,
        throttling_rate_limit=settings.thumbnails.rate_per_second,
        throttling_burst_limit=settings.thumbnails.burst,
    )
    return {f"/{route.path}/{route.method}": own for route in ROUTES if not route.asks_for_key}


def _integration(function: lambda_.IFunction) -> apigateway.LambdaIntegration:
    seconds = cdk.Duration.seconds(limits.API_SECONDS.value)
    return apigateway.LambdaIntegration(function, timeout=seconds, allow_test_invoke=False)


_INTERNAL = "The request could not be handled. Try again; if it happens again, report the request id."
_UNKNOWN_ROUTE = "There is no such route. GET /openapi.json names them all."
_KEY_MISSING = "This API needs a key: send it in the header x-api-key."
_NOT_JSON = "The body is not a JSON object. A picture comes with its own content type, such as image/jpeg."
_TOO_LARGE = "The request is larger than the API accepts. Bring the picture there by POST /uploads."
_THROTTLED = "Too many requests for this key. Wait a second and try again."

# Response type of API Gateway: status (None keeps its own), code, message.
GATEWAY_ERRORS: dict[str, tuple[str | None, str, str]] = {
    "ACCESS_DENIED": ("403", "access_denied", "These credentials do not allow this request."),
    "API_CONFIGURATION_ERROR": ("500", "internal", _INTERNAL),
    "BAD_REQUEST_BODY": ("400", "request_invalid", _NOT_JSON),
    "BAD_REQUEST_PARAMETERS": ("400", "request_invalid", "A parameter is missing or malformed."),
    "DEFAULT_4XX": (None, "request_invalid", "The request was refused before it reached the application."),
    "DEFAULT_5XX": (None, "internal", _INTERNAL),
    "INTEGRATION_FAILURE": ("502", "internal", _INTERNAL),
    "INTEGRATION_TIMEOUT": (
        "504",
        "timeout",
        "The search took too long. Try again: a model may be starting.",
    ),
    "INVALID_API_KEY": ("403", "key_missing", _KEY_MISSING),
    "MISSING_AUTHENTICATION_TOKEN": ("404", "route_unknown", _UNKNOWN_ROUTE),
    "QUOTA_EXCEEDED": ("429", "throttled", "The quota of this key is used up."),
    "REQUEST_TOO_LARGE": ("413", "use_upload", _TOO_LARGE),
    "RESOURCE_NOT_FOUND": ("404", "route_unknown", _UNKNOWN_ROUTE),
    "THROTTLED": ("429", "throttled", _THROTTLED),
    "UNSUPPORTED_MEDIA_TYPE": ("415", "content_type_unsupported", "This content type is not supported."),
}


def _error_template(code: str, message: str) -> str:
    return json.dumps({"error": {"code": code, "message": message}, "request_id": "$context.requestId"})

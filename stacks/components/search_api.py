"""The REST API before the query function: routes, key, throttling, validation, and errors in one shape."""

import json

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


class SearchApi(Construct):
    """The API `api` with the stage `prod`, and `key` in a usage plan. Every route asks for a key."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, function: lambda_.IFunction
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
        self._add_routes(function)
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
        )

    def _add_routes(self, function: lambda_.IFunction) -> None:
        validator = self.api.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )
        integration = apigateway.LambdaIntegration(
            function, timeout=cdk.Duration.seconds(limits.API_SECONDS.value), allow_test_invoke=False
        )
        search = self.api.root.add_resource("search")
        image = self.api.root.add_resource("images").add_resource("{id}")
        health = self.api.root.add_resource("health")
        for resource in (search, image, health):
            resource.add_method("GET", integration, api_key_required=True, request_validator=validator)
        search.add_method(
            "POST",
            integration,
            api_key_required=True,
            request_validator=validator,
            # Concerns JSON bodies only: a type without a model, as a picture's, is not validated.
            request_models={_JSON: self._json_object()},
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


_INTERNAL = "The request could not be handled. Try again; if it happens again, report the request id."
_UNKNOWN_ROUTE = "There is no such route. Known are POST and GET /search, GET /images/{id} and GET /health."
_KEY_MISSING = "This API needs a key: send it in the header x-api-key."
_NOT_JSON = "The body is not a JSON object. A picture comes with its own content type, such as image/jpeg."
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
    "REQUEST_TOO_LARGE": ("413", "request_too_large", "The request is larger than the API accepts."),
    "RESOURCE_NOT_FOUND": ("404", "route_unknown", _UNKNOWN_ROUTE),
    "THROTTLED": ("429", "throttled", _THROTTLED),
    "UNSUPPORTED_MEDIA_TYPE": ("415", "content_type_unsupported", "This content type is not supported."),
}


def _error_template(code: str, message: str) -> str:
    return json.dumps({"error": {"code": code, "message": message}, "request_id": "$context.requestId"})

"""What API Gateway answers by itself, in the application's one shape."""

import json
from collections.abc import Mapping

GatewayError = tuple[str | None, str, str]
"""Status (None keeps the gateway's own), code, message."""

_INTERNAL = "The request could not be handled. Try again; if it happens again, report the request id."
_UNKNOWN_ROUTE = "There is no such route. GET /openapi.json names them all."
_NOT_JSON = "The body is not a JSON object. A picture comes with its own content type, such as image/jpeg."
_TOO_LARGE = "The request is larger than the API accepts. Bring the picture there by POST /uploads."
_THROTTLED = "Too many requests. Wait a second and try again."
_BLOCKED = "The firewall took the request for an attack. Change its text, or report it with the time."

# By the gateway's type of response.
GATEWAY_ERRORS: Mapping[str, GatewayError] = {
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
    "MISSING_AUTHENTICATION_TOKEN": ("404", "route_unknown", _UNKNOWN_ROUTE),
    "REQUEST_TOO_LARGE": ("413", "use_upload", _TOO_LARGE),
    "RESOURCE_NOT_FOUND": ("404", "route_unknown", _UNKNOWN_ROUTE),
    "THROTTLED": ("429", "throttled", _THROTTLED),
    "UNSUPPORTED_MEDIA_TYPE": ("415", "content_type_unsupported", "This content type is not supported."),
    "WAF_FILTERED": ("403", "request_blocked", _BLOCKED),
}


def error_body(code: str, message: str, *, request_id: str = "$context.requestId") -> str:
    """Return the body of an error, which is a template where `request_id` is a variable."""
    return json.dumps({"error": {"code": code, "message": message}, "request_id": request_id})

"""What the API asks of its callers: one way for an environment, for a REST method has one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks import names
from stacks.components.api.gateway_errors import GatewayError
from stacks.components.api.user_pool import Users
from stacks.components.foundations.permissions import acknowledge_wildcard
from stacks.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Authorisation:
    """What guarded methods are made with, and what the gateway answers to those who lack it.

    `errors` are by the gateway's type of response, `challenges` the headers `WWW-Authenticate` of some, and
    `findings` what the checks say of methods that are guarded in another way than they look for.
    """

    method: Mapping[str, Any]
    errors: Mapping[str, GatewayError]
    challenges: Mapping[str, str] = field(default_factory=dict)
    findings: Mapping[str, str]


def authorisation(scope: Construct, *, settings: Settings, users: Users | None) -> Authorisation:
    """Return what the settings ask for. Raises ValueError if that is tokens, and there are no `users`."""
    match settings.api.authorisation:
        case "key":
            return _KEY
        case "iam":
            return _IAM
        case "cognito":
            if users is None:
                raise ValueError(f"{settings.name}: an API that asks for tokens needs a user pool")
            return _token(scope, settings, users)


def usage_plan(api: apigateway.RestApi, settings: Settings) -> apigateway.IApiKey:
    """Return a key of `api`, in a usage plan that bounds each key by itself."""
    key = api.add_api_key("Key", description=f"Search pictures in {settings.name}")
    plan = api.add_usage_plan(
        "UsagePlan",
        api_stages=[apigateway.UsagePlanPerApiStage(api=api, stage=api.deployment_stage)],
        throttle=apigateway.ThrottleSettings(
            rate_limit=settings.api.rate_per_second, burst_limit=settings.api.burst
        ),
    )
    plan.add_api_key(key)
    return key


def callers_policy(scope: Construct, construct_id: str, *, methods: list[str]) -> iam.ManagedPolicy:
    """Return the policy for whoever may call `methods`, ARNs of an API that asks for signatures."""
    policy = iam.ManagedPolicy(
        scope,
        construct_id,
        description="Call the image search API",
        statements=[iam.PolicyStatement(actions=["execute-api:Invoke"], resources=methods)],
    )
    for method in methods:
        acknowledge_wildcard(policy, method, "The asterisk stands for the id of any picture.")
    return policy


_KEY_MISSING = "This API needs a key: send it in the header x-api-key."
_UNSIGNED = (
    "Sign the request with AWS Signature Version 4 for the service execute-api. If it is signed, there is no "
    "such route: GET /openapi.json names them all."
)
_SIGNATURE = "The signature does not fit the request, or has expired. Check credentials, region and clock."
_SIGN_IN = (
    "This API needs a sign-in: send an access token with the scope imagesearch/search in the header "
    "Authorization, after Bearer. There was none, or it has expired or is not for this API."
)

_KEY = Authorisation(
    method={"api_key_required": True},
    errors={
        "INVALID_API_KEY": ("403", "key_missing", _KEY_MISSING),
        "QUOTA_EXCEEDED": ("429", "throttled", "The quota of this key is used up."),
    },
    findings={
        "AwsSolutions-APIG4": "Callers are programs with an API key; a usage plan bounds each.",
        "AwsSolutions-COG4": "Callers are programs with an API key: there are no users to log in.",
    },
)
_IAM = Authorisation(
    method={"authorization_type": apigateway.AuthorizationType.IAM},
    errors={
        "MISSING_AUTHENTICATION_TOKEN": ("403", "signature_missing", _UNSIGNED),
        "INVALID_SIGNATURE": ("403", "signature_invalid", _SIGNATURE),
        "EXPIRED_TOKEN": ("403", "signature_invalid", _SIGNATURE),
    },
    findings={
        "AwsSolutions-APIG4": "Thumbnails only, whose links are signed; all others ask for a signature.",
        "AwsSolutions-COG4": "Callers sign with roles of this account: there are no users to log in.",
    },
)


def _token(scope: Construct, settings: Settings, users: Users) -> Authorisation:
    authorizer = apigateway.CognitoUserPoolsAuthorizer(
        scope, "Tokens", cognito_user_pools=[users.pool], results_cache_ttl=cdk.Duration.minutes(1)
    )
    return Authorisation(
        method={
            "authorizer": authorizer,
            "authorization_type": apigateway.AuthorizationType.COGNITO,
            # Only access tokens carry scopes: those that say who somebody is are refused.
            "authorization_scopes": [names.SEARCH_SCOPE],
        },
        errors={"UNAUTHORIZED": ("401", "token_invalid", _SIGN_IN)},
        challenges={"UNAUTHORIZED": _challenge(settings, users)},
        findings={
            "AwsSolutions-APIG4": "Thumbnails only, whose links are signed; all others ask for a token.",
            "AwsSolutions-COG4": "Thumbnails only, whose links are signed; all others ask for a token.",
        },
    )


def _challenge(settings: Settings, users: Users) -> str:
    """Return what a refused caller is told of the sign-in (RFC 6750, with parameters for ours)."""
    parameters = {
        "realm": settings.endpoint_prefix + "api",
        "scope": names.SEARCH_SCOPE,
        "sign_in": names.sign_in_url(settings),
        "client_id": users.command_line.user_pool_client_id,
    }
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())

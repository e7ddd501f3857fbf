"""Who may call the API with a token: people who sign in, and machines with a secret."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from stacks import names
from stacks.components.foundations.buckets import removal_policy
from stacks.components.foundations.permissions import acknowledge
from stacks.settings import Settings
from stacks.settings.users import LOGIN_ADDRESSES


class Users(Construct):
    """The user pool `pool` with its sign-in's address, and the scope that the API asks for.

    `machine` is the client of programs, by client credentials; its secret stays in Cognito. `command_line` is
    that of `imagesearch login`, without a secret, by code and PKCE.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self.pool = _pool(self, settings)
        self.pool.add_domain(
            "Domain",
            cognito_domain=cognito.CognitoDomainOptions(domain_prefix=names.sign_in_prefix(settings)),
        )
        server = self.pool.add_resource_server(
            "Server",
            identifier=names.RESOURCE_SERVER,
            user_pool_resource_server_name="Image search",
            scopes=[
                cognito.ResourceServerScope(
                    scope_name=names.SEARCH, scope_description="Search pictures, and add some"
                )
            ],
        )
        self.machine = cognito.UserPoolClient(
            self,
            "Machine",
            user_pool=self.pool,
            generate_secret=True,
            auth_flows=_NO_PASSWORDS,
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(client_credentials=True), scopes=[_SEARCHING]
            ),
            access_token_validity=cdk.Duration.minutes(settings.users.token_minutes),
            enable_token_revocation=True,
            prevent_user_existence_errors=True,
        )
        self.command_line = people_client(
            self, "CommandLine", pool=self.pool, settings=settings, addresses=LOGIN_ADDRESSES
        )
        # A client names the scope by its text, so the order is said here.
        self.machine.node.add_dependency(server)
        self.command_line.node.add_dependency(server)


def people_client(
    scope: Construct,
    construct_id: str,
    *,
    pool: cognito.IUserPool,
    settings: Settings,
    addresses: Sequence[str],
) -> cognito.UserPoolClient:
    """Return a client without a secret, by which people sign in with code and PKCE.

    The browser comes back to one of `addresses`, when they have signed in and when they have signed out.
    """
    return cognito.UserPoolClient(
        scope,
        construct_id,
        user_pool=pool,
        generate_secret=False,
        auth_flows=_NO_PASSWORDS,
        supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
        o_auth=cognito.OAuthSettings(
            flows=cognito.OAuthFlows(authorization_code_grant=True),
            scopes=[_SEARCHING],
            callback_urls=list(addresses),
            logout_urls=list(addresses),
        ),
        access_token_validity=cdk.Duration.minutes(settings.users.token_minutes),
        refresh_token_validity=cdk.Duration.days(settings.users.session_days),
        enable_token_revocation=True,
        prevent_user_existence_errors=True,
    )


_SEARCHING = cognito.OAuthScope.custom(names.SEARCH_SCOPE)
# No client takes passwords: people type theirs into the sign-in only. What is left is the refresh of tokens.
_NO_PASSWORDS = cognito.AuthFlow(user_srp=False)


def _pool(scope: Construct, settings: Settings) -> cognito.UserPool:
    users = settings.users
    protected = users.threat_protection
    mode = cognito.StandardThreatProtectionMode
    pool = cognito.UserPool(
        scope,
        "Pool",
        user_pool_name=f"{settings.endpoint_prefix}users",
        self_sign_up_enabled=users.self_sign_up,
        sign_in_aliases=cognito.SignInAliases(email=True),
        sign_in_case_sensitive=False,
        auto_verify=cognito.AutoVerifiedAttrs(email=True),
        standard_attributes=cognito.StandardAttributes(
            email=cognito.StandardAttribute(required=True, mutable=True)
        ),
        account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
        mfa=cognito.Mfa.REQUIRED if users.multi_factor == "required" else cognito.Mfa.OPTIONAL,
        # A code by text message can be taken over with the number, and costs money.
        mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
        password_policy=cognito.PasswordPolicy(
            min_length=users.minimum_password_length,
            require_lowercase=True,
            require_uppercase=True,
            require_digits=True,
            require_symbols=True,
            temp_password_validity=cdk.Duration.days(3),
        ),
        feature_plan=cognito.FeaturePlan.PLUS if protected else cognito.FeaturePlan.ESSENTIALS,
        standard_threat_protection_mode=mode.FULL_FUNCTION if protected else mode.NO_ENFORCEMENT,
        deletion_protection=settings.retain_data,
        removal_policy=removal_policy(settings),
    )
    acknowledge(pool, _findings(settings))
    return pool


def _findings(settings: Settings) -> dict[str, str]:
    findings = {}
    if settings.users.multi_factor == "optional":
        findings["AwsSolutions-COG2"] = "Each user decides, by choice of the settings; prod requires it."
    if not settings.users.threat_protection:
        findings["AwsSolutions-COG3"] = "Needs a plan that is paid for by user; prod has it."
        findings["AwsSolutions-COG8"] = findings["AwsSolutions-COG3"]
    return findings

"""The stack of the roles that a workflow at GitHub takes: without keys, each for one environment."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.components.foundations.permissions import allow
from stacks.components.releasing.release_access import allow_release
from stacks.settings import ENVIRONMENTS
from stacks.settings.pipeline import WorkflowSettings

_ISSUER = "token.actions.githubusercontent.com"
# What the action asks GitHub's token for: STS, by its name in the partition.
_AUDIENCE = f"sts.{cdk.Aws.URL_SUFFIX}"
_QUALIFIER = "hnb659fds"
_DEPLOYERS = ["deploy-role", "file-publishing-role", "lookup-role"]
# A domain may take more than an hour.
_SESSION = cdk.Duration.hours(3)


class WorkflowStack(cdk.Stack):
    """GitHub's identity provider, unless the account has it, and the roles. Outputs: their ARNs.

    `DeployRole<Environment>` is for jobs of GitHub's environment of that name, where approvals are asked for,
    and `CompareRole` for pull requests, whose code nobody has read yet: it sees what is deployed, and changes
    nothing.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: WorkflowSettings, **stack: Any
    ) -> None:
        first = ENVIRONMENTS[settings.environments[0]]
        place = cdk.Environment(account=first.account, region=first.region)
        super().__init__(scope, construct_id, env=place, **stack)
        provider = settings.provider_arn or self._provider().attr_arn
        for name in settings.environments:
            subject = f"repo:{settings.repository}:environment:{name}"
            role = self._role(f"DeployRole{name.capitalize()}", provider, subject)
            _allow_assuming(role, _DEPLOYERS, ENVIRONMENTS[name].region)
            allow_release(role, ENVIRONMENTS[name])
        comparing = self._role("CompareRole", provider, f"repo:{settings.repository}:pull_request")
        for region in sorted({ENVIRONMENTS[name].region for name in settings.environments}):
            _allow_assuming(comparing, ["lookup-role"], region)

    def _provider(self) -> iam.CfnOIDCProvider:
        return iam.CfnOIDCProvider(self, "Provider", url=f"https://{_ISSUER}", client_id_list=[_AUDIENCE])

    def _role(self, construct_id: str, provider: str, subject: str) -> iam.Role:
        bound = {"StringEquals": {f"{_ISSUER}:aud": _AUDIENCE, f"{_ISSUER}:sub": subject}}
        role = iam.Role(
            self,
            construct_id,
            description=f"What {subject} may do",
            assumed_by=iam.WebIdentityPrincipal(provider, bound),
            max_session_duration=_SESSION,
        )
        cdk.CfnOutput(self, f"{construct_id}Arn", value=role.role_arn)
        return role


def _allow_assuming(role: iam.Role, bootstrapped: list[str], region: str) -> None:
    """Let `role` take roles of the CDK's bootstrap, which do the work of `cdk deploy` and `cdk diff`."""
    names = [f"cdk-{_QUALIFIER}-{each}-{cdk.Aws.ACCOUNT_ID}-{region}" for each in bootstrapped]
    arns = [
        cdk.Stack.of(role).format_arn(service="iam", region="", resource="role", resource_name=name)
        for name in names
    ]
    allow(role, actions=["sts:AssumeRole"], resources=arns)

"""How changes reach the environments: a pipeline in AWS, or a workflow at GitHub; neither by default."""

import re
from dataclasses import dataclass

from stacks.settings.checks import require
from stacks.settings.environments import ENVIRONMENTS

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_CONNECTION = re.compile(r"arn:[\w-]+:(codeconnections|codestar-connections):[\w-]+:\d{12}:connection/[\w-]+")
_PROVIDER = re.compile(r"arn:[\w-]+:iam::\d{12}:oidc-provider/token\.actions\.githubusercontent\.com")


@dataclass(frozen=True, kw_only=True)
class PipelineSettings:
    """A pipeline that deploys what is pushed to `branch` of `repository` ("owner/name").

    `connection_arn` is a connection that was made, and confirmed, in the console. The `environments` are
    deployed in this order, all into one account and region; every one but the first waits for somebody's
    approval.
    """

    repository: str
    connection_arn: str
    branch: str = "main"
    environments: tuple[str, ...] = ("staging", "prod")

    def __post_init__(self) -> None:
        """Check the names, and that one account and region hold everything."""
        _require_repository("pipeline", self.repository)
        require(
            bool(_CONNECTION.fullmatch(self.connection_arn)),
            f"pipeline.connection_arn must be that of a connection, not {self.connection_arn!r}",
        )
        _require_environments("pipeline", self.environments)
        # Actions across accounts and regions need keys, buckets and roles of their own in each.
        places = {(ENVIRONMENTS[name].account, ENVIRONMENTS[name].region) for name in self.environments}
        require(len(places) == 1, "pipeline.environments must have the same account and region")


@dataclass(frozen=True, kw_only=True)
class WorkflowSettings:
    """What a workflow of `repository` ("owner/name") at GitHub may do, without any stored key.

    There is a role for each of the `environments`, which only jobs of GitHub's environment of that name get,
    and one that compares on pull requests. `provider_arn` is GitHub's identity provider where the account has
    it already: there can be only one.
    """

    repository: str
    environments: tuple[str, ...] = ("dev", "staging", "prod")
    provider_arn: str | None = None

    def __post_init__(self) -> None:
        """Check the names."""
        _require_repository("workflow", self.repository)
        _require_environments("workflow", self.environments)
        accounts = {ENVIRONMENTS[name].account for name in self.environments}
        require(len(accounts) == 1, "workflow.environments must have the same account")
        provider = self.provider_arn
        require(
            provider is None or bool(_PROVIDER.fullmatch(provider)),
            f"workflow.provider_arn must be that of GitHub's identity provider, not {provider!r}",
        )


def _require_repository(name: str, repository: str) -> None:
    known = bool(_REPOSITORY.fullmatch(repository))
    require(known, f"{name}.repository must be such as owner/name, not {repository!r}")


def _require_environments(name: str, environments: tuple[str, ...]) -> None:
    deployed = [each for each, settings in ENVIRONMENTS.items() if not settings.domain.emulated]
    known = bool(environments) and set(environments) <= set(deployed)
    distinct = len(set(environments)) == len(environments)
    require(known and distinct, f"{name}.environments must be some of {', '.join(deployed)}, each once")


PIPELINE: PipelineSettings | None = None
WORKFLOW: WorkflowSettings | None = None

"""What the stacks of a whole environment say of themselves, and the account that they lie in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3

from scripts.environments import deployed_settings
from scripts.errors import CommandError
from scripts.local.settings import REGION, LocalSettings
from scripts.outputs import stack_outputs
from scripts.target import LOCAL_CREDENTIALS

STACKS = (
    *("Encryption", "Network", "Users", "Data", "Model", "Ingest", "Bulk", "Migration", "Backup", "Api"),
    *("Web", "Monitoring"),
)
"""The stacks of an environment, ``<environment>-<name>`` in CloudFormation; some environments lack some."""

LOCAL = "local"


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where an environment lies: ``session`` reaches it, at ``endpoint_url`` where it is the emulator."""

    session: boto3.Session
    endpoint_url: str | None = None

    def client(self, service: str, **options: Any) -> Any:
        """A client of one of its services."""
        factory: Callable[..., Any] = self.session.client
        return factory(service, endpoint_url=self.endpoint_url, **options)


def account_of(environment: str, region: str | None = None) -> Account:
    """The account of ``environment``, in ``region`` or that of its settings.

    ``local`` is this machine's emulator. Raises CommandError (``environment_unknown``).
    """
    if environment == LOCAL:
        session = boto3.Session(region_name=REGION, **LOCAL_CREDENTIALS)
        return Account(session=session, endpoint_url=LocalSettings.from_environment().emulator_url)
    settings = deployed_settings(environment)
    return Account(session=boto3.Session(region_name=region or settings.region))


def outputs(environment: str, region: str | None = None) -> dict[str, str]:
    """The outputs of every deployed stack of ``environment``, by name.

    Raises CommandError (``environment_unknown``, ``environment_not_deployed``, ``aws_unreachable``).
    """
    cloudformation = account_of(environment, region).client("cloudformation")
    deployed = [stack_outputs(f"{environment}-{name}", cloudformation=cloudformation) for name in STACKS]
    found = [stack for stack in deployed if stack is not None]
    if not found:
        raise not_deployed(environment, "has no stack")
    return {name: value for stack in found for name, value in stack.items()}


def require_output(found: dict[str, str], name: str, *, environment: str) -> str:
    """One of the outputs ``found``. Raises CommandError (``environment_not_deployed``)."""
    if name not in found:
        raise not_deployed(environment, f"has no stack with the output {name}")
    return found[name]


def not_deployed(environment: str, lacks: str) -> CommandError:
    """The error of an environment that lacks a stack or an output."""
    command = "imagesearch local up" if environment == LOCAL else f"imagesearch deploy {environment}"
    return CommandError(
        "environment_not_deployed", f"The environment {environment} {lacks}. Deploy it first: {command}"
    )

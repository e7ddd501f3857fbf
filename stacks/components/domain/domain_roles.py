"""The domain as functions meet it, and what each of them is inside of it."""

from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk

from stacks.components.foundations.network_private import PrivateNetwork
from stacks.components.functions.python_function import PythonFunction
from stacks.settings import Settings

Access = Literal["search", "write", "administer", "backup"]
"""What a role of the domain may do with the indices: `imagesearch.access` says what each of these is."""


@dataclass(frozen=True, kw_only=True)
class SearchDomain:
    """What a function needs to reach the domain.

    `endpoint` is its full URL, `setup` the service token of the function that rules it, `network` the network
    that it lies in.
    """

    endpoint: str
    setup: str
    network: PrivateNetwork | None = None


def admit(function: PythonFunction, *, domain: SearchDomain, settings: Settings, access: Access) -> None:
    """Let the role of `function` do with the indices what `access` says, where the domain asks for that.

    Each function has a role of its own in the domain, so that none changes another's, and runs only after
    the domain has admitted the IAM role that it runs with.
    """
    if not settings.domain.fine_grained_access:
        return
    admitted = cdk.CustomResource(
        function,
        "DomainAccess",
        resource_type="Custom::DomainAccess",
        service_token=domain.setup,
        properties={
            "Name": f"imagesearch_{function.entrypoint}",
            "Access": access,
            "Role": function.role.role_arn,
        },
    )
    function.function.node.add_dependency(admitted)

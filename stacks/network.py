"""The stack of an environment's own network, where its settings ask for one."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from stacks.components.foundations.network_private import PrivateNetwork
from stacks.settings import Settings


class NetworkStack(cdk.Stack):
    """The VPC in which the domain lies and what calls it. `network` is handed to the other stacks."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, **stack: Any) -> None:
        super().__init__(scope, construct_id, **stack)
        self.network = PrivateNetwork(self, "Network", settings=settings)

"""The stack of an environment's own key, where its settings ask for one."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from stacks.components.foundations.encryption_key import data_key
from stacks.settings import Settings


class EncryptionStack(cdk.Stack):
    """The key of all that the environment stores, kept with the data, which nobody can read without it."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, **stack: Any) -> None:
        super().__init__(scope, construct_id, termination_protection=settings.retain_data, **stack)
        self.key = data_key(self, "Key", settings=settings)

"""The stack of those who may sign in: it outlives the API, for its users cannot be made anew."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from stacks import names
from stacks.components.api.user_pool import Users
from stacks.settings import Settings


class UsersStack(cdk.Stack):
    """The user pool of an environment whose API asks for tokens.

    Outputs: `UserPoolId`, `SignInUrl`, `TokenUrl`, `MachineClientId` (not its secret).
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, **stack: Any) -> None:
        super().__init__(scope, construct_id, termination_protection=settings.retain_data, **stack)
        self.users = Users(self, "Users", settings=settings)
        sign_in = names.sign_in_url(settings)
        cdk.CfnOutput(self, "UserPoolId", value=self.users.pool.user_pool_id)
        cdk.CfnOutput(self, "SignInUrl", value=sign_in)
        cdk.CfnOutput(self, "TokenUrl", value=f"{sign_in}/oauth2/token")
        cdk.CfnOutput(self, "MachineClientId", value=self.users.machine.user_pool_client_id)

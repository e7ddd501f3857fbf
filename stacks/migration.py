"""The stack that changes the model of a running environment."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from stacks import names
from stacks.components.domain.domain_roles import SearchDomain, admit
from stacks.components.functions.function_environment import migration_environment
from stacks.components.functions.python_function import PythonFunction
from stacks.components.indexing.migration_access import allow_migration
from stacks.settings import Settings


class MigrationStack(cdk.Stack):
    """The function that takes the steps of a migration. Output: `MigrationFunctionName`."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, domain: SearchDomain, **stack: Any
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        migration = PythonFunction(
            self,
            "Migration",
            entrypoint="migration",
            description="Takes the steps of a change of the model, one a call",
            settings=settings.functions,
            memory_mb=settings.migration.memory_mb,
            timeout_seconds=settings.migration.timeout_seconds,
            environment=migration_environment(settings, domain.endpoint),
            name=names.function(settings, "migration"),
            network=domain.network,
        )
        allow_migration(migration.role, settings)
        admit(migration, domain=domain, settings=settings, access="administer")
        cdk.CfnOutput(self, "MigrationFunctionName", value=migration.function.function_name)

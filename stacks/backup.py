"""The stack that copies the index, and brings copies back."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from stacks.components.domain.domain_roles import SearchDomain, admit
from stacks.components.domain.snapshots import SnapshotRole, allow_backups, snapshot_location
from stacks.components.functions.function_environment import backup_environment
from stacks.components.functions.python_function import PythonFunction
from stacks.settings import Settings

# Registering a repository and listing snapshots ask S3; taking and restoring go on by themselves.
_MEMORY_MB, _TIMEOUT_SECONDS = 256, 120


class BackupStack(cdk.Stack):
    """The function that takes and restores snapshots, and their role. Output: `BackupFunctionName`."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, domain: SearchDomain, **stack: Any
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        snapshots = SnapshotRole(self, "Snapshots", settings=settings)
        location = snapshot_location(settings, snapshots.role)
        backup = PythonFunction(
            self,
            "Backup",
            entrypoint="backup",
            description="Takes and restores snapshots of the index, one step a call",
            settings=settings.functions,
            memory_mb=_MEMORY_MB,
            timeout_seconds=_TIMEOUT_SECONDS,
            environment=backup_environment(settings, domain.endpoint, location),
            network=domain.network,
        )
        allow_backups(backup.role, settings, snapshots)
        admit(backup, domain=domain, settings=settings, access="backup")
        cdk.CfnOutput(self, "BackupFunctionName", value=backup.function.function_name)

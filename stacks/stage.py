"""One environment: its stacks, in the order in which they are deployed."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.api import ApiStack
from stacks.backup import BackupStack
from stacks.bulk import BulkStack
from stacks.components.api.user_pool import Users
from stacks.components.foundations.encryption_key import EncryptedBy
from stacks.components.foundations.network_private import PrivateNetwork
from stacks.container_images import container_python
from stacks.data import DataStack
from stacks.encryption import EncryptionStack
from stacks.ingest import IngestStack
from stacks.migration import MigrationStack
from stacks.model import ModelStack
from stacks.model_lock import LockedModel, ModelLock, publish_command
from stacks.monitoring import MonitoringStack
from stacks.network import NetworkStack
from stacks.settings import Settings
from stacks.users import UsersStack
from stacks.web import WebStack

# What an unpublished model is synthesized as, so that every environment can always be looked at.
_UNPUBLISHED = LockedModel(digest="0" * 64, fingerprint="0" * 64, dimension=1, python=container_python())


class ImageSearchStage(cdk.Stage):
    """Data, Model, Ingest, Bulk, Migration, Backup, Api of one environment, and what its settings ask for.

    Before them Encryption, with a key of the environment's own, and Network, with a VPC; beside them Users,
    where the API asks for tokens, Web, where there is a page, and Monitoring, where somebody watches.

    The stacks that need a model which `model_lock` lacks, or which was packaged for another Python than the
    container's, carry an error that names the command to run: deploying them fails at once, Data deploys.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, model_lock: ModelLock
    ) -> None:
        place = cdk.Environment(account=settings.account, region=settings.region)
        super().__init__(scope, construct_id, env=place)
        cdk.Tags.of(self).add("application", "semantic-image-search")
        cdk.Tags.of(self).add("environment", settings.name)
        models = {name: model_lock.get(name) or _UNPUBLISHED for name in settings.models}
        key, network = self._key(settings), self._network(settings)
        self.data = DataStack(self, "Data", settings=settings, network=network, key=key)
        self.model = ModelStack(self, "Model", settings=settings, models=models, network=network)
        domain = self.data.domain
        first = models[settings.models[0]]
        self.ingest = IngestStack(self, "Ingest", settings=settings, domain=domain, model=first)
        self.bulk = BulkStack(self, "Bulk", settings=settings, domain=domain, models=models)
        self.migration = MigrationStack(self, "Migration", settings=settings, domain=domain)
        self.backup = BackupStack(self, "Backup", settings=settings, domain=domain)
        self.users = self._users(settings)
        self.api = ApiStack(self, "Api", settings=settings, domain=domain, users=self.users)
        self.web = self._web(settings)
        if settings.monitoring is not None:
            MonitoringStack(
                self, "Monitoring", settings=settings, monitoring=settings.monitoring, models=models
            )
        # Names shared by computing them order nothing, so the order is said here.
        self.model.add_stack_dependency(self.data)
        self.ingest.add_stack_dependency(self.model)
        self.bulk.add_stack_dependency(self.ingest)
        self.migration.add_stack_dependency(self.ingest)
        self.backup.add_stack_dependency(self.data)
        self.api.add_stack_dependency(self.ingest)
        self._report_faults(settings, models)

    def _key(self, settings: Settings) -> kms.IKey | None:
        if settings.encryption == "aws":
            return None
        key = EncryptionStack(self, "Encryption", settings=settings).key
        cdk.Aspects.of(self).add(EncryptedBy(key))
        return key

    def _network(self, settings: Settings) -> PrivateNetwork | None:
        return (
            NetworkStack(self, "Network", settings=settings).network if settings.network.is_private else None
        )

    def _users(self, settings: Settings) -> Users | None:
        if settings.api.authorisation != "cognito":
            return None
        return UsersStack(self, "Users", settings=settings).users

    def _web(self, settings: Settings) -> WebStack | None:
        if settings.web is None:
            return None
        pool = self.users.pool if self.users else None
        web = WebStack(
            self, "Web", settings=settings, web=settings.web, api_id=self.api.rest_api_id, pool=pool
        )
        web.add_stack_dependency(self.data)
        return web

    def _report_faults(self, settings: Settings, models: Mapping[str, LockedModel]) -> None:
        for name, model in models.items():
            fault = _fault(model, settings)
            if fault is None:
                continue
            command = publish_command(name, settings.name, model)
            for stack in (self.model, self.ingest, self.bulk):
                cdk.Annotations.of(stack).add_error(f"The model {name} {fault}. Run: {command}")


def _fault(model: LockedModel, settings: Settings) -> str | None:
    if model is _UNPUBLISHED:
        return "is not published"
    # The emulator's container runs on a Python of this machine, which only the launcher knows.
    if settings.domain.emulated or model.python == container_python():
        return None
    return f"is packaged for Python {model.python}, but its container has {container_python()}"

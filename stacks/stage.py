"""One environment: its six stacks, in the order in which they are deployed."""

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import Construct

from stacks.api import ApiStack
from stacks.bulk import BulkStack
from stacks.container_images import container_python
from stacks.data import DataStack
from stacks.ingest import IngestStack
from stacks.migration import MigrationStack
from stacks.model import ModelStack
from stacks.model_lock import LockedModel, ModelLock
from stacks.settings import Settings

# What an unpublished model is synthesized as, so that every environment can always be looked at.
_UNPUBLISHED = LockedModel(digest="0" * 64, fingerprint="0" * 64, dimension=1, python=container_python())


class ImageSearchStage(cdk.Stage):
    """Data, Model, Ingest, Bulk, Migration, Api of one environment.

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
        self.data = DataStack(self, "Data", settings=settings)
        self.model = ModelStack(self, "Model", settings=settings, models=models)
        endpoint = self.data.search_endpoint
        first = models[settings.models[0]]
        self.ingest = IngestStack(self, "Ingest", settings=settings, search_endpoint=endpoint, model=first)
        self.bulk = BulkStack(self, "Bulk", settings=settings, search_endpoint=endpoint, models=models)
        self.migration = MigrationStack(self, "Migration", settings=settings, search_endpoint=endpoint)
        self.api = ApiStack(self, "Api", settings=settings, search_endpoint=endpoint)
        # Names shared by computing them order nothing, so the order is said here.
        self.model.add_stack_dependency(self.data)
        self.ingest.add_stack_dependency(self.model)
        self.bulk.add_stack_dependency(self.ingest)
        self.migration.add_stack_dependency(self.ingest)
        self.api.add_stack_dependency(self.ingest)
        self._report_faults(settings, models)

    def _report_faults(self, settings: Settings, models: Mapping[str, LockedModel]) -> None:
        for name, model in models.items():
            fault = _fault(model, settings)
            if fault is None:
                continue
            command = f"imagesearch publish-model --model {name} --env {settings.name}"
            for stack in (self.model, self.ingest, self.bulk):
                cdk.Annotations.of(stack).add_error(f"The model {name} {fault}. Run: {command}")


def _fault(model: LockedModel, settings: Settings) -> str | None:
    if model is _UNPUBLISHED:
        return "is not published"
    # The emulator's container runs on a Python of this machine, which only the launcher knows.
    if settings.domain.emulated or model.python == container_python():
        return None
    return f"is packaged for Python {model.python}, but its container has {container_python()}"

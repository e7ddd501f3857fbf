"""The environments that a migration may concern: what changes their models is deployed, and where it lies."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from scripts.artifact.cli import LOCK, OUTPUT
from scripts.bulk.runs import Place
from scripts.deploy import deploy
from scripts.environments import deployed_settings
from scripts.errors import CommandError
from scripts.local.environment import models_running, up
from scripts.local.model_package import model_lock_path
from scripts.local.settings import REGION, LocalSettings
from scripts.migration.function import MigrationFunction
from scripts.migration.status import FUNCTION_OUTPUT
from scripts.outputs import stack_outputs
from scripts.stepping import ONE_CALL
from scripts.target import LOCAL_CREDENTIALS
from stacks.model_lock import LockedModel, ModelLock

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One environment; ``option`` is how a command line names it, and ``session`` reaches its account."""

    name: str
    option: str
    session: boto3.Session
    endpoint_url: str | None
    lock: Path
    deploy: Callable[[str], None]
    ending: str

    def client(self, service: str, **options: Any) -> Any:
        """A client of one of its services."""
        factory: Any = self.session.client
        return factory(service, endpoint_url=self.endpoint_url, **options)

    def model(self, name: str) -> LockedModel:
        """The published model called ``name``. Raises CommandError (``model_not_published``)."""
        model = ModelLock.load(self.lock).get(name)
        if model is None:
            raise CommandError("model_not_published", f"{self.lock} names no model {name}: deploy it first.")
        return model

    def function(self) -> MigrationFunction:
        """The function that takes the steps. Raises CommandError (``environment_not_deployed``)."""
        name = self.output("Migration", FUNCTION_OUTPUT)
        return MigrationFunction(client=self.client("lambda", config=ONE_CALL), name=name)

    def bulk(self) -> Place:
        """Its bulk runs. Raises CommandError (``environment_not_deployed``)."""
        return Place(
            step_functions=self.client("stepfunctions"),
            s3=self.client("s3"),
            state_machine=self.output("Bulk", "BulkStateMachineArn"),
            bucket=self.output("Data", "ArtifactBucketName"),
        )

    def caller(self) -> str:
        """Who runs this command, as AWS knows them."""
        return str(self.client("sts").get_caller_identity()["Arn"])

    def output(self, stack: str, output: str) -> str:
        """An output of one of its stacks. Raises CommandError (``environment_not_deployed``)."""
        outputs = stack_outputs(f"{self.name}-{stack}", cloudformation=self.client("cloudformation"))
        if outputs is None or output not in outputs:
            command = f"imagesearch deploy {self.name}" if self.option else "imagesearch local up"
            raise CommandError(
                "environment_not_deployed",
                f"The environment {self.name} has no stack {self.name}-{stack} with the output {output}. "
                f"Deploy it first: {command}",
            )
        return outputs[output]


def find_environment(name: str | None, *, region: str | None, say: Say) -> Environment:
    """The environment called ``name``, or this machine's. Raises CommandError (``environment_unknown``)."""
    return _local(say) if name is None else _deployed(name, region=region, say=say)


def _local(say: Say) -> Environment:
    settings = LocalSettings.from_environment()

    def bring_up(model: str) -> None:
        up([*models_running(settings), model], settings=settings, say=say)

    return Environment(
        name="local",
        option="",
        session=boto3.Session(region_name=REGION, **LOCAL_CREDENTIALS),
        endpoint_url=settings.emulator_url,
        lock=model_lock_path(settings),
        deploy=bring_up,
        ending="name the models that are still used: imagesearch local up --model NAME",
    )


def _deployed(name: str, *, region: str | None, say: Say) -> Environment:
    settings = deployed_settings(name)
    return Environment(
        name=name,
        option=f" --env {name}",
        session=boto3.Session(region_name=region or settings.region),
        endpoint_url=None,
        lock=LOCK,
        deploy=partial(_deploy_listed, name, region=region, say=say),
        ending=f"take the old model out of the models of {name} in stacks/settings/environments.py, "
        f"then run: imagesearch deploy {name}",
    )


def _deploy_listed(name: str, model: str, *, region: str | None, say: Say) -> None:
    """Deploy an environment whose settings list ``model``. Raises CommandError (``model_not_listed``)."""
    listed = deployed_settings(name).models
    if model not in listed:
        line = ", ".join(f'"{each}"' for each in (*listed, model))
        raise CommandError(
            "model_not_listed",
            f"The settings of {name} do not list {model}. Set models=({line}) for {name.upper()} in "
            "stacks/settings/environments.py, then run the same command again.",
        )
    deploy(name, region=region, lock=LOCK, output=OUTPUT, options=(), report=say)

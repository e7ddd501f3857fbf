"""Versions of the application: what a changed repository would deploy over a running environment."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import boto3

from scripts.local.cdk import Cdk
from scripts.local.deployment import STAGE
from scripts.local.model_package import model_lock_path, python_version
from scripts.local.settings import REGION, LocalSettings, tool_python
from scripts.local.web_process import WebPage
from scripts.target import LOCAL_CREDENTIALS
from stacks import names
from stacks.model_lock import ModelLock
from stacks.settings import LOCAL, Settings
from stacks.stage import ImageSearchStage
from tests.infrastructure.assembly import flags


def as_it_is(settings: Settings) -> Settings:
    return settings


def with_nothing_more(_: ImageSearchStage) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Deploys versions onto one environment, whose assemblies lie in ``folder``."""

    settings: LocalSettings
    folder: Path

    @property
    def lock(self) -> ModelLock:
        """The models that the environment was brought up with."""
        return ModelLock.load(model_lock_path(self.settings))

    def deploy(
        self,
        name: str,
        *,
        change: Callable[[Settings], Settings] = as_it_is,
        more: Callable[[ImageSearchStage], None] = with_nothing_more,
        lock: ModelLock | None = None,
    ) -> None:
        """``cdk deploy`` of all stacks, with changed settings, more resources, or other models.

        Raises ``CommandError`` (``cdk_failed``) where the command exits with another status than 0.
        """
        assembly = self.folder / name
        app = cdk.App(context=flags(), outdir=str(assembly))
        more(ImageSearchStage(app, STAGE, settings=change(self._present()), model_lock=lock or self.lock))
        app.synth()
        Cdk(self.settings).deploy(f"{STAGE}/*", assembly=assembly, outputs=self.folder / "outputs.json")

    def statuses(self) -> dict[str, str]:
        """What CloudFormation says of each stack."""
        stacks = self._client("cloudformation").describe_stacks()["Stacks"]
        prefix = f"{STAGE}-"
        return {
            stack["StackName"].removeprefix(prefix): stack["StackStatus"]
            for stack in stacks
            if stack["StackName"].startswith(prefix)
        }

    def updates_of(self, stack: str, kind: str, name: str) -> int:
        """How often a resource of a stack, whose logical id begins so, has been updated in all its life."""
        events = self._client("cloudformation").get_paginator("describe_stack_events")
        return sum(
            event["ResourceStatus"] == "UPDATE_COMPLETE"
            and event["ResourceType"] == kind
            and event["LogicalResourceId"].startswith(name)
            for page in events.paginate(StackName=f"{STAGE}-{stack}")
            for event in page["StackEvents"]
        )

    def query_function(self) -> dict[str, str]:
        """The environment of the function that answers searches, and the digest of its code."""
        name = names.function(self._present(), "query")
        found = self._client("lambda").get_function_configuration(FunctionName=name)
        return {**found["Environment"]["Variables"], "code": found["CodeSha256"]}

    def served_artifact(self) -> str:
        """The key of the artifact that the only endpoint serves."""
        sagemaker = self._client("sagemaker")
        (endpoint,) = sagemaker.list_endpoints()["Endpoints"]
        assert endpoint["EndpointStatus"] == "InService"
        configuration = sagemaker.describe_endpoint(EndpointName=endpoint["EndpointName"])[
            "EndpointConfigName"
        ]
        variants = sagemaker.describe_endpoint_config(EndpointConfigName=configuration)["ProductionVariants"]
        model = sagemaker.describe_model(ModelName=variants[0]["ModelName"])
        return str(model["PrimaryContainer"]["ModelDataUrl"].split("/", 3)[3])

    def _client(self, service: str) -> Any:
        session = boto3.Session(region_name=REGION, **LOCAL_CREDENTIALS)
        return session.client(service, endpoint_url=self.settings.emulator_url)  # type: ignore[call-overload]

    def _present(self) -> Settings:
        return LOCAL.with_overrides(
            function_python=python_version(tool_python("emulator")),
            emulator_url=self.settings.emulator_url,
            page_url=WebPage(self.settings).url,
        )

"""`dev`, as its settings are, deployed onto an empty emulator, used, and destroyed: nothing of it is left."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import boto3
import pytest
from aws_cdk.aws_logs import CfnQueryDefinition

from imagesearch_client import ImageSearchClient
from scripts.artifact.publish import locked, publish
from scripts.destroy.aws import Place
from scripts.destroy.command import Destruction
from scripts.local.cdk import Cdk
from scripts.local.emulator_process import Emulator
from scripts.local.model_package import prepare_models, python_version
from scripts.local.opensearch import OpenSearch
from scripts.local.settings import ACCOUNT, REGION, LocalSettings, tool_python
from scripts.stack_outputs import Account
from scripts.target import LOCAL_CREDENTIALS
from stacks.model_lock import ModelLock
from stacks.settings import DEV, LOCAL, Settings
from stacks.stage import ImageSearchStage
from tests.deployed import own_command
from tests.e2e.library import Library
from tests.infrastructure.assembly import flags
from tests.pictures import jpeg

LISTS = {
    "s3": ("list_buckets", "Buckets", "Name"),
    "lambda": ("list_functions", "Functions", "FunctionName"),
    "apigateway": ("get_rest_apis", "items", "name"),
    "apigateway keys": ("get_api_keys", "items", "name"),
    "apigateway plans": ("get_usage_plans", "items", "name"),
    "lambda sources": ("list_event_source_mappings", "EventSourceMappings", "UUID"),
    "logs policies": ("describe_resource_policies", "resourcePolicies", "policyName"),
    "stepfunctions": ("list_state_machines", "stateMachines", "name"),
    "sagemaker": ("list_endpoints", "Endpoints", "EndpointName"),
    "sagemaker configurations": ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
    "sagemaker models": ("list_models", "Models", "ModelName"),
    "opensearch": ("list_domain_names", "DomainNames", "DomainName"),
    "logs": ("describe_log_groups", "logGroups", "logGroupName"),
    "iam": ("list_roles", "Roles", "RoleName"),
    "events": ("list_rules", "Rules", "Name"),
    "cloudwatch": ("list_dashboards", "DashboardEntries", "DashboardName"),
    "cloudformation": ("list_stacks", "StackSummaries", "StackName"),
}
"""What the emulator has, by service: the operation that lists it, and where in its answer the names are."""
DISTRIBUTED: Mapping[str, tuple[str, str, Callable[[Any], str]]] = {
    "distribution": ("list_distributions", "DistributionList", lambda each: each["Id"]),
    "function": ("list_functions", "FunctionList", lambda each: each["Name"]),
    "headers": (
        "list_response_headers_policies",
        "ResponseHeadersPolicyList",
        lambda each: each["ResponseHeadersPolicy"]["Id"],
    ),
    "access": ("list_origin_access_controls", "OriginAccessControlList", lambda each: each["Id"]),
}
"""The same of CloudFront."""

LOGGING_ROLE = "iam: dev-Api-SearchApiCloudWatchRole"
"""By this role API Gateway writes logs. It is the account's: other APIs may write by it. It costs nothing."""

CDK_LOGS = "/aws/lambda/dev-Data-CustomS3AutoDeleteObjectsCustom"


def dev_here(settings: LocalSettings) -> Settings:
    """`dev`, but for its model, and for what runs its functions and its domain on this machine."""
    functions = replace(
        DEV.functions,
        python=python_version(tool_python("emulator")),
        architecture=LOCAL.functions.architecture,
        wheels_of_this_machine=True,
    )
    return replace(
        DEV,
        models=LOCAL.models,
        functions=functions,
        domain=replace(DEV.domain, emulated=True),
        index=replace(DEV.index, engine="lucene"),
        emulator_url=settings.emulator_url,
    )


def account_of(settings: LocalSettings) -> Account:
    session = boto3.Session(region_name=REGION, **LOCAL_CREDENTIALS)
    return Account(session=session, endpoint_url=settings.emulator_url)


@contextmanager
def an_empty_account(settings: LocalSettings) -> Iterator[Cdk]:
    """An emulator with its OpenSearch, bootstrapped and nothing more."""
    search, emulator, cli = OpenSearch(settings), Emulator(settings), Cdk(settings)
    try:
        search.start(fresh=True)
        emulator.start(opensearch_address=search.address)
        cli.bootstrap()
        yield cli
    finally:
        emulator.stop()
        search.forget()


class Deployed:
    """`dev`, synthesized and deployed with its model."""

    def __init__(self, settings: LocalSettings, cli: Cdk, folder: Path) -> None:
        self.settings = dev_here(settings)
        self.account = account_of(settings)
        self._cli = cli
        self._assembly, self._outputs = folder / "assembly", folder / "outputs.json"
        (model,) = prepare_models(self.settings.models, lambda _: None)
        self._synthesize(ModelLock().with_model(model.name, locked(model)))
        self._deploy("dev/Data")
        publish(model, bucket=self.outputs()["ArtifactBucketName"], s3_client=self.account.client("s3"))
        self._deploy("dev/*")

    def outputs(self) -> dict[str, str]:
        written: dict[str, dict[str, str]] = json.loads(self._outputs.read_text("utf-8"))
        return {name: value for stack in written.values() for name, value in stack.items()}

    def client(self) -> ImageSearchClient:
        outputs = self.outputs()
        gateway = self.account.client("apigateway")
        key = gateway.get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)["value"]
        url = f"{self.settings.emulator_url}/restapis/{outputs['ApiId']}/prod/_user_request_"
        return ImageSearchClient(url, key)

    def destruction(self, say: Callable[[str], None]) -> Destruction:
        return Destruction(
            place=Place(settings=self.settings, account=self.account),
            say=say,
            cdk_destroy=lambda: self._cli.destroy("dev/*", assembly=self._assembly),
        )

    def _synthesize(self, lock: ModelLock) -> None:
        app = cdk.App(context=flags(), outdir=str(self._assembly))
        stage = ImageSearchStage(app, "dev", settings=self.settings, model_lock=lock)
        # The only type of `dev` that the emulator knows nothing of.
        for each in [each for each in stage.node.find_all() if isinstance(each, CfnQueryDefinition)]:
            if each.node.scope is not None:
                each.node.scope.node.try_remove_child(each.node.id)
        app.synth()

    def _deploy(self, stacks: str) -> None:
        self._cli.deploy(stacks, assembly=self._assembly, outputs=self._outputs)


def listed(account: Account) -> set[str]:
    """Everything that there is, by service and name; of stacks those that were not deleted."""
    names = {
        f"{service}: {each[name]}"
        for service, (operation, key, name) in LISTS.items()
        for each in getattr(account.client(service.split()[0]), operation)().get(key, [])
        if each.get("StackStatus") != "DELETE_COMPLETE"
    }
    cloudfront = account.client("cloudfront")
    for kind, (operation, key, name_of) in DISTRIBUTED.items():
        items = getattr(cloudfront, operation)()[key].get("Items", [])
        names |= {f"{kind}: {name_of(each)}" for each in items}
    return names | {f"sqs: {url}" for url in account.client("sqs").list_queues().get("QueueUrls", [])}


@pytest.mark.verified("Destroying an environment: work stopped, buckets emptied, nothing left", on="emulator")
def test_nothing_of_a_destroyed_environment_is_left(tmp_path: Path) -> None:
    settings = LocalSettings.from_environment(own_command(tmp_path / "state").variables)
    with an_empty_account(settings) as cli:
        account = account_of(settings)
        before = listed(account)
        dev = Deployed(settings, cli, tmp_path)
        use(dev)
        assert {name.split(":")[0] for name in listed(account) - before} == {*LISTS, *DISTRIBUTED, "sqs"}

        said: list[str] = []
        result = dev.destruction(said.append).run()

        assert result.is_clean, (result, said)
        assert f"Emptied: imagesearch-dev-images-{ACCOUNT}-{REGION}" in {line.split(",")[0] for line in said}
        # The stacks took everything along themselves, but for the logs of a function of the CDK's own, which
        # has no setting for them.
        after = [line for line in said if line.startswith(("Removed", "Not removed"))]
        assert [line.partition("ResourcePro")[0] for line in after] == [f"Removed: log group {CDK_LOGS}"]
        left = listed(account) - before
        assert {name for name in left if not name.startswith(LOGGING_ROLE)} == set()
        # And again, where nothing is left to do.
        assert dev.destruction(said.append).run().is_clean


def use(dev: Deployed) -> None:
    """Put a picture, and wait until it is found."""
    with dev.client() as client:
        library: Any = Library(
            client=client,
            s3=dev.account.client("s3"),
            bucket=dev.outputs()["ImageBucketName"],
            prefix="doomed/",
        )
        library.put("a.jpg", jpeg(seed=7))
        library.wait_until_indexed("a.jpg")
        assert client.search("a picture").hits

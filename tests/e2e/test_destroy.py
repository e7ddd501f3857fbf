"""An environment of its own, used and destroyed by `cdk destroy`: nothing of it is left on the emulator."""

from typing import Any

import boto3
import pytest

from imagesearch_client import ImageSearchClient
from scripts.destroy.aws import Place
from scripts.destroy.command import Destruction
from scripts.local.cdk import Cdk
from scripts.local.settings import REGION, LocalSettings
from scripts.stack_outputs import Account
from scripts.target import LOCAL_CREDENTIALS, Target, client_of
from stacks.settings import LOCAL
from tests.deployed import deployed, own_command
from tests.e2e.command import Command
from tests.e2e.library import Library
from tests.pictures import jpeg


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Command:
    return own_command(tmp_path_factory.mktemp("doomed"))


@pytest.mark.verified("Destroying an environment: work stopped, buckets emptied, nothing left", on="emulator")
def test_nothing_of_a_destroyed_environment_is_left(doomed: Command) -> None:
    settings = LocalSettings.from_environment(doomed.variables)
    place, said = _place(settings), list[str]()
    cdk = Cdk(settings)
    destruction = Destruction(
        place=place,
        say=said.append,
        cdk_destroy=lambda: cdk.destroy("local/*", assembly=settings.directory / "assembly"),
    )
    with deployed(doomed) as target:
        with client_of(target) as client:
            _use(client, target)
        assert _remains(place)

        result = destruction.run()

        assert result.is_clean, (result, said)
        assert any(line.startswith("Emptied: imagesearch-local-images-") for line in said)
        assert _remains(place) == []
        # And again, where nothing is left to do.
        assert destruction.run().is_clean


@pytest.mark.verified("Destroying an environment: work stopped, buckets emptied, nothing left", on="emulator")
def test_destroying_the_local_environment_ends_it(doomed: Command) -> None:
    assert doomed("destroy", "local", check=True).stdout.strip() == "Nothing was running."


def _use(client: ImageSearchClient, target: Target) -> None:
    """Put a picture, and wait until it is found."""
    library = Library(client=client, s3=target.s3(), bucket=target.image_bucket(), prefix="doomed/")
    library.put("a.jpg", jpeg(seed=7))
    library.wait_until_indexed("a.jpg")


def _place(settings: LocalSettings) -> Place:
    session = boto3.Session(region_name=REGION, **LOCAL_CREDENTIALS)
    return Place(settings=LOCAL, account=Account(session=session, endpoint_url=settings.emulator_url))


def _remains(place: Place) -> list[str]:
    """Everything on the emulator that is not of the CDK's own bootstrap stack.

    The role by which API Gateway writes logs is the account's: every other API there writes by it.
    """
    lists: dict[str, tuple[str, str, str]] = {
        "s3": ("list_buckets", "Buckets", "Name"),
        "lambda": ("list_functions", "Functions", "FunctionName"),
        "apigateway": ("get_rest_apis", "items", "name"),
        "stepfunctions": ("list_state_machines", "stateMachines", "name"),
        "sagemaker": ("list_endpoints", "Endpoints", "EndpointName"),
        "logs": ("describe_log_groups", "logGroups", "logGroupName"),
        "iam": ("list_roles", "Roles", "RoleName"),
        "events": ("list_rules", "Rules", "Name"),
    }
    found = [
        f"{service}: {each[field]}"
        for service, (operation, key, field) in lists.items()
        for each in _listed(place.client(service), operation, key)
        if not any(other in each[field] for other in ("cdk-", "CDKToolkit", "SearchApiCloudWatchRole"))
    ]
    queues = place.client("sqs").list_queues().get("QueueUrls", [])
    return [*found, *(f"sqs: {url}" for url in queues)]


def _listed(client: Any, operation: str, key: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = getattr(client, operation)().get(key, [])
    return items

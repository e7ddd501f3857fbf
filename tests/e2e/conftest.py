"""One deployed environment for all of these tests, beside any that a developer has running."""

from collections.abc import Iterator
from uuid import uuid4

import boto3
import pytest

from imagesearch_client import ImageSearchClient
from scripts.local.settings import LocalSettings
from scripts.target import LOCAL_CREDENTIALS, Target, client_of
from tests.deployed import deployed, own_command
from tests.e2e.command import Command
from tests.e2e.house import House
from tests.e2e.library import Library


@pytest.fixture(scope="package")
def imagesearch(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command line, as a person would run it, with a state directory and ports of its own."""
    return own_command(tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="package")
def deployment(imagesearch: Command) -> Iterator[Target]:
    """The ``local`` environment, deployed by ``cdk deploy``; stopped fully at the end."""
    with deployed(imagesearch) as target:
        yield target


@pytest.fixture(scope="package")
def client(deployment: Target) -> Iterator[ImageSearchClient]:
    with client_of(deployment) as client:
        yield client


@pytest.fixture(scope="package")
def house(deployment: Target, imagesearch: Command) -> House:
    """The same environment from behind."""
    return House(
        settings=LocalSettings.from_environment(imagesearch.variables),
        s3=deployment.s3(),
        events=boto3.client(
            "events",
            endpoint_url=deployment.aws_endpoint_url,
            region_name=deployment.region,
            **LOCAL_CREDENTIALS,
        ),
        bucket=deployment.artifact_bucket(),
    )


@pytest.fixture
def library(deployment: Target, client: ImageSearchClient) -> Library:
    """Pictures under a prefix that no other test uses."""
    return Library(
        client=client, s3=deployment.s3(), bucket=deployment.image_bucket(), prefix=f"{uuid4().hex}/"
    )

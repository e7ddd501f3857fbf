"""One deployed environment for the whole run, beside any that a developer has running."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from imagesearch_client import ImageSearchClient
from scripts.local.settings import LocalSettings
from scripts.target import LOCAL_CREDENTIALS, Target, find_target
from tests.e2e.command import Command
from tests.e2e.house import House
from tests.e2e.library import Library
from tests.ports import free_ports


@pytest.fixture(scope="session")
def imagesearch(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command line, as a person would run it, with a state directory and ports of its own."""
    emulator, opensearch, model_server = free_ports(3)
    variables = os.environ | {
        "IMAGESEARCH_LOCAL_DIR": str(tmp_path_factory.mktemp("local")),
        "IMAGESEARCH_EMULATOR_PORT": str(emulator),
        "IMAGESEARCH_OPENSEARCH_PORT": str(opensearch),
        "IMAGESEARCH_MODEL_SERVER_PORT": str(model_server),
    }
    return Command(Path(sys.executable).with_name("imagesearch"), variables)


@pytest.fixture(scope="session")
def deployment(imagesearch: Command) -> Iterator[Target]:
    """The ``local`` environment, deployed by ``cdk deploy``; stopped fully at the end."""
    try:
        imagesearch("local", "up", check=True)
        yield find_target(variables=imagesearch.variables)
    finally:
        imagesearch("local", "down", check=True)


@pytest.fixture(scope="session")
def client(deployment: Target) -> Iterator[ImageSearchClient]:
    with ImageSearchClient(deployment.url, deployment.api_key) as client:
        yield client


@pytest.fixture(scope="session")
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

"""An environment that enforces IAM, for the tests of one module, whose process has a user's credentials."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from imagesearch_client import ImageSearchClient
from scripts.local.settings import LocalSettings
from scripts.target import Target, client_of, find_target
from tests.deployed import deployed, own_command
from tests.e2e.command import Command
from tests.e2e.house import House
from tests.e2e.library import Library
from tests.security.enforced import Enforced, without_ours


@pytest.fixture(scope="module")
def enforced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enforced]:
    own = own_command(tmp_path_factory.mktemp("enforced"))
    command = Command(own.program, {**own.variables, "IMAGESEARCH_ENFORCE": "true"})
    with deployed(command, "--authorisation", "iam") as target:
        yield Enforced(LocalSettings.from_environment(command.variables), target, command)


@pytest.fixture(scope="module")
def variables(enforced: Enforced) -> Iterator[dict[str, str]]:
    """The environment variables of a person with rights of their own; they are those of this process too."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - without_ours().keys():
            patch.delenv(name)
        for name, value in enforced.operators_variables().items():
            patch.setenv(name, value)
        yield dict(os.environ)


@pytest.fixture(scope="module")
def imagesearch(variables: dict[str, str]) -> Command:
    """The command line as that person runs it."""
    return Command(Path(sys.executable).with_name("imagesearch"), variables)


@pytest.fixture(scope="module")
def deployment(variables: dict[str, str]) -> Target:
    return find_target(variables=variables)


@pytest.fixture(scope="module")
def client(deployment: Target) -> Iterator[ImageSearchClient]:
    with client_of(deployment) as client:
        yield client


@pytest.fixture(scope="module")
def house(enforced: Enforced, variables: dict[str, str]) -> House:
    """The same environment from behind, with every right."""
    return House(
        settings=enforced.settings,
        s3=enforced.root("s3"),
        events=enforced.root("events"),
        bucket=enforced.target.artifact_bucket(),
    )


@pytest.fixture
def library(deployment: Target, client: ImageSearchClient) -> Library:
    """Pictures under a prefix that no other test uses."""
    return Library(
        client=client, s3=deployment.s3(), bucket=deployment.image_bucket(), prefix=f"{uuid4().hex}/"
    )

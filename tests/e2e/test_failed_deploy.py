"""A deployment that fails halfway: what was there goes on answering, and the mended one succeeds."""

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from scripts.artifact.publish import fetch, upload
from scripts.errors import CommandError
from scripts.local.settings import LocalSettings
from scripts.target import Target, client_of
from stacks.model_lock import LockedModel
from stacks.settings import LOCAL, Settings
from stacks.settings.search import AttributeType
from stacks.stage import ImageSearchStage
from tests.deployed import deployed, own_command
from tests.e2e.answering import Searches
from tests.e2e.library import Library
from tests.e2e.versions import Versions
from tests.pictures import jpeg

pytestmark = pytest.mark.verified(
    "A deployment that fails halfway: rolled back, while searches go on being answered", on="emulator"
)

ROLLED_BACK = "UPDATE_ROLLBACK_COMPLETE"
DEPLOYED = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
MODEL = LOCAL.models[0]
FEWER = LOCAL.api.max_results - 1


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Target, Versions]]:
    """An environment of its own: other tests would not like what is done to it."""
    command = own_command(tmp_path_factory.mktemp("failing"))
    with deployed(command) as target:
        settings = LocalSettings.from_environment(command.variables)
        yield target, Versions(settings=settings, folder=tmp_path_factory.mktemp("versions"))


@pytest.fixture(scope="module")
def target(environment: tuple[Target, Versions]) -> Target:
    return environment[0]


@pytest.fixture(scope="module")
def versions(environment: tuple[Target, Versions]) -> Versions:
    return environment[1]


@pytest.fixture(scope="module")
def searches(target: Target) -> Iterator[Searches]:
    with client_of(target) as patient, client_of(target, patience=0) as client:
        library = Library(client=patient, s3=target.s3(), bucket=target.image_bucket(), prefix="answering/")
        for number in range(6):
            name = f"{number}.jpg"
            said = json.dumps({"attributes": {"price": number}}).encode()
            library.s3.put_object(Bucket=library.bucket, Key=library.key(f"{name}.json"), Body=said)
            library.put(name, jpeg(seed=number))
        library.wait_until_indexed(*(f"{number}.jpg" for number in range(6)))
        yield Searches(client=client, prefix=library.prefix, pictures=6)


def fails(versions: Versions, name: str, **changes: Any) -> str:
    """Deploy a version that must not succeed, and return the end of what ``cdk deploy`` said, in one line."""
    with pytest.raises(CommandError) as failure:
        versions.deploy(name, **changes)
    assert failure.value.code == "cdk_failed"
    return " ".join(str(failure.value).split())


def with_attribute(name: str, kind: AttributeType) -> Callable[[Settings], Settings]:
    def change(settings: Settings) -> Settings:
        attributes = {**settings.index.attributes, name: kind}
        return replace(settings, index=replace(settings.index, attributes=attributes))

    return change


def test_an_index_that_refuses_the_new_version_is_left_as_it_was(
    versions: Versions, searches: Searches
) -> None:
    with searches.answered_as_before():
        said = fails(versions, "refused", change=with_attribute("price", "keyword"))
    assert "declare the attribute under another name" in said
    assert versions.statuses()["Ingest"] == ROLLED_BACK

    with searches.answered_as_before():
        versions.deploy("renamed", change=with_attribute("price_class", "keyword"))
    assert set(versions.statuses().values()) <= DEPLOYED


def artifact(folder: Path, content: bytes, like: LockedModel) -> tuple[Path, LockedModel]:
    path = folder / "model.tar.gz"
    path.write_bytes(content)
    return path, replace(like, digest=hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("fault", ["it is not there", "it cannot be unpacked"])
def test_a_model_that_does_not_start_leaves_its_endpoint_with_the_one_before(
    versions: Versions, searches: Searches, target: Target, tmp_path: Path, fault: str
) -> None:
    served = versions.lock.get(MODEL)
    assert served is not None
    path, broken = artifact(tmp_path, fault.encode(), served)
    if fault != "it is not there":
        upload(path, broken, bucket=target.artifact_bucket(), s3_client=target.s3())
    with searches.answered_as_before():
        fails(versions, fault, lock=versions.lock.with_model(MODEL, broken))
    assert versions.statuses()["Model"] == ROLLED_BACK
    assert versions.served_artifact() == served.artifact_key


def test_a_model_in_another_archive_takes_its_endpoint_over(
    versions: Versions, searches: Searches, target: Target, tmp_path: Path
) -> None:
    served = versions.lock.get(MODEL)
    assert served is not None
    fetch(served, tmp_path / "served", bucket=target.artifact_bucket(), s3_client=target.s3())
    # The same archive with an empty end: other bytes, and so another artifact.
    content = (tmp_path / "served").read_bytes() + gzip.compress(b"")
    path, other = artifact(tmp_path, content, served)
    upload(path, other, bucket=target.artifact_bucket(), s3_client=target.s3())
    with searches.answered_as_before():
        versions.deploy("taken over", lock=versions.lock.with_model(MODEL, other))
    assert versions.served_artifact() == other.artifact_key
    assert set(versions.statuses().values()) <= DEPLOYED


def with_fewer_results(settings: Settings) -> Settings:
    return replace(settings, api=replace(settings.api, max_results=FEWER))


def refused_after_the_query_function(stage: ImageSearchStage) -> None:
    """Something that cannot be made, once the function that answers searches has been changed."""
    refused = cdk.CustomResource(
        stage.api,
        "Refused",
        resource_type="Custom::SearchIndex",
        service_token=stage.data.domain.setup,
        properties={"Fingerprint": "f1" * 32, "Dimension": "many", "Attributes": "{}"},
    )
    refused.node.add_dependency(stage.api.node.find_child("Query"))


def test_a_query_function_that_was_changed_already_is_changed_back(
    versions: Versions, searches: Searches
) -> None:
    before = versions.query_function()
    with searches.answered_as_before():
        fails(versions, "halfway", change=with_fewer_results, more=refused_after_the_query_function)
    assert versions.statuses()["Api"] == ROLLED_BACK
    changed = "update of the query function, rolled back"
    assert versions.updates_of("Api", "AWS::Lambda::Function", "Query") >= 2, changed
    assert versions.query_function() == before

    with searches.answered_as_before():
        versions.deploy("whole", change=with_fewer_results)
    assert versions.query_function()["MAX_RESULTS"] == str(FEWER)
    assert set(versions.statuses().values()) <= DEPLOYED

"""The function behind the image's custom resource, on builds in memory."""

from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.adapters.in_memory import InMemoryImageBuilder
from imagesearch.entrypoints.image_build import build_handler
from imagesearch.errors import ImageBuildFailedError
from imagesearch.image_building import ImageBuild, ImageOrder

ORDER = ImageOrder(project="p", repository="r", tag="t", source="bucket/key.zip", base_image="python:3.12")
PROPERTIES = {
    "ServiceToken": "arn",
    "Project": "p",
    "Repository": "r",
    "Tag": "t",
    "Source": "bucket/key.zip",
    "BaseImage": "python:3.12",
}


@pytest.fixture
def builder() -> InMemoryImageBuilder:
    return InMemoryImageBuilder()


def _ask(builder: InMemoryImageBuilder, kind: str, **more: str) -> dict[str, Any]:
    event = {"RequestType": kind, "RequestId": "request-1", "ResourceProperties": PROPERTIES, **more}
    return build_handler(lambda: builder)(event, cast(LambdaContext, None))


def test_an_image_that_is_missing_is_built_and_waited_for(builder: InMemoryImageBuilder) -> None:
    begun = _ask(builder, "Create")
    assert begun["PhysicalResourceId"] == "r"
    assert list(builder.requests.values()) == [ORDER]
    assert _ask(builder, "Create", **begun) == {"IsComplete": False}
    builder.end("request-1", ImageBuild(status="succeeded"))
    assert _ask(builder, "Create", **begun) == {"IsComplete": True}


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_an_image_that_is_there_is_not_built_again(builder: InMemoryImageBuilder, kind: str) -> None:
    builder.images.add(("r", "t"))
    begun = _ask(builder, kind, PhysicalResourceId="r")
    assert builder.requests == {}
    assert _ask(builder, kind, **begun) == {"IsComplete": True}


def test_a_failed_build_fails_the_deployment_and_says_where_its_log_is(builder: InMemoryImageBuilder) -> None:
    begun = _ask(builder, "Update", PhysicalResourceId="r")
    builder.end("request-1", ImageBuild(status="failed", reason="BUILD FAILED: exit 1", log="https://log"))
    with pytest.raises(ImageBuildFailedError, match=r"BUILD FAILED: exit 1\. Its log: https://log"):
        _ask(builder, "Update", **begun)


def test_a_build_that_leaves_no_image_fails_the_deployment(builder: InMemoryImageBuilder) -> None:
    begun = _ask(builder, "Create")
    builder.end("request-1", ImageBuild(status="succeeded"))
    builder.images.clear()
    with pytest.raises(ImageBuildFailedError, match="the repository r does not hold t"):
        _ask(builder, "Create", **begun)


def test_a_deletion_builds_nothing_and_is_complete_at_once(builder: InMemoryImageBuilder) -> None:
    begun = _ask(builder, "Delete", PhysicalResourceId="r")
    assert begun["PhysicalResourceId"] == "r"
    assert _ask(builder, "Delete", **begun) == {"IsComplete": True}
    assert builder.requests == {}

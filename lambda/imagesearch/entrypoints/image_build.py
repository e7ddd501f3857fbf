"""The function behind the image's custom resource, called by the CDK's provider framework, twice or more.

First as the framework's `onEvent`, whose answer names the build; then, until the image is there, as its
`isComplete`, which gets that answer with the request.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.entrypoints import wiring
from imagesearch.image_building import NO_BUILD, ImageBuilder, ImageOrder, begin, is_ready

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

_BUILD = "Build"


def build_handler(builder: Callable[[], ImageBuilder]) -> Handler:
    """Return the function's handler."""

    def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
        """Start what has to be built, or say whether it is done; a deletion leaves the images to ECR."""
        properties = event["ResourceProperties"]
        identity = {"PhysicalResourceId": event.get("PhysicalResourceId") or properties["Repository"]}
        if event["RequestType"] == "Delete":
            return {"IsComplete": True} if _BUILD in event else {**identity, _BUILD: NO_BUILD}
        order = _order(properties)
        if _BUILD in event:
            return {"IsComplete": is_ready(builder(), order, build=event[_BUILD])}
        build = begin(builder(), order, request=event["RequestId"])
        wiring.logger().info("image ordered", tag=order.tag, build=build or "none: the image is there")
        return {**identity, _BUILD: build}

    return handler


def _order(properties: dict[str, str]) -> ImageOrder:
    return ImageOrder(
        project=properties["Project"],
        repository=properties["Repository"],
        tag=properties["Tag"],
        source=properties["Source"],
        base_image=properties["BaseImage"],
    )


@cache
def _builder() -> ImageBuilder:
    from imagesearch.adapters.codebuild import CodeBuildImageBuilder, clients

    codebuild, ecr = clients()
    return CodeBuildImageBuilder(codebuild=codebuild, ecr=ecr)


handler = build_handler(_builder)

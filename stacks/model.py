"""The stack of the deployed models: one endpoint for each."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from stacks.components.foundations.network_private import PrivateNetwork
from stacks.components.models.clip_endpoint import ClipEndpoint
from stacks.components.models.serving_image import ServingImage
from stacks.model_lock import LockedModel
from stacks.settings import Settings


class ModelStack(cdk.Stack):
    """An endpoint for each of `models` (by name), with containers in `network` where the settings say so.

    Output `EndpointPrefix`: what their names begin with.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        models: Mapping[str, LockedModel],
        network: PrivateNetwork | None = None,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        endpoints = [
            ClipEndpoint(self, name, model=model, settings=settings, network=network)
            for name, model in models.items()
        ]
        if settings.container.image == "slim":
            image = ServingImage(self, "Image", settings=settings)
            for endpoint in endpoints:
                endpoint.node.add_dependency(image)
        cdk.CfnOutput(self, "EndpointPrefix", value=settings.endpoint_prefix)

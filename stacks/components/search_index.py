"""The index behind the alias, made by a custom resource when the environment is deployed."""

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import Construct

from stacks.components.function_environment import attributes_environment, index_environment
from stacks.components.python_function import PythonFunction
from stacks.components.resource_provider import resource_provider
from stacks.components.vector_domain import allow_requests
from stacks.model_lock import LockedModel
from stacks.names import INDEX_ALIAS, WRITTEN_ALIAS
from stacks.settings import Settings

# A domain that has just been made can refuse requests for minutes while policies spread: the function waits.
_TIMEOUT_SECONDS = 300


class SearchIndex(Construct):
    """Template, first versioned index for `model`, and alias. Deploying again only adds attributes."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        model: LockedModel,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        attributes = attributes_environment(settings)
        setup = PythonFunction(
            self,
            "Setup",
            entrypoint="index_setup",
            description="Makes the index template, the first index and the alias",
            settings=settings.functions,
            memory_mb=256,
            timeout_seconds=_TIMEOUT_SECONDS,
            environment={**environment, **index_environment(settings)},
        )
        _allow_setup(setup, settings)
        cdk.CustomResource(
            self,
            "Resource",
            resource_type="Custom::SearchIndex",
            service_token=resource_provider(self, function=setup, settings=settings).service_token,
            # The function reads its own variables; that they changed is what calls it.
            properties={
                "Fingerprint": model.fingerprint,
                "Dimension": model.dimension,
                "Attributes": attributes["ATTRIBUTES"],
            },
        )


def _allow_setup(setup: PythonFunction, settings: Settings) -> None:
    reason = "Indices are named by model and number, all under the alias's name."
    allow_requests(
        setup.role,
        settings=settings,
        methods=["Get"],
        paths=[f"{name}/_mapping" for name in (INDEX_ALIAS, WRITTEN_ALIAS)],
        reason=reason,
    )
    allow_requests(
        setup.role,
        settings=settings,
        methods=["Put"],
        paths=[f"_index_template/{INDEX_ALIAS}", f"{INDEX_ALIAS}-*"],
        reason=reason,
    )
    allow_requests(
        setup.role,
        settings=settings,
        methods=["Post"],
        paths=["_aliases", f"{INDEX_ALIAS}-*/_count", f"{INDEX_ALIAS}-*/_refresh"],
        reason=reason,
    )

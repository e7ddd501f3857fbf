"""The index behind the alias, made when the environment is deployed."""

import aws_cdk as cdk
from constructs import Construct

from stacks.components.domain.domain_roles import SearchDomain
from stacks.components.functions.function_environment import attributes_environment
from stacks.model_lock import LockedModel
from stacks.settings import Settings


def search_index(
    scope: Construct, construct_id: str, *, settings: Settings, domain: SearchDomain, model: LockedModel
) -> cdk.CustomResource:
    """Return template, first versioned index for `model`, and alias. Deploying again only adds attributes."""
    return cdk.CustomResource(
        scope,
        construct_id,
        resource_type="Custom::SearchIndex",
        service_token=domain.setup,
        properties={
            "Fingerprint": model.fingerprint,
            "Dimension": model.dimension,
            "Attributes": attributes_environment(settings)["ATTRIBUTES"],
        },
    )

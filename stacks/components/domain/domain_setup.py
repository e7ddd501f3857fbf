"""The function that sets the domain up: it makes the index, and says who may do what inside."""

from constructs import Construct

from stacks.components.domain.vector_domain import VectorDomain, allow_requests
from stacks.components.foundations.network_private import PrivateNetwork
from stacks.components.functions.function_environment import index_environment, search_environment
from stacks.components.functions.python_function import PythonFunction
from stacks.components.functions.resource_provider import resource_provider
from stacks.names import INDEX_ALIAS, WRITTEN_ALIAS
from stacks.settings import Settings

# A domain that has just been made can refuse requests for minutes while policies spread: the function waits.
_TIMEOUT_SECONDS = 300
_INDICES = "Indices are named by model and number, all under the alias's name."
_ROLES = "The domain has a role for each function of the application, all named alike."


class DomainSetup(Construct):
    """What makes custom resources inside of `domain`, by the service token `service_token`.

    It stands beside the domain, whose ruler it is: its role must be there before, and all others come later.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        domain: VectorDomain,
        network: PrivateNetwork | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        function = PythonFunction(
            self,
            "Setup",
            entrypoint="index_setup",
            description="Makes the index, and says which functions may do what with it",
            settings=settings.functions,
            memory_mb=256,
            timeout_seconds=_TIMEOUT_SECONDS,
            environment={**search_environment(settings, domain.endpoint), **index_environment(settings)},
            network=network,
        )
        _allow_indices(function, settings)
        if settings.domain.fine_grained_access:
            domain.obey(function.role)
            _allow_roles(function, settings)
        provider = resource_provider(self, function=function, settings=settings)
        self.service_token = provider.service_token


def _allow_indices(function: PythonFunction, settings: Settings) -> None:
    allow_requests(
        function.role,
        settings=settings,
        methods=["Get"],
        paths=[f"{name}/_mapping" for name in (INDEX_ALIAS, WRITTEN_ALIAS)],
        reason=_INDICES,
    )
    allow_requests(
        function.role,
        settings=settings,
        methods=["Put"],
        paths=[f"_index_template/{INDEX_ALIAS}", f"{INDEX_ALIAS}-*"],
        reason=_INDICES,
    )
    allow_requests(
        function.role,
        settings=settings,
        methods=["Post"],
        paths=["_aliases", f"{INDEX_ALIAS}-*/_count", f"{INDEX_ALIAS}-*/_refresh"],
        reason=_INDICES,
    )


def _allow_roles(function: PythonFunction, settings: Settings) -> None:
    paths = [f"_plugins/_security/api/{kind}/imagesearch_*" for kind in ("roles", "rolesmapping")]
    allow_requests(function.role, settings=settings, methods=["Delete", "Put"], paths=paths, reason=_ROLES)

"""The stack that answers searches."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from stacks.components.encoder_access import allow_encoding, allow_reading_pictures
from stacks.components.function_environment import query_environment
from stacks.components.python_function import PythonFunction
from stacks.components.search_api import SearchApi
from stacks.components.vector_domain import allow_requests
from stacks.names import INDEX_ALIAS
from stacks.settings import Settings


class ApiStack(cdk.Stack):
    """Query function behind the REST API. Outputs: `ApiUrl`, `ApiId`, `ApiKeyId` (not the key's value)."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, search_endpoint: str, **stack: Any
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        query = PythonFunction(
            self,
            "Query",
            entrypoint="query",
            description="Encodes a query, searches, answers",
            settings=settings.functions,
            memory_mb=settings.api.memory_mb,
            timeout_seconds=settings.api.timeout_seconds,
            environment=query_environment(settings, search_endpoint),
        )
        _allow_query(query, settings)
        search = SearchApi(self, "Search", settings=settings, function=query.function)
        cdk.CfnOutput(self, "ApiUrl", value=search.api.url)
        cdk.CfnOutput(self, "ApiId", value=search.api.rest_api_id)
        cdk.CfnOutput(self, "ApiKeyId", value=search.key.key_id)


def _allow_query(query: PythonFunction, settings: Settings) -> None:
    allow_encoding(query.role, settings)
    # Presigned addresses carry the rights of whoever signed them.
    allow_reading_pictures(query.role, settings)
    reason = "Documents of any picture, in whichever index the alias leads to."
    reading = [f"{INDEX_ALIAS}/_mapping", f"{INDEX_ALIAS}-*/_doc/*"]
    searching = [f"{INDEX_ALIAS}-*/_search", f"{INDEX_ALIAS}-*/_count"]
    # A search carries a body, so it is a POST; on these paths a POST writes nothing.
    allow_requests(query.role, settings=settings, methods=["Get"], paths=reading, reason=reason)
    allow_requests(query.role, settings=settings, methods=["Post"], paths=searching, reason=reason)

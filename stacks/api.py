"""The stack that answers searches."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks import names
from stacks.components.api.canary import Canary
from stacks.components.api.search_api import Answering, SearchApi
from stacks.components.api.user_pool import Users
from stacks.components.domain.domain_roles import SearchDomain, admit
from stacks.components.domain.vector_domain import allow_requests
from stacks.components.foundations.encryption_key import allow_objects
from stacks.components.foundations.permissions import allow, bucket_arn
from stacks.components.functions.bundling import THUMBNAIL
from stacks.components.functions.function_environment import (
    metrics_environment,
    query_environment,
    thumbnail_environment,
)
from stacks.components.functions.python_function import PythonFunction
from stacks.components.models.encoder_access import allow_encoding, allow_reading_pictures, allow_uploads
from stacks.names import INDEX_ALIAS
from stacks.settings import Settings


class ApiStack(cdk.Stack):
    """Query and thumbnail function behind the REST API, and the canary, which calls that API.

    It takes tokens of `users` where it asks for those. Outputs: `ApiUrl`, `ApiId`, `ApiAuthorisation`, and
    what its callers need: `ApiKeyId` (not the key's value) or `ApiCallersPolicyArn`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        domain: SearchDomain,
        users: Users | None = None,
        **stack: Any,
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
            environment={
                **query_environment(settings, domain.endpoint),
                **metrics_environment(settings),
            },
            name=names.function(settings, "query"),
            network=domain.network,
        )
        _allow_query(query, settings)
        admit(query, domain=domain, settings=settings, access="search")
        thumbnail = PythonFunction(
            self,
            "Thumbnail",
            entrypoint="thumbnail",
            description="Makes thumbnails of pictures, for whoever has a link",
            settings=settings.functions,
            memory_mb=settings.thumbnails.memory_mb,
            timeout_seconds=settings.thumbnails.timeout_seconds,
            environment=thumbnail_environment(settings),
            name=names.function(settings, "thumbnail"),
            asset=THUMBNAIL,
        )
        _allow_thumbnail(thumbnail, settings)
        functions: dict[Answering, lambda_.IFunction] = {
            "query": query.function,
            "thumbnail": thumbnail.function,
        }
        search = SearchApi(self, "Search", settings=settings, functions=functions, users=users)
        Canary(self, "Canary", settings=settings, search=search, users=users)
        self.rest_api_id = search.api.rest_api_id
        cdk.CfnOutput(self, "ApiUrl", value=search.api.url)
        cdk.CfnOutput(self, "ApiId", value=search.api.rest_api_id)
        cdk.CfnOutput(self, "ApiAuthorisation", value=settings.api.authorisation)
        if search.key is not None:
            cdk.CfnOutput(self, "ApiKeyId", value=search.key.key_id)
        if search.callers is not None:
            cdk.CfnOutput(self, "ApiCallersPolicyArn", value=search.callers.managed_policy_arn)


def _allow_query(query: PythonFunction, settings: Settings) -> None:
    allow_encoding(query.role, settings)
    # Presigned addresses and forms carry the rights of whoever signed them.
    allow_reading_pictures(query.role, settings)
    allow_uploads(query.role, settings)
    reason = "Documents of any picture, in whichever index the alias leads to."
    reading = [f"{INDEX_ALIAS}/_mapping", f"{INDEX_ALIAS}-*/_doc/*"]
    searching = [f"{INDEX_ALIAS}-*/{call}" for call in ("_count", "_mget", "_msearch", "_search")]
    # A search carries a body, so it is a POST; on these paths a POST writes nothing.
    allow_requests(query.role, settings=settings, methods=["Get"], paths=reading, reason=reason)
    allow_requests(query.role, settings=settings, methods=["Post"], paths=searching, reason=reason)


def _allow_thumbnail(thumbnail: PythonFunction, settings: Settings) -> None:
    # It reads no picture by rights of its own: links bring them.
    bucket = bucket_arn(names.artifact_bucket(settings))
    allow(
        thumbnail.role,
        actions=["s3:GetObject", "s3:PutObject"],
        resources=[f"{bucket}/{names.THUMBNAILS}/*"],
        wildcard="Thumbnails of any picture.",
    )
    # Without it an absent thumbnail is a missing permission.
    allow(thumbnail.role, actions=["s3:ListBucket"], resources=[bucket])
    allow_objects(thumbnail.role, settings=settings, bucket=names.artifact_bucket(settings), write=True)

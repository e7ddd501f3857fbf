"""Building the functions' parts from their settings, once, on first use: importing this does nothing.

The adapters are imported here and inside the functions, because boto3 and opensearch-py take longest to load.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from imagesearch.index_setup import IndexSetup
from imagesearch.indexing import Indexer
from imagesearch.metadata import Attributes
from imagesearch.ports import AccessControl, Embedder, PictureStore, WebPictures
from imagesearch.searching.cutoff import BackgroundCutoff
from imagesearch.searching.searcher import Searcher
from imagesearch.settings import (
    Authorisation,
    IndexSetupSettings,
    IngestSettings,
    QuerySettings,
    SearchDomainSettings,
)
from imagesearch.uploads import Uploads

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

    from imagesearch.adapters.opensearch import OpenSearchVectorIndex
    from imagesearch.adapters.opensearch_administration import OpenSearchAdministration


@dataclass(frozen=True, kw_only=True)
class QueryParts:
    """What the query function works with; `attributes` are those that it tells to whoever writes metadata.

    `authorisation` is what the API before it asks of callers, None where that is not known.
    """

    searcher: Searcher
    uploads: Uploads
    attributes: Attributes
    max_request_bytes: int
    max_results: int
    authorisation: Authorisation | None = None


@dataclass(frozen=True, kw_only=True)
class IngestParts:
    """What the ingest function works with; a call of the model takes at most `seconds_per_picture`."""

    indexer: Indexer
    bucket: str
    seconds_per_picture: float


@dataclass(frozen=True, kw_only=True)
class IndexSetupParts:
    """What the function behind the custom resources in the domain works with.

    `setup` makes an index whose pictures may have these attributes.
    """

    setup: Callable[[Attributes], IndexSetup]
    access: AccessControl
    alias: str


@cache
def logger() -> Logger:
    """Return the functions' logger, set up by POWERTOOLS_SERVICE_NAME and LOG_LEVEL."""
    return Logger()


@cache
def query_parts() -> QueryParts:
    """Return the query function's parts. Raises SettingsError."""
    from imagesearch.adapters.cached_embedder import CachedEmbedder
    from imagesearch.adapters.opensearch import OpenSearchVectorIndex
    from imagesearch.adapters.opensearch_probe import OpenSearchProbe

    settings = QuerySettings.from_environment(os.environ)
    store, client = pictures(settings.image_bucket), opensearch(settings)
    searcher = Searcher(
        embedder=CachedEmbedder(embedder(settings), size=settings.encode_cache_size),
        index=OpenSearchVectorIndex(client=client, alias=settings.index_alias, ef_search=settings.ef_search),
        pictures=store,
        cutoff=BackgroundCutoff(probe=OpenSearchProbe(client=client)),
        web=web_pictures(settings),
        url_ttl_seconds=settings.url_ttl_seconds,
    )
    return QueryParts(
        searcher=searcher,
        uploads=Uploads(pictures=store, max_bytes=settings.max_picture_bytes),
        attributes=settings.attributes,
        max_request_bytes=settings.max_request_bytes,
        max_results=settings.max_results,
        authorisation=settings.authorisation,
    )


@cache
def ingest_parts() -> IngestParts:
    """Return the ingest function's parts. Raises SettingsError."""
    settings = IngestSettings.from_environment(os.environ)
    indexer = Indexer(
        embedder=embedder(settings),
        index=vector_index(settings, opensearch(settings)),
        pictures=pictures(settings.image_bucket),
        attributes=settings.attributes,
    )
    return IngestParts(
        indexer=indexer, bucket=settings.image_bucket, seconds_per_picture=settings.invoke_timeout_seconds
    )


@cache
def index_setup_parts() -> IndexSetupParts:
    """Return the index setup's parts. Raises SettingsError."""
    from imagesearch.adapters.opensearch_security import OpenSearchAccessControl

    settings = IndexSetupSettings.from_environment(os.environ)
    client = opensearch(settings)

    def setup(attributes: Attributes) -> IndexSetup:
        return IndexSetup(
            administration=administration(settings, client, attributes),
            alias=settings.index_alias,
            space=settings.vector_space,
            quantisation=settings.quantisation,
            shards=settings.number_of_shards,
            replicas=settings.number_of_replicas,
        )

    access = OpenSearchAccessControl(client=client, alias=settings.index_alias)
    return IndexSetupParts(setup=setup, access=access, alias=settings.index_alias)


def administration(
    settings: IndexSetupSettings, client: "OpenSearch", attributes: Attributes
) -> "OpenSearchAdministration":
    """Return the indices, for those who make, switch and remove them."""
    from imagesearch.adapters.opensearch_administration import OpenSearchAdministration

    return OpenSearchAdministration(
        client=client,
        alias=settings.index_alias,
        engine=settings.vector_engine,
        attributes=attributes,
    )


def embedder(settings: IngestSettings) -> Embedder:
    """Return the model's endpoints."""
    from imagesearch.adapters.sagemaker import SageMakerEmbedder, runtime_client

    return SageMakerEmbedder(
        client=runtime_client(invoke_timeout_seconds=settings.invoke_timeout_seconds),
        endpoint_prefix=settings.endpoint_prefix,
        bucket=settings.image_bucket,
        max_payload_bytes=settings.max_endpoint_payload_bytes,
        invoke_timeout_seconds=settings.invoke_timeout_seconds,
    )


def pictures(bucket: str) -> PictureStore:
    """Return the bucket of pictures."""
    from imagesearch.adapters.s3 import S3PictureStore, s3_client

    return S3PictureStore(client=s3_client(), bucket=bucket)


def web_pictures(settings: QuerySettings) -> WebPictures | None:
    """Return the pictures of the web, where the settings let them be fetched."""
    if settings.fetch_urls == "never":
        return None
    from imagesearch.adapters.web_pictures import PublicWebPictures

    return PublicWebPictures(
        max_bytes=settings.max_endpoint_payload_bytes, plain_http=settings.fetch_urls == "http"
    )


def vector_index(settings: SearchDomainSettings, client: "OpenSearch") -> "OpenSearchVectorIndex":
    """Return the active index, for those who do not search it."""
    from imagesearch.adapters.opensearch import OpenSearchVectorIndex

    return OpenSearchVectorIndex(client=client, alias=settings.index_alias)


def opensearch(settings: SearchDomainSettings) -> "OpenSearch":
    """Return a connection to the search domain, signed by the function's role."""
    from imagesearch.adapters.opensearch_client import aws_auth, opensearch_client

    return opensearch_client(
        endpoint=settings.search_endpoint, engine=settings.vector_engine, auth=aws_auth()
    )

"""The environment variables of the functions, from the settings.

The classes that parse them are `imagesearch.settings`; a test holds the two together.
"""

import json
from collections.abc import Mapping

from stacks import limits, names
from stacks.settings import Settings


def search_environment(settings: Settings, search_endpoint: str) -> dict[str, str]:
    """Return what every function needs: where the domain is, and the engine no mapping may miss."""
    return {
        "SEARCH_ENDPOINT": search_endpoint,
        "INDEX_ALIAS": names.INDEX_ALIAS,
        "VECTOR_ENGINE": settings.index.engine,
    }


def ingest_environment(settings: Settings, search_endpoint: str) -> dict[str, str]:
    """Return the environment of the ingest function."""
    seconds = settings.ingest.invoke_timeout_seconds
    return {**_encoding_environment(settings, search_endpoint), "INVOKE_TIMEOUT_SECONDS": str(seconds)}


def query_environment(settings: Settings, search_endpoint: str) -> dict[str, str]:
    """Return the environment of the query function."""
    return {
        **_encoding_environment(settings, search_endpoint),
        "INVOKE_TIMEOUT_SECONDS": str(settings.api.invoke_timeout_seconds),
        "EF_SEARCH": str(settings.index.ef_search),
        "MAX_REQUEST_BYTES": str(limits.max_request_body_bytes()),
        "MAX_RESULTS": str(settings.api.max_results),
        "URL_TTL_SECONDS": str(settings.api.url_ttl_seconds),
    }


def bulk_plan_environment(
    settings: Settings, search_endpoint: str, model_names: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of the bulk run's planning function."""
    prepare = bulk_prepare_environment(settings, search_endpoint, model_names)
    return {**prepare, "IMAGE_BUCKET": names.image_bucket(settings)}


def bulk_prepare_environment(
    settings: Settings, search_endpoint: str, model_names: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of the function before the transform job.

    `model_names` are the SageMaker models by the first digits of their fingerprints.
    """
    finish = bulk_finish_environment(settings, search_endpoint)
    return {**finish, "MODEL_NAMES": json.dumps(dict(model_names))}


def bulk_index_environment(settings: Settings, search_endpoint: str) -> dict[str, str]:
    """Return the environment of the function that indexes a shard: it can ingest single pictures too."""
    ingest = ingest_environment(settings, search_endpoint)
    return {**ingest, "ARTIFACT_BUCKET": names.artifact_bucket(settings)}


def bulk_finish_environment(settings: Settings, search_endpoint: str) -> dict[str, str]:
    """Return the environment of the function that ends a bulk run."""
    search = search_environment(settings, search_endpoint)
    return {**search, "ARTIFACT_BUCKET": names.artifact_bucket(settings)}


def _encoding_environment(settings: Settings, search_endpoint: str) -> dict[str, str]:
    return {
        **search_environment(settings, search_endpoint),
        "IMAGE_BUCKET": names.image_bucket(settings),
        "ENDPOINT_PREFIX": settings.endpoint_prefix,
        "MAX_ENDPOINT_PAYLOAD_BYTES": str(settings.endpoint.max_payload_bytes),
    }

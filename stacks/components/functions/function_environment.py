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


def attributes_environment(settings: Settings) -> dict[str, str]:
    """Return what every function needs that writes documents or mappings."""
    return {"ATTRIBUTES": json.dumps(dict(settings.index.attributes), sort_keys=True)}


def index_environment(settings: Settings) -> dict[str, str]:
    """Return what every function needs that makes indices."""
    return {
        "VECTOR_SPACE": settings.index.space,
        "QUANTISATION": settings.index.quantisation,
        "NUMBER_OF_SHARDS": str(settings.index.shards),
        "NUMBER_OF_REPLICAS": str(settings.index.replicas),
    }


def migration_environment(settings: Settings, search_endpoint: str) -> dict[str, str]:
    """Return the environment of the function that changes the model."""
    # The functions that act on what they remember of the aliases: those of live ingest and of queries.
    longest = max(settings.ingest.timeout_seconds, settings.api.timeout_seconds)
    return {
        **ingest_environment(settings, search_endpoint),
        **index_environment(settings),
        "ARTIFACT_BUCKET": names.artifact_bucket(settings),
        "EF_SEARCH": str(settings.index.ef_search),
        "MIN_RECALL": str(settings.migration.min_recall),
        "SAMPLE": str(settings.migration.sample),
        "DRAIN_HOURS": str(settings.migration.drain_hours),
        "LONGEST_INVOCATION_SECONDS": str(longest),
    }


def backup_environment(settings: Settings, search_endpoint: str, location: str) -> dict[str, str]:
    """Return the environment of the function that copies the index; `location` is where to, as JSON."""
    return {
        **search_environment(settings, search_endpoint),
        **attributes_environment(settings),
        **index_environment(settings),
        "ARTIFACT_BUCKET": names.artifact_bucket(settings),
        "SNAPSHOT_REPOSITORY": names.SNAPSHOT_REPOSITORY,
        "SNAPSHOT_LOCATION": location,
    }


def ingest_environment(settings: Settings, search_endpoint: str) -> dict[str, str]:
    """Return the environment of the ingest function."""
    seconds = settings.ingest.invoke_timeout_seconds
    return {**_encoding_environment(settings, search_endpoint), "INVOKE_TIMEOUT_SECONDS": str(seconds)}


def metrics_environment(settings: Settings) -> dict[str, str]:
    """Return what a function needs that reports figures: where Powertools puts them, or nothing at all."""
    if settings.monitoring is None:
        return {}
    return {"POWERTOOLS_METRICS_NAMESPACE": names.metrics_namespace(settings)}


def canary_environment(*, api_url: str, access: Mapping[str, str], patience_seconds: int) -> dict[str, str]:
    """Return the environment of the canary: where the API is, what it asks for, and how long to wait."""
    return {
        "API_URL": api_url,
        "API_ACCESS": json.dumps(dict(access)),
        "PATIENCE_SECONDS": str(patience_seconds),
    }


def query_environment(settings: Settings, search_endpoint: str) -> dict[str, str]:
    """Return the environment of the query function."""
    return {
        **_encoding_environment(settings, search_endpoint),
        "INVOKE_TIMEOUT_SECONDS": str(settings.api.invoke_timeout_seconds),
        "EF_SEARCH": str(settings.index.ef_search),
        "MAX_REQUEST_BYTES": str(limits.max_request_body_bytes()),
        "MAX_PICTURE_BYTES": str(limits.PICTURE_BYTES),
        "MAX_RESULTS": str(settings.api.max_results),
        "URL_TTL_SECONDS": str(settings.api.url_ttl_seconds),
        "ENCODE_CACHE_SIZE": str(settings.api.encode_cache_size),
        "FETCH_URLS": _url_fetching(settings),
        "AUTHORISATION": settings.api.authorisation,
    }


def _url_fetching(settings: Settings) -> str:
    if not settings.api.fetch_urls:
        return "never"
    return "http" if settings.domain.emulated else "https"


def thumbnail_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the thumbnail function."""
    return {
        "IMAGE_BUCKET": names.image_bucket(settings),
        "ARTIFACT_BUCKET": names.artifact_bucket(settings),
        "MAX_PICTURE_BYTES": str(limits.PICTURE_BYTES),
    }


def bulk_plan_environment(
    settings: Settings, search_endpoint: str, model_names: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of the bulk run's planning function, which brings single pictures in line too.

    `model_names` are the SageMaker models by the first digits of their fingerprints.
    """
    # MB is read as the smaller of its two meanings: a shard must never be too large for the job.
    shard = settings.bulk.max_payload_mb * 1_000_000
    return {
        **bulk_index_environment(settings, search_endpoint),
        "MODEL_NAMES": json.dumps(dict(model_names)),
        "MAX_SHARD_BYTES": str(shard),
    }


def bulk_prepare_environment(
    settings: Settings, search_endpoint: str, model_names: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of the function before the transform job; `model_names` as for planning."""
    search = search_environment(settings, search_endpoint)
    return {
        **search,
        "ARTIFACT_BUCKET": names.artifact_bucket(settings),
        "MODEL_NAMES": json.dumps(dict(model_names)),
    }


def bulk_index_environment(settings: Settings, search_endpoint: str) -> dict[str, str]:
    """Return the environment of the function that indexes a shard: it can ingest single pictures too."""
    ingest = ingest_environment(settings, search_endpoint)
    return {**ingest, "ARTIFACT_BUCKET": names.artifact_bucket(settings)}


def bulk_finish_environment(settings: Settings, search_endpoint: str) -> dict[str, str]:
    """Return the environment of the function that ends a bulk run."""
    bulk = settings.bulk
    instances = {
        "instance_type": bulk.instance_type,
        "count": bulk.instance_count,
        "usd_per_hour": bulk.instance_price_per_hour,
    }
    search = search_environment(settings, search_endpoint)
    return {
        **search,
        "ARTIFACT_BUCKET": names.artifact_bucket(settings),
        "INSTANCES": json.dumps(instances),
    }


def _encoding_environment(settings: Settings, search_endpoint: str) -> dict[str, str]:
    return {
        **search_environment(settings, search_endpoint),
        **attributes_environment(settings),
        "IMAGE_BUCKET": names.image_bucket(settings),
        "ENDPOINT_PREFIX": settings.endpoint_prefix,
        "MAX_ENDPOINT_PAYLOAD_BYTES": str(settings.endpoint.max_payload_bytes),
    }
